"""A stand-in for CUDA graphs: the same work on the same tensors once more, its result always in the same place.

And what refuses that which they can't hold.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from diegetic.model.capture import Work


class Recorder:
    """A Record. records, replays: how many there were; off: how wrong each replay is, as a share."""

    def __init__(self, off: float = 0.0) -> None:
        self.records, self.replays, self.off = 0, 0, off

    def __call__(self, work: Work) -> tuple[Callable[[], None], Tensor]:
        self.records += 1
        found = work().clone()

        def replay() -> None:
            self.replays += 1
            found.copy_(work() * (1 + self.off))

        return replay, found


class OnlyThere(TorchDispatchMode):
    """Refuses what stops a CUDA graph from being recorded: a value read back, and tensors of the host.

    Tensors of the device are `meta` or fake ones: these have no values, so that reading one raises by itself.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        tensors = [each for each in tree_leaves((args, kwargs, found)) if isinstance(each, Tensor)]
        assert not any(each.device.type == "cpu" for each in tensors), f"{func} has a tensor of the host"
        return found
