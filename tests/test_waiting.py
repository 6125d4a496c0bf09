"""What waits its turn in a story of the live engine: it knows what is told, edited and stopped until then."""

from pathlib import Path

import pytest

import live_models
from diegetic.live.cues import Cue
from diegetic.live.jobs import Refused
from diegetic.live.news import SegmentStart
from diegetic.story_file import read_story
from live_engine import Live, live

TEXT = "rain, a bell, thunder"


def test_what_is_asked_of_a_story_that_is_being_told_waits_for_it(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        jobs = [
            engine.tell("storm", TEXT, 3.0),
            engine.continue_("storm", "a crow"),
            engine.event_set("storm", 1, "gain_db", "-6"),
            engine.bounce("storm", "out"),
        ]
        for job in jobs:
            await live.done(job)
        assert len(read_story(tmp_path / "out" / "story.toml").events) == 6
        with pytest.raises(Refused, match="isn't known; tell or plan it first"):
            engine.continue_("calm", "a crow")

    live(body, tmp_path)


def test_what_waited_for_a_story_that_was_cancelled_says_that_there_is_none(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        told, waits = engine.tell("storm", TEXT, 3.0), engine.continue_("storm", "a crow")
        engine.job_cancel(told.id)
        ended = (await live.end(waits)).end
        assert ended is not None
        assert (ended.code, ended.text.split(":")[0]) == (404, "story storm")

    live(body, tmp_path, live_models.slow)


def test_what_waits_for_its_turn_does_not_sound_after_all_was_stopped(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        jobs = [engine.tell("storm", TEXT, 3.0), engine.continue_("storm", "a crow")]
        await live.until(lambda: bool(live.of(SegmentStart)))
        engine.panic()
        before = len(live.of(SegmentStart))
        for job in jobs:
            await live.done(job)
        await live.until(lambda: engine.status().voices == 0)
        assert len(live.of(SegmentStart)) == before
        await live.done(engine.continue_("storm", "a bell"))
        await live.until(lambda: len(live.of(SegmentStart)) > before)

    live(body, tmp_path, live_models.slow)


def test_a_cue_is_armed_and_fired_in_the_bundle_that_defines_it(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        for job in (
            engine.cue_define(Cue("slam", "hall", "a door slams", slot=2)),
            engine.cue_arm("slam"),
            engine.slot_go(2),
        ):
            await live.done(job)

    assert live(body, tmp_path).of(SegmentStart)


def test_state_keys_make_no_sound_of_their_own(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        live.engine.word("weather", "wet, cold. ")
        live.engine.word("place", ".")
        await live.done(live.engine.plan("storm", "a drop falls", 3.0))

    live(body, tmp_path)
    assert read_story(tmp_path / "storm" / "story.toml").instruction == "a drop falls in wet cold weather"


def test_a_story_that_is_edited_beside_the_engine_goes_on_as_edited(tmp_path: Path) -> None:
    file = tmp_path / "storm" / "story.toml"

    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.tell("storm", TEXT, 3.0))
        first = read_story(file).events[0].caption
        file.write_text(file.read_text().replace(f'caption = "{first}"', f'caption = "{first}"\ngain_db = -6'))
        await live.done(engine.bounce("storm", "out"))
        await live.done(engine.continue_("storm", "a crow"))
        for edited in (tmp_path / "out" / "story.toml", file):
            assert read_story(edited).events[0].gain_db == -6
        assert len(read_story(file).events) == 6

        file.write_text(typed := file.read_text().replace("gain_db", "gain_bd"))
        ended = (await live.end(engine.continue_("storm", "a bell"))).end
        assert ended is not None
        assert ended.code == 422
        assert "did you mean 'gain_db'?" in ended.text
        assert file.read_text() == typed

    live(body, tmp_path)


def test_stories_go_on_while_one_is_laid_out_and_a_folder_is_written_to_by_one_bounce_at_a_time(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.tell("storm", TEXT, 3.0))
        bounces = [engine.bounce("storm", "out"), engine.bounce("storm", "out")]
        await live.until((tmp_path / "out" / "mix.wav").exists)
        await live.done(engine.continue_("storm", "a crow"))
        assert not engine.job_get(bounces[0].id).ended
        for job in (*bounces, engine.bounce("storm", "storm"), engine.event_set("storm", 1, "gain_db", "-3")):
            await live.done(job)

    live(body, tmp_path)
    assert len(read_story(tmp_path / "out" / "story.toml").events) == 6
    assert len(read_story(tmp_path / "storm" / "story.toml").events) == 6
    assert read_story(tmp_path / "storm" / "story.toml").events[0].gain_db == -3
