"""Many scenes on one machine: some at a time, each process with a model of its own.

A scene that fails doesn't stop the rest, nor does a process that dies.

Knows nothing of command lines.

Threads: `run` works in the caller's thread; scenes render in child processes, which share nothing but the disk and a
few numbers: how far each scene is, and whether all shall stop. Nobody waits for a lock, so a process may die anywhere.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import wait as wait_for
from multiprocessing.sharedctypes import RawArray
from typing import Any

from diegetic.bounce import Output
from diegetic.errors import Cancelled, InputError
from diegetic.protocol import StoryModel
from diegetic.scenes import Load, Result, Scene, Watch, failed, render_scene

_LOOK_S = 0.3


def run(scenes: Sequence[Scene], load: Load, output: Output, jobs: int, watch: Watch) -> Generator[Result]:
    """Render what is missing, `jobs` scenes at a time; results as they come. Raises InputError for jobs below 1.

    Closed early, or stopped by what `watch` raises, it ends with the step that each scene is in.
    """
    if jobs < 1:
        raise InputError(f"jobs: must be 1 or more, got {jobs}")
    waiting = list(dict.fromkeys(scenes))
    while waiting:
        done, suspects = set[Scene](), list[Scene]()
        for scene, result in _in_processes(waiting, load, output, jobs, watch):
            done.add(scene)
            if result is None:
                suspects.append(scene)
            else:
                yield result
        waiting = [scene for scene in waiting if scene not in done]
        if not done:  # none was even begun
            suspects.append(waiting.pop(0))
        for scene in suspects:
            yield _alone(scene, load, output, watch)


def _alone(scene: Scene, load: Load, output: Output, watch: Watch) -> Result:
    """Render a scene that was under way when a process died, in one of its own: it may have been another that died."""
    for _, result in _in_processes([scene], load, output, 1, watch):
        if result is not None:
            return result
    return failed(scene, "its process was ended; is there enough memory?")


def _in_processes(
    scenes: Sequence[Scene], load: Load, output: Output, jobs: int, watch: Watch
) -> Iterator[tuple[Scene, Result | None]]:
    """Results until all are done or a process dies; None for those that were under way then."""
    context = multiprocessing.get_context("spawn")
    shares = RawArray("d", len(scenes) + 1)  # the last one: above 0 to stop
    pool = ProcessPoolExecutor(min(jobs, len(scenes)), context, _begin, (load, shares))
    waiting: dict[Future[Result], int] = {}
    try:
        with _uninterrupted(), suppress(BrokenProcessPool):
            for place, scene in enumerate(scenes):
                waiting[pool.submit(_work, place, scene, output)] = place
        while waiting:
            done, _ = wait(waiting, _LOOK_S, FIRST_COMPLETED)
            for place, future in sorted((waiting.pop(future), future) for future in done):
                if not isinstance(future.exception(), BrokenProcessPool):
                    yield scenes[place], future.result()
                elif shares[place] > 0:
                    yield scenes[place], None
            if waiting:
                watch({scenes[place]: shares[place] for place in waiting.values() if shares[place] > 0})
    finally:
        shares[len(scenes)] = 1.0
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Start children that don't hear Ctrl-C, which a terminal sends to all: their parent stops them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@dataclass(slots=True)
class _Worker:
    """What a child process keeps between its scenes."""

    load: Load
    shares: Any
    models: dict[str, StoryModel]

    def model(self, name: str) -> StoryModel:
        """The model of a name: loaded once, for all scenes."""
        if name not in self.models:
            self.models[name] = self.load(name)
        return self.models[name]

    def share(self, place: int, share: float) -> None:
        """Write down how far a scene is. Raises Cancelled where all shall stop."""
        self.shares[place] = max(share, 1e-6)
        if self.shares[len(self.shares) - 1]:
            raise Cancelled("stopped")


_worker: list[_Worker] = []


def _begin(load: Load, shares: Any) -> None:
    """Make this process a worker, which ends with its parent, and leaves Ctrl-C to it: on Windows it hears it, too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker.append(_Worker(load, shares, {}))
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _work(place: int, scene: Scene, output: Output) -> Result:
    worker = _worker[0]
    worker.share(place, 0.0)
    return render_scene(scene, worker.model, output, lambda share: worker.share(place, share))
