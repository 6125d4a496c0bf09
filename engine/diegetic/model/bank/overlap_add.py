"""Runs of units to samples: aligned, gain-matched and overlap-added at full bandwidth.

Every run is read a little beyond both its ends. Where one follows another, the later one is shifted by up to `_SHIFT`
so that the waveforms agree, begins as loud as the earlier one ends (but where a recording itself begins or ends), and
both are crossfaded with equal power. Where something happens anew, it begins at once, over what fades. Into silence a
recording rings on for a while, until something new begins in it. The level follows the drawn one slowly: a recording's
own attacks stay.

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

FADE_FRAMES, LONG_FADE_FRAMES = 3_840, 14_400  # 80 ms; 300 ms for what goes on
RING_FRAMES = 48_000  # 1 s
_LOOK_FRAMES, _NEW = UNIT_FRAMES // 2, 4.0
"""In pieces of 40 ms, four times the power of what rang so far is something new."""
_SHIFT = 384  # 8 ms
_MATCHED_DB, _LET_GO_FRAMES = 9.0, 14_400
_FOLLOW_UNITS = 7
_FOLLOW = 0.7
_GAIN_RANGE_DB = (-24.0, 9.0)


def overlap_add(
    runs: Sequence[Run], audio: Mapping[int, Samples], gains_db: NDArray[np.float32], flowing: bool = False
) -> Samples:
    """Lay runs out one after another: [units * UNIT_FRAMES, channels].

    audio: samples of each recording that a run names; gains_db: [units], how much louder the drawn level is than the
    run's own, nan where that says nothing (silence); flowing: what goes on all the time. A join fades over FADE_FRAMES,
    or LONG_FADE_FRAMES where it flows, or the shorter of its runs; into silence over up to RING_FRAMES more. Of what
    happens a recording's own beginning keeps its attack, also over the one before it.
    """
    longest_fade = LONG_FADE_FRAMES if flowing else FADE_FRAMES
    units = runs[-1].at + runs[-1].units
    channels = max((samples.shape[1] for samples in audio.values()), default=1)
    silence = np.zeros((units * UNIT_FRAMES, channels), np.float32)
    half = longest_fade // 2
    out = np.zeros((units * UNIT_FRAMES + 2 * half, channels), np.float32)  # begins half a fade early
    tail, is_cut = silence[:0], False  # what the run before would go on with, and whether its recording does
    lead = 0  # how much of the tail is before its run's end
    for number, run in enumerate(runs):
        fade, before = len(tail), lead
        following = runs[number + 1] if number + 1 < len(runs) else run
        samples = audio.get(run.recording, silence)
        lead = behind = min(longest_fade, run.units * UNIT_FRAMES, following.units * UNIT_FRAMES) // 2
        if following.recording == SILENCE != run.recording:
            end, most = (run.first + run.units) * UNIT_FRAMES, following.units * UNIT_FRAMES - half
            behind = max(behind, _ringing(samples, end, min(most, RING_FRAMES)))
        frames = before + run.units * UNIT_FRAMES + behind
        source = run.first * UNIT_FRAMES - before
        follows = number > 0 and runs[number - 1].recording != SILENCE != run.recording
        begins = run.first == 0 and not (follows and flowing)
        if follows and not begins:
            source = max(0, source + _shift(tail, samples, source))
        part = _read(samples, source, frames, channels)
        if follows and run.first > 0 and is_cut:
            part *= _like(tail, part)
        begin = half + run.at * UNIT_FRAMES - before
        out[begin : begin + fade] = _joined(tail, part[:fade], follows, begins)
        body = frames - lead - behind if number + 1 < len(runs) else frames
        out[begin + fade : begin + body] = part[fade:body]
        tail, is_cut = part[body:], source + frames <= len(samples)
    return out[half : half + units * UNIT_FRAMES] * _gain(gains_db)[:, None]


def _joined(tail: Samples, head: Samples, follows: bool, begins: bool) -> Samples:
    """The fade from a tail to a run's head; where a recording begins, it keeps its attack."""
    if not len(tail):
        return tail
    fade_out, fade_in = fades(len(tail), "equal_power", correlation(tail, head) if follows and not begins else 0.0)
    return tail * fade_out + (head if begins else head * fade_in)


def _like(tail: Samples, part: Samples) -> Samples:
    """A gain [frames, 1] that makes a part as loud as what fades out under its start, and lets go of it soon after."""
    powers = [_power(sound) + 1e-10 for sound in (tail, part[: len(tail)])]
    gain_db = np.clip(10 * np.log10(powers[0] / powers[1]), -_MATCHED_DB, _MATCHED_DB)
    hold = np.clip((np.arange(len(part)) - len(tail)) / _LET_GO_FRAMES, 0.0, 1.0)
    gain: Samples = (10 ** (gain_db * (1 - hold) / 20)).astype(np.float32)[:, None]
    return gain


def _ringing(samples: Samples, end: int, most: int) -> int:
    """For how many frames, `most` at most, a recording goes on behind a place until something new begins in it."""
    most = min(most, len(samples) - end)
    so_far = _power(samples[max(0, end - UNIT_FRAMES) : end])
    for start in range(0, most, _LOOK_FRAMES):
        if _power(samples[end + start :][:_LOOK_FRAMES]) > _NEW * so_far:
            return start
    return most


def _power(samples: Samples) -> float:
    return float((samples.astype(np.float64) ** 2).mean())


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
    power = np.concatenate([[0.0], np.cumsum(wide.astype(np.float64) ** 2)])
    energy = power[len(before) :] - power[: -len(before)]
    return int((match / np.sqrt(energy + 1e-6)).argmax()) - _SHIFT


def _gain(gains_db: NDArray[np.float32]) -> Samples:
    """A gain for each frame from gains for units, smoothed over about half a second; nan takes its neighbours' gain."""
    known = np.isfinite(gains_db).astype(np.float32)
    wanted = np.clip(np.nan_to_num(gains_db) * _FOLLOW, *_GAIN_RANGE_DB)
    weight = uniform_filter1d(known, _FOLLOW_UNITS, mode="constant")
    slow = uniform_filter1d(wanted * known, _FOLLOW_UNITS, mode="constant") / np.maximum(weight, 1e-3)
    slow = slow[np.maximum.accumulate(np.arange(len(slow)) * (weight > 1e-3))]  # where nothing is known near by
    centres = (np.arange(len(slow)) + 0.5) * UNIT_FRAMES
    curve: Samples = (10 ** (np.interp(np.arange(len(slow) * UNIT_FRAMES), centres, slow) / 20)).astype(np.float32)
    return curve
