"""OSC over UDP and TCP, on one port: packets in, answers to the address and port they came from.

    async with OscServer(session, port=9777) as server:
        print(server.address)

TCP connections may frame by SLIP (OSC 1.1) or by sizes (OSC 1.0). Knows nothing of what a packet holds.

Threads: all in the event loop's thread.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Sequence
from typing import Any, cast

from diegetic.errors import Failure
from diegetic.service import Service
from diegetic_bridges.admission import Admission, is_local
from diegetic_bridges.clients import Peer
from diegetic_bridges.framing import Framing
from diegetic_bridges.session import Session

PORT = 9777
MAX_CONNECTIONS = 256
MAX_UNSENT_BYTES = 1 << 20

_RECEIVE_BYTES = 1 << 20
_TRIES = 20

_log = logging.getLogger(__name__)


class OscServer(Service):
    """A UDP and a TCP server for one session.

    host: where to listen. port: 0 takes a free one; `port` says which. allow: networks ("192.168.1.0/24") or addresses
    that are listened to beside this machine; others are dropped and counted. Raises InputError for a network that is
    none, and where a host other than this machine comes without any.
    """

    def __init__(self, session: Session, host: str = "127.0.0.1", port: int = PORT, allow: Sequence[str] = ()) -> None:
        self.host, self.port = host, port
        self._session = session
        self.admits = Admission(host, allow, session.counts).admits
        self._datagrams: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self.connections: set[_Connection] = set()

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    async def start(self) -> None:
        """Open both. Raises Failure where the port is taken or the host isn't this machine's."""
        for tries_left in reversed(range(_TRIES if self.port == 0 else 1)):
            try:
                await self._open()
                break
            except OSError as error:
                self._close()
                if not tries_left or error.errno != errno.EADDRINUSE:
                    raise Failure(
                        f"osc: {self.address} can't be opened ({error.strerror}); choose another port"
                    ) from None
        _log.info("OSC on %s, UDP and TCP", self.address)

    async def stop(self) -> None:
        """Close both, and every connection. Can be called twice."""
        self._close()
        await asyncio.sleep(0)  # lets transports close

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        datagrams, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self, self._session), local_addr=(self.host, self.port)
        )
        self._datagrams = datagrams
        sock: socket.socket = datagrams.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        port = sock.getsockname()[1]
        self._server = await loop.create_server(lambda: _Connection(self, self._session), self.host, port)
        self.port = port

    def _close(self) -> None:
        if self._datagrams is not None:
            self._datagrams.close()
        if self._server is not None:
            self._server.close()
        for connection in tuple(self.connections):
            connection.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: OscServer, session: Session) -> None:
        self._server, self._session = server, session

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[Any, ...]) -> None:
        host = address[0]
        if not self._server.admits(host):
            return

        def send(packet: bytes) -> None:
            if not self._transport.is_closing():
                self._transport.sendto(packet, address)

        self._session.receive(Peer(f"udp {host}:{address[1]}", send, is_local(host)), data)

    def error_received(self, error: Exception) -> None:
        """A client that is gone: its lease will end."""
        self._session.counts["unreachable"] += 1


class _Connection(asyncio.Protocol):
    def __init__(self, server: OscServer, session: Session) -> None:
        self._server, self._session = server, session
        self._framing = Framing()
        self._peer: Peer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        host, port = transport.get_extra_info("peername")[:2]
        if not self._server.admits(host):
            self._transport.abort()
        elif len(self._server.connections) >= MAX_CONNECTIONS:
            self._session.counts["dropped"] += 1
            self._transport.abort()
        else:
            self._server.connections.add(self)
            self._peer = Peer(f"tcp {host}:{port}", self._send, is_local(host), leased=False)

    def data_received(self, data: bytes) -> None:
        if self._peer is None:
            return
        refused = self._framing.refused
        for packet in self._framing.feed(data):
            self._session.receive(self._peer, packet)
        self._session.counts["unframed"] += self._framing.refused - refused
        if self._framing.broken:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._server.connections.discard(self)
        if self._peer is not None:
            self._session.forget(self._peer.key)

    def close(self) -> None:
        self._transport.close()

    def _send(self, packet: bytes) -> None:
        """A client that doesn't read is let go, before what it doesn't read fills the memory."""
        if self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self._session.counts["dropped"] += 1
            self._transport.abort()
            return
        self._transport.write(self._framing.wrap(packet))
