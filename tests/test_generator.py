"""The generator as a process: steps, turns, cancelling, crashes, memory; with models that cost nothing."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import live_models
from diegetic.audio.shared_sound import SharedSound
from diegetic.audio.wav import read_wav
from diegetic.bounce import Output
from diegetic.folder import StoryFolder
from diegetic.generator.client import Generator, Turns
from diegetic.generator.messages import Within
from diegetic.generator.tasks import (
    Bounce,
    Continue,
    Finished,
    LoadState,
    Outcome,
    PlannedEvent,
    ReadyEvent,
    Render,
    SaveState,
    Task,
    Tell,
)
from diegetic.live.jobs import Priority, Refused
from diegetic.protocol import StoryModel
from diegetic.story import Told
from diegetic.story_file import read_story

RATE = 24_000
TOLD = Told("rain, a bell, thunder", 9.0, 3)


class Bench:
    """A generator, and what came of its jobs."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.outcomes: list[tuple[int, Outcome]] = []
        self.watched: list[Within] = []

    async def do(self, job: int, task: Task, priority: Priority = Priority.LIVE) -> Finished:
        return await self.generator.perform(
            job, priority, task, lambda outcome: self.outcomes.append((job, outcome)), self.watched.append
        )

    def ready(self, job: int) -> list[ReadyEvent]:
        return [each for owner, each in self.outcomes if owner == job and isinstance(each, ReadyEvent)]

    def free(self) -> None:
        for _, outcome in self.outcomes:
            if isinstance(outcome, ReadyEvent) and outcome.sound is not None:
                SharedSound.open(outcome.sound).remove()


def work(
    body: Callable[[Bench], Awaitable[Any]], loader: Callable[[str], StoryModel] = live_models.quick, **options: Any
) -> Bench:
    """Run `body` with a generator."""

    async def run() -> Bench:
        bench = Bench(Generator(loader, "mock", lambda: None, **options))
        await bench.generator.start()
        try:
            async with asyncio.timeout(30):
                await body(bench)
        finally:
            await bench.generator.stop()
            bench.free()
        return bench

    return asyncio.run(run())


def tell(folder: Path, render: bool = True) -> Tell:
    return Tell(folder, TOLD, render, RATE)


