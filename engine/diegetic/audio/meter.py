"""All that R 128 measures in one pass: integrated, range, momentary and short-term maximum, true peak.

Sources: ITU-R BS.1770-4 (weighting, gates), EBU Tech 3341 (momentary 0.4 s, short-term 3 s), EBU Tech 3342 (range). The
weighting filters are pyloudnorm's. Windows move on by 0.1 s.

Knows nothing of files. Samples are float32 [frames, channels], one or two channels.
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from diegetic.audio.loudness import true_peak_db

Samples = NDArray[np.float32]
Values = NDArray[np.float64]

_HOP_S = 0.1
_MOMENTARY_HOPS, _SHORT_TERM_HOPS = 4, 30
_ABSOLUTE_LUFS, _RELATIVE_LU, _RANGE_RELATIVE_LU = -70.0, -10.0, -20.0
_RANGE_PERCENTILES = (10, 95)


@dataclass(frozen=True, slots=True)
class Loudness:
    """How loud a sound is; None for what is too short or too quiet to be measured."""

    integrated_lufs: float | None
    range_lu: float | None
    true_peak_dbtp: float
    momentary_lufs: float | None
    short_term_lufs: float | None

    def named(self) -> tuple[tuple[str, float | None], ...]:
        """Each level with its name in a Broadcast Wave, in the order that it has there."""
        return (
            ("loudness_value", self.integrated_lufs),
            ("loudness_range", self.range_lu),
            ("max_true_peak_level", self.true_peak_dbtp),
            ("max_momentary_loudness", self.momentary_lufs),
            ("max_short_term_loudness", self.short_term_lufs),
        )

    def turned(self, gain_db: float) -> "Loudness":
        """What the same sound measures `gain_db` louder (gates aside)."""
        return Loudness(
            _raised(self.integrated_lufs, gain_db),
            self.range_lu,
            self.true_peak_dbtp + gain_db,
            _raised(self.momentary_lufs, gain_db),
            _raised(self.short_term_lufs, gain_db),
        )


def measure_loudness(samples: Samples, rate_hz: int) -> Loudness:
    """Measure `samples`."""
    energy = _energy(samples, rate_hz)
    momentary, short_term = (_windows(energy, hops) for hops in (_MOMENTARY_HOPS, _SHORT_TERM_HOPS))
    return Loudness(
        _integrated(momentary),
        _range(short_term),
        true_peak_db(samples),
        _loudest(momentary),
        _loudest(short_term),
    )


def momentary_lufs(samples: Samples, rate_hz: int) -> tuple[Values, Values]:
    """Momentary loudness every 0.1 s, and the seconds at which each of its windows ends."""
    return _over_time(samples, rate_hz, _MOMENTARY_HOPS)


def short_term_lufs(samples: Samples, rate_hz: int) -> tuple[Values, Values]:
    """Short-term loudness every 0.1 s, and the seconds at which each of its windows ends."""
    return _over_time(samples, rate_hz, _SHORT_TERM_HOPS)


def trimmed(samples: Samples, rate_hz: int) -> Samples:
    """`samples` without the silence that no window shares with a sound: it changes no measure, and takes time."""
    sounding, hop = np.flatnonzero(reduce(np.logical_or, samples.T)), round(_HOP_S * rate_hz)
    if not len(sounding):
        return samples[:0]
    around = _SHORT_TERM_HOPS * hop
    first = max(0, int(sounding[0]) - around) // hop * hop  # windows stay where they were
    return samples[first : int(sounding[-1]) + 1 + around]


def _over_time(samples: Samples, rate_hz: int, hops: int) -> tuple[Values, Values]:
    levels = _lufs(_windows(_energy(samples, rate_hz), hops))
    ends: Values = (np.arange(len(levels), dtype=np.float64) + hops) * _HOP_S
    return levels, ends


def _energy(samples: Samples, rate_hz: int) -> Values:
    """Weighted mean square of each tenth of a second, over the channels: [hops]."""
    import pyloudnorm  # half a second to import: only who measures pays for it

    hop = round(_HOP_S * rate_hz)
    hops = len(samples) // hop
    weighted = samples.astype(np.float64)
    for channel in range(samples.shape[1]):
        for stage in pyloudnorm.Meter(rate_hz)._filters.values():
            weighted[:, channel] = stage.apply_filter(weighted[:, channel])
    squares: Values = (weighted[: hops * hop] ** 2).reshape(hops, hop, -1).mean(axis=1).sum(axis=1)
    return squares


def _windows(energy: Values, hops: int) -> Values:
    """Mean square of every window of so many hops; empty where there is none."""
    if len(energy) < hops:
        return np.zeros(0)
    means: Values = np.lib.stride_tricks.sliding_window_view(energy, hops).mean(axis=1)
    return means


def _lufs(energy: Values) -> Values:
    levels: Values = -0.691 + 10 * np.log10(np.maximum(energy, 1e-20))
    return levels


def _integrated(momentary: Values) -> float | None:
    gated = momentary[_lufs(momentary) > _ABSOLUTE_LUFS]
    if len(gated) == 0:
        return None
    gate = _lufs(gated.mean()) + _RELATIVE_LU
    return float(_lufs(gated[_lufs(gated) > gate].mean()))


def _range(short_term: Values) -> float | None:
    gated = short_term[_lufs(short_term) > _ABSOLUTE_LUFS]
    if len(gated) == 0:
        return None
    levels = _lufs(gated[_lufs(gated) >= _lufs(gated.mean()) + _RANGE_RELATIVE_LU])
    low, high = np.percentile(levels, _RANGE_PERCENTILES)
    return float(high - low)


def _loudest(windows: Values) -> float | None:
    levels = _lufs(windows)
    return float(levels.max()) if len(levels) and levels.max() > _ABSOLUTE_LUFS else None


def _raised(level: float | None, gain_db: float) -> float | None:
    return None if level is None else level + gain_db
