"""Hearing: states of a frozen audio encoder (Whisper's) become a few embeddings of the LLM (paper.md 1.12).

Knows nothing of the encoder: its states are computed once and cached.
"""

from typing import cast

from torch import Tensor, nn

from diegetic.model.config import ListenerConfig


class Listener(nn.Module):
    """Pools states [B, frames, width] evenly to a few, and projects them to embeddings [B, tokens, dim]."""

    def __init__(self, config: ListenerConfig, dim: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool1d(config.tokens)
        self.project = nn.Sequential(nn.Linear(config.width, dim), nn.GELU(), nn.Linear(dim, dim))
        for layer in self.project:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)

    def forward(self, states: Tensor) -> Tensor:
        """Embed states of any number of frames."""
        pooled = self.pool(states.transpose(1, 2)).transpose(1, 2)  # (B, tokens, width)
        return cast(Tensor, self.project(pooled))
