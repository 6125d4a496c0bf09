"""Blocks of samples as packets of the two formats that DAW users receive: VBAN and ReaStream.

VBAN ("VBAN Protocol Specifications", VB-Audio): 28 bytes of header, at most 1436 of samples and 256 frames; here 24-bit
PCM, interleaved, which every receiver takes. ReaStream (1014.org/shiz/reastream.txt): 47 bytes of header, at most 1200
of float32 samples, channel after channel. All numbers are little-endian.

Knows nothing of sockets or clocks.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from diegetic.errors import InputError

VBAN_PORT, REASTREAM_PORT = 6980, 58710

_VBAN_DATA_BYTES, _VBAN_FRAMES, _VBAN_CHANNELS = 1436, 256, 256
_VBAN_RATES_HZ = (
    6000, 12_000, 24_000, 48_000, 96_000, 192_000, 384_000,
    8000, 16_000, 32_000, 64_000, 128_000, 256_000, 512_000,
    11_025, 22_050, 44_100, 88_200, 176_400, 352_800, 705_600,
)  # fmt: skip
_PCM_24 = 2
_FULL_SCALE_24 = 2**23
_REASTREAM_DATA_BYTES, _REASTREAM_CHANNELS = 1200, 64
_REASTREAM_HEAD = struct.Struct("<4sI32sBIH")

Samples = NDArray[np.float32]


class Format(Protocol):
    """Makes packets of blocks. name: at the receiver."""

    def packets(self, block: Samples) -> Iterator[bytes]:
        """The packets of a block [frames, channels], of about the same size each."""
        ...


@dataclass(slots=True)
class Vban:
    """VBAN. name: of the stream, 1..15 bytes. Raises InputError."""

    name: str
    rate_hz: int
    channels: int
    _count: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        _check("vban", self.name, 15, self.channels, _VBAN_CHANNELS)
        if self.rate_hz not in _VBAN_RATES_HZ:
            known = ", ".join(map(str, sorted(_VBAN_RATES_HZ)))
            raise InputError(f"vban: the rate must be one of {known} Hz, got {self.rate_hz}; choose another")

    def packets(self, block: Samples) -> Iterator[bytes]:
        longest = min(_VBAN_FRAMES, _VBAN_DATA_BYTES // (3 * self.channels))
        for piece in _pieces(block, longest):
            yield self._head(len(piece)) + _as_24_bits(piece)
            self._count = (self._count + 1) % 2**32

    def _head(self, frames: int) -> bytes:
        form = bytes((_VBAN_RATES_HZ.index(self.rate_hz), frames - 1, self.channels - 1, _PCM_24))
        return b"VBAN" + form + self.name.encode().ljust(16, b"\0") + struct.pack("<I", self._count)


@dataclass(frozen=True, slots=True)
class ReaStream:
    """ReaStream. name: the identifier that is set at the receiver, 1..31 bytes. Raises InputError."""

    name: str
    rate_hz: int
    channels: int

    def __post_init__(self) -> None:
        _check("reastream", self.name, 31, self.channels, _REASTREAM_CHANNELS)

    def packets(self, block: Samples) -> Iterator[bytes]:
        for piece in _pieces(block, _REASTREAM_DATA_BYTES // (4 * self.channels)):
            data = np.ascontiguousarray(piece.T, "<f4").tobytes()
            size = _REASTREAM_HEAD.size + len(data)
            yield _REASTREAM_HEAD.pack(b"MRSR", size, self.name.encode(), self.channels, self.rate_hz, len(data)) + data


def _check(kind: str, name: str, longest: int, channels: int, most: int) -> None:
    if not 1 <= len(name.encode()) <= longest or not name.isprintable():
        raise InputError(f"{kind}: its name must have 1..{longest} bytes, got {name[:40]!r}; choose another")
    if channels > most:
        raise InputError(f"{kind}: takes {most} channels at most, got {channels}; name fewer outputs")


def _pieces(block: Samples, longest: int) -> list[Samples]:
    """A block in as few parts of nearly equal length as there can be."""
    return np.array_split(block, -(-len(block) // longest))


def _as_24_bits(samples: Samples) -> bytes:
    """Samples [frames, channels] as interleaved 24-bit PCM, rounded; beyond full scale held at its ends."""
    scaled = np.rint(samples.astype(np.float64) * _FULL_SCALE_24)
    whole = np.clip(scaled, -_FULL_SCALE_24, _FULL_SCALE_24 - 1).astype("<i4")
    return whole.reshape(-1, 1).view(np.uint8)[:, :3].tobytes()
