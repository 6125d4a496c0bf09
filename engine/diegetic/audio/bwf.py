"""What a WAV says of itself: the Broadcast Wave `bext` chunk and the `iXML` chunk.

Sources: EBU Tech 3285 version 2 (bext, with loudness), SMPTE ST 330 (UMID), iXML 2.10.

Knows nothing of stories.
"""

import hashlib
import struct
import unicodedata
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from diegetic.audio.meter import Loudness
from diegetic.audio.riff import Chunk
from diegetic.names import one_line

_BEXT = struct.Struct("<256s32s32s10s8sQH64s5h180x")
_VERSION = 2
_UNMEASURED = 0x7FFF
_UMID_LABEL = bytes.fromhex("060a2b34010101050101")
_UMID_ONE, _UMID_MORE, _UMID_LENGTH, _UMID_NO_METHOD = 0x08, 0x09, 0x13, 0x00


@dataclass(frozen=True, slots=True)
class Sound:
    """The facts of a file: rate, bits a sample (32 for float), channels."""

    rate_hz: int
    bits: int
    channels: int


@dataclass(frozen=True, slots=True)
class Tags:
    """What is said of a sound.

    note: its caption; project, scene (the story), take and track: as on a slate; starts_at: the frame since midnight
    that it begins at, where the project's timeline begins at midnight; made_at: UTC, ISO 8601, or empty; maker: program
    and version; model: what rendered it.
    identity: any text that differs wherever the samples do; the UMID is drawn from it.
    """

    note: str
    project: str
    scene: str
    take: str
    track: str
    starts_at: int
    made_at: str
    maker: str
    model: str
    identity: str
    loudness: Loudness | None = None


def tag_chunks(tags: Tags, sound: Sound) -> tuple[Chunk, Chunk]:
    """The `bext` and the `iXML` chunk."""
    return Chunk(b"bext", _bext(tags, sound)), Chunk(b"iXML", _ixml(tags, sound))


def umid(identity: str, channels: int) -> bytes:
    """A basic UMID (32 bytes) whose material number is a hash of `identity`."""
    kind = _UMID_ONE if channels == 1 else _UMID_MORE
    material = hashlib.sha256(identity.encode()).digest()[:16]
    return _UMID_LABEL + bytes((kind, _UMID_NO_METHOD, _UMID_LENGTH, 0, 0, 0)) + material


def reference(identity: str) -> str:
    """The originator's reference: 32 characters that differ wherever `identity` does."""
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def coding_history(tags: Tags, sound: Sound) -> str:
    """How the file came to be, in one line of the EBU's (R 98)."""
    return f"A=PCM,F={sound.rate_hz},W={sound.bits},M={_mode(sound.channels)},T={tags.maker}; {tags.model}"


def _bext(tags: Tags, sound: Sound) -> bytes:
    date, _, time = tags.made_at.rstrip("Z").partition("T")
    head = _BEXT.pack(
        _ascii(tags.note)[:256],
        _ascii(tags.maker)[:32],
        reference(tags.identity).encode(),
        date.encode(),
        time.encode(),
        tags.starts_at,
        _VERSION,
        umid(tags.identity, sound.channels),
        *_levels(tags.loudness),
    )
    return head + _ascii(coding_history(tags, sound)) + b"\r\n"


def _levels(loudness: Loudness | None) -> tuple[int, ...]:
    """Integrated, range, true peak, momentary, short-term: in hundredths, or what says that it wasn't measured."""
    if loudness is None:
        return (_UNMEASURED,) * 5
    levels = (level for _, level in loudness.named())
    return tuple(_UNMEASURED if level is None else round(100 * level) for level in levels)


def _ixml(tags: Tags, sound: Sound) -> bytes:
    root = ElementTree.Element("BWFXML")
    _add(
        root,
        IXML_VERSION="2.10",
        PROJECT=tags.project,
        SCENE=tags.scene,
        TAKE=tags.take,
        NOTE=tags.note,
        FILE_UID=umid(tags.identity, sound.channels).hex().upper(),
    )
    _add(
        ElementTree.SubElement(root, "SPEED"),
        NOTE="",
        FILE_SAMPLE_RATE=sound.rate_hz,
        AUDIO_BIT_DEPTH=sound.bits,
        TIMESTAMP_SAMPLE_RATE=sound.rate_hz,
        TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI=tags.starts_at >> 32,
        TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO=tags.starts_at & 0xFFFFFFFF,
    )
    tracks = ElementTree.SubElement(root, "TRACK_LIST")
    _add(tracks, TRACK_COUNT=sound.channels)
    for channel in range(1, sound.channels + 1):
        name = tags.track if sound.channels == 1 else f"{tags.track} {channel}"
        _add(ElementTree.SubElement(tracks, "TRACK"), CHANNEL_INDEX=channel, INTERLEAVE_INDEX=channel, NAME=name)
    xml: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return xml


def _add(parent: ElementTree.Element, **values: object) -> None:
    for name, value in values.items():
        ElementTree.SubElement(parent, name).text = one_line(str(value))


def _ascii(text: str) -> bytes:
    """The ASCII that bext asks for: accents off, `?` for what has no letter there. iXML says the text as it is."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", one_line(text)) if not unicodedata.combining(char))
    return plain.encode("ascii", "replace")


def _mode(channels: int) -> str:
    return {1: "mono", 2: "stereo"}.get(channels, "multitrack")
