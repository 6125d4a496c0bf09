"""A one-pole low-pass whose cutoff may move at every frame, in numpy alone.

    y[n] = (1 - a[n]) x[n] + a[n] y[n-1],   a = exp(-2 pi cutoff / rate)

The recursion is a scan over pairs (a, b): y -> a y + b; two pairs in a row are one pair again, so log2(frames) passes
over the block do it. a = 0 lets the sound through as it is.
"""

import math

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

OPEN_HZ = 20_000.0
"""From here up the filter is open."""


def coefficient(cutoff_hz: float, rate_hz: int) -> float:
    """`a` for a cutoff; 0 where it is open."""
    return 0.0 if cutoff_hz >= OPEN_HZ else math.exp(-2 * math.pi * cutoff_hz / rate_hz)


class LowPass:
    """The filter's state and its scratch, for blocks of up to `frames` by `channels`."""

    def __init__(self, frames: int, channels: int) -> None:
        self._last = np.zeros(channels, np.float32)
        self._a = np.zeros((frames, 1), np.float32)
        self._b = np.zeros((frames, channels), np.float32)
        self._held = np.zeros((frames, 1), np.float32)

    def pass_by(self, samples: Samples) -> None:
        """Take note of samples that go by unfiltered, so that closing begins from them."""
        self._last[:] = samples[-1]

    def filter(self, samples: Samples, a: Samples) -> None:
        """Filter `samples` [frames, channels] in place, with coefficients `a` [frames]."""
        frames = len(samples)
        pole, scratch = self._a[:frames], self._b[:frames]
        pole[:, 0] = a
        np.subtract(1.0, pole, out=self._held[:frames])
        samples *= self._held[:frames]
        samples[0] += pole[0] * self._last
        step = 1
        while step < frames:
            np.multiply(pole[step:], samples[:-step], out=scratch[step:])
            samples[step:] += scratch[step:]
            np.multiply(pole[step:], pole[:-step], out=self._held[step:frames])
            pole[step:] = self._held[step:frames]
            step *= 2
        self._last[:] = samples[-1]
