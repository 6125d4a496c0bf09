"""Work on tensors that stay where they are, recorded as a CUDA graph: small launches are otherwise waited for.

A graph has the shapes of the call that it was recorded in. For the denoise step that is every call where windows are
whole; others go the ordinary way. There are no graphs on a CPU.

Knows nothing of sampling or of plans.
"""

import logging
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from diegetic.model.flow import Velocity

Work: TypeAlias = Callable[[], Tensor]
Replay: TypeAlias = Callable[[], None]
Record: TypeAlias = Callable[[Work], tuple[Replay, Tensor]]
"""Records work on tensors that stay where they are: what does it again, and where its result then is."""

_WARM_UP = 3
_MOST_APART = 0.02
"""How far what is replayed may be from what was computed, as a share of its size: kernels may round otherwise."""

_log = logging.getLogger(__name__)


def cuda_graph(work: Work) -> tuple[Replay, Tensor]:
    """Record work as a CUDA graph. Raises RuntimeError where it can't be."""
    side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(_WARM_UP):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = work()
    return graph.replay, found


def replayed(work: Work, record: Record) -> tuple[Replay, Tensor]:
    """Record work that gives the same however often it is done, and hold what is replayed against what it computes.

    Raises RuntimeError where it can't be recorded, or is something else when it is replayed.
    """
    computed = work().clone()
    replay, found = record(work)
    replay()
    apart = float((found - computed).float().norm() / computed.float().norm())
    if not apart <= _MOST_APART:
        raise RuntimeError(f"replayed it is {100 * apart:.0f} % off")
    return replay, found


class Captured:
    """A velocity that is recorded at its first call and replayed at each later one of the same shapes.

    Where it can't be recorded, or is replayed wrongly, it stays the ordinary one.

    Threads: one at a time, since a record keeps its own input and output.
    """

    def __init__(self, velocity: Velocity, record: Record = cuda_graph) -> None:
        self._velocity, self._record = velocity, record
        self._given: tuple[Tensor, ...] | None = None
        self._replay: Replay | None = None
        self._found = torch.empty(0)

    @property
    def is_recorded(self) -> bool:
        """Whether calls are replayed."""
        return self._replay is not None

    def __call__(self, latents: Tensor, sigma: Tensor, condition: Tensor, duration_s: Tensor) -> Tensor:
        """As the velocity: [B, T, C], [B], [B, S, F], [B] -> [B, T, C]."""
        asked = (latents, sigma, condition, duration_s)
        if self._given is None:
            self._try_recording(asked)
        given = self._given or ()
        if self._replay is None or any(a.shape != b.shape for a, b in zip(asked, given, strict=True)):
            return self._velocity(*asked)
        for place, tensor in zip(given, asked, strict=True):
            place.copy_(tensor)
        self._replay()
        return self._found.clone()

    def _try_recording(self, asked: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
        latents, sigma, condition, duration_s = (each.clone() for each in asked)
        self._given = (latents, sigma, condition, duration_s)
        try:
            self._replay, self._found = replayed(
                lambda: self._velocity(latents, sigma, condition, duration_s), self._record
            )
        except RuntimeError as error:
            not_recorded("the denoise step", error)


def not_recorded(what: str, error: RuntimeError) -> None:
    """Say in the log why something goes the ordinary way."""
    _log.warning("%s can't be recorded (%s): it is slower", what, str(error).splitlines()[0][:120])
