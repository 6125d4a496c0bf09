"""One WebSocket: messages out through a bounded queue, messages in no faster than is fair.

Knows nothing of what a message says. Threads: all in the event loop's.
"""

import asyncio
from collections.abc import Callable

from aiohttp import WSMsgType, web

from diegetic_bridges.rate import Pace

MAX_UNSENT_BYTES = 1 << 20
MAX_MESSAGE_BYTES = 65_536

_HEARTBEAT_S = 20.0


class Socket:
    """A WebSocket that was asked for. `send` never waits: a client that doesn't read is let go."""

    def __init__(self, dropped: Callable[[], None]) -> None:
        self._dropped = dropped
        self._socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE_BYTES, heartbeat=_HEARTBEAT_S)
        self._waiting: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._unsent_bytes = 0
        self._transport: asyncio.Transport | None = None

    def send(self, message: str | bytes) -> None:
        """Text as text, bytes as bytes, in order."""
        if self._transport is None or self._transport.is_closing():
            return
        self._unsent_bytes += len(message)
        if self._unsent_bytes > MAX_UNSENT_BYTES:
            self._dropped()
            self._transport.abort()
            return
        self._waiting.put_nowait(message)

    async def run(self, request: web.Request, take: Callable[[str | bytes], int]) -> web.WebSocketResponse:
        """Open it, and hand over what comes until it closes; `take` says how many messages that was."""
        await self._socket.prepare(request)
        self._transport = request.transport
        writing = asyncio.create_task(self._write())
        try:
            await self._read(take)
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return self._socket

    async def close(self) -> None:
        """Say goodbye; `run` returns."""
        if self._transport is not None:
            await self._socket.close(code=1001, message=b"the engine ends")

    async def _read(self, take: Callable[[str | bytes], int]) -> None:
        pace = Pace()
        async for message in self._socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break
            await pace.keep(take(message.data))

    async def _write(self) -> None:
        while True:
            message = await self._waiting.get()
            try:
                if isinstance(message, str):
                    await self._socket.send_str(message)
                else:
                    await self._socket.send_bytes(message)
            except ConnectionError:
                return
            self._unsent_bytes -= len(message)