def test_a_story_is_told_event_by_event(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        done = await bench.do(1, tell(tmp_path))
        kinds = [type(outcome) for _, outcome in bench.outcomes]
        assert kinds == [PlannedEvent, ReadyEvent] * 4
        assert done.story == read_story(tmp_path / "story.toml")
        assert {"plan", "diffuse", "decode"} == {within.stage for within in bench.watched}

    work(body)


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


def test_the_sounds_add_up_to_the_bounce_bit_by_bit(tmp_path: Path) -> None:
    heard = np.zeros((9 * RATE, 2), np.float32)

    async def body(bench: Bench) -> None:
        done = await bench.do(1, tell(tmp_path / "a"))
        sounds = {each.event.id: SharedSound.open(each.sound) for each in bench.ready(1) if each.sound}
        for each in bench.ready(1):
            if each.joint is not None:
                sounds[each.joint.event].envelope[each.joint.begin :] = each.joint.gain
        for event in done.story.events:
            sound, start = sounds[event.id], round(event.start_s * RATE)
            heard[start : start + len(sound.samples)] += sound.samples * sound.envelope[:, None]
            sound.close()
        await bench.do(2, Bounce(tmp_path / "a", done.story, tmp_path / "b", Output(RATE)))

    work(body)
    mix, _ = read_wav(tmp_path / "b" / "mix.wav")
    assert np.abs(mix - heard).max() <= 2**-24
    assert len(list((tmp_path / "b" / "takes").glob("*.wav"))) == 4


def test_only_planning_renders_nothing_and_rendering_comes_later(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        done = await bench.do(1, tell(tmp_path, render=False))
        assert bench.ready(1) == []
        assert (await bench.do(2, Render(tmp_path, done.story, 0))).text == "4 events rendered, 0 kept"
        assert (await bench.do(3, Render(tmp_path, done.story, 0))).text == "0 events rendered, 4 kept"

    work(body)


def test_what_is_rendered_ahead_leaves_the_story_s_memory_as_it_was(tmp_path: Path) -> None:
    def on(story: Any, text: str, keep: bool) -> Continue:
        return Continue(tmp_path, story, text, 3.0, 3, RATE, keep)

    async def body(bench: Bench) -> None:
        story = (await bench.do(1, tell(tmp_path))).story
        ahead = (await bench.do(2, on(story, "a door slams", False))).story
        assert read_story(tmp_path / "story.toml") == story
        assert (await bench.do(3, on(story, "a door slams", False))).story == ahead
        assert [event.caption for event in ahead.events[4:]] == ["a door slams"], "a cue is only what it says"
        kept = (await bench.do(4, on(story, "a door slams", True))).story
        assert kept == read_story(tmp_path / "story.toml")
        assert [event.caption for event in kept.events[4:]] == ["quiet air", "a door slams"]
        assert kept.seconds == ahead.seconds == 12.0
        first, second = (bench.ready(job)[0].sound for job in (2, 3))
        assert first is not None
        assert second is not None
        assert np.array_equal(SharedSound.open(first).samples, SharedSound.open(second).samples)

    work(body)


def test_a_saved_state_goes_on_as_the_story_itself_does(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        story = (await bench.do(1, tell(tmp_path / "a"))).story
        await bench.do(2, SaveState(tmp_path / "a", story, tmp_path / "saved.bin"))
        loaded = (await bench.do(3, LoadState(tmp_path / "b", tmp_path / "saved.bin"))).story
        assert loaded == story
        longer = [
            (await bench.do(job, Continue(tmp_path / name, story, "a crow", 3.0, 3, 0, True))).story
            for job, name in ((4, "a"), (5, "b"))
        ]
        assert longer[0] == longer[1]
        one, two = (sorted((tmp_path / name / "takes").glob("e5*.wav"))[0] for name in "ab")
        assert one.name == two.name

    work(body)


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.bin").write_bytes(b"{}\nnonsense")

    async def body(bench: Bench) -> None:
        with pytest.raises(Refused, match=r"bad.bin: is no saved state") as refused:
            await bench.do(1, LoadState(tmp_path / "b", tmp_path / "bad.bin"))
        assert refused.value.code == 422

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
        going_on = asyncio.create_task(bench.do(2, Continue(tmp_path, story, "a long wind", 9.0, 3, 0, True)))
        while not any(within.job == 2 and within.stage == "diffuse" for within in bench.watched):
            await asyncio.sleep(0.01)
        began = time.monotonic()
        going_on.cancel()
        with pytest.raises(asyncio.CancelledError):
            await going_on
        assert time.monotonic() - began < 0.3
        done = await bench.do(3, Continue(tmp_path, story, "a door slams", 3.0, 3, 0, True))
        assert done.story.events[-1].caption == "a door slams"

    work(body, live_models.slow)


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
        await asyncio.sleep(0.3)
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


def test_a_model_that_can_t_be_loaded_says_why(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(Refused, match="its weights are missing"):
            await bench.generator.load("mock")
        with pytest.raises(Refused, match="its weights are missing"):
            await bench.do(1, tell(tmp_path))

    work(body, live_models.missing)


def test_a_model_is_unloaded_after_a_while_and_loaded_when_needed(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        await bench.generator.load("mock")
        await bench.do(1, tell(tmp_path / "a"))
        assert bench.generator.loaded == "mock"
        await asyncio.sleep(0.6)
        assert bench.generator.loaded == ""
        await bench.do(2, tell(tmp_path / "b"))
        assert bench.generator.loaded == "mock"

    work(body, keep_alive_s=0.3)


@pytest.mark.parametrize("loads", [True, False])
def test_a_job_goes_on_where_the_model_is_unloaded_or_another_is_loaded_meanwhile(tmp_path: Path, loads: bool) -> None:
    async def body(bench: Bench) -> None:
        await bench.generator.load("mock")
        telling = asyncio.create_task(bench.do(1, tell(tmp_path)))
        while not bench.ready(1):
            await asyncio.sleep(0.01)
        await (bench.generator.load("other") if loads else bench.generator.unload())
        done = await telling
        assert [event.id for event in done.story.events] == ["e1", "e2", "e3", "e4"]
        assert bench.generator.loaded == ("other" if loads else "mock")

    work(body, live_models.slow)


def test_a_model_over_the_budget_is_refused(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(Refused, match=r"memory: mock takes \d+ MB, 1 are allowed") as refused:
            await bench.do(1, tell(tmp_path))
        assert refused.value.code == 507
        assert bench.generator.loaded == ""

    work(body, budget_bytes=1_000_000)


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
