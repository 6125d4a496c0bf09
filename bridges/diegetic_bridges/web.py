"""The verbs over HTTP and WebSocket, and the OSCQuery tree, on one port.

    async with WebServer(session, engine) as server:
        print(server.address)

- POST /diegetic/... with a JSON object of the arguments: answered with a list of the messages that OSC would get.
- GET /ws opens a WebSocket of JSON messages, both ways, with events once subscribed; GET / one of OSCQuery.
- GET of anything else is the OSCQuery tree.

Knows nothing of what a message means. Threads: all in the event loop's.
"""

import asyncio
import logging
from collections.abc import Sequence
from socket import socket as Bound

from aiohttp import web

from diegetic.live.jobs import Refused
from diegetic.service import Service
from diegetic_bridges.admission import Admission, is_local
from diegetic_bridges.clients import Peer, Send
from diegetic_bridges.codec import Incoming, Malformed
from diegetic_bridges.commands import Commands
from diegetic_bridges.door import REQUESTS_PER_S, Door
from diegetic_bridges.json_messages import pack_json, read_message
from diegetic_bridges.oscquery_server import OscQuery
from diegetic_bridges.outgoing import Pack, pack
from diegetic_bridges.ports import take
from diegetic_bridges.posts import Posts
from diegetic_bridges.session import Session
from diegetic_bridges.web_socket import MAX_MESSAGE_BYTES, Socket

PORT = 9778
MAX_SOCKETS = 256

_WAY_OUT = "choose another by --web-port, or do without the web by --no-web"
_STOP_S = 1.0

_log = logging.getLogger(__name__)


class WebServer(Service):
    """An HTTP server for one session.

    host, port, allow: as of OscServer. osc_port: what OSCQuery says of where OSC is. requests_per_s: more are refused,
    from all clients together; messages on a WebSocket aren't counted. Raises InputError for a network
    that is none, and where a host other than this machine comes without any.
    """

    def __init__(
        self,
        session: Session,
        engine: Commands,
        host: str = "127.0.0.1",
        port: int = PORT,
        allow: Sequence[str] = (),
        osc_port: int = 9777,
        requests_per_s: float = REQUESTS_PER_S,
    ) -> None:
        self.host, self.port = host, port
        self._session = session
        self._door = Door(Admission(host, allow, session.counts).admits, session.counts, requests_per_s)
        self._oscquery = OscQuery(session, engine, host, osc_port)
        self._posts = Posts(session)
        self.sockets: set[Socket] = set()
        self._bound: Bound | None = None
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def bind(self) -> None:
        """Take the port; what comes waits until `start`. Raises Failure where it is taken, or the host isn't here."""
        self._bound = take("web", self.host, self.port, _WAY_OUT)
        self.port = self._bound.getsockname()[1]

    async def start(self) -> None:
        """Listen. Raises as `bind`, where that wasn't called."""
        if self._bound is None:
            self.bind()
        app = web.Application(middlewares=[self._door.middleware], client_max_size=MAX_MESSAGE_BYTES)
        app.router.add_get("/ws", self._json)
        app.router.add_post("/{path:.*}", self._posts.answer)
        app.router.add_get("/{path:.*}", self._get)
        app.on_shutdown.append(self._close_sockets)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=_STOP_S)
        await runner.setup()
        assert self._bound is not None
        await web.SockSite(runner, self._bound).start()
        self._runner, self._bound = runner, None
        _log.info("HTTP, WebSocket and OSCQuery on http://%s", self.address)

    async def stop(self) -> None:
        """Close it, and every connection. Can be called twice, and after `bind` alone."""
        if self._bound is not None:
            self._bound.close()
            self._bound = None
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        await self._oscquery.stop()

    async def _get(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return self._oscquery.answer(request.path, request.query_string)
        socket = self._open()
        peer = self._peer(request, "oscquery", socket.send, pack)
        try:
            return await self._oscquery.serve(socket, request, peer)
        finally:
            self._forget(socket, peer)

    async def _json(self, request: web.Request) -> web.StreamResponse:
        socket = self._open()
        peer = self._peer(request, "ws", lambda message: socket.send(message.decode()), pack_json)
        try:
            return await socket.run(request, lambda message: self._take(peer, message))
        finally:
            self._forget(socket, peer)

    def _take(self, peer: Peer, message: str | bytes) -> int:
        self._session.take(peer, [_read(message)])
        return 1

    def _open(self) -> Socket:
        if len(self.sockets) >= MAX_SOCKETS:
            raise web.HTTPServiceUnavailable(text=f"WebSockets: {MAX_SOCKETS} may be open at most; close some")
        socket = Socket(self._drop)
        self.sockets.add(socket)
        return socket

    def _peer(self, request: web.Request, kind: str, send: Send, form: Pack) -> Peer:
        host, port = request.transport.get_extra_info("peername")[:2] if request.transport else ("", 0)
        return Peer(f"{kind} {host}:{port}", send, is_local(host), leased=False, pack=form)

    def _forget(self, socket: Socket, peer: Peer) -> None:
        self.sockets.discard(socket)
        self._session.forget(peer.key)

    def _drop(self) -> None:
        self._session.counts["dropped"] += 1

    async def _close_sockets(self, _: web.Application) -> None:
        await asyncio.gather(*(socket.close() for socket in tuple(self.sockets)))


def _read(message: str | bytes) -> Incoming | Malformed:
    if isinstance(message, bytes):
        return Malformed("", Refused(400, "message: must be JSON, sent as text; OSC packets are taken at /"))
    return read_message(message)
