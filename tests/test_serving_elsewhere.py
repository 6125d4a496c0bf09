"""What serving and its children do on Windows otherwise than on Linux, as far as Linux can say it."""

import asyncio
import errno
import os
import signal
import socket
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any

import pytest

from diegetic import batch
from diegetic.child import Child
from diegetic.errors import Failure
from diegetic_bridges import ports, serve


class _ElsewhereUsual(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        raise AssertionError("a server's loop must be one that goes on hearing")


@pytest.fixture
def usual_elsewhere() -> Iterator[None]:
    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(_ElsewhereUsual())
    yield
    asyncio.set_event_loop_policy(before)


def test_serving_and_replaying_take_the_loop_that_hears_on_after_a_client_is_gone(
    usual_elsewhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def tell_loop(*given: object) -> Any:
        return type(asyncio.get_running_loop())

    monkeypatch.setattr(serve, "_serve", tell_loop)
    monkeypatch.setattr(serve, "_replay", tell_loop)
    given: Any = SimpleNamespace()
    serve.serve(given, given, given)
    assert serve.replay_file(given, given, given) is asyncio.SelectorEventLoop  # type: ignore[comparison-overlap]


def test_ctrl_break_quits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in numbers}

    async def run() -> None:
        quitting = asyncio.Event()
        serve._on_signals(quitting.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.wait_for(quitting.wait(), 5)

    try:
        asyncio.run(run())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_port_that_the_system_keeps_says_to_choose_another(monkeypatch: pytest.MonkeyPatch) -> None:
    class Kept(socket.socket):
        def bind(self, address: Any) -> None:
            raise PermissionError(errno.EACCES, "forbidden by its access permissions")

    monkeypatch.setattr(ports.socket, "socket", Kept)
    with pytest.raises(Failure, match="OSC: port 9777 is kept from this user by the system; choose another by --port"):
        ports.take_both("OSC", "127.0.0.1", 9777, "choose another by --port")
    with pytest.raises(Failure, match="port 80 may not be opened by this user; choose one above 1023"):
        ports.take_both("OSC", "127.0.0.1", 80, "choose another by --port")


def leave(connection: Connection) -> None:
    """End at once."""


def test_a_child_that_ended_is_known_though_its_end_of_the_pipe_is_still_open() -> None:
    deaths, known = list[int](), list[int]()

    async def run() -> None:
        child = Child("leave", leave, (), lambda message: None, deaths.append)
        theirs = os.dup(child._theirs.fileno())  # as Windows keeps it for a process that hasn't taken it yet
        await child.start()
        ends_s = time.monotonic() + 10
        while not deaths and time.monotonic() < ends_s:
            await asyncio.sleep(0.01)
        known.extend(deaths)
        os.close(theirs)

    asyncio.run(run())
    assert known == [0]


def test_a_worker_leaves_ctrl_c_to_its_parent_wherever_it_was_started(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(batch, "_worker", [])
    monkeypatch.setattr(batch.multiprocessing, "parent_process", lambda: None)
    try:
        batch._begin(lambda name: pytest.fail(), None)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
