"""Runs of units to samples: aligned, gain-matched and overlap-added at full bandwidth.

Every run is read a little beyond both its ends. Where one follows another, the later one is shifted by up to `_SHIFT` so that the waveforms
agree, and both are crossfaded with equal power. The level follows the drawn one slowly: a recording's own attacks stay.

Knows nothing of how runs are chosen. Samples are float32 [frames, channels] at 48 kHz.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.signal import correlate

from diegetic.audio.joins import correlation, fades
from diegetic.model.bank.describe import UNIT_FRAMES
from diegetic.model.bank.units import SILENCE, Run

Samples = NDArray[np.float32]

FADE_FRAMES = 1_920  # 40 ms
_SHIFT = 384  # 8 ms
_FOLLOW_UNITS = 7
_FOLLOW = 0.7
_GAIN_RANGE_DB = (-24.0, 9.0)


def overlap_add(runs: Sequence[Run], audio: Mapping[int, Samples], gains_db: NDArray[np.float32]) -> Samples:
    """Lay runs out one after another: [units * UNIT_FRAMES, channels].

    audio: samples of each recording that a run names; gains_db: [units], how much louder the drawn level is than the run's own,
    nan where that says nothing (silence).
    """
    units = runs[-1].at + runs[-1].units
    channels = max((samples.shape[1] for samples in audio.values()), default=1)
    fade_out, fade_in = fades(FADE_FRAMES)
    out = np.zeros((units * UNIT_FRAMES + FADE_FRAMES, channels), np.float32)  # begins half a fade early
    tail = np.zeros((FADE_FRAMES, channels), np.float32)  # what the run before would go on with
    sounding = False
    for run in runs:
        begin = run.at * UNIT_FRAMES
        if run.recording == SILENCE:
            part = np.zeros((run.units * UNIT_FRAMES + FADE_FRAMES, channels), np.float32)
            joined = tail * fade_out
        else:
            part = _part(run, audio[run.recording], channels, tail if sounding else None)
            joined = _joined(tail, part[:FADE_FRAMES], sounding, run.first == 0)
        sounding = run.recording != SILENCE
        out[begin : begin + FADE_FRAMES] = joined
        out[begin + FADE_FRAMES : begin + len(part) - FADE_FRAMES] = part[FADE_FRAMES:-FADE_FRAMES]
        tail = part[-FADE_FRAMES:]
    out[-FADE_FRAMES:] = tail
    half = FADE_FRAMES // 2
    return out[half : half + units * UNIT_FRAMES] * _gain(gains_db)[:, None]


def _part(run: Run, samples: Samples, channels: int, tail: Samples | None) -> Samples:
    """What a run reads, with half a fade before and after; shifted to agree with a tail."""
    source = run.first * UNIT_FRAMES - FADE_FRAMES // 2
    if tail is not None and run.first > 0:
        source += _shift(tail, samples, source)
    return _read(samples, source, run.units * UNIT_FRAMES + FADE_FRAMES, channels)


def _joined(tail: Samples, head: Samples, sounding: bool, natural: bool) -> Samples:
    """The fade from a tail to a run's head; a recording's own beginning keeps its attack."""
    fade_out, fade_in = fades(FADE_FRAMES, "equal_power", correlation(tail, head) if sounding else 0.0)
    return tail * fade_out + (head if natural else head * fade_in)


def _read(samples: Samples, start: int, frames: int, channels: int) -> Samples:
    """A copy of samples from `start` on, silence where there are none."""
    part = np.zeros((frames, channels), np.float32)
    first, last = max(0, start), min(len(samples), start + frames)
    if last > first:
        part[first - start : last - start] = samples[first:last]
    return part


def _shift(before: Samples, samples: Samples, source: int) -> int:
    """How much later to read `samples`, in frames, so that they agree best with what fades out."""
    wide = _read(samples, source - _SHIFT, len(before) + 2 * _SHIFT, samples.shape[1]).mean(1)
    match = correlate(wide, before.mean(1), mode="valid")
    energy = np.convolve(wide**2, np.ones(len(before), np.float32), mode="valid")
    return int((match / np.sqrt(energy + 1e-6)).argmax()) - _SHIFT


def _gain(gains_db: NDArray[np.float32]) -> Samples:
    """A gain for each frame from gains for units, smoothed over about half a second; what is nan takes its neighbours' gain."""
    known = np.isfinite(gains_db).astype(np.float32)
    wanted = np.clip(np.nan_to_num(gains_db) * _FOLLOW, *_GAIN_RANGE_DB)
    weight = uniform_filter1d(known, _FOLLOW_UNITS, mode="constant")
    slow = uniform_filter1d(wanted * known, _FOLLOW_UNITS, mode="constant") / np.maximum(weight, 1e-3)
    centres = (np.arange(len(slow)) + 0.5) * UNIT_FRAMES
    curve: Samples = (10 ** (np.interp(np.arange(len(slow) * UNIT_FRAMES), centres, slow) / 20)).astype(np.float32)
    return curve
