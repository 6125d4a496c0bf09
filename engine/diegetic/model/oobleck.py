"""The neural codec of the paper's size: latents at 21.5 frames a second to 44.1 kHz stereo and back (paper.md 1.10).

Knows nothing of events; latents are used as they are, without a scale.
"""

import math
import warnings
from typing import Any, cast

import torch
from diffusers import AutoencoderOobleck
from torch import Tensor, nn

from diegetic.model.codec import Drawn, Samples
from diegetic.model.config import OobleckConfig
from diegetic.story import Event


class Oobleck(nn.Module):
    """diffusers' AutoencoderOobleck with latents [frames, channels] and samples [frames, channels], batched."""

    def __init__(self, config: OobleckConfig) -> None:
        super().__init__()
        self.rate_hz = config.sampling_rate
        self.hop = math.prod(config.downsampling_ratios)
        self.channels = config.decoder_input_channels
        with warnings.catch_warnings():
            # diffusers' layers still use torch's old weight_norm. Remove when they don't.
            warnings.simplefilter("ignore", FutureWarning)
            self.autoencoder = _build(config)

    @torch.inference_mode()
    def decode(self, latents: Tensor, duration_s: float | None = None) -> Tensor:
        """Samples [B, frames, channels] of latents [B, T, C], cut to a duration."""
        samples = cast(Tensor, self.autoencoder.decode(latents.transpose(1, 2)).sample).transpose(1, 2)
        return samples if duration_s is None else samples[:, : int(duration_s * self.rate_hz)]

    @torch.inference_mode()
    def encode(self, samples: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Latents [B, T, C] of samples [B, frames, channels], padded with zeros to whole latent frames.

        With a generator they are drawn from the encoder's distribution, as for training; without, they are its mean.
        """
        padded = nn.functional.pad(samples.transpose(1, 2), (0, -samples.shape[1] % self.hop))
        described = self.autoencoder.encode(padded).latent_dist
        drawn = described.mean if generator is None else described.sample(generator=generator)
        return cast(Tensor, drawn).transpose(1, 2)


class OobleckCodec:
    """Oobleck as a Storyteller's codec."""

    def __init__(self, oobleck: Oobleck) -> None:
        self._oobleck = oobleck
        self.sample_rate = oobleck.rate_hz
        self.latent_rate_hz = oobleck.rate_hz / oobleck.hop
        self.channels = oobleck.channels

    def decode(self, drawn: Drawn, event: Event) -> Samples:
        """Samples [frames, channels] of all latents."""
        place = next(self._oobleck.parameters())
        samples = self._oobleck.decode(torch.from_numpy(drawn.latents)[None].to(place))
        array: Samples = samples[0].float().cpu().numpy()
        return array


def _build(config: OobleckConfig) -> Any:
    build: Any = AutoencoderOobleck
    return build(
        encoder_hidden_size=config.encoder_hidden_size,
        downsampling_ratios=list(config.downsampling_ratios),
        channel_multiples=list(config.channel_multiples),
        decoder_channels=config.decoder_channels,
        decoder_input_channels=config.decoder_input_channels,
        audio_channels=config.audio_channels,
        sampling_rate=config.sampling_rate,
    )
