"""When a cue of the live engine sounds: at once, at its time, late by its policy, or never."""

from pathlib import Path
from typing import Any

import pytest

import live_models
from diegetic.live.cues import Cue
from diegetic.live.jobs import Refused
from diegetic.live.news import Late, SegmentStart
from live_engine import LEADS_S, RATE, Live, live


def test_a_cue_fired_for_an_earlier_time_does_not_wait_for_a_later_one(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.cue_define(Cue("slam", "hall", "a door slams")))
        later = engine.cue_go("slam", engine.now_s() + 3600.0)
        await live.done(engine.cue_go("slam", engine.now_s() + 0.1))
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
        for lead_s in LEADS_S:
            live.news.clear()
            at_s = engine.now_s() + lead_s
            await live.done(engine.cue_go("slam", at_s))
            if not live.of(Late):
                break
        assert abs(live.of(SegmentStart)[0].at_s - at_s) < 1.5 / RATE

    assert live(body, tmp_path).of(Late) == []


@pytest.mark.parametrize(("policy", "sounds"), [("wait", True), ("drop", False), ("next_bar", True)])
def test_a_cue_that_is_late_does_as_its_policy_says(tmp_path: Path, policy: Any, sounds: bool) -> None:
    bar_s = 0.0

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
        said = await live.done(engine.cue_go("slam", engine.now_s() - 0.5))
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


def test_stopping_all_forgets_what_is_pending(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.cue_define(Cue("slam", "hall", "a door slams")))
        await live.done(engine.cue_arm("slam"))
        job = engine.cue_go("slam", engine.now_s() + 30)
        await live.until(lambda: engine.dump().cues[0].state == "pending")
        engine.panic()
        ended = await live.end(job)
        assert ended.state == "cancelled"
        await live.until(lambda: engine.dump().cues[0].state == "armed")

    assert live(body, tmp_path).of(SegmentStart) == []
