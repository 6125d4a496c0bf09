"""The live engine on the null device: stories, cues, jobs, from the call to what was played; with quick models."""

import asyncio
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import live_models
from diegetic.audio.wav import read_wav
from diegetic.director import Output, render_story
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.live.cues import Cue
from diegetic.live.jobs import End, Refused
from diegetic.live.laying import Laying
from diegetic.live.news import (
    CueChanged,
    DeviceChanged,
    EventPlanned,
    JobEnded,
    Late,
    Meters,
    SegmentEnd,
    SegmentReady,
    SegmentStart,
    StateChanged,
    Trouble,
    Underrun,
)
from diegetic.story import OVERLAP_S, Event, Story, Told
from diegetic.story_file import read_story, write_story
from diegetic_bridges.queries import gain_of
from left_behind import SHARED, nothing_left_in_shared_memory
from live_engine import RATE, Live, live
from mock_model import MockModel

TEXT = "rain, a bell, thunder"
NOTHING = Story("", 0.0, 0, "")


async def story(live: Live, name: str = "storm", seconds: float = 3.0) -> None:
    await live.done(live.engine.tell(name, TEXT, seconds))


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


def test_with_blocks_of_any_length_a_story_sounds_from_its_first_sample_on(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await live.done(live.engine.tell("storm", "rain", 3.0))
        await live.until(lambda: len(live.of(SegmentStart)) == 2)

    late = {each.subject for each in live(body, tmp_path, block_frames=4096).of(Late)}
    assert "storm/e1" not in late


def test_a_job_runs_and_the_engine_is_busy_from_its_turn_on(tmp_path: Path) -> None:
    """Not only once an event is planned, which may take seconds."""

    async def body(live: Live) -> None:
        engine = live.engine
        await live.until(lambda: engine.status().state == "ready")
        first, second = engine.plan("storm", TEXT, 3.0), engine.plan("hall", TEXT, 3.0)
        await asyncio.sleep(0.2)  # its first event takes 0.5
        assert live.of(EventPlanned) == []
        assert (engine.job_get(first.id).state, engine.job_get(second.id).state) == ("running", "queued")
        status = engine.status()
        assert (status.state, status.running, status.queued) == ("busy", 1, 1)
        assert live.of(StateChanged)[-1].state == "busy"

    live(body, tmp_path, live_models.thoughtful)


def test_lanes_are_metered_while_they_sound(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await story(live)
        await live.until(lambda: len(live.of(SegmentEnd)) == 4)

    heard = live(body, tmp_path)
    loud = {lane: (peak, rms) for each in heard.of(Meters) for lane, peak, rms in each.lanes if peak > 0.01}
    assert set(loud) == {"bed", "foreground"}
    assert all(0 < rms <= peak <= 1 for peak, rms in loud.values())


def test_what_was_played_is_the_bounce_sample_for_sample(tmp_path: Path) -> None:
    record = tmp_path / "played.wav"
    frames: list[int] = []

    async def body(live: Live) -> None:
        for lead_s in (1.0, 4.0, 12.0):  # a busy machine may be late, which moves what sounds
            heard = len(live.of(SegmentEnd))
            await live.done(live.engine.tell("storm", TEXT, 3.0, time.monotonic() + lead_s))
            await live.until(lambda: len(live.of(SegmentEnd)) == heard + 4)  # noqa: B023
            if not live.of(Late):
                break
            live.news.clear()
        frames.append(round(min(each.at_s for each in live.of(SegmentStart)) * RATE))
        await live.done(live.engine.bounce("storm", "out"))

    live(body, tmp_path / "project", record=record)
    mix, _ = read_wav(tmp_path / "project" / "out" / "mix.wav")
    played, _ = soundfile.read(record, dtype="float32")
    loud = int(np.argmax(np.abs(mix).max(1)))
    begins = [
        int(frame) - loud for frame in np.flatnonzero(np.abs(np.abs(played).max(1) - np.abs(mix[loud]).max()) < 2**-22)
    ]
    whole = [played[begin : begin + len(mix)] for begin in begins if begin >= 0]
    assert min(np.abs(each - mix).max() for each in whole if len(each) == len(mix)) <= 2**-24
    assert np.abs(mix).max() > 0.05


def test_an_armed_cue_sounds_at_once_and_its_story_goes_on(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await story(live)
        await live.done(engine.cue_define(Cue("slam", "storm", "a door slams", slot=2)))
        assert "1 event, 4 s" in await live.done(engine.cue_arm("slam"))
        asked = time.monotonic()
        await live.done(engine.slot_go(2))
        start = next(each for each in live.of(SegmentStart) if each.event == "e5")
        assert start.at_s >= asked - 64 / RATE
        await live.until(lambda: read_story(tmp_path / "storm" / "story.toml").events[-1].caption == "a door slams")
        await live.until(lambda: live.of(CueChanged)[-1].cue.state == "armed")

    heard = live(body, tmp_path)
    states = [each.cue.state for each in heard.of(CueChanged)]
    assert states == ["arming", "armed", "pending", "sounding", "armed"]


def test_an_armed_cue_of_several_sounds_begins_with_a_block_too_and_lacks_nothing(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.cue_define(Cue("slam", "hall", "a door slams, a step")))
        assert "3 events" in await live.done(engine.cue_arm("slam"))
        await live.done(engine.cue_go("slam"))
        await live.until(lambda: len(live.of(SegmentStart)) == 3)

    heard = live(body, tmp_path, block_frames=4096)  # 0.17 s
    assert heard.of(Late) == []
    starts = sorted(each.at_s for each in heard.of(SegmentStart))
    assert (starts[1] - starts[0], starts[2] - starts[1]) == (0.0, pytest.approx(2.0, abs=1.5 / RATE))


@pytest.mark.parametrize("steal", ["oldest", "refuse"])
def test_a_sound_there_is_no_voice_for_is_told(tmp_path: Path, steal: Any) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.plan("hall", "quiet", 1.0))
        for name in ("one", "two"):
            await live.done(engine.cue_define(Cue(name, "hall", name, seconds=5.0)))
            await live.done(engine.cue_arm(name))
        await live.done(engine.cue_go("one"))
        ended = await live.end(engine.cue_go("two"))
        assert ended.end is not None
        assert ended.end.code == (503 if steal == "refuse" else 0)
        assert len(live.of(SegmentStart)) == (1 if steal == "refuse" else 2)

    (told,) = live(body, tmp_path, voices=1, steal=steal).of(Trouble)
    what = "did not sound" if steal == "refuse" else "was faded out for another"
    assert re.fullmatch(f"voices: all 1 sound, so hall/e[0-9]+ {what}; allow more with --voices", told.text)


def test_a_cue_armed_and_fired_in_one_bundle_is_rendered_once(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        for name in ("slam", "step", "crow"):
            await live.done(engine.cue_define(Cue(name, "hall", name)))
        for job in (engine.cue_arm("slam"), engine.cue_go("slam")):
            await live.done(job)
        first, second = engine.cue_go("step"), engine.cue_arm("step")
        await live.done(first)
        again, twice = engine.cue_arm("crow"), engine.cue_arm("crow")
        await live.done(again)
        ends = [(await live.end(job)).end for job in (second, twice)]
        assert [end.code for end in ends if end] == [409, 409]

    captions = [each.event.caption for each in live(body, tmp_path).of(EventPlanned) if each.cue]
    assert captions == ["quiet air", "slam", "step", "crow"]


def test_an_empty_slot_keeps_its_level_and_tells_it(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        live.engine.slot_gain(5, -20.0)
        assert gain_of(live.engine.dump(), 5) == pytest.approx(0.1)
        await live.done(live.engine.cue_define(Cue("slam", "hall", "a door slams", slot=5)))
        assert gain_of(live.engine.dump(), 5) == pytest.approx(0.1)
        assert gain_of(live.engine.dump(), 6) == 1.0

    live(body, tmp_path)


def test_a_cue_that_is_fired_twice_is_remembered_once(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.cue_define(Cue("slam", "hall", "a door slams")))
        await live.done(engine.cue_go("slam"))
        await live.until(lambda: "hall" in dict(engine.dump().stories))
        await live.done(engine.cue_go("slam"))
        await live.done(engine.cue_define(Cue("step", "hall", "a step")))
        await live.done(engine.cue_go("step"))
        await live.until(lambda: len(dict(engine.dump().stories)["hall"].events) == 3)

    live(body, tmp_path)
    captions = [event.caption for event in read_story(tmp_path / "hall" / "story.toml").events]
    assert captions == ["quiet air", "a door slams", "a step"]


def test_cues_fired_at_once_begin_a_story_once_and_go_on_in_it(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine, texts = live.engine, {"slam": "a door slams", "step": "a step", "crow": "a crow"}
        for name, text in texts.items():
            await live.done(engine.cue_define(Cue(name, "hall", text)))
        for job in [engine.cue_go(name) for name in texts]:
            await live.done(job)
        await live.until(lambda: len(dict(engine.dump().stories).get("hall", NOTHING).events) == 4)

    planned = [each.event.id for each in live(body, tmp_path).of(EventPlanned) if each.cue]
    assert planned == ["e1", "e2", "e3", "e4"]
    captions = [event.caption for event in read_story(tmp_path / "hall" / "story.toml").events]
    assert captions == ["quiet air", "a door slams", "a step", "a crow"]


def test_a_cue_goes_on_from_the_armed_one_fired_before_it(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        for name, text in (("slam", "a door slams"), ("step", "a step")):
            await live.done(engine.cue_define(Cue(name, "hall", text)))
        await live.done(engine.cue_arm("slam"))
        for job in (engine.cue_go("slam"), engine.cue_go("step")):
            await live.done(job)
        await live.until(lambda: len(dict(engine.dump().stories).get("hall", NOTHING).events) == 3)

    assert [each.event.id for each in live(body, tmp_path).of(EventPlanned) if each.cue] == ["e1", "e2", "e3"]


def test_two_cues_armed_after_the_same_story_both_become_part_of_it(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await story(live)
        for name, text in (("slam", "a door slams"), ("crow", "a crow caws")):
            await live.done(engine.cue_define(Cue(name, "storm", text)))
            await live.done(engine.cue_arm(name))
        for name in ("slam", "crow"):
            await live.done(engine.cue_go(name))
        await live.until(lambda: len(dict(engine.dump().stories)["storm"].events) == 6)
        await live.done(engine.bounce("storm", "out"))

    heard = live(body, tmp_path)
    planned = [(each.cue, each.event.id) for each in heard.of(EventPlanned)][4:]
    assert planned == [("slam", "e5"), ("crow", "e5"), ("", "e5"), ("", "e6")]  # the crow is another event of the story
    assert [each.cue for each in heard.of(SegmentStart) if each.event == "e5"] == ["slam", "crow"]
    told = read_story(tmp_path / "out" / "story.toml")
    assert [event.caption for event in told.events[-2:]] == ["a door slams", "a crow caws"]
    # What was rendered ahead is found again: nothing of it was rendered for the bounce.
    assert len(list((tmp_path / "storm" / "takes").glob("*.wav"))) == 6


def test_what_was_rendered_ahead_is_a_take_of_the_event_it_is_heard_as_and_of_no_other(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        for name, text in (("slam", "a door slams"), ("crow", "a crow caws"), ("rain", "rain")):
            await live.done(engine.cue_define(Cue(name, "hall", text)))
            await live.done(engine.cue_arm(name))
        for name in ("slam", "crow"):
            await live.done(engine.cue_go(name))
        await live.until(lambda: len(dict(engine.dump().stories).get("hall", NOTHING).events) >= 4)
        await live.done(engine.bounce("hall", "out"))

    live(body, tmp_path)
    told = read_story(tmp_path / "out" / "story.toml")
    for folder in ("hall", "out"):
        takes = list(StoryFolder(tmp_path / folder).takes.all())
        captions = {take.event: take.recipe.caption for take in takes if take.event}
        assert captions == {event.id: event.caption for event in told.events}
        assert {take.number for take in takes if take.event} == {1}
        ahead = {take.recipe.caption for take in takes if not take.event}
        assert ("rain" in ahead) == (folder == "hall")
    assert (tmp_path / "out" / "out.rpp").read_text().count("\n      TAKE") == 0


def test_a_cue_that_is_defined_anew_while_it_is_rendered_is_not_armed_and_leaves_no_sound(tmp_path: Path) -> None:
    before = set(SHARED.glob("psm_*"))

    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.cue_define(Cue("slam", "hall", "a door slams")))
        for begin in (engine.cue_arm, engine.cue_go):
            job = begin("slam")
            await live.until(lambda job=job: engine.job_get(job.id).stage != "")
            await live.done(engine.cue_define(Cue("slam", "hall", f"a bell, {job.id}")))
            ended = (await live.end(job)).end
            assert ended is not None
            assert (ended.code, ended.text) == (
                (409, "cue slam: was defined anew while it was rendered; arm it again")
                if begin == engine.cue_arm
                else (0, "sounds")
            )
        await live.until(lambda: len(live.of(SegmentEnd)) == len(live.of(SegmentStart)) > 0)
        assert engine.dump().cues[0].state == "idle"
        left = set(SHARED.glob("psm_*")) - before
        await live.until(lambda: not any(path.exists() for path in left))

    live(body, tmp_path, live_models.slow)


def test_a_cue_fired_for_an_earlier_time_does_not_wait_for_a_later_one(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.cue_define(Cue("slam", "hall", "a door slams")))
        later = engine.cue_go("slam", time.monotonic() + 3600.0)
        await live.done(engine.cue_go("slam", time.monotonic() + 0.1))
        assert not engine.job_get(later.id).ended

    live(body, tmp_path)


def test_a_cue_sounds_though_the_job_that_armed_it_was_cancelled(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.cue_define(Cue("slam", "hall", "a door slams")))
        arm = engine.cue_arm("slam")
        await live.until(lambda: engine.job_get(arm.id).stage != "")
        go = engine.cue_go("slam")
        engine.job_cancel(arm.id)
        assert (await live.end(arm)).state == "cancelled"
        assert await live.done(go) == "sounds"

    live(body, tmp_path, live_models.slow)


def test_a_cue_fired_for_a_time_sounds_at_that_time(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.cue_define(Cue("slam", "hall", "a door slams")))
        await live.done(engine.cue_arm("slam"))
        at_s = time.monotonic() + 0.5
        await live.done(engine.cue_go("slam", at_s))
        assert abs(live.of(SegmentStart)[0].at_s - at_s) < 1.5 / RATE

    assert live(body, tmp_path).of(Late) == []


@pytest.mark.parametrize(("policy", "sounds"), [("wait", True), ("drop", False), ("next_bar", True)])
def test_a_cue_that_is_late_does_as_its_policy_says(tmp_path: Path, policy: Any, sounds: bool) -> None:
    bar_s = time.monotonic() + 3600

    async def body(live: Live) -> None:
        nonlocal bar_s
        engine = live.engine
        await live.done(engine.cue_define(Cue("slam", "hall", "a door slams", policy)))
        await live.done(engine.cue_arm("slam"))

        def next_bar(now_s: float) -> float:
            nonlocal bar_s
            bar_s = now_s + 0.4
            return bar_s

        engine.set_bars(next_bar)
        said = await live.done(engine.cue_go("slam", time.monotonic() - 0.5))
        assert ("dropped" in said) is not sounds

    heard = live(body, tmp_path)
    late = heard.of(Late)
    assert [(each.subject, each.action) for each in late] == [("slam", policy)]
    assert late[0].late_s >= 0.5
    starts = heard.of(SegmentStart)
    assert bool(starts) is sounds
    if policy == "next_bar":
        assert abs(starts[0].at_s - bar_s) < 1.5 / RATE


def test_a_cue_with_a_policy_there_is_none_of_is_refused(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        policy: Any = "drp"
        with pytest.raises(Refused, match=r"cue slam: unknown policy 'drp'; did you mean 'drop'\?") as refused:
            live.engine.cue_define(Cue("slam", "hall", "a door slams", policy))
        assert refused.value.code == 422
        assert live.engine.dump().cues == ()

    live(body, tmp_path)


def test_an_engine_that_ends_does_not_wait_for_a_model_that_is_being_loaded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    loading = tmp_path / "loading"

    async def body(live: Live) -> None:
        await live.until(loading.exists)

    live(body, tmp_path / "project", live_models.endless(loading))
    assert "did not end" not in caplog.text


def test_a_model_that_can_not_be_loaded_leaves_the_one_that_was(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.until(lambda: engine.status().state == "ready")
        ended = await live.end(engine.model_load("nobody"))
        assert ended.end is not None
        assert ended.end.text == "model nobody: there is none of that name; mock is loaded again"
        assert (engine.status().model, engine.status().state) == ("mock", "ready")
        await story(live)

    live(body, tmp_path, live_models.only_mock)


def test_a_model_that_there_is_not_is_refused_before_another_goes_for_it(tmp_path: Path) -> None:
    def check(name: str) -> None:
        raise InputError(f"model: unknown model {name!r}; known: mock")

    async def body(live: Live) -> None:
        engine = live.engine
        await live.until(lambda: engine.status().state == "ready")
        ended = await live.end(engine.model_load("nobody"))
        assert ended.end == End(404, "model: unknown model 'nobody'; known: mock")
        assert "loading" not in [each.state for each in live.of(StateChanged)][1:]

    live(body, tmp_path, check_model=check)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL there")
def test_a_model_that_ends_the_generator_leaves_the_one_that_was(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.until(lambda: engine.status().state == "ready")
        ended = await live.end(engine.model_load("giant"))
        assert ended.end is not None
        assert ended.end.text.startswith(
            "model giant: the generator ended while it was loaded; it may need more memory"
        )
        await story(live)
        assert engine.status().model == "mock"

    live(body, tmp_path, live_models.fatal)


def test_a_lane_that_a_story_has_not_is_found_before_it_is_rendered(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await live.done(live.engine.plan("storm", TEXT, 3.0))
        ended = await live.end(live.engine.bounce("storm", "out", Laying(lane_loudness="beds=-30")))
        assert ended.end is not None
        assert ended.end.text == "loudness: unknown lane 'beds'; did you mean 'bed'?"
        assert live.of(SegmentReady) == []

    live(body, tmp_path)


def test_nothing_that_is_another_thing_is_written_over(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await story(live)
        await live.done(engine.plan("other", "wind", 4.0))
        with pytest.raises(Refused, match="folder 'other': is where story other lies"):
            engine.bounce("storm", "other")
        for folder, why in (
            ("storm/story.toml", "is a file"),
            ("storm/story.toml/out", "story.toml is a file"),
            ("storm/takes", "takes is for what belongs to one story"),
            ("out/stems/again", "stems is for what belongs to one story"),
        ):
            with pytest.raises(Refused, match=f"folder '{folder}': {why}; give another name") as refused:
                engine.bounce("storm", folder)
            assert refused.value.code == 422
        with pytest.raises(Refused, match="file 'storm': is a folder"):
            engine.state_save("storm", "storm")
        ended = await live.end(engine.state_save("storm", "storm/story.toml"))
        assert ended.end is not None
        assert ended.end.text == "story.toml: is there, and is no saved state; give another name"
        read_story(tmp_path / "storm" / "story.toml")
        for _ in range(2):
            await live.done(engine.state_save("storm", "state"))

    live(body, tmp_path)


def test_a_bed_goes_on_until_what_follows_it_is_rendered(tmp_path: Path) -> None:
    """Two windows of a bed, 2 s each; the second is held back until the first has faded out."""
    record = tmp_path / "played.wav"
    (tmp_path / "held").touch()

    async def body(live: Live) -> None:
        job = live.engine.tell("storm", "wind", 4.0)
        await live.until(lambda: bool(live.of(SegmentEnd)))
        await asyncio.sleep(1.0)
        (tmp_path / "held").unlink()
        await live.done(job)
        await live.until(lambda: len(live.of(SegmentEnd)) == 2)

    heard = live(body, tmp_path / "project", loader=live_models.holding(tmp_path / "held"), record=record)
    assert heard.of(Late)[0].subject == "storm/e2"
    played, _ = soundfile.read(record, dtype="float32")
    level = np.sqrt(np.mean(played[: len(played) // 1200 * 1200].reshape(-1, 1200 * 2) ** 2, axis=1))
    sounding = np.flatnonzero(level > 1e-3)
    assert level[sounding[0] + 1 : sounding[-1] - 16].min() > 0.2 * np.median(level[sounding])


def test_a_bed_does_not_go_on_into_a_silence_that_is_planned(tmp_path: Path) -> None:
    """Two seconds of a bed, two of silence, two of another, which is held back until the first has faded out."""
    record = tmp_path / "played.wav"
    (tmp_path / "held").touch()

    async def body(live: Live) -> None:
        job = live.engine.tell("storm", "wind", 6.0)
        await live.until(lambda: bool(live.of(SegmentEnd)))
        (tmp_path / "held").unlink()
        await live.done(job)
        await live.until(lambda: len(live.of(SegmentEnd)) == 2)

    live(body, tmp_path / "project", loader=live_models.holding(tmp_path / "held", 2.0), record=record)
    played, _ = soundfile.read(record, dtype="float32")
    sounding = np.flatnonzero(np.abs(played).max(1) > 1e-3)
    silence, longest = np.diff(sounding), int(np.argmax(np.diff(sounding)))
    assert (sounding[longest] - sounding[0]) / RATE == pytest.approx(2.0 + OVERLAP_S, abs=0.1)
    assert silence[longest] / RATE >= 2.0 - OVERLAP_S - 0.01


@pytest.mark.parametrize("crashes", [False, True])
def test_an_event_sounds_before_it_is_whole_and_is_whole_when_it_has_sounded(tmp_path: Path, crashes: bool) -> None:
    """Its decoder stops after two of four seconds; or its process ends there, and another one does all of it."""
    held, crash, record = tmp_path / "held", tmp_path / "crash", tmp_path / "played.wav"
    held.touch()

    async def body(live: Live) -> None:
        job = live.engine.tell("storm", "wind", 4.0)
        await live.until(lambda: bool(live.of(SegmentStart)))
        assert not live.of(JobEnded)
        if crashes:
            crash.touch()
            await live.until(lambda: not crash.exists())
        held.unlink()
        await live.done(job)
        await live.until(lambda: bool(live.of(SegmentEnd)))
        told = [len(live.of(kind)) for kind in (SegmentReady, SegmentStart, SegmentEnd)]
        assert told == [1 + crashes, 1, 1]  # what is begun again is told again
        await live.done(live.engine.bounce("storm", "out"))

    live(body, tmp_path / "project", live_models.piecewise(held, crash), record=record)
    played, _ = soundfile.read(record, dtype="float32")
    bounced, _ = read_wav(tmp_path / "project/out/mix.wav")
    last_played, last_bounced = (int(np.flatnonzero(np.abs(each).max(1) > 0.01)[-1]) for each in (played, bounced))
    heard = played[last_played - last_bounced :][: len(bounced)]
    # What was due while nobody had decoded it was silence.
    there = heard.any(axis=1) if crashes else np.full(len(heard), True)
    np.testing.assert_allclose(heard[there], bounced[there], atol=1e-6)


def test_stopping_all_forgets_what_is_pending(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.cue_define(Cue("slam", "hall", "a door slams")))
        await live.done(engine.cue_arm("slam"))
        job = engine.cue_go("slam", time.monotonic() + 30)
        await asyncio.sleep(0.05)
        engine.panic()
        ended = await live.end(job)
        assert ended.state == "cancelled"
        await live.until(lambda: engine.dump().cues[0].state == "armed")

    assert live(body, tmp_path).of(SegmentStart) == []


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


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="who is root may write anywhere")
def test_a_folder_that_can_not_be_written_to_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(0o500)

    async def body(live: Live) -> None:
        await live.done(live.engine.plan("storm", TEXT, 3.0))
        with pytest.raises(Refused, match="folder 'theirs/out': can't be written to; give another name"):
            live.engine.bounce("storm", "theirs/out")

    live(body, tmp_path)


def test_an_engine_that_ends_begins_nothing_more(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await live.engine.stop()
        with pytest.raises(Refused, match="engine: is ending") as refused:
            live.engine.tell("storm", TEXT, 3.0)
        assert refused.value.code == 503

    live(body, tmp_path)


def test_nothing_is_written_outside_the_project(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "link").symlink_to(tmp_path)
    (project / "within").mkdir()
    (project / "within" / "clips").symlink_to(tmp_path)

    async def body(live: Live) -> None:
        await live.done(live.engine.plan("storm", TEXT, 3.0))
        with pytest.raises(Refused, match="path 'within/clips': must lie inside the project"):
            live.engine.bounce("storm", "within")
        for path in ("../out", "/tmp/out", "", ".", "a/../../b", "out\\..\\..", "link/out", "a\0b", "a\nb", "x" * 5000):
            for ask in (live.engine.bounce, live.engine.state_save, live.engine.state_load):
                with pytest.raises(Refused, match="must lie inside the project") as refused:
                    ask("storm", path)
                assert refused.value.code == 422

    live(body, project)


def test_two_stories_are_not_laid_out_in_one_folder(tmp_path: Path) -> None:
    def kept() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in (tmp_path / "laid" / "out").rglob("*") if path.is_file()}

    async def body(live: Live) -> None:
        engine = live.engine
        for name, text in (("storm", TEXT), ("same", TEXT), ("snow", "snow, a dog")):
            await live.done(engine.plan(name, text, 3.0))
        storm, same = engine.bounce("storm", "laid/out"), engine.bounce("same", "laid/out")
        await live.done(storm)
        before, ended = kept(), (await live.end(same)).end
        assert ended is not None
        assert (ended.code, ended.text) == (409, "folder 'out': is where story storm is laid out; give another name")
        with pytest.raises(Refused, match="is where story storm is laid out"):
            engine.bounce("snow", "laid/out")
        assert kept() == before
        await live.done(engine.bounce("storm", "laid/out"))

    async def again(live: Live) -> None:
        before, ended = kept(), (await live.end(live.engine.bounce("snow", "laid/out"))).end
        assert ended is not None
        assert "holds another story" in ended.text
        assert kept() == before
        assert not (tmp_path / "snow" / "takes").exists()  # refused before anything was rendered
        await live.done(live.engine.bounce("snow", "new"))

    live(body, tmp_path)
    live(again, tmp_path)


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


def test_a_bounce_in_the_project_is_no_story_at_the_next_start(tmp_path: Path) -> None:
    async def first(live: Live) -> None:
        for name in ("storm", "same"):
            await live.done(live.engine.plan(name, TEXT, 3.0))
        await live.done(live.engine.bounce("storm", "out"))
        await live.done(live.engine.bounce("same", "same"))

    async def again(live: Live) -> None:
        assert [name for name, _ in live.engine.dump().stories] == ["rendered", "same", "storm"]
        with pytest.raises(Refused, match="is where story storm is laid out"):
            live.engine.bounce("same", "out")
        await live.done(live.engine.bounce("storm", "out"))
        await live.done(live.engine.bounce("rendered", "rendered"))

    live(first, tmp_path)
    output = Output(rate_hz=RATE)
    render_story(MockModel(), Told(TEXT, 3.0), StoryFolder(tmp_path / "rendered"), output, lambda progress: None)
    live(again, tmp_path)
    live(again, tmp_path)


def test_a_story_told_into_the_folder_of_a_bounce_is_there_at_the_next_start(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await story(live)
        await live.done(live.engine.bounce("storm", "out"))
        await story(live, "out")

    async def again(live: Live) -> None:
        assert [name for name, _ in live.engine.dump().stories] == ["out", "storm"]

    live(body, tmp_path)
    live(again, tmp_path)


def test_a_model_that_can_t_be_loaded_is_trouble_not_the_end(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await live.until(lambda: bool(live.of(Trouble)))
        await live.until(lambda: live.engine.status().state == "degraded")
        ended = await live.end(live.engine.tell("storm", TEXT, 3.0))
        assert ended.end is not None
        assert "weights are missing" in ended.end.text

    live(body, tmp_path, loader=live_models.missing)


def test_a_model_over_the_budget_is_trouble_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def body(live: Live) -> None:
        await live.until(lambda: bool(live.of(Trouble)))
        assert live.of(Trouble)[0].text.startswith("memory: mock takes ")
        assert live.of(Trouble)[0].text in caplog.text
        await live.until(lambda: live.engine.status().state == "degraded")
        ended = await live.end(live.engine.tell("storm", TEXT, 3.0))
        assert ended.end is not None
        assert ended.end.code == 507

    live(body, tmp_path, memory_bytes=1_000_000)


def test_a_generator_that_is_killed_costs_no_story_and_no_job(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await story(live)
        job = engine.continue_("storm", "a crow")
        await live.until(lambda: engine.job_get(job.id).stage == "diffuse")
        os.kill(engine.pids()["generator"], signal.SIGKILL)
        await live.done(job)
        await live.until(lambda: engine.status().state == "ready")
        assert len(dict(engine.dump().stories)["storm"].events) == 6
        await live.until(lambda: any(each.event == "e6" for each in live.of(SegmentStart)))

    heard = live(body, tmp_path, loader=live_models.slow)
    assert [each.event for each in heard.of(SegmentStart) if each.event in ("e5", "e6")] == ["e5", "e6"]


def test_a_player_that_is_killed_is_back_and_the_schedule_goes_on_in_time(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.cue_define(Cue("slam", "hall", "a door slams")))
        await live.done(engine.cue_arm("slam"))
        at_s = time.monotonic() + 6.0
        job = engine.cue_go("slam", at_s)
        os.kill(engine.pids()["player"], signal.SIGKILL)
        await live.until(lambda: [each.state for each in live.of(DeviceChanged)][-1] == "back")
        await live.done(job)
        assert abs(live.of(SegmentStart)[0].at_s - at_s) < 0.1

    heard = live(body, tmp_path)
    assert [each.state for each in heard.of(DeviceChanged)][:3] == ["open", "lost", "back"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGSTOP there")
def test_what_the_device_had_to_do_without_is_told_and_counted(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        player = live.engine.pids()["player"]
        for signal_number in (signal.SIGSTOP, signal.SIGCONT):
            os.kill(player, signal_number)
            await asyncio.sleep(0.5)
        await live.until(lambda: bool(live.of(Underrun)))
        assert live.engine.status().underruns >= live.of(Underrun)[0].total > 0

    live(body, tmp_path)


def test_nothing_is_left_in_shared_memory(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.cue_define(Cue("slam", "hall", "a door slams")))
        for _ in range(5):
            await live.done(engine.cue_arm("slam"))
            await live.done(engine.cue_go("slam"))
        for waits in (True, False):
            live.news.clear()
            job = engine.tell("storm", TEXT, 9.0)
            await live.until(lambda: not waits or bool(live.of(SegmentReady)))  # noqa: B023
            engine.job_cancel(job.id)
            assert (await live.end(job)).state == "cancelled"

    with nothing_left_in_shared_memory():
        live(body, tmp_path)


def test_more_jobs_than_the_queue_holds_are_refused(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        for number in range(2):
            live.engine.plan(f"s{number}", TEXT, 3.0)
        with pytest.raises(Refused) as refused:
            live.engine.plan("s3", TEXT, 3.0)
        assert refused.value.code == 429

    live(body, tmp_path, queue=2)
