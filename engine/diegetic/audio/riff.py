"""The chunks of a RIFF file, as bytes.

Source: "Multimedia Programming Interface and Data Specifications 1.0" (IBM and Microsoft, 1991).

Knows nothing of samples or of what a chunk means.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

_HEADER = struct.Struct("<4sI")


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its four-character name and its content."""

    name: bytes
    content: bytes | memoryview

    def encode(self) -> bytes:
        """The whole chunk."""
        return b"".join(self.parts())

    def parts(self) -> tuple[bytes, bytes | memoryview, bytes]:
        """Name and size, content, and a zero where the size is odd."""
        return _HEADER.pack(self.name, len(self.content)), self.content, b"\0" * (len(self.content) % 2)


def with_chunks(riff: bytes, added: Sequence[Chunk], without: Sequence[bytes] = ()) -> bytes:
    """The RIFF file `riff` with further chunks behind `fmt ` and before the samples, and without those named."""
    kept = [chunk for chunk in read_chunks(memoryview(riff)) if chunk.name not in without]
    at = next((place for place, chunk in enumerate(kept) if chunk.name == b"data"), len(kept))
    chunks = (*kept[:at], *added, *kept[at:])
    body = [riff[8:12], *chain.from_iterable(chunk.parts() for chunk in chunks)]  # samples are copied once, not thrice
    return b"".join((_HEADER.pack(b"RIFF", sum(map(len, body))), *body))


def read_chunks(riff: bytes | memoryview) -> Iterator[Chunk]:
    """The chunks of a RIFF file, in order, whose contents are parts of it.

    Raises ValueError where it isn't one or ends too soon.
    """
    if riff[:4] != b"RIFF":
        raise ValueError(f"riff: must begin with RIFF, got {riff[:4]!r}")
    at = 12
    while at + _HEADER.size <= len(riff):
        name, size = _HEADER.unpack_from(riff, at)
        content = riff[at + _HEADER.size : at + _HEADER.size + size]
        if len(content) < size:
            raise ValueError(f"riff: chunk {name!r} must have {size} bytes, got {len(content)}")
        yield Chunk(name, content)
        at += _HEADER.size + size + size % 2
