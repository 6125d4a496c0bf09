"""The scenes of a batch between those who render them: what waits, what is under way, and what was lost.

Knows nothing of Ray.

Threads: any may call any method.
"""

import logging
import queue
import threading
from collections import Counter, deque
from collections.abc import Sequence

from diegetic.scenes import Result, Scene, failed

_log = logging.getLogger(__name__)


class Work:
    """The scenes of a batch, those that wait and those under way, between the threads that serve generators.

    results: what has come of scenes. shares: of those under way, 0..1. servers: how many still serve.
    attempts: how many generators may be lost over one scene.
    """

    def __init__(self, scenes: Sequence[Scene], servers: int, attempts: int) -> None:
        self.results: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self.shares: dict[Scene, float] = {}
        self.servers = servers
        self.stopped = False
        self._attempts = attempts
        self._waiting = deque(scenes)
        self._left = len(scenes)
        self._lost: Counter[Scene] = Counter()
        self._changed = threading.Condition()

    @property
    def ended(self) -> bool:
        """Whether all are done, or all shall stop."""
        return self.stopped or not self._left

    def take(self) -> Scene | None:
        """The next scene, once there is one: another's may come back. None when all are done, or all shall stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self.ended)
            return None if self.ended else self._waiting.popleft()

    def told(self, scene: Scene, share: float) -> None:
        """Keep how much of a scene is done."""
        self.shares[scene] = share

    def done(self, result: Result, scene: Scene) -> None:
        """Tell what came of a scene."""
        with self._changed:
            self.shares.pop(scene, None)
            self._left -= 1
            self.results.put(result)
            self._changed.notify_all()

    def lost(self, scene: Scene, why: str) -> None:
        """Give a scene back whose generator was lost."""
        self._lost[scene] += 1
        if self._lost[scene] < self._attempts:
            _log.warning("%s: its generator was lost (%s); another one renders it again", scene.source, why)
            self._back(scene)
        else:
            self.done(failed(scene, f"{self._lost[scene]} generators were lost over it, the last: {why}"), scene)

    def leave(self, why: str) -> None:
        """End serving, for want of a generator. The last to leave fails what is left."""
        with self._changed:
            self.servers -= 1
            left = [] if self.servers else [self._waiting.popleft() for _ in range(len(self._waiting))]
        for each in left:
            self.done(failed(each, why), each)

    def stop(self) -> None:
        """Let all who serve end: those that wait at once, the others when they next tell how far they are."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()

    def _back(self, scene: Scene) -> None:
        with self._changed:
            self.shares.pop(scene, None)
            self._waiting.appendleft(scene)
            self._changed.notify_all()
