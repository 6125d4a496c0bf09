"""A generator in a process of its own, with models that cost nothing, and what came of its jobs."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import live_models
from diegetic.audio.shared_sound import SharedSound
from diegetic.generator.client import Generator
from diegetic.generator.messages import Within
from diegetic.generator.tasks import Finished, Outcome, ReadyEvent, Task, Tell
from diegetic.live.jobs import Priority
from diegetic.protocol import StoryModel
from diegetic.story import Told

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
