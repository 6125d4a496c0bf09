"""A session without sockets, as tests of the wire's rules speak to it."""

import struct
import time
from dataclasses import dataclass, field
from typing import Any

from diegetic_bridges.clients import Peer
from diegetic_bridges.codec import Incoming, decode, encode, time_tag
from diegetic_bridges.outgoing import Clock
from diegetic_bridges.registry import ROOT
from diegetic_bridges.session import Session
from fake_engine import FakeEngine

WALL_S = 1_800_000_000.0


@dataclass
class Stage:
    """A session, an engine that only answers, and a clock that the test moves."""

    engine: FakeEngine = field(default_factory=FakeEngine)
    now: float = 100.0
    got: list[tuple[str, str, tuple[Any, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session = Session(self.engine, Clock(lambda: self.now, lambda: WALL_S + self.now - 100, 100.0))
        self.peer = self.another("here", self.got)

    def another(self, key: str, got: list[Any], local: bool = True, leased: bool = True) -> Peer:
        def send(packet: bytes) -> None:
            (found,) = decode(packet, WALL_S)
            assert isinstance(found, Incoming)
            got.append((found.address.removeprefix(ROOT), found.types, found.arguments))

        return Peer(key, send, local, leased)

    def send(
        self, path: str, types: str = "", *values: Any, peer: Peer | None = None
    ) -> list[tuple[str, tuple[Any, ...]]]:
        """What this client is answered."""
        self.got.clear()
        self.session.receive(peer or self.peer, encode(ROOT + path, types, values))
        return [(address, values) for address, _, values in self.got]


def bundle(at: float, packet: bytes) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", time_tag(at)) + struct.pack(">i", len(packet)) + packet


def read(packet: bytes) -> Incoming:
    """The one message of a packet."""
    (found,) = decode(packet, time.time())
    assert isinstance(found, Incoming)
    return found
