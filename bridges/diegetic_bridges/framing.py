"""Packets in a stream: SLIP (OSC 1.1), or a size before each packet (OSC 1.0, as liblo's oscsend sends).

The first byte tells which: a size below 16 MB begins with 0, and no packet does.

Knows nothing of what a packet holds, or of sockets.
"""

import re

from pythonosc import slip

from diegetic_bridges.codec import MAX_PACKET_BYTES

_ENDS = re.compile(rb"\xc0+")
_SIZE_BYTES = 4


class Framing:
    """One connection's: bytes in, packets out. Answers go in the same framing as what came first."""

    def __init__(self) -> None:
        self.refused = 0
        self._sized: bool | None = None
        self._buffer = bytearray()
        self._skip = False

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that are complete now. What is too long or not SLIP is left out, and counted in `refused`."""
        if self._sized is None and data:
            self._sized = data[0] == 0
        self._buffer += data
        return self._take_sized() if self._sized else self._take_slip()

    def wrap(self, packet: bytes) -> bytes:
        """A packet as it goes into the stream."""
        if self._sized:
            return len(packet).to_bytes(_SIZE_BYTES, "big") + packet
        return bytes(slip.encode(packet))

    @property
    def broken(self) -> bool:
        """Whether the stream can't be followed any more: a size that is no size. The connection is to be closed."""
        return bool(self._sized) and self._skip

    def _take_sized(self) -> list[bytes]:
        packets = []
        while len(self._buffer) >= _SIZE_BYTES and not self._skip:
            size = int.from_bytes(self._buffer[:_SIZE_BYTES], "big")
            if size > MAX_PACKET_BYTES:
                self._skip = True
                self.refused += 1
                self._buffer.clear()
                break
            if len(self._buffer) < _SIZE_BYTES + size:
                break
            packets.append(bytes(self._buffer[_SIZE_BYTES : _SIZE_BYTES + size]))
            del self._buffer[: _SIZE_BYTES + size]
        return packets

    def _take_slip(self) -> list[bytes]:
        *frames, rest = _ENDS.split(self._buffer)
        self._buffer = bytearray(rest)
        packets = []
        for frame in frames:
            if self._skip or len(frame) > 2 * MAX_PACKET_BYTES:
                self.refused += not self._skip
                self._skip = False
            elif frame:
                packets += self._unescape(bytes(frame))
        if len(self._buffer) > 2 * MAX_PACKET_BYTES:
            self.refused += not self._skip
            self._skip = True
            self._buffer.clear()
        return packets

    def _unescape(self, frame: bytes) -> list[bytes]:
        try:
            return [slip.decode(frame)]
        except slip.ProtocolError:
            self.refused += 1
            return []
