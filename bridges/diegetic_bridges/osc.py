"""OSC over UDP and TCP, on one port: packets in, answers to the address and port they came from.

    async with OscServer(session, port=9777) as server:
        print(server.address)

TCP connections may frame by SLIP (OSC 1.1) or by sizes (OSC 1.0). Knows nothing of what a packet holds.

Threads: all in the event loop's thread.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Sequence
from typing import Any, cast

from diegetic.service import Service
from diegetic_bridges.admission import Admission, is_local
from diegetic_bridges.clients import Peer
from diegetic_bridges.framing import Framing
from diegetic_bridges.ports import take_both
from diegetic_bridges.rate import Pace
from diegetic_bridges.session import Session

PORT = 9777
MAX_CONNECTIONS = 256
MAX_UNSENT_BYTES = 1 << 20

_WAY_OUT = "end that one, or choose others by --port and --web-port"
_RECEIVE_BYTES = 1 << 20
_READ_BYTES = 1 << 14

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
        self._sockets: tuple[socket.socket, ...] = ()
        self._datagrams: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self.connections: set[_Connection] = set()

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def bind(self) -> None:
        """Take the port; what comes waits until `start`. Raises Failure where it is taken, or the host isn't here."""
        self._sockets = datagrams, _ = take_both("OSC", self.host, self.port, _WAY_OUT)
        datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
        self.port = datagrams.getsockname()[1]

    async def start(self) -> None:
        """Listen. Raises as `bind`, where that wasn't called."""
        if not self._sockets:
            self.bind()
        loop, (datagrams, streams) = asyncio.get_running_loop(), self._sockets
        self._datagrams, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self, self._session), sock=datagrams
        )
        self._server = await asyncio.start_server(self._converse, sock=streams)
        self._sockets = ()
        _log.info("OSC on %s, UDP and TCP", self.address)

    async def stop(self) -> None:
        """Close both, and every connection. Can be called twice, and after `bind` alone."""
        for each in self._sockets:
            each.close()
        self._sockets = ()
        if self._datagrams is not None:
            self._datagrams.close()
        if self._server is not None:
            self._server.close()
        for connection in tuple(self.connections):
            connection.close()
        await asyncio.sleep(0)  # lets transports close

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.admits(writer.get_extra_info("peername")[0]):
            writer.transport.abort()
        elif len(self.connections) >= MAX_CONNECTIONS:
            self._session.counts["dropped"] += 1
            writer.transport.abort()
        else:
            connection = _Connection(self._session, writer)
            self.connections.add(connection)
            await connection.run(reader)
            self.connections.discard(connection)


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


class _Connection:
    """One TCP connection, read no faster than is fair: what is sent meanwhile fills the sender's buffers, not ours.

    What the system doesn't take at once waits here: from Python 3.12 on a transport counts all the writes that wait in
    it at each further one.
    """

    def __init__(self, session: Session, writer: asyncio.StreamWriter) -> None:
        host, port = writer.get_extra_info("peername")[:2]
        self._session, self._writer = session, writer
        self._framing = Framing()
        self._unsent = bytearray()
        self._sending: asyncio.Task[None] | None = None
        writer.transport.set_write_buffer_limits(0)  # `drain` waits until all is sent
        self._peer = Peer(f"tcp {host}:{port}", self._send, is_local(host), leased=False)

    async def run(self, reader: asyncio.StreamReader) -> None:
        """Take what comes until it closes."""
        pace = Pace()
        try:
            while not self._writer.is_closing() and (data := await reader.read(_READ_BYTES)):
                await pace.keep(0)
                for packet in self._packets(data):
                    await pace.keep(self._session.receive(self._peer, packet))
        except OSError:  # closed from there, or vanished from the network
            pass
        finally:
            self.close()
            self._session.forget(self._peer.key)

    def close(self) -> None:
        """Let what waits be sent, and close."""
        if not self._writer.is_closing():
            self._writer.write(self._take_unsent())
        self._writer.close()

    def _packets(self, data: bytes) -> list[bytes]:
        refused = self._framing.refused
        packets = self._framing.feed(data)
        self._session.counts["unframed"] += self._framing.refused - refused
        if self._framing.broken:
            self.close()
        return packets

    def _send(self, packet: bytes) -> None:
        """A client that doesn't read is let go, before what it doesn't read fills the memory."""
        transport = self._writer.transport
        if transport.is_closing():
            return
        if len(self._unsent) > MAX_UNSENT_BYTES:
            self._session.counts["dropped"] += 1
            transport.abort()
            return
        self._unsent += self._framing.wrap(packet)
        if not transport.get_write_buffer_size():
            self._writer.write(self._take_unsent())
        elif self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send_unsent())

    async def _send_unsent(self) -> None:
        with contextlib.suppress(OSError):
            while self._unsent and not self._writer.is_closing():
                await self._writer.drain()
                self._writer.write(self._take_unsent())

    def _take_unsent(self) -> bytes:
        taken = bytes(self._unsent)
        self._unsent.clear()
        return taken
