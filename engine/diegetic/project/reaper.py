"""NAME.rpp: the timeline as a Reaper project.

Tracks are lanes, items events, a Reaper take each take. Paths are relative, so the folder may move.

Knows nothing of stories. The format isn't documented; it is what Reaper 6 and 7 write.
"""

import uuid
from collections.abc import Iterator

from diegetic.names import one_line
from diegetic.project.timeline import BEATS, Clip, Item, Marker, Timeline, Track

_NAMESPACE = uuid.UUID("2f1c1a52-6f0e-4a58-9f5d-0b3ad5d3c6d1")
_INDENT = "  "
_LINEAR = 0


def encode_rpp(timeline: Timeline) -> bytes:
    """The project file. The same timeline gives the same bytes."""
    return "".join(f"{line}\n" for line in _project(timeline)).encode()


def quoted(text: str) -> str:
    """A string as a project file holds it: in whichever of the three quotes it hasn't."""
    line = one_line(text)
    quote = next((mark for mark in "\"'`" if mark not in line), None)
    return f"{quote}{line}{quote}" if quote else "`{}`".format(line.replace("`", "'"))


def _project(timeline: Timeline) -> Iterator[str]:
    yield '<REAPER_PROJECT 0.1 "7.0" 0'
    yield f"{_INDENT}RIPPLE 0"
    yield f"{_INDENT}AUTOXFADE 0"
    yield f"{_INDENT}ITEMMIX 1"
    yield f"{_INDENT}SAMPLERATE {timeline.rate_hz} 1 0"
    yield f"{_INDENT}TEMPO {timeline.tempo_bpm:.10g} {BEATS} 4"
    for number, marker in enumerate(timeline.markers, start=1):
        yield from (_INDENT + line for line in _marker(timeline, number, marker))
    for track in timeline.tracks:
        yield from (_INDENT + line for line in _track(timeline, track))
    yield ">"


def _marker(timeline: Timeline, number: int, marker: Marker) -> Iterator[str]:
    is_region = int(marker.end is not None)
    yield f"MARKER {number} {_s(timeline, marker.start)} {quoted(marker.name)} {is_region}"
    if marker.end is not None:
        yield f'MARKER {number} {_s(timeline, marker.end)} "" 1'


def _track(timeline: Timeline, track: Track) -> Iterator[str]:
    guid = _guid(timeline.name, track.name)
    yield f"<TRACK {guid}"
    yield f"{_INDENT}NAME {quoted(track.name)}"
    yield f"{_INDENT}VOLPAN 1 0 -1 -1 1"
    yield f"{_INDENT}MUTESOLO 0 0 0"
    yield f"{_INDENT}NCHAN {max(2, track.channels + track.channels % 2)}"
    yield f"{_INDENT}TRACKID {guid}"
    yield f"{_INDENT}MAINSEND 1 0"
    for number, item in enumerate(track.items, start=1):
        yield from (_INDENT + line for line in _item(timeline, item, f"{track.name} {number}"))
    yield ">"


def _item(timeline: Timeline, item: Item, place: str) -> Iterator[str]:
    yield "<ITEM"
    yield f"{_INDENT}POSITION {_s(timeline, item.start)}"
    yield f"{_INDENT}SNAPOFFS 0"
    yield f"{_INDENT}LENGTH {_s(timeline, item.frames)}"
    yield f"{_INDENT}LOOP 0"
    yield f"{_INDENT}ALLTAKES 0"
    yield f"{_INDENT}FADEIN {_LINEAR} {_s(timeline, item.fade_in)} 0 {_LINEAR} 0 0 0"
    yield f"{_INDENT}FADEOUT {_LINEAR} {_s(timeline, item.fade_out)} 0 {_LINEAR} 0 0 0"
    yield f"{_INDENT}MUTE 0 0"
    yield f"{_INDENT}IGUID {_guid(timeline.name, place)}"
    for number, clip in enumerate(item.takes):
        if number:
            yield f"{_INDENT}TAKE{' SEL' if number == item.current else ''}"
        yield from (_INDENT + line for line in _take(timeline, clip, f"{place} {number}"))
    yield ">"


def _take(timeline: Timeline, clip: Clip, place: str) -> Iterator[str]:
    yield f"NAME {quoted(clip.name)}"
    yield "VOLPAN 1 0 1 -1"
    yield f"SOFFS {_s(timeline, clip.offset)}"
    yield "PLAYRATE 1 1 0 -1 0 0.0025"
    yield "CHANMODE 0"
    yield f"GUID {_guid(timeline.name, place)}"
    yield "<SOURCE WAVE"
    yield f"{_INDENT}FILE {quoted(clip.path)}"
    yield ">"


def _s(timeline: Timeline, frames: int) -> str:
    """Seconds, exact to far below a frame."""
    return f"{timeline.seconds(frames):.14g}"


def _guid(*place: str) -> str:
    return "{" + str(uuid.uuid5(_NAMESPACE, "/".join(place))).upper() + "}"
