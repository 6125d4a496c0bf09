"""The flow transformer: latents of one event, a noise level and a condition to a velocity (paper.md 1.8, 1.9).

    condition [B, S, F] ─┬─ + 1 duration token ─> text tokens ┐
                         └─ mean over S, fc ────> pooled      ├─ diffusers' FluxTransformer2DModel ─> velocity
    latents [B, T, C], sigma [B] ───────────────> audio tokens┘

Text tokens all have position 0, audio frame t has position t on each of the three rotary axes; nothing is masked, and T
is free.

Knows nothing of the LLM, of sampling or of audio.
"""

import math
import re
from typing import Any, cast

import torch
from diffusers import FluxTransformer2DModel
from torch import Tensor, nn

from diegetic.model.config import DurationConfig, TransformerConfig


class DurationEmbedder(nn.Module):
    """Seconds [B] to one token [B, F] each: clamped, scaled to 0..1, as itself and as sines of learned frequencies."""

    def __init__(self, config: DurationConfig, features: int) -> None:
        super().__init__()
        self.min_s, self.max_s = config.min_s, config.max_s
        self.frequencies = nn.Parameter(torch.randn(config.internal_dim // 2))
        self.project = nn.Linear(config.internal_dim + 1, features)

    def forward(self, seconds: Tensor) -> Tensor:
        """Embed seconds [B] as tokens [B, F]."""
        share = (seconds.clamp(self.min_s, self.max_s) - self.min_s) / (self.max_s - self.min_s)
        share = share.to(self.frequencies.dtype)[:, None]  # (B, 1)
        angle = 2 * math.pi * share * self.frequencies  # (B, internal_dim / 2)
        return cast(Tensor, self.project(torch.cat([share, angle.sin(), angle.cos()], dim=-1)))


class FlowTransformer(nn.Module):
    """diffusers' Flux transformer, what makes its pooled condition (fc), and the duration embedder.

    config, duration: one preset's; features: width F of the condition. Starts as AdaLN-Zero (Peebles and Xie, 2023):
    every block adds nothing and the velocity is 0, until trained or loaded.
    """

    def __init__(self, config: TransformerConfig, duration: DurationConfig, features: int) -> None:
        super().__init__()
        self.transformer = _flux(config, features)
        self.fc = nn.Sequential(nn.Linear(features, features), nn.ReLU())
        self.duration = DurationEmbedder(duration, features)
        self._start_at_zero()

    def forward(self, latents: Tensor, sigma: Tensor, condition: Tensor, duration_s: Tensor) -> Tensor:
        """Predict noise - clean [B, T, C] of latents [B, T, C] at noise level sigma [B], under condition [B, S, F]."""
        if self.transformer.proj_out.weight.dtype == torch.bfloat16:
            # Blocks in bfloat16: noise level, seconds and sums stay in float32.
            with torch.autocast(latents.device.type, torch.bfloat16):
                return self._velocity(latents, sigma, condition, duration_s)
        return self._velocity(latents, sigma, condition, duration_s)

    def _velocity(self, latents: Tensor, sigma: Tensor, condition: Tensor, duration_s: Tensor) -> Tensor:
        text = torch.cat([condition, self.duration(duration_s)[:, None].to(condition.dtype)], dim=1)  # (B, S + 1, F)
        frames = torch.arange(latents.shape[1], device=latents.device)
        (velocity,) = self.transformer(
            hidden_states=latents,
            encoder_hidden_states=text,
            pooled_projections=self.fc(condition.mean(dim=1)),
            timestep=sigma,
            txt_ids=torch.zeros(text.shape[1], 3, device=latents.device),
            img_ids=frames[:, None].expand(-1, 3).float(),
            return_dict=False,
        )
        return cast(Tensor, velocity)

    def _start_at_zero(self) -> None:
        parts = dict(self.transformer.named_modules())
        modulations = [part for name, part in parts.items() if re.search(r"norm(1|1_context|_out)?\.linear$", name)]
        for linear in (*modulations, self.transformer.proj_out):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)


def _flux(config: TransformerConfig, features: int) -> Any:
    build: Any = FluxTransformer2DModel
    flux = build(
        in_channels=config.in_channels,
        num_layers=config.layers,
        num_single_layers=config.single_layers,
        attention_head_dim=config.head_dim,
        num_attention_heads=config.heads,
        joint_attention_dim=features,
        pooled_projection_dim=features,
        axes_dims_rope=config.axes_dims_rope,
    )
    flux.x_embedder = _Float32Linear(config.in_channels, config.heads * config.head_dim)
    for block in (*flux.transformer_blocks, *flux.single_transformer_blocks):
        for name, part in list(block.attn.named_children()):
            if isinstance(part, nn.RMSNorm):
                setattr(block.attn, name, _SameTypeRMSNorm(part.normalized_shape, part.eps))
    return flux


class _Float32Linear(nn.Linear):
    """A linear layer that autocast leaves alone.

    diffusers casts the noise level to the type of what x_embedder gives, and only then multiplies it by 1000: of 1000
    levels, bfloat16 would leave some hundreds. Remove when it keeps the noise level in float32.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.is_meta:  # which autocast doesn't know
            return super().forward(input)
        with torch.autocast(input.device.type, enabled=False):
            return super().forward(input.to(self.weight.dtype))


class _SameTypeRMSNorm(nn.RMSNorm):
    """An RMSNorm that takes its input in the type of its weight and gives it back in its own.

    Under autocast the two differ: torch then warns, and leaves its fused kernel. Remove when autocast knows rms_norm.
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.to(self.weight.dtype)).to(x.dtype)
