"""A device on the network: what is played goes to one VBAN or ReaStream receiver, by the null device's true clock.

    vban:HOST[:PORT][/STREAM]        vban:192.168.1.20/Diegetic
    reastream:HOST[:PORT][/ID]       reastream:localhost

Packets go to the address that was named, and nowhere else; nothing is awaited from it. One that can't be sent is lost,
as one that gets lost on the way.

Threads: the null device's thread fills blocks and hands over copies; a thread of its own makes and sends packets.
"""

import logging
import queue
import socket
import threading
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from diegetic.errors import Failure, InputError
from diegetic.player.null import Fill, NullDevice
from diegetic.player.packets import REASTREAM_PORT, VBAN_PORT, Format, ReaStream, Vban

USUAL_RATE_HZ = 48_000
"""The rate where none is chosen: a receiver has none of its own."""

_KINDS = {"vban": (VBAN_PORT, "Diegetic"), "reastream": (REASTREAM_PORT, "default")}
_WAITING_BLOCKS = 64

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver: its kind, where it is, and the name that it knows the stream by."""

    kind: str
    host: str
    port: int
    name: str

    def format(self, rate_hz: int, channels: int) -> Format:
        """What makes its packets. Raises InputError for a rate, a name or channels that it doesn't take."""
        return Vban(self.name, rate_hz, channels) if self.kind == "vban" else ReaStream(self.name, rate_hz, channels)


def target(device: str) -> Target | None:
    """The receiver that a device's name means; None for any other device. Raises InputError for a broken address."""
    kind, colon, rest = device.partition(":")
    if not colon or kind not in _KINDS:
        return None
    port, name = _KINDS[kind]
    try:
        parts = urlsplit(f"//{rest}")
        found = Target(kind, parts.hostname or "", parts.port or port, unquote(parts.path[1:]) or name)
    except ValueError:
        found = Target(kind, "", port, name)
    if not found.host or parts.username or parts.query or parts.fragment:
        raise InputError(
            f"device: must be {kind}:HOST[:PORT][/NAME], got {device[:80]!r}; for instance {kind}:localhost"
        )
    return found


class NetworkDevice:
    """Plays to one receiver. Raises Failure where its name is unknown or the network is down."""

    alive = True

    def __init__(self, to: Target, rate_hz: int, block_frames: int, channels: int, fill: Fill) -> None:
        self.name = f"{to.kind}:{to.host}:{to.port}/{to.name}"
        self.sent = self.lost = 0
        self._format, self._fill = to.format(rate_hz, channels), fill
        self._socket = _connected(to)
        self._blocks: queue.SimpleQueue[NDArray[np.float32] | None] = queue.SimpleQueue()
        self._clock = NullDevice(rate_hz, block_frames, channels, self._take)
        self._thread = threading.Thread(target=self._run, name="network-device", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._clock.start()

    def close(self) -> bool:
        """Stop; what is filled is still sent. True: it has ended."""
        self._clock.close()
        self._blocks.put(None)
        self._thread.join()
        self._socket.close()
        return True

    def _take(self, out: NDArray[np.float32], underrun: bool) -> None:
        self._fill(out, underrun)
        if self._blocks.qsize() < _WAITING_BLOCKS:
            self._blocks.put(out.copy())
        else:
            self.lost += 1

    def _run(self) -> None:
        while (block := self._blocks.get()) is not None:
            for packet in self._format.packets(block):
                self._send(packet)

    def _send(self, packet: bytes) -> None:
        try:
            self._socket.send(packet)
        except OSError as error:  # nobody listens there yet, or the network is down: it may be back
            if not self.lost:
                _log.warning("%s: packets don't arrive (%s)", self.name, error.strerror)
            self.lost += 1
        else:
            self.sent += 1


def _connected(to: Target) -> socket.socket:
    """A UDP socket that sends to the receiver alone."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_DGRAM)[0]
        sock = socket.socket(family, kind, protocol)
    except OSError as error:
        raise Failure(f"device {to.kind}:{to.host}: is not known ({error.strerror}); check its name") from None
    try:
        sock.connect(address)
    except OSError as error:
        sock.close()
        raise Failure(f"device {to.kind}:{to.host}: can't be reached ({error.strerror}); check the network") from None
    return sock
