"""Rectified flow: from noise to the latents of an event in a few straight steps, and its loss (paper.md 1.11, 4).

A latent at noise level sigma is (1 - sigma) clean + sigma noise; the velocity is noise - clean; sampling walks sigma
from 1 to 0.

Knows nothing of what predicts the velocity, nor of where a condition comes from.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from diegetic.protocol import Watch

Velocity = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""latents [B, T, C], sigma [B], condition [B, S, F], duration_s [B] -> velocity [B, T, C]"""
SeedPolicy = Literal["fresh", "shared"]
Solver = Literal["euler", "adams_bashforth"]
"""`adams_bashforth`, of second order: each step goes by this velocity and the one before, at no further cost."""
SigmaLaw = Literal["logit_normal", "uniform"]

LEVELS = 1000
_SHARED_SEED = 0


def event_noise(seed: int, frames: int, channels: int, policy: SeedPolicy = "fresh") -> Tensor:
    """Draw an event's noise [1, frames, channels], float32 on the CPU, from a generator of its own.

    `shared` draws every event's from the reference's seed 0, whatever its seed.
    """
    generator = torch.Generator().manual_seed(_SHARED_SEED if policy == "shared" else seed)
    return torch.randn(1, frames, channels, generator=generator)


def step_sigmas(steps: int) -> list[float]:
    """Noise levels of an Euler walk: 1 down to 1 / steps, evenly, then 0."""
    return [(steps - step) / steps for step in range(steps + 1)]


def sample(
    transformer: Velocity,
    condition: Tensor,
    null: Tensor,
    duration_s: float | Sequence[float],
    noise: Tensor,
    steps: int,
    guidance: float,
    held: Tensor | None = None,
    watch: Watch | None = None,
    held_at: int = 0,
    solver: Solver = "euler",
    guided_above: float = 0.0,
) -> Tensor:
    """Sample latents [B, T, C] from noise [B, T, C] under conditions [B, S, F], one of each an event.

    guidance: null + guidance * (condition - null), both in one batch; at 1 or below the condition alone, and so at
    noise levels of guided_above and less (an interval for guidance: Kynkäänniemi et al., 2024). held: latents [K, C]
    that are known from frame held_at on: every step finds them at its noise level (inpainting), the result has them as
    they are. watch is told (steps done, steps) before the first step and after each, and may raise to stop.
    """
    both = torch.cat([null.to(condition).expand_as(condition), condition])
    seconds = torch.as_tensor(duration_s, dtype=torch.float32, device=noise.device).expand(len(condition))
    sigmas, latents, before = step_sigmas(steps), noise, None
    if watch:
        watch(0, steps)
    for step, (sigma, following) in enumerate(pairwise(sigmas), start=1):
        latents = _hold(latents, held, held_at, noise, sigma)
        level = torch.full_like(seconds, sigma)
        if guidance > 1 and sigma > guided_above:
            twice = latents.repeat(2, 1, 1), level.repeat(2), both, seconds.repeat(2)
            without, with_ = transformer(*twice).to(noise.dtype).chunk(2)
            velocity = without + guidance * (with_ - without)
        else:
            velocity = transformer(latents, level, condition, seconds).to(noise.dtype)
        slope = velocity if before is None or solver == "euler" else 1.5 * velocity - 0.5 * before
        latents, before = latents + (following - sigma) * slope, velocity
        if watch:
            watch(step, steps)
    return _hold(latents, held, held_at, noise, 0.0)


def flow_loss(
    transformer: Velocity, clean: Tensor, condition: Tensor, duration_s: Tensor, noise: Tensor, sigma: Tensor
) -> Tensor:
    """Mean square error of the velocity at sigma [B] between clean latents and noise, both [B, T, C]."""
    level = sigma[:, None, None]
    velocity = transformer((1 - level) * clean + level * noise, sigma, condition, duration_s)
    return torch.nn.functional.mse_loss(velocity.float(), (noise - clean).float())


def draw_sigma(count: int, law: SigmaLaw = "logit_normal", generator: torch.Generator | None = None) -> Tensor:
    """Draw noise levels [count], of 1000: `logit_normal` as the reference does, `uniform` as the paper says."""
    if law == "logit_normal":
        place = torch.randn(count, generator=generator).sigmoid()
    else:
        place = torch.rand(count, generator=generator)
    return (LEVELS - (place * LEVELS).floor().clamp(max=LEVELS - 1)) / LEVELS


def drop_condition(
    condition: Tensor, null: Tensor, probability: float, generator: torch.Generator | None = None
) -> Tensor:
    """Replace each condition of a batch [B, S, F] by null [1, S, F] with a probability, so that both are taught."""
    dropped = torch.rand(len(condition), generator=generator) < probability
    return torch.where(dropped.to(condition.device)[:, None, None], null.to(condition), condition)


def _hold(latents: Tensor, held: Tensor | None, at: int, noise: Tensor, sigma: float) -> Tensor:
    if held is None:
        return latents
    known = held.to(latents)[None]  # (1, K, C)
    end = at + known.shape[1]
    noisy = (1 - sigma) * known + sigma * noise[:, at:end] if sigma else known
    return torch.cat([latents[:, :at], noisy, latents[:, end:]], dim=1)
