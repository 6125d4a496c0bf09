"""The denoise step recorded once as a CUDA graph: a small transformer is otherwise waited for by its own launches.

A graph has the shapes of the call that it was recorded in, which is every call where windows are whole; others go the
ordinary way. There are no graphs on a CPU.

Knows nothing of sampling.
"""

import logging
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from diegetic.model.flow import Velocity

Work: TypeAlias = Callable[[], Tensor]
Record: TypeAlias = Callable[[Work], tuple[Callable[[], None], Tensor]]
"""Records work on tensors that stay where they are: what does it again, and where its result then is."""

_WARM_UP = 3
_MOST_APART = 0.02
"""How far a replayed velocity may be from the one computed, as a share of its size: kernels may round otherwise."""

_log = logging.getLogger(__name__)


def cuda_graph(work: Work) -> tuple[Callable[[], None], Tensor]:
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


class Captured:
    """A velocity that is recorded at its first call and replayed at each later one of the same shapes.

    Where it can't be recorded, or is replayed wrongly, it stays the ordinary one.

    Threads: one at a time, since a record keeps its own input and output.
    """

    def __init__(self, velocity: Velocity, record: Record = cuda_graph) -> None:
        self._velocity, self._record = velocity, record
        self._given: tuple[Tensor, ...] | None = None
        self._replay: Callable[[], None] | None = None
        self._found = torch.empty(0)

    @property
    def is_recorded(self) -> bool:
        """Whether calls are replayed."""
        return self._replay is not None

    def __call__(self, latents: Tensor, sigma: Tensor, condition: Tensor, duration_s: Tensor) -> Tensor:
        """As the velocity: [B, T, C], [B], [B, S, F], [B] -> [B, T, C]."""
        asked = (latents, sigma, condition, duration_s)
        if self._given is None:
            return self._recorded(*asked)
        if self._replay is None or any(a.shape != b.shape for a, b in zip(asked, self._given, strict=True)):
            return self._velocity(*asked)
        for place, tensor in zip(self._given, asked, strict=True):
            place.copy_(tensor)
        self._replay()
        return self._found.clone()

    def _recorded(self, latents: Tensor, sigma: Tensor, condition: Tensor, duration_s: Tensor) -> Tensor:
        asked = (latents, sigma, condition, duration_s)
        velocity = self._velocity(*asked)
        given = self._given = (latents.clone(), sigma.clone(), condition.clone(), duration_s.clone())
        try:
            replay, self._found = self._record(lambda: self._velocity(*given))
            replay()
            apart = float((self._found - velocity).float().norm() / velocity.float().norm())
        except RuntimeError as error:
            _log.warning("the denoise step can't be recorded (%s): it is slower", str(error).splitlines()[0][:120])
            return velocity
        if apart <= _MOST_APART:
            self._replay = replay
        else:
            _log.warning("the denoise step is replayed %.0f %% off what it is: it isn't recorded", 100 * apart)
        return velocity
