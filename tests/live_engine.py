"""The live engine on the null device, as tests run it: with quick models, and all it tells taken down."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import live_models
from diegetic.engine import Engine, LiveConfig
from diegetic.live.jobs import Job
from diegetic.live.news import News

RATE = 24_000
TEXT = "rain, a bell, thunder"
LEADS_S = (0.5, 4.0, 12.0)
"""How long before its time something is asked for: a busy machine may be late, and is asked again."""
Kind = TypeVar("Kind")


class Live:
    """An engine, and all it told."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.news: list[News] = []
        engine.subscribe(self.news.append)

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [each for each in self.news if isinstance(each, kind)]

    async def end(self, job: Job) -> Job:
        return await self.engine.ended(job.id)

    async def done(self, job: Job) -> str:
        ended = await self.end(job)
        assert ended.end is not None
        assert ended.state == "done", ended.end.text
        return ended.end.text

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            await asyncio.sleep(0.005)


def live(
    body: Callable[[Live], Awaitable[Any]], project: Path, loader: Any = live_models.quick, **options: Any
) -> Live:
    """Run `body` with an engine."""

    async def run() -> Live:
        config = LiveConfig(project, "mock", "null", RATE, **{"block_frames": 64} | options)
        engine = Engine(config, loader)
        live = Live(engine)
        async with engine, asyncio.timeout(40):
            await body(live)
        return live

    return asyncio.run(run())


async def story(live: Live, name: str = "storm", seconds: float = 3.0) -> None:
    """Tell a story, and wait until it is rendered."""
    await live.done(live.engine.tell(name, TEXT, seconds))
