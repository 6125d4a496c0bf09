"""Whom the web server lets in: hosts, pages, and the allow list."""

import asyncio
from collections import Counter

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request

from diegetic.errors import InputError
from diegetic_bridges.door import Door
from diegetic_bridges.session import Session
from diegetic_bridges.web import WebServer
from fake_engine import FakeEngine
from web_client import STATUS, Web, run


def test_who_goes_before_it_is_answered_leaves_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def gone(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        raise ConnectionResetError

    async def whole() -> None:
        door = Door(lambda host: True, Counter(), 10.0)
        with pytest.raises(ConnectionResetError):
            await door.middleware(make_mocked_request("GET", "/ws", {"Host": "localhost"}), gone)

    asyncio.run(whole())
    assert caplog.records == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9778", "127.0.0.1.evil.example", "", "["])
def test_a_host_that_isnt_this_machines_is_refused(host: str) -> None:
    async def scene(web: Web) -> None:
        status, answer = await web.post("/diegetic/quit", Host=host)
        assert status == 403
        assert "isn't a name of this machine" in answer[0]["text"]
        assert not web.engine.calls

    run(scene)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "file://", "http://localhost.evil.example", "x"])
def test_pages_of_other_sites_may_neither_post_nor_open_a_websocket(origin: str) -> None:
    async def scene(web: Web) -> None:
        status, answer = await web.post("/diegetic/panic", Origin=origin)
        assert (status, answer[0]["symbol"]) == (403, "forbidden")
        for path in ("/ws", "/"):
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await web.http.ws_connect(web.url(path), origin=origin)
        assert not web.engine.calls

    run(scene)


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:8000"])
def test_pages_of_this_machine_may_send_and_read(origin: str) -> None:
    async def scene(web: Web) -> None:
        async with web.http.post(web.url("/diegetic/panic"), headers={"Origin": origin}) as answer:
            assert answer.status == 200
            assert answer.headers["Access-Control-Allow-Origin"] == origin
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        async with web.http.options(web.url("/diegetic/panic"), headers=asked) as answer:
            assert answer.status == 204
            assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        async with web.http.ws_connect(web.url("/ws"), origin=origin) as ws:
            await ws.send_json(STATUS)
            assert (await ws.receive_json())["state"] == "ready"

    run(scene)


def test_others_are_let_in_by_the_allow_list_only() -> None:
    session = Session(FakeEngine())
    with pytest.raises(InputError, match="--allow"):
        WebServer(session, FakeEngine(), "0.0.0.0")
    WebServer(session, FakeEngine(), "0.0.0.0", allow=["10.0.0.0/8"])


def test_a_client_off_the_allow_list_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(web: Web) -> None:
        monkeypatch.setattr("diegetic_bridges.admission.is_local", lambda host: False)
        reader, writer = await asyncio.open_connection("127.0.0.1", web.server.port)
        writer.write(b"POST /diegetic/panic HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        try:
            answer = await reader.read()
        except ConnectionError:
            answer = b""
        writer.close()
        assert answer == b""
        assert web.session.counts["dropped"] == 1
        assert not web.engine.calls

    run(scene)
