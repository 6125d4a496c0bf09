"""An OSC server with an engine that only answers, for programs by others to be run against."""

import asyncio
import shutil
import subprocess
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from diegetic_bridges.osc import OscServer
from diegetic_bridges.session import Session
from fake_engine import FakeEngine

BRIDGES = Path(__file__).parents[2] / "bridges"
TIMEOUT_S = 60.0

Scene = Callable[["Stage"], Awaitable[None]]


class Stage:
    """The server, its engine and its session."""

    def __init__(self, server: OscServer, engine: FakeEngine, session: Session) -> None:
        self.server, self.engine, self.session = server, engine, session

    async def run(self, *command: str, shown: bool = True, **environment: str) -> list[str]:
        """Run a program to its end; the lines it printed."""
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env={**_environment(), **environment}
        )
        try:
            out, errors = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode == 0, errors.decode()
        return out.decode().splitlines()

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await asyncio.sleep(0.01)


def play(scene: Scene, port: int = 0) -> None:
    """Run a scene."""

    async def whole() -> None:
        engine = FakeEngine()
        session = Session(engine)
        async with OscServer(session, port=port) as server:
            await asyncio.wait_for(scene(Stage(server, engine, session)), TIMEOUT_S)

    asyncio.run(whole())


def needs(program: str, package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"needs {program} (apt install {package})")


def has_node(*modules: str) -> bool:
    """Whether node finds these modules: NODE_PATH says where they are."""
    if shutil.which("node") is None:
        return False
    script = ";".join(f"require({module!r})" for module in modules)
    return subprocess.run(["node", "-e", script], capture_output=True, timeout=TIMEOUT_S, check=False).returncode == 0


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)
