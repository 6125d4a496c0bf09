"""A project as values: tracks of items with their fades and takes, markers and regions; whatever the file format.

All places are whole frames at the timeline's rate, so that no format rounds them twice. Fades are straight lines of
gain, which every program draws the same way.

Knows nothing of stories or file formats.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

DEFAULT_BPM = 120.0
BEATS = 4

_ON_THE_BAR = 1e-3
"""How much of a bar a frame may be late, because frames and milliseconds are whole, and still be on it."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A sound file that an item plays. path: relative to the project, with forward slashes.

    offset: the frame that plays first; what is before it, and behind the item's end, is there for editing.
    """

    path: str
    name: str
    take: int
    frames: int
    rate_hz: int
    channels: int
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One sound on a track: where and how long it plays, its fades, its takes, and which of them is heard."""

    name: str
    start: int
    frames: int
    fade_in: int
    fade_out: int
    takes: tuple[Clip, ...]
    current: int

    @property
    def clip(self) -> Clip:
        """The take that is heard."""
        return self.takes[self.current]


@dataclass(frozen=True, slots=True)
class Track:
    """A row of the timeline. Its items may overlap; they add up."""

    name: str
    channels: int
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Marker:
    """A named moment (end None) or region, in frames."""

    name: str
    start: int
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """A whole project. bpm None: none was given; formats that need one say DEFAULT_BPM."""

    name: str
    rate_hz: int
    frames: int
    tracks: tuple[Track, ...]
    markers: tuple[Marker, ...]
    bpm: float | None = None

    def seconds(self, frames: int) -> float:
        """Frames in seconds."""
        return frames / self.rate_hz

    @property
    def tempo_bpm(self) -> float:
        return self.bpm or DEFAULT_BPM


def starts_of(first: Timeline, lengths: Sequence[int], given: Sequence[int | None]) -> tuple[int, ...]:
    """Where timelines of these lengths start behind the first, in frames: as given, or (None) after all before them.

    Where the first has a tempo, that is on its next bar.
    """
    starts, end = list[int](), first.frames
    for length, start in zip(lengths, given, strict=True):
        starts.append(_next_bar(end, first) if start is None else start)
        end = max(end, starts[-1] + length)
    return tuple(starts)


def joined(first: Timeline, others: Sequence[tuple[Timeline, int]]) -> Timeline:
    """One project of several, each at its frame, under the first one's name and tempo.

    All must have the same rate. Tracks of the same name stay one track.
    """
    tracks, markers, frames = dict[str, Track](), list[Marker](), first.frames
    for timeline, at in ((first, 0), *others):
        for track in timeline.tracks:
            items = tuple(replace(item, start=item.start + at) for item in track.items)
            known = tracks.get(track.name, Track(track.name, track.channels, ()))
            tracks[track.name] = Track(track.name, max(known.channels, track.channels), known.items + items)
        for marker in timeline.markers:
            end = None if marker.end is None else marker.end + at
            markers.append(Marker(marker.name, marker.start + at, end))
        frames = max(frames, at + timeline.frames)
    return replace(first, frames=frames, tracks=tuple(tracks.values()), markers=tuple(markers))


def _next_bar(frame: int, timeline: Timeline) -> int:
    """The first bar of a timeline's tempo at a frame or after it; without a tempo the frame itself."""
    if timeline.bpm is None:
        return frame
    bar = timeline.rate_hz * 60 * BEATS / timeline.bpm
    return round(math.ceil(frame / bar - _ON_THE_BAR) * bar)
