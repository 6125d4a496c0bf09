"""Loops: a file whose end meets its start, for every event that says `loop = true`.

A segment lasts OVERLAP_S longer than its event; what it has more is faded into the loop's beginning:

    segment   |from|fade|.....................|fade|    as long as the event, and a fade more
    loop           |    |.....................|         its first fade comes from the end

From where, and how long the fade is, are chosen so that the join jumps least, against what the sound does by itself.
The file begins with the join, or as little later as makes its end meet its start with less of a jump than the median.
Windows of one sound that goes on make one loop. Nothing is rendered for it; a `smpl` chunk loops over the whole length.

Knows nothing of models.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from diegetic.audio.joins import Curve, crossfade, crossfade_concatenate
from diegetic.audio.meter import measure_loudness
from diegetic.audio.seams import Jumps, at_once, in_all, jumps_inside
from diegetic.audio.sound_file import Format, holding, suffix, write_sound
from diegetic.bounce import Output, event_name
from diegetic.layout import as_wide
from diegetic.manifest import Laid
from diegetic.story import OVERLAP_S, Event, Story, continues
from diegetic.tags import Slate, describe
from diegetic.targets import Gains

Samples = NDArray[np.float32]

FOLDER = "loops"
_FADES_S = (OVERLAP_S, OVERLAP_S / 2)
_FROM_STEP_S, _TURN_STEP_S = 0.1, 0.05
_AROUND_S = 0.5


def lay_loops(
    slate: Slate, clips: Mapping[str, Samples], clip_rate_hz: int, folder: Path, output: Output, gains: Gains
) -> Iterator[Laid]:
    """Write the loops of a story into `folder`. clips: of takes, [frames, channels], by event id. Raises Failure.

    They have the format of stems, or are floats where 24 bits would clip them.
    """
    for chain in looping(slate.story):
        parts = []
        for event in chain:
            clip = clips[event.id]
            if clip_rate_hz != output.rate_hz:
                clip = soxr.resample(clip, clip_rate_hz, output.rate_hz, quality="VHQ")
            gain = np.float32(10 ** ((event.gain_db + gains.of(event.lane)) / 20))
            parts.append(as_wide(clip, output.width) * gain)
        segment = crossfade_concatenate(parts, output.rate_hz, OVERLAP_S, output.curve)
        yield _write(slate, chain, looped(segment, output.rate_hz, output.curve), folder, output)


def loop_files(story: Story, output: Output) -> Iterator[Laid]:
    """The loops of a story, as long as 24 bits can hold them."""
    for chain in looping(story):
        yield _file(story, chain, output.file_format)


def looping(story: Story) -> tuple[tuple[Event, ...], ...]:
    """The events that are to loop, in order of time: windows of one sound together."""
    chains: list[tuple[Event, ...]] = []
    for event in story.events:
        if event.loop:
            before = next((chain for chain in chains if continues(event, chain[-1])), None)
            if before is not None:
                chains.remove(before)
            chains.append((*(before or ()), event))
    return tuple(sorted(chains, key=lambda chain: chain[0].start_s))


def looped(segment: Samples, rate_hz: int, curve: Curve = "equal_power") -> Samples:
    """A loop from a segment [frames, channels]: as long as it is without its last OVERLAP_S."""
    spare, step = round(OVERLAP_S * rate_hz), round(_FROM_STEP_S * rate_hz)
    length, usual = len(segment) - spare, jumps_inside(segment, rate_hz)
    fades = [min(round(seconds * rate_hz), length) for seconds in _FADES_S]
    places = [(start, fade) for fade in fades for start in range(0, spare - fade + 1, step)]
    closed = ((_closed(segment, start, fade, length, curve), fade) for start, fade in places)
    best = min(closed, key=lambda each: _jump(each[0], each[1], rate_hz, usual))[0]
    return _turned(best, rate_hz, usual)


def _closed(segment: Samples, start: int, fade: int, length: int, curve: Curve) -> Samples:
    end = start + length
    head = crossfade(segment[end : end + fade], segment[start : start + fade], curve)
    return np.concatenate([head, segment[start + fade : end]])


def _jump(loop: Samples, fade: int, rate_hz: int, usual: Jumps) -> float:
    around = round(_AROUND_S * rate_hz)
    return in_all(_around(loop, 0, around, fade + around), rate_hz, _AROUND_S, fade / rate_hz, usual)


def _turned(loop: Samples, rate_hz: int, usual: Jumps) -> Samples:
    """The same loop, begun at the first place where it jumps less than the median; or where it jumps least."""
    around, least, best = round(_AROUND_S * rate_hz), float("inf"), 0
    for turn in range(0, len(loop), round(_TURN_STEP_S * rate_hz)):
        jump = at_once(_around(loop, turn, around, around), rate_hz, _AROUND_S, usual)
        if jump < least:
            least, best = jump, turn
        if jump < 1:
            break
    return np.roll(loop, -best, axis=0)


def _around(loop: Samples, at: int, before: int, after: int) -> Samples:
    """What sounds around a frame of a loop, over its end where need be: [before + after, channels]."""
    return np.take(loop, range(at - before, at + after), axis=0, mode="wrap")


def _write(slate: Slate, chain: tuple[Event, ...], samples: Samples, folder: Path, output: Output) -> Laid:
    file_format = holding(samples, output.file_format)
    file = _file(slate.story, chain, file_format)
    starts_at = round(chain[0].start_s * output.rate_hz)
    loudness = measure_loudness(samples, output.rate_hz)
    labels = describe(slate, chain, samples, output.rate_hz, starts_at, loudness)
    write_sound(folder / file.path, samples, output.rate_hz, file_format, replace(labels, loops=True))
    return replace(file, loudness=loudness)


def _file(story: Story, chain: tuple[Event, ...], file_format: Format) -> Laid:
    path = f"{FOLDER}/{event_name(story, chain[0])}{suffix(file_format)}"
    return Laid(path, "loop", tuple(event.id for event in chain))
