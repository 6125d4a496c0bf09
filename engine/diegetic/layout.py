"""What sounds when: each segment at its place, with the fades that join it to its neighbours in the lane.

A segment lasts OVERLAP_S longer than its event. In that time it fades out, under the event that follows it in its lane
or by itself. How the next one comes in:

    the same sound goes on, or a bed becomes another     fades in over the overlap
    another sound in another lane                        comes in at once: a slam or a step keeps its attack
    the `linear` curve                                   fades in always, as the reference does

Knows nothing of files or models. Samples are float32 [frames, channels].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import soxr
from numpy.typing import NDArray

from diegetic.audio.joins import Curve, correlation, fades
from diegetic.handles import Handles
from diegetic.story import BED, OVERLAP_S, Event, Story, continues, follows

Samples = NDArray[np.float32]

RESAMPLING = "VHQ"
_EDGE_S = 0.005
"""The ramp that keeps a beginning from clicking."""
_END_S = 0.25
"""The least time in which a sound fades that the story's end cuts off."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A segment [frames, channels] at its level, the frame of the story that it starts at, and its fades.

    gain: of each frame, [frames, 1]. It moves only in the first `fade_in` and the last `fade_out` frames. handles: what
    comes before and after the segment, at its level; never heard in the story.
    """

    start_frame: int
    segment: Samples
    gain: Samples
    fade_in: int
    fade_out: int
    handles: Handles | None = None

    @property
    def samples(self) -> Samples:
        """What is heard of it."""
        return self.segment * self.gain

    def turned(self, gain_db: float) -> "Placed":
        """The same, louder by `gain_db`."""
        gain, around = np.float32(10 ** (gain_db / 20)), self.handles
        handles = None if around is None else Handles(around.before * gain, around.after * gain)
        return replace(self, segment=self.segment * gain, handles=handles)


def lay_out(
    story: Story,
    clips: Mapping[str, Samples],
    clip_rate_hz: int,
    rate_hz: int,
    curve: Curve = "equal_power",
    channels: int | None = None,
    handles: Mapping[str, Handles] | None = None,
) -> dict[str, Placed]:
    """Place every event's clip in the story, by event id. clips: [frames, channels] at `clip_rate_hz`, by event id.

    channels: of what is laid out, 1 or 2; None: as many as the widest clip has. handles: of the clips that have some.
    """
    fit = _Fit(clip_rate_hz, rate_hz, channels or max(clip.shape[1] for clip in clips.values()))
    parts = {each.id: fit.place(each, story, clips[each.id], (handles or {}).get(each.id)) for each in story.events}
    segments = {name: segment for name, (segment, _) in parts.items()}
    gains = {event.id: _edges(event, len(segments[event.id]), rate_hz) for event in story.events}
    moving = {event.id: _edge_frames(event, len(segments[event.id]), rate_hz) for event in story.events}
    for later in story.events:
        for earlier in story.events:
            if follows(later, earlier):
                _join(earlier, later, segments, gains, moving, rate_hz, curve)
    return {
        name: Placed(round(event.start_s * rate_hz), segments[name], gains[name], *moving[name], parts[name][1])
        for name, event in ((event.id, event) for event in story.events)
    }


def retaken(
    placed: Placed,
    event: Event,
    story: Story,
    clip: Samples,
    clip_rate_hz: int,
    rate_hz: int,
    handles: Handles | None = None,
) -> Placed:
    """Another take of an event at the same place, with the same fades."""
    fit = _Fit(clip_rate_hz, rate_hz, placed.segment.shape[1])
    segment, around = fit.place(event, story, clip, handles)
    return replace(placed, segment=segment, handles=around)


def mixed(placed: Sequence[Placed], frames: int) -> Samples:
    """All that is placed, added up over the whole story: [frames, channels]."""
    total = np.zeros((frames, placed[0].samples.shape[1]), np.float32)
    for part in placed:
        total[part.start_frame : part.start_frame + len(part.samples)] += part.samples
    return total


def as_wide(clip: Samples, channels: int) -> Samples:
    """A clip with so many channels: one is heard on both sides, of two the mean is heard in one."""
    if clip.shape[1] == channels:
        return clip
    mono: Samples = clip.mean(axis=1, keepdims=True)
    return np.repeat(mono, channels, axis=1)


def levelled(clip: Samples, channels: int, gain_db: float) -> Samples:
    """A clip with so many channels, at an event's level."""
    return as_wide(clip, channels) * np.float32(10 ** (gain_db / 20))


def fades_in(later: Event, earlier: Event, curve: Curve) -> bool:
    """Whether an event fades in under the one before it, or keeps its attack."""
    return curve == "linear" or later.lane == BED or continues(later, earlier)


@dataclass(frozen=True, slots=True)
class _Fit:
    """How clips are brought to the story's rate and width."""

    clip_rate_hz: int
    rate_hz: int
    channels: int

    def place(
        self, event: Event, story: Story, clip: Samples, handles: Handles | None
    ) -> tuple[Samples, Handles | None]:
        """The clip up to OVERLAP_S after its event or to the story's end, at its level; and what is around it."""
        whole = self.level(clip, event.gain_db)
        start, end_s = round(event.start_s * self.rate_hz), min(event.end_s + OVERLAP_S, story.seconds)
        segment = np.zeros((round(end_s * self.rate_hz) - start, self.channels), np.float32)
        segment[: len(whole)] = whole[: len(segment)]
        if handles is None:
            return segment, None
        before, after = (self.level(each, event.gain_db) for each in (handles.before, handles.after))
        beyond = np.concatenate([whole[len(segment) :], after])  # what the story's end cuts off comes first
        return segment, Handles(before, beyond[: len(after)])

    def level(self, clip: Samples, gain_db: float) -> Samples:
        if self.clip_rate_hz != self.rate_hz:
            clip = soxr.resample(clip, self.clip_rate_hz, self.rate_hz, quality=RESAMPLING)
        return levelled(clip, self.channels, gain_db)


def _edges(event: Event, frames: int, rate_hz: int) -> Samples:
    """The gain of a segment that stands alone, [frames, 1]: a short ramp in, a fade out from its event's end."""
    gain = np.ones((frames, 1), np.float32)
    ramp, after = _edge_frames(event, frames, rate_hz)
    gain[:ramp] = fades(ramp)[1]
    gain[frames - after :] *= fades(after)[0]
    return gain


def _edge_frames(event: Event, frames: int, rate_hz: int) -> tuple[int, int]:
    """How long the fades of `_edges` are, in and out."""
    after = max(frames - round(event.duration_s * rate_hz), round(_END_S * rate_hz))
    return round(_EDGE_S * rate_hz), after


def _join(
    earlier: Event,
    later: Event,
    segments: Mapping[str, Samples],
    gains: dict[str, Samples],
    moving: dict[str, tuple[int, int]],
    rate_hz: int,
    curve: Curve,
) -> None:
    """Set the gains of both sides over the overlap."""
    start = round(later.start_s * rate_hz) - round(earlier.start_s * rate_hz)
    frames = min(len(segments[earlier.id]) - start, len(segments[later.id]))
    if not fades_in(later, earlier, curve):
        return
    alike = correlation(segments[earlier.id][start : start + frames], segments[later.id][:frames])
    fade_out, fade_in = fades(frames, curve, alike)
    gains[earlier.id][start:] = fade_out
    gains[later.id][:frames] *= fade_in
    moving[earlier.id] = (moving[earlier.id][0], frames)
    moving[later.id] = (frames, moving[later.id][1])
