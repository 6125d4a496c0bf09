"""Stories in the live engine on the null device: told, gone on with, edited, cancelled; with quick models."""

from pathlib import Path

import pytest

import live_models
from diegetic.errors import InputError
from diegetic.live.cues import Cue
from diegetic.live.jobs import Refused
from diegetic.live.news import EventPlanned, JobEnded, Meters, SegmentEnd, SegmentReady, SegmentStart, StateChanged
from diegetic.story import OVERLAP_S, Event, Story
from diegetic.story_file import read_story, write_story
from live_engine import TEXT, Live, live, story


def test_a_told_story_is_planned_rendered_and_heard(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.tell("storm", TEXT, 3.0, engine.now_s() + 5.0))  # all of it is rendered by then
        await live.until(lambda: len(live.of(SegmentEnd)) == 4)

    heard = live(body, tmp_path)
    assert [each.event.id for each in heard.of(EventPlanned)] == ["e1", "e2", "e3", "e4"]
    assert len(heard.of(SegmentReady)) == 4
    starts = {each.event: each.at_s for each in heard.of(SegmentStart)}
    planned = {each.event.id: each.event.start_s for each in heard.of(EventPlanned)}
    for event, at_s in starts.items():
        assert at_s - starts["e1"] == pytest.approx(planned[event], abs=1e-3)
    assert len(read_story(tmp_path / "storm" / "story.toml").events) == 4
    states = [each.state for each in heard.of(StateChanged)]
    assert states[0] == "loading"
    assert {"ready", "busy", "draining"} <= set(states)


def test_a_story_that_is_played_all_day_goes_on_from_its_last_events_and_loses_none(tmp_path: Path) -> None:
    events = tuple(Event(f"e{k + 1}", f"sound {k}", 2.0 * k, 2.0) for k in range(1795))
    whole = Story("all day", 3590.0, 0, "mock", "many", events)
    for name in ("hall", "storm"):
        (tmp_path / name).mkdir()
        write_story(tmp_path / name / "story.toml", whole)

    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.continue_("storm", "a bell", seconds=4.0))
        for number, name in enumerate(("slam", "knock"), start=17):
            await live.done(engine.cue_define(Cue(name, "hall", f"a {name}")))
            await live.done(engine.cue_go(name))
            await live.until(lambda: len(read_story(tmp_path / "hall/story.toml").events) == number)  # noqa: B023

    live(body, tmp_path)
    for name, told in (("hall", ["a slam", "a knock"]), ("storm", ["a bell"])):
        assert read_story(tmp_path / name / "story-1.toml") == whole
        assert not (tmp_path / name / "story-2.toml").exists()
        now = read_story(tmp_path / name / "story.toml")
        assert [event.caption for event in now.events] == [event.caption for event in events[-16:]] + told
        assert now.events[16].id == "e1796"
        assert now.seconds < 60


def test_a_job_runs_and_the_engine_is_busy_from_its_turn_on(tmp_path: Path) -> None:
    """Not only once an event is planned, which may take seconds."""

    async def body(live: Live) -> None:
        engine = live.engine
        await live.until(lambda: engine.status().state == "ready")
        first, second = engine.plan("storm", live_models.TOLD_FOREVER, 3.0), engine.plan("hall", TEXT, 3.0)
        await live.until(lambda: engine.job_get(first.id).stage == "plan")
        assert live.of(EventPlanned) == []
        assert (engine.job_get(first.id).state, engine.job_get(second.id).state) == ("running", "queued")
        status = engine.status()
        assert (status.state, status.running, status.queued) == ("busy", 1, 1)
        assert live.of(StateChanged)[-1].state == "busy"
        engine.job_cancel(first.id)
        await live.done(second)

    live(body, tmp_path, live_models.pondering)


