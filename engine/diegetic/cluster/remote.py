"""A generator on a node, as the driver sees it: calls that end in time, or with Lost.

Knows nothing of queues and retries.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from diegetic.bounce import Output
from diegetic.cluster.generator import Generator
from diegetic.cluster.travel import PIECE_BYTES, Parcel, Piece
from diegetic.errors import DiegeticError, Failure
from diegetic.manifest import installed
from diegetic.scenes import Load, Result, Scene


class Lost(Exception):  # noqa: N818
    """The node, the process or the way to it is gone, or too slow: another generator may do the same work."""


class Unfit(Exception):  # noqa: N818
    """No generator could be started, or it would not render as this machine does."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited, in seconds, before a generator counts as lost.

    start_s: for a place on the cluster, and a process there; call_s: for a short answer; still_s: for the next step of
    a render, the first of which loads the model.
    """

    start_s: float = 120.0
    call_s: float = 60.0
    still_s: float = 900.0


_LOOK_S, _CLOSING_S = 0.5, 5.0


@dataclass(frozen=True, slots=True)
class Remote:
    """A handle of Ray's on a Generator. check: called while it is waited for; what it raises goes through."""

    actor: Any
    patience: Patience
    check: Callable[[], None]

    @classmethod
    def start(cls, load: Load, gpus: int, cpus: int, patience: Patience, check: Callable[[], None]) -> "Remote":
        """Start a generator where these are free. check: called while it is waited for. Raises Unfit."""
        options = {"num_gpus": gpus, "num_cpus": cpus, "max_restarts": 0, "max_concurrency": 2}
        remote = cls(ray.remote(Generator).options(**options).remote(load), patience, check)
        try:
            theirs = remote._call(remote.actor.versions.remote(), patience.start_s)
        except Lost as lost:
            remote.kill()
            raise Unfit(f"no generator could be started: {lost}") from None
        ours = installed()
        for package in sorted(ours.keys() | theirs.keys()):
            if ours.get(package) != theirs.get(package):
                remote.kill()
                has, needed = theirs.get(package, "none"), ours.get(package, "none")
                raise Unfit(f"a node has {package} {has}, here is {needed}; install the same on all nodes")
        return remote

    def begin(self, name: str) -> None:
        self._call(self.actor.begin.remote(name))

    def send(self, piece: Piece) -> None:
        self._call(self.actor.receive.remote(piece))

    def render(self, scene: Scene, output: Output, share: Callable[[float], None]) -> Result:
        """Render a scene. share: told how much is done. Raises Lost, Failure."""
        rendering = self.actor.render.remote(scene, output)
        at, since = -1.0, time.monotonic()
        while not ray.wait([rendering], timeout=_LOOK_S)[0]:
            self.check()
            now_at = self._call(self.actor.share.remote())
            share(now_at)
            if now_at > at:
                at, since = now_at, time.monotonic()
            elif time.monotonic() - since > self.patience.still_s:
                raise Lost(f"nothing was done for {self.patience.still_s:g} s")
        result: Result = self._call(rendering)
        return result

    def packed(self) -> tuple[Parcel, ...]:
        parcels: tuple[Parcel, ...] = self._call(self.actor.packed.remote(), self.patience.still_s)
        return parcels

    def fetch(self, parcel: Parcel, take: Callable[[Piece], None]) -> None:
        """Fetch a file, a piece at a time. Raises Lost, and what `take` raises."""
        for offset in range(0, max(parcel.size, 1), PIECE_BYTES):
            take(self._call(self.actor.piece.remote(parcel, offset)))

    def close(self) -> None:
        """End the generator, and let it take away what it has on its disk where it still can."""
        ray.wait([self.actor.close.remote()], timeout=_CLOSING_S)
        self.kill()

    def kill(self) -> None:
        ray.kill(self.actor)

    def _call(self, reference: Any, limit_s: float | None = None) -> Any:
        limit_s, began = self.patience.call_s if limit_s is None else limit_s, time.monotonic()
        while not ray.wait([reference], timeout=_LOOK_S)[0]:
            self.check()
            if time.monotonic() - began > limit_s:
                raise Lost(f"no answer within {limit_s:g} s")
        try:
            return ray.get(reference)
        except RayTaskError as error:
            if isinstance(error.cause, DiegeticError):
                raise error.cause from None
            raise Failure(f"a generator failed: {error.cause!r:.200}") from error
        except RayError as error:
            raise Lost(" ".join(str(error).split())[-300:]) from None
