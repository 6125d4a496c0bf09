"""What each HTTP request passes first: who may ask, how often, and how errors are told.

Knows nothing of what is asked.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from diegetic_bridges.browsers import cors, refusal
from diegetic_bridges.failures import FORBIDDEN, SYMBOLS
from diegetic_bridges.json_messages import ADDRESS
from diegetic_bridges.rate import Bucket
from diegetic_bridges.registry import BY_MESSAGE, ROOT

REQUESTS_PER_S = 500.0

_NEAREST = {408: 400, 415: 400, 426: 400}
"""Codes of HTTP that /fail has no word for."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = logging.getLogger(__name__)


class Door:
    """admits: whether a host is listened to. counts: "dropped" and "refused" grow by what isn't let in.

    requests_per_s: from all together; twice as many at once.
    """

    def __init__(self, admits: Callable[[str], bool], counts: Counter[str], requests_per_s: float) -> None:
        self._admits, self._counts = admits, counts
        self._per_s = requests_per_s
        self._bucket = Bucket(requests_per_s, max(1.0, 2 * requests_per_s))

    @web.middleware
    async def middleware(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Let a request in, or say why not."""
        if not self._admits(request.remote or ""):
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=FORBIDDEN)
        refused = refusal(request.headers)
        if refused:
            self._counts["refused"] += 1
            return failed(FORBIDDEN, request.path, refused)
        response = await self._answer(request, handler)
        if not response.prepared:
            response.headers.update(cors(request.headers))
        return response

    async def _answer(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if not self._bucket.take(asyncio.get_running_loop().time()):
            self._counts["refused"] += 1
            response = failed(429, request.path, f"requests: may be {self._per_s:g} a second; use the WebSocket")
            response.headers["Retry-After"] = "1"
            return response
        if request.method == "OPTIONS":
            return web.Response(status=204)
        try:
            return await handler(request)
        except web.HTTPException as error:
            return failed(error.status, request.path, error.text or error.reason)
        except ConnectionError:  # who asked is gone, and needs no answer
            raise
        except Exception:
            _log.exception("%s: failed", request.path)
            return failed(500, request.path, f"{request.path[:80]}: failed inside; see the log")


def failed(status: int, address: str, text: str) -> web.Response:
    """A /diegetic/fail, in a list as all answers are."""
    code = _NEAREST.get(status, status)
    values: tuple[Any, ...] = (-1, address, -1, code, SYMBOLS.get(code, SYMBOLS[400]), text)
    names = (argument.name for argument in BY_MESSAGE[f"{ROOT}/fail"].arguments)
    fail = {ADDRESS: f"{ROOT}/fail"} | dict(zip(names, values, strict=True))
    return web.Response(status=status, text=json.dumps([fail]), content_type="application/json")
