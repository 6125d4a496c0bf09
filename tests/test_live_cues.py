"""Cues in the live engine on the null device: armed, fired, and part of their stories; with quick models."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

import live_models
from diegetic.folder import StoryFolder
from diegetic.live.cues import Cue
from diegetic.live.news import CueChanged, EventPlanned, Late, SegmentEnd, SegmentStart, Trouble
from diegetic.story import Story
from diegetic.story_file import read_story
from diegetic_bridges.queries import gain_of
from left_behind import SHARED
from live_engine import RATE, Live, live, story

NOTHING = Story("", 0.0, 0, "")


def test_an_armed_cue_sounds_at_once_and_its_story_goes_on(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await story(live)
        await live.done(engine.cue_define(Cue("slam", "storm", "a door slams", slot=2)))
        assert "1 event, 4 s" in await live.done(engine.cue_arm("slam"))
        asked = time.perf_counter()
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
