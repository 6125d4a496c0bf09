"""How much a join is heard: the jump of level and of spectrum there, against what is usual inside the segments.

A jump is measured between the windows before and after a moment: level over 100 ms, spectrum over 250 ms as the mean
difference of 24 logarithmic bands. Within a join the largest jump counts; so it does in stretches of the same length
inside the segments. A join that jumps no further than the sound does by itself can't be told from it.

Knows nothing of files or events. Samples are float32 [frames, channels].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Values = NDArray[np.float64]

NOTICEABLE_DB = 1.0

_STEP_S = 0.05
_LEVEL_S, _SPECTRUM_S = 0.1, 0.25
_LOW_HZ, _HIGH_HZ, _BANDS = 60.0, 16_000.0, 24
_FLOOR = 1e-8  # -80 dB: below it all is silence
_USUAL_PERCENTILE = 95
_LEAST_DB = 0.01


@dataclass(frozen=True, slots=True)
class Seam:
    """One join: where, its largest jumps, and those that 95 of 100 stretches inside the segments stay below."""

    at_s: float
    level_db: float
    spectrum_db: float
    usual_level_db: float
    usual_spectrum_db: float

    @property
    def heard(self) -> bool:
        """Whether the join jumps further than the sound does by itself, by a step that can be noticed."""
        beyond = max(self.level_db - self.usual_level_db, self.spectrum_db - self.usual_spectrum_db)
        return beyond > NOTICEABLE_DB


@dataclass(frozen=True, slots=True)
class Jumps:
    """How far a sound jumps every 50 ms, in dB."""

    level_db: Values
    spectrum_db: Values


def measure(samples: Samples, rate_hz: int, joins_s: Sequence[float], overlap_s: float) -> tuple[Seam, ...]:
    """Measure the joins that begin at `joins_s` and last `overlap_s`, but those nearer to an end than 250 ms."""
    moments = _moments(_SPECTRUM_S, len(samples) / rate_hz - _SPECTRUM_S)
    if len(moments) == 0:
        return ()
    jumps = _jumps(samples, rate_hz, moments)
    level, spectrum = jumps.level_db, jumps.spectrum_db
    near = [(moments >= join - _SPECTRUM_S) & (moments <= join + overlap_s + _SPECTRUM_S) for join in joins_s]
    inside = ~np.any(near, axis=0) if near else np.ones(len(moments), bool)
    length = max((int(here.sum()) for here in near), default=1)
    usual_level, usual_spectrum = _usual(level[inside], length), _usual(spectrum[inside], length)
    return tuple(
        Seam(join, float(level[here].max()), float(spectrum[here].max()), usual_level, usual_spectrum)
        for join, here in zip(joins_s, near, strict=True)
        if here.any()
    )


def jumps_inside(samples: Samples, rate_hz: int) -> Jumps:
    """The jumps of a sound all along, but within 250 ms of its ends."""
    return _jumps(samples, rate_hz, _moments(_SPECTRUM_S, len(samples) / rate_hz - _SPECTRUM_S))


def at_once(samples: Samples, rate_hz: int, at_s: float, usual: Jumps) -> float:
    """How far a moment jumps in units of the median: in level or in spectrum, whichever is further."""
    medians = [float(np.median(inside)) if len(inside) else 0.0 for inside in (usual.level_db, usual.spectrum_db)]
    return _most(_jumps(samples, rate_hz, np.array([at_s])), medians)


def in_all(samples: Samples, rate_hz: int, join_s: float, overlap_s: float, usual: Jumps) -> float:
    """How far a join jumps at most, in units of what 95 of 100 stretches of its length stay below."""
    first, last = max(_SPECTRUM_S, join_s - _SPECTRUM_S), len(samples) / rate_hz - _SPECTRUM_S
    moments = _moments(first, min(last, join_s + overlap_s + _SPECTRUM_S))
    levels = [_usual(inside, len(moments)) for inside in (usual.level_db, usual.spectrum_db)]
    return _most(_jumps(samples, rate_hz, moments), levels)


def level_jump_db(mono: Samples, rate_hz: int, at_s: float) -> float:
    """How far the level goes up or down at a moment, in dB."""
    before, after = _around(mono, rate_hz, at_s, _LEVEL_S)
    return float(abs(10 * np.log10((np.mean(after**2) + _FLOOR) / (np.mean(before**2) + _FLOOR))))


def spectrum_jump_db(mono: Samples, rate_hz: int, at_s: float) -> float:
    """How far the bands go up or down at a moment, in dB, on average over the bands."""
    before, after = (_bands(part, rate_hz) for part in _around(mono, rate_hz, at_s, _SPECTRUM_S))
    return float(np.abs(10 * np.log10((after + _FLOOR) / (before + _FLOOR))).mean())


def _moments(first_s: float, last_s: float) -> Values:
    moments: Values = np.arange(first_s, last_s, _STEP_S)
    return moments


def _jumps(samples: Samples, rate_hz: int, moments: Values) -> Jumps:
    mono = samples.mean(axis=1)
    level = np.array([level_jump_db(mono, rate_hz, moment) for moment in moments])
    return Jumps(level, np.array([spectrum_jump_db(mono, rate_hz, moment) for moment in moments]))


def _most(jumps: Jumps, levels: Sequence[float]) -> float:
    largest = (float(jumps.level_db.max(initial=0.0)), float(jumps.spectrum_db.max(initial=0.0)))
    return max(jump / max(level, _LEAST_DB) for jump, level in zip(largest, levels, strict=True))


def _around(mono: Samples, rate_hz: int, at_s: float, window_s: float) -> tuple[Samples, Samples]:
    at, window = round(at_s * rate_hz), round(window_s * rate_hz)
    return mono[at - window : at], mono[at : at + window]


def _bands(part: Samples, rate_hz: int) -> Values:
    """Power in each band, as a mean square."""
    power = np.abs(np.fft.rfft(part * np.hanning(len(part)))) ** 2 / len(part) ** 2
    edges = np.geomspace(_LOW_HZ, min(_HIGH_HZ, rate_hz / 2), _BANDS + 1)
    places = np.searchsorted(np.fft.rfftfreq(len(part), 1 / rate_hz), edges)
    return np.array([power[low : max(high, low + 1)].sum() for low, high in pairwise(places)])


def _usual(jumps: Values, length: int) -> float:
    """What the largest of as many jumps in a row as a join has stays below, 95 times of 100."""
    if len(jumps) == 0:
        return 0.0
    rows = np.lib.stride_tricks.sliding_window_view(jumps, min(length, len(jumps)))
    return float(np.percentile(rows.max(axis=1), _USUAL_PERCENTILE))
