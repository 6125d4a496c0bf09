"""A verb by HTTP: each request is a client of its own, answered with all it is sent, as a list.

The status is that of the first failure, 202 for a slow verb that goes on, else 200. Its end: by /diegetic/job/get, or
with `?wait=SECONDS` in the same answer.

Knows nothing of who may ask. Threads: all in the event loop's.
"""

import asyncio
import itertools
import json
import math
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from diegetic_bridges.admission import is_local
from diegetic_bridges.clients import Peer
from diegetic_bridges.codec import Incoming, Malformed
from diegetic_bridges.json_messages import ADDRESS, incoming, pack_json, read_object
from diegetic_bridges.registry import BY_NAME, ROOT
from diegetic_bridges.session import Session

MAX_WAITING = 128

_BODY_S = 10.0
_STAYING = frozenset(BY_NAME[name].address for name in ("notify", "sync"))
_SLOW = frozenset(verb.address for verb in BY_NAME.values() if verb.slow)


@dataclass(slots=True)
class _Answers:
    """What one request is sent. more: set by each message."""

    packed: list[bytes] = field(default_factory=list)
    more: asyncio.Event = field(default_factory=asyncio.Event)

    def send(self, message: bytes) -> None:
        self.packed.append(message)
        self.more.set()

    def message(self, index: int) -> dict[str, Any]:
        return dict(json.loads(self.packed[index])) if self.packed else {ADDRESS: ""}

    def response(self) -> web.Response:
        first, last = self.message(0), self.message(-1)
        going_on = last[ADDRESS] == f"{ROOT}/ack"
        failing = next((each for each in (first, last) if each[ADDRESS] == f"{ROOT}/fail"), None)
        status = int(failing["code"]) if failing else 202 if going_on else 200
        body = b"[" + b",\n ".join(self.packed) + b"]\n"
        return web.Response(status=status, body=body, content_type="application/json")


class Posts:
    """The requests of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._numbers = itertools.count(1)
        self._waiting = 0

    async def answer(self, request: web.Request) -> web.Response:
        """Take what was posted. Raises HTTPException for what is no message."""
        wait_s = _wait_s(request)
        message = await _message(request)
        answers, host = _Answers(), request.remote or ""
        peer = Peer(f"http {host} {next(self._numbers)}", answers.send, is_local(host), leased=False, pack=pack_json)
        try:
            self._session.take(peer, [message])
            if self._session.clients.get(peer.key) is None:
                raise web.HTTPServiceUnavailable(text="clients: there are too many; close some connections")
            if wait_s and answers.message(-1)[ADDRESS] == f"{ROOT}/ack":
                await self._end(answers, wait_s)
            return answers.response()
        finally:
            self._session.forget(peer.key)

    async def _end(self, answers: _Answers, wait_s: float) -> None:
        """Wait for what comes after the ack, as long as was asked."""
        if self._waiting >= MAX_WAITING:
            return
        self._waiting += 1
        answers.more.clear()
        try:
            async with asyncio.timeout(wait_s):
                await answers.more.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1


async def _message(request: web.Request) -> Incoming | Malformed:
    try:
        async with asyncio.timeout(_BODY_S):
            body = await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"{request.path[:80]}: its body did not come in {_BODY_S:g} s") from None
    if request.path in _STAYING:
        raise web.HTTPConflict(text=f"{request.path}: needs a connection that stays; use the WebSocket at /ws")
    given = read_object(body)
    if isinstance(given, Malformed):
        return Malformed(request.path, given.refused)
    if request.path in _SLOW:
        given.setdefault("req", 0)  # a request has no other to tell apart
    return incoming(request.path, given)


def _wait_s(request: web.Request) -> float:
    if others := [name for name in request.query if name != "wait"]:
        raise web.HTTPBadRequest(text=f"{request.path[:80]}: ?{others[0][:40]} is unknown; known: wait")
    try:
        wait_s = float(request.query.get("wait", 0))
    except ValueError:
        wait_s = math.nan
    if not 0 <= wait_s <= 3600:
        raise web.HTTPUnprocessableEntity(text=f"{request.path[:80]}: wait must be 0..3600 s")
    return wait_s
