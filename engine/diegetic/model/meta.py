"""Networks without memory, filled from files: built on the meta device, then given their weights one group at a time.

Weights are assigned, not copied into something that is there already, so a model never takes more memory than its own
weights and the group that is being read.

Knows nothing of checkpoints: the names are the network's.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from diegetic.errors import Failure


class Filling:
    """A network on the meta device and the shapes of the weights that there are for it.

    Raises Failure where one is missing, unexpected or of another shape. Of tied weights any one is enough, and only one
    is read.
    """

    def __init__(self, network: nn.Module, shapes: Mapping[str, tuple[int, ...]], where: str) -> None:
        self._network = network
        known = network.state_dict(keep_vars=True)
        if unexpected := sorted(shapes.keys() - known.keys()):
            told = f"{len(unexpected)} weights are unexpected, {unexpected[0]} for one"
            raise Failure(f"{where}: {told}; is it another model's?")
        tied = defaultdict(list)
        for name, weight in known.items():
            tied[id(weight)].append(name)
        self._places: dict[str, list[str]] = {}
        missing = []
        for names in tied.values():
            given = [name for name in names if name in shapes]
            if given:
                self._places[given[0]] = names
            else:
                missing.append(names[0])
        if missing:
            raise Failure(f"{where}: {len(missing)} weights are missing, {min(missing)} for one; it is incomplete")
        for name, shape in shapes.items():
            if tuple(known[name].shape) != shape:
                told = f"{name} must be {list(known[name].shape)}, got {list(shape)}"
                raise Failure(f"{where}: {told}; does the preset fit it?")

    @property
    def names(self) -> list[str]:
        """The weights to read, in the network's order."""
        return list(self._places)

    def take(self, weights: Mapping[str, Tensor]) -> None:
        """Assign weights by name, to all that are tied to them."""
        placed = {place: weight for name, weight in weights.items() for place in self._places[name]}
        self._network.load_state_dict(placed, strict=False, assign=True)

    def finish(self) -> None:
        """Tie what is tied, and compute what is no weight: a network from the meta device has none."""
        for part in self._network.modules():
            tie: Any = getattr(part, "tie_weights", None)
            if tie is not None:
                tie()
        rebuild_rotary(self._network)
        self._network.requires_grad_(False).eval()


def rebuild_rotary(network: nn.Module) -> None:
    """Compute an LLM's rotary frequencies again, in float32, where its weights are: they are no weights."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if hasattr(child, "inv_freq"):
                place = next(parent.parameters()).device
                setattr(parent, name, type(child)(child.config).to(place))
