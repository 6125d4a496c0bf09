"""The neural codec of the paper's size: latents at 21.5 frames a second to 44.1 kHz stereo and back (paper.md 1.10).

Knows nothing of events; latents are used as they are, without a scale.
"""

import itertools
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
from diffusers import AutoencoderOobleck
from numpy.typing import NDArray
from torch import Tensor, nn

from diegetic.model.codec import Drawn, Samples
from diegetic.model.config import OobleckConfig
from diegetic.protocol import Hear, unheard
from diegetic.story import Event

FIRST_FRAMES, CHUNK_FRAMES = 43, 128
"""2 s, then 6 s at a time at the paper's rate; the frames that neighbours share cost a sixth more work."""
_IN_TIME = 3.0
"""How many times longer the rest may take to decode than what was decoded says: the GPU may be a game's, too."""


class Oobleck(nn.Module):
    """diffusers' AutoencoderOobleck with latents [frames, channels] and samples [frames, channels], batched."""

    def __init__(self, config: OobleckConfig) -> None:
        super().__init__()
        self.rate_hz = config.sampling_rate
        self.hop = math.prod(config.downsampling_ratios)
        self.channels = config.decoder_input_channels
        self.reach = _reach(config.downsampling_ratios)
        torch.backends.cudnn.deterministic = True  # else a GPU's convolutions may sum in another order each time
        with warnings.catch_warnings():
            # diffusers' layers still use torch's old weight_norm. Remove when they don't.
            warnings.simplefilter("ignore", FutureWarning)
            self.autoencoder = _build(config)

    @torch.inference_mode()
    def decode(self, latents: Tensor, duration_s: float | None = None) -> Tensor:
        """Samples [B, frames, channels] of latents [B, T, C], cut to a duration."""
        samples = cast(Tensor, self.autoencoder.decode(latents.transpose(1, 2)).sample).transpose(1, 2)
        return samples if duration_s is None else samples[:, : int(duration_s * self.rate_hz)]

    def decode_chunks(self, latents: Tensor, chunk: int, first_chunk: int = 0) -> Iterator[Tensor]:
        """The same samples, `chunk` latent frames at a time: the first are there before the last are decoded.

        Each chunk is decoded with all the frames beside it that its samples depend on, so joins can't be heard.
        first_chunk: latent frames of the first one, where it is to be another; 0: it isn't.
        """
        frames = latents.shape[1]
        starts = [0, *range(first_chunk or chunk, frames, chunk)]
        for start, end in itertools.pairwise([*starts, frames]):
            first, last = max(0, start - self.reach), min(end + self.reach, frames)
            samples = self.decode(latents[:, first:last])
            yield samples[:, (start - first) * self.hop : (end - first) * self.hop]

    def warm_up(self) -> None:
        """Decode a chunk of each length that most events have: at its first of a length a GPU looks for how."""
        frames = FIRST_FRAMES + 2 * CHUNK_FRAMES
        silence = torch.zeros(1, frames, self.channels, device=next(self.parameters()).device)
        for _ in self.decode_chunks(silence, CHUNK_FRAMES, FIRST_FRAMES):
            pass

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
    """Oobleck as a Storyteller's codec. It decodes in chunks, whose memory doesn't grow with the event."""

    def __init__(self, oobleck: Oobleck) -> None:
        self._oobleck = oobleck
        self.sample_rate = oobleck.rate_hz
        self.latent_rate_hz = oobleck.rate_hz / oobleck.hop
        self.channels = oobleck.channels

    def steady(self, latents: NDArray[np.float32], known: int, before: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same: what these latents have in common is nothing that could be moved."""
        return latents

    def decode(self, drawn: Drawn, event: Event, hear: Hear = unheard) -> Samples:
        """Samples [frames, channels] of all latents. hear: see StoryModel.decode."""
        place = next(self._oobleck.parameters())
        latents = torch.from_numpy(drawn.latents)[None].to(place)
        total = latents.shape[1] * self._oobleck.hop
        began, decoded, unheard_from = time.monotonic(), [], 0
        for chunk in self._oobleck.decode_chunks(latents, CHUNK_FRAMES, FIRST_FRAMES):
            decoded.append(chunk[0].float().cpu().numpy())
            done = sum(map(len, decoded))
            if done < total and self._is_in_time(time.monotonic() - began, done, total):
                hear(np.concatenate(decoded[unheard_from:]))
                unheard_from = len(decoded)
        return np.concatenate(decoded)

    def _is_in_time(self, took_s: float, done: int, total: int) -> bool:
        """Whether the samples that are left will be decoded before those that are done have been heard."""
        left_s = took_s * (total - done) / done
        return _IN_TIME * left_s <= done / self.sample_rate


def _reach(ratios: Sequence[int]) -> int:
    """How many latent frames to either side a sample depends on.

    From latents on: a convolution of 7, then for each ratio an upsampling (1 frame) and three residual units of kernel
    7 and dilations 1, 3, 9 at its rate.
    """
    frames, rate = 3.0, 1.0
    for ratio in reversed(ratios):
        frames += (1 + 3 * (1 + 3 + 9) / ratio) / rate
        rate *= ratio
    return math.ceil(frames + 3 / rate)


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
