"""The generator's jobs beside each other: turns, cancelling, crashes; with models that cost nothing."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

import live_models
from diegetic.bounce import Output
from diegetic.folder import StoryFolder
from diegetic.generator.client import Turns
from diegetic.generator.tasks import Bounce, Continue, Outcome, PlannedEvent, Tell
from diegetic.live.jobs import Priority, Refused
from diegetic.story import Told
from generator_bench import RATE, Bench, tell, work


def test_a_take_that_can_t_be_kept_when_its_job_is_dropped_costs_only_itself(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        takes, unloading = tmp_path / "a" / "takes", []

        def take(outcome: Outcome) -> None:
            bench.outcomes.append((1, outcome))
            if not unloading:
                unloading.append(asyncio.create_task(bench.generator.unload()))  # between the next step and its next
            elif not takes.exists():
                takes.touch()  # a file where a folder must be

        with pytest.raises(Refused, match="takes"):
            await bench.generator.perform(1, Priority.BOUNCE, tell(tmp_path / "a"), take, bench.watched.append)
        await unloading[0]
        await bench.do(2, tell(tmp_path / "b"))
        assert bench.generator.restarts == 0

    work(body)


def test_a_live_job_comes_between_the_segments_of_a_bounce(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        story = (await bench.do(1, tell(tmp_path / "a", render=False))).story
        bounce = asyncio.create_task(
            bench.do(2, Bounce(tmp_path / "a", story, tmp_path / "b", Output(RATE)), Priority.BOUNCE)
        )
        while not bench.ready(2):
            await asyncio.sleep(0.01)
        await bench.do(3, tell(tmp_path / "c"))
        assert len(bench.ready(2)) <= 2
        await bounce
        assert len(bench.ready(2)) == 4

    work(body, live_models.slow)


def test_cancelling_stops_within_a_step_and_keeps_the_story_s_memory(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        story = (await bench.do(1, tell(tmp_path))).story
        drone = Continue(tmp_path, story, live_models.DRAWN_FOR_LONG, 9.0, 3, 0, True)
        going_on = asyncio.create_task(bench.do(2, drone))
        while not bench.ready(2):  # its bed
            await asyncio.sleep(0.01)
        bench.watched.clear()
        while not any(within.job == 2 and within.stage == "diffuse" for within in bench.watched):
            await asyncio.sleep(0.01)
        going_on.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going_on
        done = await bench.do(3, Continue(tmp_path, story, "a door slams", 3.0, 3, 0, True))
        assert done.story.events[-1].caption == "a door slams"
        assert not list((tmp_path / "takes").glob("*drone*"))

    work(body, live_models.droning)


def test_a_job_that_is_cancelled_while_its_first_event_is_planned_lets_go_of_its_folder(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        await bench.generator.load("mock")
        planning = asyncio.create_task(bench.do(1, tell(tmp_path / "a", render=False)))
        while not (tmp_path / "a" / "manifest.json").exists():
            await asyncio.sleep(0.01)
        planning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await planning
        assert not bench.outcomes
        await bench.do(2, tell(tmp_path / "b", render=False))  # it has heard by then that the first is over
        with StoryFolder(tmp_path / "a").held():
            pass

    work(body, live_models.thoughtful)


def test_a_plan_that_is_being_written_can_be_cancelled(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        await bench.generator.load("mock")
        told = Told(live_models.TOLD_FOREVER, 9.0, 3)
        planning = asyncio.create_task(bench.do(1, Tell(tmp_path / "a", told, False, RATE)))
        while not any(within.stage == "plan" for within in bench.watched):
            await asyncio.sleep(0.01)
        planning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await planning
        await bench.do(2, tell(tmp_path / "b", render=False))
        assert {within.done for within in bench.watched if within.job == 1} == {0.0}

    work(body, live_models.pondering)


def test_a_job_that_is_cancelled_twice_leaves_its_answer_to_no_other(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        await bench.generator.load("mock")
        planning = asyncio.create_task(bench.do(1, tell(tmp_path / "a", render=False)))
        while not (tmp_path / "a" / "manifest.json").exists():
            await asyncio.sleep(0.01)
        for _ in range(3):
            planning.cancel()
            await asyncio.sleep(0.01)
        done = await bench.do(2, Tell(tmp_path / "b", Told("a dog", 4.0, 3), False, RATE))
        assert [each.event.caption for _, each in bench.outcomes if isinstance(each, PlannedEvent)] == [
            "quiet air",
            "a dog",
        ]
        assert done.text == "2 events in 4 s"
        assert planning.cancelled()

    work(body, live_models.thoughtful)


def test_a_job_that_waits_for_its_turn_can_be_cancelled(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        first = asyncio.create_task(bench.do(1, tell(tmp_path / "a")))
        second = asyncio.create_task(bench.do(2, tell(tmp_path / "b")))
        while not any(within.job == 1 for within in bench.watched):
            await asyncio.sleep(0.01)
        second.cancel()
        await first
        assert second.cancelled()
        await bench.do(3, tell(tmp_path / "b"))

    work(body, live_models.slow)


@pytest.mark.parametrize(("crashes", "ends"), [(1, "done"), (2, "failed")])
def test_a_job_is_begun_again_once_after_a_crash(
    tmp_path: Path, crashes: int, ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIEGETIC_TEST_CRASHES", str(tmp_path))
    for number in range(crashes):
        (tmp_path / f"crash{number}").touch()

    async def body(bench: Bench) -> None:
        if ends == "done":
            done = await bench.do(1, tell(tmp_path / "a"))
            assert len(done.story.events) == 4
            assert bench.ready(1)[0].event == bench.ready(1)[1].event
        else:
            with pytest.raises(Refused, match="ended twice") as refused:
                await bench.do(1, tell(tmp_path / "a"))
            assert refused.value.code == 500
            assert len((await bench.do(2, tell(tmp_path / "a"))).story.events) == 4
        assert bench.generator.restarts == crashes

    work(body, live_models.crashing)


def test_a_job_that_waits_between_steps_survives_another_s_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(bench: Bench) -> None:
        bounce = asyncio.create_task(bench.do(1, tell(tmp_path / "a"), Priority.BOUNCE))
        while not bench.ready(1):
            await asyncio.sleep(0.01)
        live = asyncio.create_task(bench.do(2, tell(tmp_path / "b")))
        for times in (1, 2):
            while not len(bench.ready(2)) >= times:
                await asyncio.sleep(0.01)
            if times == 1:
                os.kill(bench.generator.pid, signal.SIGKILL)
        await asyncio.gather(bounce, live)
        assert bench.generator.restarts == 1

    work(body, live_models.slow)


def test_an_unforeseen_error_fails_the_job_and_nothing_else(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        for job in (1, 2):
            with pytest.raises(Refused, match=r"failed unexpectedly \(ZeroDivisionError") as refused:
                await bench.do(job, tell(tmp_path))
            assert refused.value.code == 500
        assert bench.generator.restarts == 0

    work(body, live_models.broken)


def test_turns_go_to_the_most_urgent_and_among_equals_to_the_first() -> None:
    async def run() -> list[str]:
        turns, order = Turns(), []

        async def take(name: str, priority: int) -> None:
            async with turns.turn(priority):
                order.append(name)
                await asyncio.sleep(0.001)

        names = [("first", 2), ("bounce", 2), ("arm", 1), ("go", 0), ("again", 0)]
        await asyncio.gather(*(take(name, priority) for name, priority in names))
        return order

    assert asyncio.run(run()) == ["first", "go", "again", "arm", "bounce"]
