"""The live engine where something fails: models, processes, the device; and nothing is left behind."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

import live_models
from diegetic.errors import InputError
from diegetic.live.cues import Cue
from diegetic.live.jobs import End, Refused
from diegetic.live.news import DeviceChanged, Late, SegmentReady, SegmentStart, StateChanged, Trouble, Underrun
from left_behind import nothing_left_in_shared_memory
from live_engine import LEADS_S, TEXT, Live, live, story


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


def test_an_engine_that_ends_begins_nothing_more(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await live.engine.stop()
        with pytest.raises(Refused, match="engine: is ending") as refused:
            live.engine.tell("storm", TEXT, 3.0)
        assert refused.value.code == 503

    live(body, tmp_path)


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
        for lead_s in LEADS_S[1:]:
            live.news.clear()
            at_s = time.perf_counter() + lead_s
            job = engine.cue_go("slam", at_s)
            os.kill(engine.pids()["player"], signal.SIGKILL)
            await live.done(job)
            if not live.of(Late):
                break
        assert abs(live.of(SegmentStart)[0].at_s - at_s) < 0.1

    heard = live(body, tmp_path)
    assert [each.state for each in heard.of(DeviceChanged)][:2] == ["lost", "back"]


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
