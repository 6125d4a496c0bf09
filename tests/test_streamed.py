"""Cues that are fired before they are armed: they sound while the rest of them is rendered."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

import live_models
from diegetic.live.cues import Cue
from diegetic.live.news import CueChanged, Late, SegmentEnd, SegmentReady, SegmentStart
from diegetic.story_file import read_story
from live_engine import RATE, Live, live

SLAM = Cue("slam", "hall", "a door slams, a step, a bell")


async def define(live: Live, cue: Cue = SLAM) -> None:
    await live.done(live.engine.cue_define(cue))


def test_the_first_of_a_cue_sounds_while_the_others_are_rendered_and_all_of_it_is_remembered(tmp_path: Path) -> None:
    file = tmp_path / "hall" / "story.toml"

    async def body(live: Live) -> None:
        await define(live)
        assert await live.done(live.engine.cue_go("slam")) == "sounds"
        await live.until(lambda: len(live.of(SegmentEnd)) == 4)
        assert len(read_story(file).events) == 4
        await live.done(live.engine.cue_go("slam"))  # it is armed now, and part of its story
        await live.until(lambda: len(live.of(SegmentEnd)) == 8)

    heard = live(body, tmp_path, live_models.slow)
    kinds = [type(each) for each in heard.news if isinstance(each, SegmentStart | SegmentReady)]
    assert kinds.index(SegmentStart) < 4
    at_s = [each.at_s for each in heard.of(SegmentStart)]
    assert at_s[3] - at_s[2] == pytest.approx(at_s[7] - at_s[6], abs=1.5 / RATE)
    assert len(read_story(file).events) == 4
    once = ["pending", "sounding", "armed"]
    assert [each.cue.state for each in heard.of(CueChanged)] == once + once


def test_a_cue_that_is_stopped_while_it_is_rendered_comes_to_an_end(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await define(live)
        go = live.engine.cue_go("slam")
        await live.until(lambda: live.of(SegmentStart) != [])
        await live.done(live.engine.cue_stop("slam"))
        assert (await live.end(go)).state == "cancelled"
        await live.until(lambda: live.engine.dump().cues[0].state == "idle")
        await define(live, Cue("step", "hall", "a step"))  # what is never heard whole is not part of the story
        await live.done(live.engine.cue_go("step"))
        await live.until(lambda: (tmp_path / "hall" / "story.toml").exists())

    heard = live(body, tmp_path, live_models.slow)
    starts, ends = ([each for each in heard.of(kind) if each.cue == "slam"] for kind in (SegmentStart, SegmentEnd))
    assert 0 < len(starts) == len(ends) < 4
    assert [each.caption for each in read_story(tmp_path / "hall" / "story.toml").events][1:] == ["a step"]


def test_a_cue_whose_generator_ends_goes_on_with_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "crash").touch()
    monkeypatch.setenv("DIEGETIC_TEST_CRASHES", str(tmp_path))

    async def body(live: Live) -> None:
        await define(live)
        await live.done(live.engine.cue_go("slam"))
        await live.until(lambda: len(live.of(SegmentEnd)) == 4)

    heard = live(body, tmp_path / "project", live_models.crashing)
    assert [each.event for each in heard.of(SegmentStart)] == ["e1", "e2", "e3", "e4"]
    assert not (tmp_path / "crash").exists()


def test_a_cue_that_is_too_late_when_its_first_is_ready_is_dropped_and_armed(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await define(live, replace(SLAM, policy="drop"))
        said = await live.done(live.engine.cue_go("slam", time.perf_counter() + 0.05))
        assert said == "dropped: its time was over"
        assert live.engine.dump().cues[0].state == "armed"

    heard = live(body, tmp_path, live_models.slow)
    assert [(each.subject, each.action) for each in heard.of(Late)] == [("slam", "drop")]
    assert heard.of(SegmentStart) == []
