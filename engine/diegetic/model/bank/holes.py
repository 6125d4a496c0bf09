"""Moments of silence in what goes on: filled with what was drawn around them.

The flow learned from recordings that end after some seconds and begin again, and draws such an end into a bed now and
then: a moment, or a second and more. What pulses, begins or ends is left as it is.

Knows nothing of recordings. Latents are [units, channels], their levels in dB [units].
"""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_closing, label, median_filter

from diegetic.model.bank.describe import UNITS_PER_S

Array = NDArray[np.float32]

HUSHED_DB = -50.0  # above this level something sounds
_SECOND_UNITS, _MOMENT_UNITS, _HOLE_DB, _DIP_DB = 12, 2, 10.0, 4.0
_LONGEST_UNITS, _AROUND_UNITS, _SELDOM = round(2 * UNITS_PER_S), round(2 * UNITS_PER_S), 0.2
_END_UNITS = 4


def without_holes(latents: Array, level_db: Array) -> Array:
    """Latents without holes: what was drawn around them, in between."""
    holes = _moments(level_db) | _ends(level_db)
    if not holes.any():
        return latents
    everywhere, kept = np.arange(len(latents)), np.flatnonzero(~holes)
    return np.stack([np.interp(everywhere, kept, channel[kept]) for channel in latents.T], axis=1).astype(np.float32)


def silences(level_db: Array) -> NDArray[np.bool_]:
    """Where nothing sounds for a second and more, [units]: for less, a place is never still."""
    still = np.zeros(len(level_db), bool)
    for start, end in _stretches(level_db < HUSHED_DB):
        still[start:end] = end - start >= _SECOND_UNITS
    return still


def _moments(level_db: Array) -> NDArray[np.bool_]:
    """Two units at most, silent or far under what is usual around them, the only ones within a second."""
    usual_db = median_filter(level_db, 2 * _SECOND_UNITS, mode="nearest")
    hushed = level_db < np.maximum(HUSHED_DB, usual_db - _HOLE_DB)
    holes = np.zeros(len(level_db), bool)
    for start, _ in _stretches(hushed):
        around = slice(max(0, start - _SECOND_UNITS), start + _SECOND_UNITS)
        usual = float(usual_db[start])
        inside = _MOMENT_UNITS < start < len(level_db) - 2 * _MOMENT_UNITS
        if inside and hushed[around].sum() <= _MOMENT_UNITS and usual > HUSHED_DB:
            holes |= _with_dips(level_db, start, start + _MOMENT_UNITS, usual, _MOMENT_UNITS)
    return holes


def _ends(level_db: Array) -> NDArray[np.bool_]:
    """Silences of up to two seconds where there is hardly another within two seconds of them."""
    hushed = level_db < HUSHED_DB
    holes = np.zeros(len(level_db), bool)
    for start, end in _stretches(binary_closing(hushed, np.ones(1 + _MOMENT_UNITS, bool))):
        around = [*range(max(0, start - _AROUND_UNITS), start), *range(end, min(len(hushed), end + _AROUND_UNITS))]
        inside = start >= _END_UNITS and end <= len(hushed) - _END_UNITS
        if inside and _MOMENT_UNITS < end - start <= _LONGEST_UNITS and hushed[around].mean() <= _SELDOM:
            holes |= _with_dips(level_db, start, end, float(np.median(level_db[around])), _END_UNITS)
    return holes


def _with_dips(level_db: Array, start: int, end: int, usual_db: float, units: int) -> NDArray[np.bool_]:
    """A hole, with what dips within some units of it."""
    where = np.zeros(len(level_db), bool)
    beside = slice(max(0, start - units), end + units)
    where[beside] = level_db[beside] < usual_db - _DIP_DB
    return where


def _stretches(where: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end of each row of units in which something is so."""
    rows, count = label(where)
    return [(int(found[0]), int(found[-1]) + 1) for k in range(count) if len(found := np.flatnonzero(rows == k + 1))]
