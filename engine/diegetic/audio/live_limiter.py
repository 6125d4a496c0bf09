"""A limiter without delay, for the sum that is heard live: what is under the ceiling passes untouched.

A block is known as a whole before it is heard: inside it the gain has come down before a peak comes. Only a peak in the
first frames of a block comes without warning; there the gain steps down, so that the ceiling always holds.

Not the bounce's (`loudness.limit`), which looks ahead 20 ms and measures true peaks.
"""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

CEILING = np.float32(10 ** (-1.0 / 20))
_STRIDE = 16
_RELEASE_S = 0.25


class LiveLimiter:
    """One gain for all channels, for blocks of up to `frames`."""

    def __init__(self, frames: int, rate_hz: int) -> None:
        self._gain = 1.0
        self._rise = np.float32(_STRIDE / (_RELEASE_S * rate_hz))
        self._places = np.arange(frames, dtype=np.float32)
        nodes = -(-frames // _STRIDE) + 1
        self._climb = np.arange(nodes, dtype=np.float32) * self._rise
        self._at = np.arange(nodes, dtype=np.float32) * _STRIDE

    def limit(self, samples: Samples) -> float:
        """Limit `samples` [frames, channels] in place. Returns the least gain, 1.0 for none."""
        peak = max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)))
        if peak <= CEILING and self._gain >= 1.0:
            return 1.0
        gain = self._curve(samples)
        samples *= gain[:, None]
        np.clip(samples, -CEILING, CEILING, out=samples)
        self._gain = float(gain[-1]) if gain[-1] < 0.9999 else 1.0
        return float(gain.min())

    def _curve(self, samples: Samples) -> NDArray[np.float32]:
        """The gain of each frame: straight lines between nodes, each at most what its two strides allow."""
        frames = len(samples)
        strides = -(-frames // _STRIDE)
        peaks = np.maximum.reduceat(np.abs(samples).max(axis=1), np.arange(0, frames, _STRIDE))
        allowed = np.minimum(1.0, CEILING / np.maximum(peaks, CEILING))
        nodes = np.ones(strides + 1, np.float32)
        nodes[:-1] = allowed
        nodes[1:] = np.minimum(nodes[1:], allowed)
        nodes[0] = min(float(nodes[0]), self._gain)
        climb = self._climb[: strides + 1]
        nodes = np.minimum.accumulate(nodes - climb) + climb
        gain: NDArray[np.float32] = np.interp(self._places[:frames], self._at[: strides + 1], nodes).astype(np.float32)
        return gain
