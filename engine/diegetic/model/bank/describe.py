"""Descriptors: how a sound goes on in time, as a short row of numbers for every 80 ms.

Each unit of 80 ms is described by its level, the shape of its spectrum (40 mel bands relative to the level), how much
that shape moves inside the unit, its onset, flatness and pitch. `LatentSpace` maps these features linearly to latents
of unit variance: level first, then principal components. The flow draws latents; the bank's units carry theirs and are
chosen by distance to them.

Knows nothing of recordings' names or captions, files or torch.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

SAMPLE_RATE = 48_000
HOP_FRAMES = 480
UNIT_FRAMES = 3_840  # 80 ms: eight hops
UNITS_PER_S = SAMPLE_RATE / UNIT_FRAMES  # 12.5
BANDS = 40
FLOOR_DB = -80.0

_WINDOW = 2_048
_HOPS = UNIT_FRAMES // HOP_FRAMES
_COARSE = 10
_LOW_HZ, _HIGH_HZ = 40.0, 18_000.0
_PITCH_HZ = (60.0, 1_200.0)
FEATURES = 1 + BANDS + _COARSE + 5


def describe(samples: Array) -> Array:
    """Features of mono `samples` [frames] at 48 kHz: [units, FEATURES], the last unit padded with silence.

    Columns: level (dB, rms); 40 band levels relative to it (dB, floored at -60); spread of 10 coarse bands over the
    unit's hops (dB); crest (loudest hop above the level, dB); onset (largest rise between hops, dB); flatness (dB);
    voicing (0..1, the normalised autocorrelation's peak between 60 and 1200 Hz) and voicing times log2(f0 / 240 Hz).
    """
    units = max(1, -(-len(samples) // UNIT_FRAMES))
    padded = np.zeros(units * UNIT_FRAMES + _WINDOW, np.float32)
    padded[_WINDOW // 2 : _WINDOW // 2 + len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP_FRAMES][: units * _HOPS]
    rows = [_unit_features(frames[k : k + 64 * _HOPS]) for k in range(0, len(frames), 64 * _HOPS)]
    return np.concatenate(rows)


@dataclass(frozen=True, slots=True)
class LatentSpace:
    """A linear map between features and latents.

    mean, scale: [FEATURES]; basis: [FEATURES - 1, channels - 1] orthonormal columns; spread: [channels] deviation of
    each latent before it is scaled to one: what a distance between latents weighs it by.
    """

    mean: Array
    scale: Array
    basis: Array
    spread: Array

    @property
    def channels(self) -> int:
        return len(self.spread)

    @classmethod
    def fit(cls, features: Array, channels: int) -> "LatentSpace":
        """Principal components of features [units, FEATURES]; units that are all but silent are left out."""
        audible = features[features[:, 0] > FLOOR_DB + 10]
        mean, scale = audible.mean(0), audible.std(0) + 1e-3
        # Bands share one scale: a loud difference weighs more than a soft one, whichever band it is in.
        scale[1 : 1 + BANDS] = scale[1 : 1 + BANDS].mean()
        white = (audible - mean) / scale
        values, vectors = np.linalg.eigh(np.cov(white[:, 1:].T))
        basis = vectors[:, ::-1][:, : channels - 1]
        spread = np.concatenate([[2.0], np.sqrt(values[::-1][: channels - 1])])
        return cls(*(np.ascontiguousarray(part, np.float32) for part in (mean, scale, basis, spread)))

    def encode(self, features: Array) -> Array:
        """Features [units, FEATURES] to latents [units, channels]."""
        white = (features - self.mean) / self.scale
        # What is all but silent has no shape of its own: it takes the mean shape, so that silences look alike.
        audible = np.clip((features[:, :1] - FLOOR_DB) / 10.0, 0.0, 1.0)
        return np.concatenate([white[:, :1], (white[:, 1:] * audible) @ self.basis / self.spread[1:]], axis=1).astype(
            np.float32
        )

    def level_db(self, latents: Array) -> Array:
        """Levels that latents [units, channels] stand for, in dB, [units]."""
        level: Array = np.maximum(latents[:, 0] * self.scale[0] + self.mean[0], FLOOR_DB)
        return level

    def bands_db(self, latents: Array) -> Array:
        """Band levels relative to the level that latents stand for, [units, BANDS] in dB."""
        white = (latents[:, 1:] * self.spread[1:]) @ self.basis.T[:, :BANDS]
        return (white * self.scale[1 : 1 + BANDS] + self.mean[1 : 1 + BANDS]).astype(np.float32)


def band_centres_hz() -> Array:
    """Centre of each of the 40 mel bands."""
    return _mel_edges()[1:-1].astype(np.float32)


def _unit_features(frames: Array) -> Array:
    spectra = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32), axis=1)) ** 2  # (hops, bins)
    power = spectra @ _mel_filters()  # (hops, BANDS)
    units = len(frames) // _HOPS
    hop_level = _db(spectra.sum(1) * (2.0 / (0.375 * _WINDOW**2))).reshape(units, _HOPS)
    level = _db((10 ** (hop_level / 10)).mean(1))
    bands = _db(power.reshape(units, _HOPS, BANDS).mean(1) * (2.0 / (0.375 * _WINDOW**2)))
    shape = np.maximum(bands - level[:, None], -60.0)
    coarse = _db(power.reshape(units, _HOPS, _COARSE, BANDS // _COARSE).mean(3) * (2.0 / (0.375 * _WINDOW**2)))
    before = np.concatenate([hop_level[:, :1], hop_level[:, :-1]], axis=1)
    mean_spectrum = spectra.reshape(units, _HOPS, -1).mean(1)[:, 4:512] + 1e-9
    flatness = _db(np.exp(np.log(mean_spectrum).mean(1)) / mean_spectrum.mean(1))
    voicing, pitch = _pitch(spectra.reshape(units, _HOPS, -1).mean(1))
    columns = [hop_level.max(1) - level, (hop_level - before).max(1), flatness, voicing, voicing * pitch]
    return np.concatenate([level[:, None], shape, coarse.std(1), np.stack(columns, axis=1)], axis=1).astype(np.float32)


def _pitch(power: Array) -> tuple[Array, Array]:
    lag = np.fft.irfft(power, axis=1)
    shortest, longest = int(SAMPLE_RATE / _PITCH_HZ[1]), int(SAMPLE_RATE / _PITCH_HZ[0])
    # The window's own autocorrelation falls with the lag: divided out, so that low pitches are not at a loss.
    own = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(_WINDOW), 2 * _WINDOW)) ** 2)[shortest:longest]
    curve = lag[:, shortest:longest] / (lag[:, :1] + 1e-12) / (own / own[0] * own[0] / (np.hanning(_WINDOW) ** 2).sum())
    # A tone also repeats after two or more of its periods: of equals, the shortest lag is taken.
    best = (curve * (shortest / np.arange(shortest, longest)) ** 0.08).argmax(1)
    voicing = np.clip(curve[np.arange(len(curve)), best], 0.0, 1.0)
    return voicing.astype(np.float32), np.log2(SAMPLE_RATE / (shortest + best) / 240.0).astype(np.float32)


def _db(power: Array) -> Array:
    level: Array = np.maximum(10.0 * np.log10(power + 1e-12), FLOOR_DB)
    return level


@cache
def _mel_edges() -> NDArray[np.float64]:
    mels = np.linspace(1127 * np.log1p(_LOW_HZ / 700), 1127 * np.log1p(_HIGH_HZ / 700), BANDS + 2)
    return 700 * np.expm1(mels / 1127)


@cache
def _mel_filters() -> Array:
    """Triangular filters [bins, BANDS] that add up to one over the range."""
    edges, bins = _mel_edges(), np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)[:, None]
    rise = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rise, fall)).astype(np.float32)
