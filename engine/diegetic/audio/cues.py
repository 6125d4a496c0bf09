"""Places in a WAV: `cue ` points with their `LIST adtl` labels and ranges, and the `smpl` loop.

Source: "Multimedia Programming Interface and Data Specifications 1.0" (IBM and Microsoft, 1991) and its 1994 update.

Knows nothing of events.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from diegetic.audio.riff import Chunk
from diegetic.names import one_line

_POINT = struct.Struct("<II4sIII")
_RANGE = struct.Struct("<II4sHHHH")
_SAMPLER = struct.Struct("<9I")
_LOOP = struct.Struct("<6I")
_MIDDLE_C = 60


@dataclass(frozen=True, slots=True)
class Mark:
    """A labelled range of frames: where it starts, how long it is, what it says."""

    start: int
    frames: int
    label: str


def mark_chunks(marks: Sequence[Mark]) -> tuple[Chunk, ...]:
    """A `cue ` chunk and the `LIST` of its labels and ranges; nothing for no marks."""
    if not marks:
        return ()
    points = b"".join(_POINT.pack(number, mark.start, b"data", 0, 0, mark.start) for number, mark in _numbered(marks))
    labels = b"".join(
        Chunk(b"labl", struct.pack("<I", number) + one_line(mark.label).encode() + b"\0").encode()
        for number, mark in _numbered(marks)
    )
    ranges = b"".join(
        Chunk(b"ltxt", _RANGE.pack(number, mark.frames, b"rgn ", 0, 0, 0, 0)).encode()
        for number, mark in _numbered(marks)
    )
    count = struct.pack("<I", len(marks))
    return Chunk(b"cue ", count + points), Chunk(b"LIST", b"adtl" + labels + ranges)


def loop_chunk(rate_hz: int, start: int, end: int) -> Chunk:
    """A `smpl` chunk with one forward loop for ever, from frame `start` up to and without frame `end`."""
    period_ns = round(1e9 / rate_hz)
    sampler = _SAMPLER.pack(0, 0, period_ns, _MIDDLE_C, 0, 0, 0, 1, 0)
    return Chunk(b"smpl", sampler + _LOOP.pack(0, 0, start, end - 1, 0, 0))


def _numbered(marks: Sequence[Mark]) -> Sequence[tuple[int, Mark]]:
    return list(enumerate(marks, start=1))
