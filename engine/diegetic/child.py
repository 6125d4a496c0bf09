"""A child process and the pipe to it, for a director that must never wait for either.

Processes: the child is spawned, so nothing of the director's state comes along. It ignores Ctrl-C, a terminal that is
closed, and what ends a service, which are the director's to answer; and it ends itself when the director is gone,
however busy it is.

Threads: `send` and `kill` may be called from any; `on_message` and `on_death` are called in the event loop's. One
thread writes to the pipe and one reads from it, so that neither a full pipe nor a slow child stops the loop.
"""

import asyncio
import atexit
import contextlib
import logging
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

_log = logging.getLogger(__name__)

GOODBYE = "goodbye"
"""The last message: the child's main returns."""

_DIRECTORS = [getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGTERM", "SIGBREAK") if hasattr(signal, name)]
"""What a terminal sends to all that was started in it, and systemd to all processes of a service."""

Main = Callable[..., None]
"""`main(connection, *arguments)`, at the top of a module; it returns on GOODBYE and on EOFError."""


class Child:
    """One run of a child process; a restart is another Child."""

    def __init__(
        self,
        name: str,
        main: Main,
        arguments: tuple[Any, ...],
        on_message: Callable[[Any], None],
        on_death: Callable[[int], None],
    ) -> None:
        """on_death is told the exit code, once, whatever the child ends of."""
        context = multiprocessing.get_context("spawn")
        self._ours, self._theirs = context.Pipe()
        self._process = context.Process(
            target=_run, args=(main, self._theirs, arguments), name=f"diegetic-{name}", daemon=True
        )
        self._on_message, self._on_death = on_message, on_death
        self._loop = asyncio.get_running_loop()
        self._outbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._dead = asyncio.Event()
        self._starting: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Start it; it isn't ready before it says so itself. Where this is cancelled it starts, and can be stopped."""
        self._starting = self._loop.run_in_executor(None, self._start)
        await asyncio.shield(self._starting)

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    @property
    def alive(self) -> bool:
        return not self._dead.is_set()

    def send(self, message: Any) -> None:
        """Queue a message, before it is started too; what a dead child doesn't read is lost."""
        self._outbox.put(message)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    async def stop(self, timeout_s: float = 3.0) -> None:
        """Ask it to end, wait for that, and kill it where it doesn't; one that is being started, once it is there."""
        self.send(GOODBYE)
        if self._starting is None:
            return
        await asyncio.wait([self._starting])
        if self._starting.exception() is not None:
            return
        try:
            await asyncio.wait_for(self._dead.wait(), timeout_s)
        except TimeoutError:
            _log.warning("%s: did not end within %g s, and was killed", self._process.name, timeout_s)
            self.kill()
            await self._dead.wait()

    def _start(self) -> None:
        """In another thread, whose signals the child has until it can say itself which it ignores."""
        atexit.register(self._process.kill)  # before multiprocessing's own, which asks by SIGTERM and waits
        with _blocked(_DIRECTORS):
            self._process.start()
        self._theirs.close()
        for work in (self._write, self._read):
            threading.Thread(target=work, name=f"{self._process.name}-{work.__name__}", daemon=True).start()

    def _write(self) -> None:
        while (message := self._outbox.get()) is not None:
            try:
                self._ours.send(message)
            except OSError:
                return
            except Exception:
                _log.exception("%s: a message could not be sent", self._process.name)

    def _read(self) -> None:
        try:
            # On Windows a pipe stays open whose other end was on its way to a process that ended before it had it.
            while self._ours in wait([self._ours, self._process.sentinel]):
                self._tell(self._on_message, self._ours.recv())
        except (EOFError, OSError):
            pass
        except Exception:
            _log.exception("%s: said what can't be read", self._process.name)
            self._process.kill()
        self._process.join()
        atexit.unregister(self._process.kill)
        self._outbox.put(None)
        self._ours.close()
        self._tell(self._died, self._process.exitcode or 0)

    def _died(self, exit_code: int) -> None:
        self._dead.set()
        self._on_death(exit_code)

    def _tell(self, what: Callable[[Any], None], message: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(what, message)
        except RuntimeError:  # the loop is closed: nobody is left to be told
            raise EOFError from None


@contextlib.contextmanager
def _blocked(signals: Sequence[int]) -> Iterator[None]:
    """Keep signals from what this thread starts.

    So, too, from multiprocessing's process that frees shared memory at the end, and would end with a closed terminal.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # it has let them through again
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _run(main: Main, connection: Connection, arguments: tuple[Any, ...]) -> None:
    for each in _DIRECTORS:
        signal.signal(each, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    main(connection, *arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
