"""Level: true peak, a limiter that keeps it, and loudness.

True peak is the peak of the signal four times oversampled (ITU-R BS.1770-4, annex 2). The 48-tap interpolator printed
there reads low near half the rate; soxr's is longer, and so stricter. Loudness is LUFS by pyloudnorm.

Knows nothing of files. Samples are float32 [frames, channels].
"""

import math
from functools import reduce

import numpy as np
import scipy  # its parts are imported where they are first used: a second that only who filters pays for
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.float32]

CEILING_DBTP = -1.0
SILENCE_DB = -120.0

_OVERSAMPLING = 4
_BLOCK_FRAMES = 1 << 16
_LOOK_AHEAD_S = 0.02
_MARGIN_DB = 0.05  # other meters interpolate a little differently


def true_peak_db(samples: Samples) -> float:
    """The true peak in dBTP; SILENCE_DB for silence."""
    return decibels(float(_peaks(samples).max(initial=0.0)))


def limit(samples: Samples, rate_hz: int, ceiling_dbtp: float = CEILING_DBTP) -> tuple[Samples, float]:
    """Keep the true peak at or under `ceiling_dbtp`. Returns the samples and the deepest reduction in dB (0 for none).

    What is under the ceiling passes untouched. Otherwise the gain is the least that any peak within 20 ms asks for,
    smoothed by a Hann window of the same length: it has come down before a peak comes, and no step of it is heard. All
    channels share it.
    """
    ceiling = 10 ** ((ceiling_dbtp - _MARGIN_DB) / 20)
    peaks = _peaks(samples)
    if float(peaks.max(initial=0.0)) <= 10 ** (ceiling_dbtp / 20):
        return samples, 0.0
    wanted = (ceiling / np.maximum(peaks, ceiling)).astype(np.float32)
    gain = _smooth(wanted, int(_LOOK_AHEAD_S * rate_hz))
    limited = samples * gain[:, None]
    # A gain that moves can lift what lies between two samples: by hundredths of a dB, taken off the whole.
    rest = min(1.0, ceiling / max(float(_peaks(limited).max()), ceiling))
    return (limited * np.float32(rest)).astype(np.float32), -decibels(float(gain.min()) * rest)


def loudness_lufs(samples: Samples, rate_hz: int) -> float | None:
    """Integrated loudness (BS.1770); None for less than one block of 0.4 s or nothing above the gate of -70 LUFS."""
    import pyloudnorm  # half a second to import: only who measures pays for it

    if len(samples) < 0.4 * rate_hz or not samples.any():
        return None
    lufs = float(pyloudnorm.Meter(rate_hz).integrated_loudness(samples))
    return lufs if math.isfinite(lufs) else None


def decibels(amplitude: float) -> float:
    """An amplitude in dB, SILENCE_DB at the least."""
    return max(SILENCE_DB, 20 * math.log10(max(amplitude, 1e-12)))


def _peaks(samples: Samples) -> Samples:
    """The largest of the four oversampled values of each frame over all channels, [frames]."""
    frames, channels = samples.shape
    stream = soxr.ResampleStream(1, _OVERSAMPLING, channels, dtype="float32", quality="VHQ")
    found, rest = [], np.zeros(0, np.float32)
    for start in range(0, frames, _BLOCK_FRAMES):
        block = samples[start : start + _BLOCK_FRAMES]
        dense = stream.resample_chunk(block, last=start + _BLOCK_FRAMES >= frames).reshape(-1, channels)
        rest = np.concatenate([rest, _largest(np.abs(dense))])
        whole = len(rest) // _OVERSAMPLING * _OVERSAMPLING
        found.append(_largest(rest[:whole].reshape(-1, _OVERSAMPLING)))
        rest = rest[whole:]
    peaks = np.concatenate([*found, np.zeros(frames, np.float32)])[:frames]
    loudest: Samples = np.maximum(peaks, _largest(np.abs(samples)))
    return loudest


def _largest(values: Samples) -> Samples:
    """The largest of each row: [rows, columns] to [rows]. (numpy's own is ten times slower over so few columns.)"""
    return reduce(np.maximum, values.T)


def _smooth(gain: Samples, frames: int) -> Samples:
    """The least gain within `frames` before and after, smoothed over as many: never above `gain`."""
    window = np.hanning(2 * frames + 1)
    least = scipy.ndimage.minimum_filter1d(gain, size=len(window), mode="nearest")
    padded = np.pad(least.astype(np.float64), frames, mode="edge")
    smoothed: Samples = scipy.signal.oaconvolve(padded, window / window.sum(), mode="valid").astype(np.float32)
    return smoothed
