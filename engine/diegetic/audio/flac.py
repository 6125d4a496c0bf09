"""What a FLAC says of itself: Vorbis comments, and the chunks of the WAV that it stands for.

The comments have the names by which ffmpeg writes the fields of a Broadcast Wave; events are chapters, a loop is
LOOPSTART and LOOPLENGTH, as game engines read it. The chunks are kept as `flac --keep-foreign-metadata` keeps them:
decoded with that option, the file is the Broadcast Wave again, with every chunk.

Sources: RFC 9639 (blocks), Vorbis I (comments), flac 1.3's foreign metadata.

Knows nothing of stories.
"""

import struct
from collections.abc import Iterator, Sequence

from diegetic.audio.bwf import Sound, Tags, coding_history, reference, umid
from diegetic.audio.cues import Mark
from diegetic.audio.riff import read_chunks
from diegetic.names import one_line

_MAGIC = b"fLaC"
_PADDING, _APPLICATION, _COMMENT = 1, 2, 4
_LAST = 0x80
_MOST_BYTES = 2**24 - 1
_MOST_CHAPTERS = 999

Comment = tuple[str, str]


def with_metadata(flac: bytes, comments: Sequence[Comment], wav: bytes) -> bytes:
    """The FLAC file with these comments and the chunks of `wav`, which holds the same samples.

    Raises ValueError where either isn't what it should be, or a chunk doesn't fit into a block.
    """
    blocks, frames = _read(flac)
    kept = [(kind, content) for kind, content in blocks if kind not in (_PADDING, _COMMENT)]
    added = [(_COMMENT, _encode_comments(comments)), *((_APPLICATION, b"riff" + part) for part in _parts(wav))]
    return _MAGIC + _encode((*kept, *added)) + frames


def comments_of(tags: Tags, sound: Sound, marks: Sequence[Mark], loop_frames: int | None) -> tuple[Comment, ...]:
    """What tags, marks and a loop over `loop_frames` (None: no loop) are as comments."""
    return tuple((key, one_line(value)) for key, value in _comments(tags, sound, marks, loop_frames) if one_line(value))


def read_comments(flac: bytes) -> tuple[Comment, ...]:
    """The comments of a FLAC file. Raises ValueError where it isn't one or has none."""
    content = next((content for kind, content in _read(flac)[0] if kind == _COMMENT), None)
    if content is None:
        raise ValueError("flac: must have comments, got none")
    at = 4 + struct.unpack_from("<I", content)[0]
    (count,) = struct.unpack_from("<I", content, at)
    at, found = at + 4, list[Comment]()
    for _ in range(count):
        (size,) = struct.unpack_from("<I", content, at)
        key, _, value = content[at + 4 : at + 4 + size].decode().partition("=")
        at += 4 + size
        found.append((key, value))
    return tuple(found)


def _comments(tags: Tags, sound: Sound, marks: Sequence[Mark], loop_frames: int | None) -> Iterator[Comment]:
    yield "TITLE", tags.note
    yield "DESCRIPTION", tags.note
    yield "PROJECT", tags.project
    yield "SCENE", tags.scene
    yield "TAKE", tags.take
    yield "TRACK", tags.track
    yield "ORIGINATOR", tags.maker
    yield "ORIGINATOR_REFERENCE", reference(tags.identity)
    yield "TIME_REFERENCE", str(tags.starts_at)
    yield "UMID", umid(tags.identity, sound.channels).hex().upper()
    yield "CODING_HISTORY", coding_history(tags, sound)
    if tags.loudness is not None:
        for key, level in tags.loudness.named():
            yield key.upper(), "" if level is None else f"{level:.2f}"
    for number, mark in enumerate(marks[:_MOST_CHAPTERS], start=1):
        yield f"CHAPTER{number:03}", _clock(mark.start / sound.rate_hz)
        yield f"CHAPTER{number:03}NAME", mark.label
    if loop_frames is not None:
        yield "LOOPSTART", "0"
        yield "LOOPLENGTH", str(loop_frames)


def _clock(seconds: float) -> str:
    """Hours, minutes, seconds and thousandths."""
    thousandths = round(seconds * 1000)
    minutes = thousandths // 60_000
    return f"{minutes // 60:02}:{minutes % 60:02}:{thousandths // 1000 % 60:02}.{thousandths % 1000:03}"


def _parts(wav: bytes) -> Iterator[bytes]:
    """The WAV without its samples: its head, then each chunk; of `data` only the name and the size."""
    yield wav[:12]
    for chunk in read_chunks(wav):
        yield chunk.encode()[:8] if chunk.name == b"data" else chunk.encode()


def _read(flac: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The metadata blocks (kind, content) of a FLAC file, and the rest of it."""
    if flac[:4] != _MAGIC:
        raise ValueError(f"flac: must begin with fLaC, got {flac[:4]!r}")
    at, blocks, last = 4, list[tuple[int, bytes]](), False
    while not last:
        if at + 4 > len(flac):
            raise ValueError(f"flac: must have a last block of metadata, ends at byte {len(flac)}")
        kind, size = flac[at], int.from_bytes(flac[at + 1 : at + 4], "big")
        last = bool(kind & _LAST)
        blocks.append((kind & ~_LAST, flac[at + 4 : at + 4 + size]))
        at += 4 + size
    return blocks, flac[at:]


def _encode(blocks: Sequence[tuple[int, bytes]]) -> bytes:
    encoded = b""
    for number, (kind, content) in enumerate(blocks, start=1):
        if len(content) > _MOST_BYTES:
            raise ValueError(f"flac: a block must have at most {_MOST_BYTES} bytes, got {len(content)}")
        encoded += bytes((kind | (_LAST if number == len(blocks) else 0),)) + len(content).to_bytes(3, "big") + content
    return encoded


def _encode_comments(comments: Sequence[Comment]) -> bytes:
    vendor = b"Diegetic"
    lines = [f"{key}={value}".encode() for key, value in comments]
    head = struct.pack("<I", len(vendor)) + vendor + struct.pack("<I", len(lines))
    return head + b"".join(struct.pack("<I", len(line)) + line for line in lines)
