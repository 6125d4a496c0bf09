"""The bridge from the LLM to the transformer: two projectors and the attention fusion (paper.md 1.5 to 1.7).

    semantic states [B, S, D] -> projector -> [B, S, F]  ┐
    residual states [B, R, D] -> projector -> [B, R, F]  ┴ fusion -> condition [B, S, F]

Knows nothing of the LLM or of what is conditioned.
"""

from torch import Tensor, nn


class Projector(nn.Sequential):
    """Linear, GELU, Linear: states [..., width] to features [..., features]."""

    def __init__(self, width: int, features: int) -> None:
        super().__init__(nn.Linear(width, features), nn.GELU(), nn.Linear(features, features))


class Fusion(nn.Module):
    """What the residual tokens add to the semantic ones: (S + attention(S, R, R)) / scale.

    The paper's equation 4 leaves out the sum, the reference has it. zero_init: the attention's last layer starts at
    zero, as the paper's appendix C asks (the reference starts it at random).
    """

    def __init__(self, features: int, heads: int, scale: float = 1.0, zero_init: bool = True) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(features, heads, batch_first=True)
        self.scale = scale
        if zero_init:
            nn.init.zeros_(self.attention.out_proj.weight)
            nn.init.zeros_(self.attention.out_proj.bias)

    def forward(self, semantic: Tensor, residual: Tensor) -> Tensor:
        """Fuse semantic [B, S, F] and residual [B, R, F] features to a condition [B, S, F]."""
        added, _ = self.attention(semantic, residual, residual, need_weights=False)
        fused: Tensor = (semantic + added) / self.scale
        return fused
