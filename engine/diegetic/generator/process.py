"""The generator's process: loads a model, and takes steps as it is asked to.

Threads: one. While a step is taken nothing is read from the pipe; `cancel`, a number shared with the director, is
looked at between the steps of the diffuser instead: the id of the job that is to stop.
"""

import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from ctypes import c_longlong
from multiprocessing.connection import Connection

import psutil

from diegetic.audio.shared_sound import NoRoom, let_go
from diegetic.child import GOODBYE
from diegetic.errors import Cancelled, DiegeticError, InputError
from diegetic.generator.messages import Drop, Early, Failed, Load, Loaded, Step, Stepped, Unload, Unloaded, Within
from diegetic.generator.perform import Performer
from diegetic.generator.tasks import Finished, Outcome
from diegetic.heap import trim
from diegetic.progress import Progress
from diegetic.protocol import StoryModel

_TELL_EVERY_S = 0.05
_NICE = 5
"""Rendering gives way to playing and to answering where there are too few cores for all three."""

_log = logging.getLogger(__name__)


def main(connection: Connection, loader: Callable[[str], StoryModel], cancel: c_longlong) -> None:
    """Serve until told goodbye, or until the director is gone."""
    _give_way()
    generator = _Generator(connection, loader, cancel)
    try:
        while (request := connection.recv()) != GOODBYE:
            match request:
                case Load(name):
                    generator.load(name)
                case Unload():
                    generator.unload()
                case Step():
                    generator.step(request)
                case Drop(job):
                    generator.drop(job)
    except (EOFError, OSError):
        pass
    os._exit(0)  # at once: every file is whole, and unloading torch takes seconds


class _Generator:
    def __init__(self, connection: Connection, loader: Callable[[str], StoryModel], cancel: c_longlong) -> None:
        self._connection, self._loader, self._cancel = connection, loader, cancel
        self._performer: Performer | None = None
        self._jobs: dict[int, Iterator[Outcome]] = {}
        self._told_at = 0.0

    def load(self, name: str) -> None:
        self.unload(tell=False)
        try:
            self._performer = Performer(self._loader(name))
        except Exception as error:
            self._fail(0, error)
            return
        try:
            self._performer.warm_up()
        except Exception as error:  # whoever asks for sound is told why there is none
            _log.warning("warming up: failed (%s)", error)
        self._connection.send(Loaded(memory_bytes()))

    def unload(self, tell: bool = True) -> None:
        for job in list(self._jobs):
            self.drop(job)
        if self._performer is not None:
            self._performer = None
            _give_back()
        if tell:
            self._connection.send(Unloaded(memory_bytes()))

    def step(self, step: Step) -> None:
        """Take one step, and tell what came of it: exactly one Stepped or Failed."""
        let_go()
        try:
            if step.task is not None:
                if self._performer is None:
                    raise InputError("model: none is loaded; load one first")
                job, report = step.job, self._reporter(step.job)
                self._jobs[job] = self._performer.perform(
                    step.task, report, lambda ready: self._connection.send(Early(job, ready))
                )
            outcome = next(self._jobs[step.job])
        except Exception as error:  # the boundary: a job's failure is an answer, the process lives on
            self.drop(step.job)
            self._fail(step.job, error)
            return
        done = isinstance(outcome, Finished)
        if done:
            self.drop(step.job)
        self._connection.send(Stepped(outcome, memory_bytes()))
        if done:
            trim()  # a bounce frees tens of megabytes, which would count as this process's until the next

    def drop(self, job: int) -> None:
        steps = self._jobs.pop(job, None)
        if steps is None:
            return
        try:  # they are all generators: this keeps what was heard last, and lets go of the folder
            steps.close()  # type: ignore[attr-defined]
        except DiegeticError as error:
            _log.warning("job %d: its last take is lost (%s)", job, error)

    def _reporter(self, job: int) -> Callable[[Progress], None]:
        def report(progress: Progress) -> None:
            if self._cancel.value == job:
                raise Cancelled("cancelled")
            now = time.monotonic()
            if now - self._told_at >= _TELL_EVERY_S or progress.done >= progress.total:
                self._told_at = now
                self._connection.send(Within(job, progress.stage, progress.done, progress.total))

        return report

    def _fail(self, job: int, error: Exception) -> None:
        code, text = 500, str(error) or type(error).__name__
        match error:
            case Cancelled():
                code = 499
            case InputError():
                code = 422
            case NoRoom():
                code = 507
            case MemoryError():
                code, text = 507, "memory: there is not enough of it; shorten the story, or unload other models"
            case DiegeticError():
                pass
            case _:
                _log.exception("job %d failed", job)
                text = f"generator: failed unexpectedly ({type(error).__name__}: {text}); its log has the traceback"
        self._connection.send(Failed(code, text, memory_bytes()))


def _give_way() -> None:
    if sys.platform == "win32":
        with contextlib.suppress(psutil.Error):
            psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        with contextlib.suppress(OSError):
            os.nice(_NICE)


def _give_back() -> None:
    """Let the system have the memory of a model that is gone."""
    if "torch" in sys.modules:  # else it was none that takes any
        from diegetic.model.memory import give_back

        give_back()


def memory_bytes() -> int:
    """What this process holds now."""
    return int(psutil.Process().memory_info().rss)