def test_lanes_are_metered_while_they_sound(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await story(live)
        await live.until(lambda: len(live.of(SegmentEnd)) == 4)

    heard = live(body, tmp_path)
    loud = {lane: (peak, rms) for each in heard.of(Meters) for lane, peak, rms in each.lanes if peak > 0.01}
    assert set(loud) == {"bed", "foreground"}
    assert all(0 < rms <= peak <= 1 for peak, rms in loud.values())


def test_jobs_are_cancelled_by_their_number_and_only_once(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        job = engine.tell("storm", TEXT, 9.0)
        await live.until(lambda: bool(live.of(EventPlanned)))
        engine.job_cancel(job.id)
        ended = await live.end(job)
        assert (ended.state, ended.end and ended.end.code) == ("cancelled", 499)
        with pytest.raises(Refused) as refused:
            engine.job_cancel(job.id)
        assert refused.value.code == 410
        await story(live)

    heard = live(body, tmp_path, loader=live_models.slow)
    assert len(heard.of(JobEnded)) == 2


def test_events_are_edited_and_taken_again(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.plan("storm", TEXT, 3.0))
        await live.done(engine.event_set("storm", 2, "gain_db", "-6"))
        await live.done(engine.event_set("storm", 1, "loop", "true"))
        assert await live.done(engine.event_set("storm", 2, "seed", "12")) == "event e2: seed = 12"
        await live.done(engine.event_set("storm", 2, "seed", ""))
        await live.done(engine.event_retake("storm", 3, 7))
        refused = (
            (9, "seed", "1", 404, "event 9: the story has none of that number; it has e1, e2, e3, e4"),
            (1, "gain", "1", 404, "event e1: unknown key 'gain'; did you mean 'gain_db'?"),
            (1, "gain_db", "99", 422, "event e1: gain_db must be -60..24, got 99"),
            (1, "gain_db", "loud", 422, "event e1: gain_db must be a number of decibels, got 'loud'"),
            (1, "loop", "yes", 422, "event e1: loop must be true or false, got 'yes'"),
        )
        for *arguments, code, text in refused:
            ended = await live.end(engine.event_set("storm", *arguments))
            assert ended.end is not None
            assert (ended.end.code, ended.end.text) == (code, text)

    live(body, tmp_path)
    told = read_story(tmp_path / "storm" / "story.toml")
    assert told.events[1].gain_db == -6.0
    assert [event.loop for event in told.events][:2] == [True, False]
    assert told.events[2].seed == 7


def test_a_saved_state_is_loaded_under_another_name(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await story(live)
        await live.done(engine.state_save("storm", "kept.bin"))
        await live.done(engine.state_load("again", "kept.bin"))
        await live.done(engine.continue_("again", "a crow"))
        stories = dict(engine.dump().stories)
        assert len(stories["again"].events) == len(stories["storm"].events) + 2  # the bed goes on

    live(body, tmp_path)


def test_parameters_and_words_are_told_with_the_next_event(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await story(live)
        engine.param("intensity", 0.9)
        engine.word("place", "cave")
        engine.word("weather", "")
        await live.done(engine.continue_("storm", "a drop falls"))
        for code, name, value in ((404, "nothing", 1.0), (422, "gain", 99.0), (422, "gain", float("nan"))):
            with pytest.raises(Refused) as refused:
                engine.param(name, value)
            assert refused.value.code == code
        with pytest.raises(Refused, match=r"param gain: slew must be 0\.\.60 s, got 61"):
            engine.param("gain", -6.0, 61.0)
        with pytest.raises(Refused, match="param intensity: must be a number, got words"):
            engine.word("intensity", "a lot")
        assert dict(engine.dump().parameters)["intensity"] == 0.9
        assert "intensity" not in dict(engine.dump().words)

    heard = live(body, tmp_path)
    assert heard.of(EventPlanned)[-1].event.caption == "a drop falls loudly in the cave"


def test_a_story_goes_on_for_as_long_as_it_is_told_to(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await story(live)
        await live.done(engine.continue_("storm", "a crow", seconds=2.0))
        await live.done(engine.continue_("storm", "a gull"))
        with pytest.raises(InputError, match=r"must be 1\.\.324, got 0\.5"):
            engine.continue_("storm", "a gull", seconds=0.5)

    live(body, tmp_path)
    assert [event.end_s for event in read_story(tmp_path / "storm" / "story.toml").events[-4:]] == [
        5.0,
        5.0,
        11.0,
        11.0,
    ]


def test_a_bed_that_still_sounds_goes_on_at_its_end_and_the_rest_at_once(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await story(live, seconds=5.0)
        await live.done(live.engine.continue_("storm", "a crow", seconds=2.0))
        await live.until(lambda: {"e5", "e6"} <= {each.event for each in live.of(SegmentStart)})

    heard = live(body, tmp_path)
    events = {event.id: event for event in read_story(tmp_path / "storm" / "story.toml").events}
    assert [(events[name].caption, events[name].start_s) for name in ("e1", "e5", "e6")] == [
        ("quiet air", 0.0), ("quiet air", 5.0), ("a crow", 5.0),
    ]  # fmt: skip
    at_s = {each.event: each.at_s for each in heard.of(SegmentStart)}
    assert at_s["e5"] - at_s["e1"] == pytest.approx(5.0 - OVERLAP_S, abs=0.01)
    assert at_s["e6"] < at_s["e5"]


def test_a_story_told_anew_takes_over_at_once(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        for times in (1, 2):
            await story(live, seconds=5.0)
            await live.until(
                lambda times=times: all(
                    sum(each.event == event for each in live.of(SegmentStart)) == times for event in ("e1", "e2")
                )
            )

    starts = {each.event: each.at_s for each in live(body, tmp_path).of(SegmentStart)}
    assert starts["e1"] <= starts["e2"] + 0.01


def test_a_story_told_anew_sets_the_earlier_one_aside(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await story(live)
        with pytest.raises(Refused) as refused:
            live.engine.tell("storm", "wind", 3.0)
            live.engine.tell("storm", "wind", 3.0)
        assert refused.value.code == 409
        await live.done(live.engine.jobs()[0])

    live(body, tmp_path)
    assert read_story(tmp_path / "storm" / "story.toml").instruction == "wind"
    assert read_story(tmp_path / "storm" / "story-1.toml").instruction == TEXT


def test_stories_are_there_again_at_the_next_start(tmp_path: Path) -> None:
    live(story, tmp_path)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "story.toml").write_text("seconds = ")

    async def body(live: Live) -> None:
        assert [name for name, _ in live.engine.dump().stories] == ["storm"]
        await live.done(live.engine.continue_("storm", "a crow"))

    live(body, tmp_path)


def test_more_jobs_than_the_queue_holds_are_refused(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        for number in range(2):
            live.engine.plan(f"s{number}", TEXT, 3.0)
        with pytest.raises(Refused) as refused:
            live.engine.plan("s3", TEXT, 3.0)
        assert refused.value.code == 429

    live(body, tmp_path, queue=2)
