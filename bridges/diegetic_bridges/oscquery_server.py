"""OSCQuery as it is served: the tree over HTTP, and over WebSocket what changes in it (LISTEN, PATH_ADDED).

A client's WebSocket is an OSC connection too: binary messages are packets, both ways.

Knows nothing of who may ask. Threads: all in the event loop's.
"""

import asyncio
import json
import logging
from typing import Any

from aiohttp import web

from diegetic_bridges.clients import Peer
from diegetic_bridges.codec import encode
from diegetic_bridges.commands import Commands
from diegetic_bridges.oscquery import ATTRIBUTES, Live, host_info, live_of, node_at, paths, tree
from diegetic_bridges.registry import Value
from diegetic_bridges.session import Session
from diegetic_bridges.web_socket import Socket

NAME = "Diegetic"
MAX_LISTENED = 1024

_LOOK_EVERY_S = 0.05
"""Values are looked at so often: a fader that moves in bursts is told of at its last value."""

_log = logging.getLogger(__name__)


class OscQuery:
    """The tree of one engine. osc_port: where its OSC is."""

    def __init__(self, session: Session, engine: Commands, host: str, osc_port: int) -> None:
        self._session, self._engine = session, engine
        self._host, self._osc_port = host, osc_port
        self._listened: dict[Socket, set[str]] = {}
        self._known = Live()
        self._looking: asyncio.Task[None] | None = None

    def answer(self, path: str, query: str) -> web.Response:
        """A node, or one attribute of it: 404 and 400 where there is no such, 204 where it has none."""
        if query == "HOST_INFO":
            return web.json_response(host_info(NAME, self._host, self._osc_port))
        node = node_at(tree(self._live()), path)
        if node is None:
            raise web.HTTPNotFound(text=f"{path[:80]}: is no address of this engine; see /")
        if not query:
            return web.json_response(node)
        if query not in ATTRIBUTES:
            raise web.HTTPBadRequest(text=f"?{query[:40]}: is no attribute; known: HOST_INFO, {', '.join(ATTRIBUTES)}")
        return web.json_response({query: node[query]}) if query in node else web.Response(status=204)

    async def serve(self, socket: Socket, request: web.Request, peer: Peer) -> web.WebSocketResponse:
        """One client, until it closes."""
        self._listened[socket] = set()
        if self._looking is None:
            self._known = self._live()
            self._looking = asyncio.create_task(self._look())
        try:
            return await socket.run(request, lambda message: self._take(socket, peer, message))
        finally:
            del self._listened[socket]
            if not self._listened:
                await self.stop()

    async def stop(self) -> None:
        """Look no more. Can be called twice."""
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    def _take(self, socket: Socket, peer: Peer, message: str | bytes) -> int:
        if isinstance(message, bytes):
            return self._session.receive(peer, message)
        if not self._command(socket, message):
            self._session.counts["refused"] += 1
        return 1

    def _command(self, socket: Socket, text: str) -> bool:
        """Do what a command says; False where it can't be done."""
        try:
            given = json.loads(text)
        except (ValueError, RecursionError):
            return False
        path = given.get("DATA") if isinstance(given, dict) else None
        listened = self._listened[socket]
        if not isinstance(path, str) or given.get("COMMAND") not in ("LISTEN", "IGNORE"):
            return False
        if given["COMMAND"] == "IGNORE":
            listened.discard(path)
        elif path not in self._known.values or len(listened) >= MAX_LISTENED:
            return False
        else:
            listened.add(path)
            socket.send(_packet(path, self._known.values[path]))
        return True

    def _live(self) -> Live:
        return live_of(self._engine.dump(), self._engine.parameters())

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            try:
                before, self._known = self._known, self._live()
            except Exception:
                _log.exception("OSCQuery: the engine's values could not be read")
                continue
            self._tell(before, self._known)

    def _tell(self, before: Live, now: Live) -> None:
        """Send what has changed: values to who listens, paths to all."""
        changed = {path: value for path, value in now.values.items() if before.values.get(path) != value}
        news = [_path_news("PATH_ADDED", path) for path in sorted(paths(now) - paths(before))]
        news += [_path_news("PATH_REMOVED", path) for path in sorted(paths(before) - paths(now))]
        for socket, listened in self._listened.items():
            for path in listened & changed.keys():
                socket.send(_packet(path, changed[path]))
            for each in news:
                socket.send(each)


def _packet(path: str, value: Value) -> bytes:
    return encode(path, "s" if isinstance(value, str) else "f", (value,))


def _path_news(command: str, path: str) -> str:
    news: dict[str, Any] = {"COMMAND": command, "DATA": path}
    return json.dumps(news)
