"""Faster or slower at the same pitch: overlapping windows that are read sooner or later (WSOLA).

Each window is read, near where it is due, from the place that goes on best from the window before (Verhelst and
Roelands, 1993). Attacks are kept as they are: the time around them isn't stretched, the rest a little more.

Knows nothing of what sounds. Samples are float32 [frames, channels].
"""

import numpy as np
import scipy  # as in loudness.py
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Values = NDArray[np.float64]

_WINDOW_S, _SEARCH_S, _HOP_S = 0.04, 0.01, 0.01
_EVERY = 4
"""Windows are matched on every so many frames."""
_ATTACK_DB, _KEPT_BEFORE, _KEPT_AFTER = 9.0, 2, 5
_MOST, _LEAST = 2.0, 0.5


def stretched(samples: Samples, rate: float, rate_hz: int) -> Samples:
    """Samples at `rate` times their speed (0.5 to 2): [frames / rate, channels]."""
    if abs(rate - 1.0) < 1e-3 or len(samples) < rate_hz * 4 * _WINDOW_S:
        return samples
    window, search = round(_WINDOW_S * rate_hz) // 2 * 2, round(_SEARCH_S * rate_hz)
    hop = window // 2
    frames = round(len(samples) / rate)
    due = np.interp(np.arange(0, frames + hop, hop), *_times(samples, rate, rate_hz)).round().astype(int)
    padded = np.pad(samples, ((search + hop, window + 2 * search), (0, 0)))
    mono = padded.mean(1)
    shape = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)[:, None]
    out = np.zeros((len(due) * hop + window, samples.shape[1]), np.float32)
    place = due[0] + search
    for number, wanted in enumerate(due):
        start = wanted + search
        if number:
            place = start + _best_shift(mono, place + hop, start, window, search)
        out[number * hop : number * hop + window] += padded[place : place + window] * shape
    return out[hop : hop + frames]


def _best_shift(mono: Samples, goes_on: int, due: int, window: int, search: int) -> int:
    """By how much to read elsewhere than at `due`, so that it is most like what would go on."""
    wanted = mono[goes_on : goes_on + window : _EVERY]
    there = mono[max(0, due - search) : due + search + window : _EVERY]
    if len(wanted) < window // _EVERY or len(there) <= len(wanted):
        return 0
    match = scipy.signal.correlate(there, wanted, mode="valid")
    power = np.concatenate([[0.0], np.cumsum(there.astype(np.float64) ** 2)])
    energy = power[len(wanted) :] - power[: -len(wanted)]
    best = int((match / np.sqrt(energy + 1e-6)).argmax()) * _EVERY
    return best - (due - max(0, due - search))


def _times(samples: Samples, rate: float, rate_hz: int) -> tuple[Values, Values]:
    """Corresponding frames of the result and of the samples."""
    hop = round(_HOP_S * rate_hz)
    hops = len(samples) // hop
    power = (samples[: hops * hop].reshape(hops, -1).astype(np.float64) ** 2).mean(1)
    level_db = 10 * np.log10(power + 1e-9)
    before = np.concatenate([level_db[:1], level_db[:1], level_db])[:-2]
    kept = np.zeros(hops, bool)
    for attack in np.flatnonzero((level_db - before > _ATTACK_DB) & (level_db > level_db.max() - 40)):
        kept[max(0, attack - _KEPT_BEFORE) : attack + _KEPT_AFTER] = True
    free = max(1, int((~kept).sum()))
    others = np.clip((hops / rate - kept.sum()) / free, 1 / _MOST, 1 / _LEAST)
    lasts = np.where(kept, 1.0, others)
    lasts *= hops / rate / lasts.sum()
    there = np.concatenate([[0.0], np.cumsum(lasts)]) * hop
    return there, np.arange(hops + 1, dtype=np.float64) * hop
