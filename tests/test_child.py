"""A child process, before it is itself."""

import asyncio
import os
import signal
import sys
from multiprocessing.connection import Connection

import pytest

from diegetic.child import Child


def answer(connection: Connection) -> None:
    """Say that it is there, and wait for goodbye."""
    connection.send("here")
    connection.recv()


@pytest.mark.skipif(sys.platform == "win32", reason="signals can't be sent to another process there")
@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_a_child_ignores_what_a_terminal_sends_from_its_first_moment_on(name: str) -> None:
    heard: list[str] = []
    deaths: list[int] = []

    async def run() -> None:
        child = Child("answer", answer, (), heard.append, deaths.append)
        await child.start()
        os.kill(child.pid, getattr(signal, name))
        while not heard and not deaths:
            await asyncio.sleep(0.01)
        await child.stop()

    asyncio.run(run())
    assert (heard, deaths) == (["here"], [0])
