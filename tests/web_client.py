"""The web server with an engine that only answers, and aiohttp's client of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from diegetic_bridges.json_messages import ADDRESS
from diegetic_bridges.outgoing import Clock
from diegetic_bridges.session import Session
from diegetic_bridges.web import WebServer
from fake_engine import FakeEngine
from wire_stage import WALL_S

STATUS = {ADDRESS: "/diegetic/status"}


class Web:
    """A server with an engine that only answers, and a client of it."""

    def __init__(self, server: WebServer, engine: FakeEngine, session: Session, http: aiohttp.ClientSession) -> None:
        self.server, self.engine, self.session, self.http = server, engine, session, http

    async def post(self, path: str, body: Any = None, **headers: str) -> tuple[int, list[dict[str, Any]]]:
        data = body if isinstance(body, bytes) else json.dumps(body or {})
        async with self.http.post(self.url(path), data=data, headers=headers) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(self.url(path)) as answer:
            return answer.status, await answer.json() if answer.status != 204 else None

    def url(self, path: str) -> str:
        return f"http://{self.server.address}{path}"


def run(scene: Callable[[Web], Awaitable[None]], engine: FakeEngine | None = None) -> None:
    async def whole() -> None:
        fake = engine or FakeEngine()
        session = Session(fake, Clock(lambda: 100.0, lambda: WALL_S, 90.0))
        async with WebServer(session, fake, port=0) as server, aiohttp.ClientSession() as http:
            await asyncio.wait_for(scene(Web(server, fake, session, http)), 20)
        assert len(session.clients) == 0

    asyncio.run(whole())
