"""Work on tensors that stay where they are, recorded as a CUDA graph: small launches are otherwise waited for.

A graph has the shapes of the call that it was recorded in. For the denoise step that is every call where windows are
whole, with guidance or without; others go the ordinary way. There are no graphs on a CPU.

Knows nothing of sampling or of plans.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

Work: TypeAlias = Callable[[], Tensor]
Replay: TypeAlias = Callable[[], None]
Record: TypeAlias = Callable[[Work], tuple[Replay, Tensor]]
"""Records work on tensors that stay where they are: what does it again, and where its result then is."""

_WARM_UP = 3
_SHAPES = 2
_MOST_APART = 0.02
"""How far what is replayed may be from what was computed, as a share of its size: kernels may round otherwise."""

_log = logging.getLogger(__name__)


def cuda_graph(work: Work) -> tuple[Replay, Tensor]:
    """Record work as a CUDA graph. Raises RuntimeError where it can't be.

    All on a stream of its own, which is left in any case: torch.cuda.graph by itself captures all graphs on one, whose
    workspace of cuBLAS they then share, and stays there where that fails.
    """
    side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.stream(side):
        for _ in range(_WARM_UP):
            work()
        with torch.cuda.graph(graph, stream=side):
            found = work()
    torch.cuda.current_stream().wait_stream(side)
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


@dataclass(frozen=True, slots=True)
class _Recorded:
    """What is replayed: from where its input is put to where its output then is."""

    given: tuple[Tensor, ...]
    replay: Replay
    found: Tensor


class Captured:
    """A function of tensors, such as a velocity, recorded at its first call and replayed at later ones of its shapes.

    The first `_SHAPES` of them are recorded. Where one can't be, or is replayed wrongly, all stays the ordinary way.

    Threads: one at a time, since a record keeps its own input and output.
    """

    def __init__(
        self, computed: Callable[..., Tensor], record: Record = cuda_graph, what: str = "the denoise step"
    ) -> None:
        self._computed, self._record, self._what = computed, record, what
        self._recorded: dict[tuple[torch.Size, ...], _Recorded] = {}
        self._gave_up = False

    @property
    def is_recorded(self) -> bool:
        """Whether calls are replayed."""
        return bool(self._recorded)

    def __call__(self, *asked: Tensor) -> Tensor:
        """As the function."""
        shapes = tuple(each.shape for each in asked)
        if shapes not in self._recorded and len(self._recorded) < _SHAPES and not self._gave_up:
            self._try_recording(asked)
        recorded = self._recorded.get(shapes)
        if recorded is None:
            return self._computed(*asked)
        for place, tensor in zip(recorded.given, asked, strict=True):
            place.copy_(tensor)
        recorded.replay()
        return recorded.found.clone()

    def _try_recording(self, asked: tuple[Tensor, ...]) -> None:
        given = tuple(each.clone() for each in asked)
        try:
            replay, found = replayed(lambda: self._computed(*given), self._record)
            self._recorded[tuple(each.shape for each in given)] = _Recorded(given, replay, found)
        except RuntimeError as error:
            self._gave_up, self._recorded = True, {}
            not_recorded(self._what, error)


def not_recorded(what: str, error: RuntimeError) -> None:
    """Say in the log why something goes the ordinary way."""
    _log.warning("%s can't be recorded (%s): it is slower", what, str(error).splitlines()[0][:120])
