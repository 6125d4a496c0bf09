"""A child process, before it is itself."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from diegetic.child import Child


def answer(connection: Connection) -> None:
    """Say that it is there, and wait for goodbye."""
    connection.send("here")
    connection.recv()


@pytest.mark.skipif(sys.platform == "win32", reason="signals can't be sent to another process there")
@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP", "SIGTERM"])
def test_a_child_ignores_what_is_the_directors_to_answer_from_its_first_moment_on(name: str) -> None:
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


FORGETFUL = """
import asyncio
from test_child import answer
from diegetic.child import Child

async def run():
    there = asyncio.Event()
    await Child("answer", answer, (), lambda message: there.set(), lambda exit_code: None).start()
    await there.wait()

if __name__ == "__main__":
    asyncio.run(run())
"""


def test_a_program_ends_that_has_not_stopped_its_child(tmp_path: Path) -> None:
    (tmp_path / "forgetful.py").write_text(FORGETFUL)
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    command = [sys.executable, str(tmp_path / "forgetful.py")]
    assert subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, timeout=60).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals to block")
def test_the_thread_that_starts_a_child_hears_its_signals_again() -> None:
    async def run() -> set[int]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        child = Child("answer", answer, (), lambda message: None, lambda exit_code: None)
        await child.start()
        blocked: set[int] = await asyncio.to_thread(signal.pthread_sigmask, signal.SIG_BLOCK, ())
        await child.stop()
        return blocked

    assert not asyncio.run(run()) & {signal.SIGINT, signal.SIGHUP, signal.SIGTERM}


def test_a_child_can_be_stopped_before_it_is_there(caplog: pytest.LogCaptureFixture) -> None:
    deaths: list[int] = []

    async def run() -> None:
        loop, free = asyncio.get_running_loop(), threading.Event()
        loop.set_default_executor(ThreadPoolExecutor(1))
        busy = loop.run_in_executor(None, free.wait)
        child = Child("answer", answer, (), lambda message: None, deaths.append)
        starting = asyncio.create_task(child.start())
        await asyncio.sleep(0)
        starting.cancel()
        stopping = asyncio.create_task(child.stop())
        await asyncio.sleep(0.05)
        free.set()
        await asyncio.gather(busy, stopping)

    asyncio.run(run())
    assert deaths == [0]
    assert not caplog.records, "it ended by itself"
