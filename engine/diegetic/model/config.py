"""A model's configuration: one TOML file for each size, read strictly.

Knows nothing of torch; the parts are built from these values.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """The Flux transformer and its latents.

    layers: double-stream blocks; single_layers: single-stream ones; width is heads * head_dim, to which axes_dims_rope
    adds up for each head. latent_rate_hz: frames a second; max_latent_frames: longest event.
    """

    layers: int
    single_layers: int
    heads: int
    head_dim: int
    in_channels: int
    axes_dims_rope: tuple[int, int, int]
    latent_rate_hz: float
    max_latent_frames: int

    def __post_init__(self) -> None:
        if sum(self.axes_dims_rope) != self.head_dim or any(axis % 2 for axis in self.axes_dims_rope):
            rule = f"even numbers that add up to head_dim {self.head_dim}"
            raise ValueError(f"axes_dims_rope must be {rule}, got {list(self.axes_dims_rope)}")


@dataclass(frozen=True, slots=True)
class DurationConfig:
    """The duration token: seconds it can tell apart, and the width of its sines and cosines."""

    min_s: float = 0.0
    max_s: float = 30.0
    internal_dim: int = 256
