"""Low-rank adapters: a linear layer that learns by two thin matrices beside its own, which stays (Hu et al., 2021).

Knows nothing of what is trained, or when.
"""

from torch import Tensor, nn
from torch.nn import functional

from diegetic.model.config import LoraConfig


class LoraLinear(nn.Module):
    """W x + scale B A x, starting as W x. The layer's own weight and bias keep their names and are frozen."""

    def __init__(self, linear: nn.Linear, config: LoraConfig) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight, linear.bias
        kind = {"device": linear.weight.device, "dtype": linear.weight.dtype}
        self.lora_A = nn.Linear(linear.in_features, config.rank, bias=False, **kind)
        self.lora_B = nn.Linear(config.rank, linear.out_features, bias=False, **kind)
        self.dropout = nn.Dropout(config.dropout)
        self.scale = config.alpha / config.rank
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.lora_B(self.lora_A(self.dropout(x)))
        return functional.linear(x, self.weight, self.bias) + self.scale * added

    def merged(self) -> nn.Linear:
        """The linear layer with what was learned in its weight."""
        rows, columns = self.weight.shape
        linear = nn.Linear(columns, rows, bias=self.bias is not None, device="meta")
        delta = self.lora_B.weight.float() @ self.lora_A.weight.float()
        linear.weight = nn.Parameter((self.weight.float() + self.scale * delta).to(self.weight.dtype).detach())
        linear.bias = self.bias
        return linear


def add_lora(module: nn.Module, config: LoraConfig) -> int:
    """Replace every linear layer with one of the config's names, in place; how many there were."""
    found = [
        (parent, name, layer)
        for parent in module.modules()
        for name, layer in parent.named_children()
        if name in config.targets and isinstance(layer, nn.Linear)
    ]
    for parent, name, layer in found:
        setattr(parent, name, LoraLinear(layer, config))
    return len(found)


def merge_lora(module: nn.Module) -> None:
    """Put what was learned into the layers themselves, in place."""
    for parent in list(module.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, LoraLinear):
                setattr(parent, name, layer.merged())
