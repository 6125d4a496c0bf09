"""The web server's WebSockets, by aiohttp's client."""

import asyncio
import time

import aiohttp
import pytest

from diegetic.live.news import SegmentStart, StateChanged
from diegetic_bridges import rate
from diegetic_bridges.codec import encode
from diegetic_bridges.json_messages import ADDRESS
from diegetic_bridges.web_socket import MAX_MESSAGE_BYTES, MAX_UNSENT_BYTES
from web_client import STATUS, Web, run
from wire_stage import WALL_S, read


def test_a_websocket_is_one_client_with_events_in_order() -> None:
    async def scene(web: Web) -> None:
        async with web.http.ws_connect(web.url("/ws")) as ws, web.http.ws_connect(web.url("/ws")) as other:
            await ws.send_json({ADDRESS: "/diegetic/notify", "on": 1})
            assert (await ws.receive_json())["lease"] == 0.0
            await ws.send_json({ADDRESS: "/diegetic/render", "req": 1, "story": "storm"})
            await ws.send_json({ADDRESS: "/diegetic/sync", "id": 5})
            assert (await ws.receive_json())["job"] == 1
            web.engine.tell_news(StateChanged("busy"))
            web.engine.tell_news(SegmentStart("storm", "e1", 101.0))
            web.engine.end(1, 0, "done")
            assert await ws.receive_json() == {ADDRESS: "/diegetic/state", "seq": 1, "state": "busy"}
            start = await ws.receive_json()
            assert start == {
                ADDRESS: "/diegetic/segment/start",
                "seq": 2,
                "story": "storm",
                "event": "e1",
                "at": WALL_S + 1,
                "cue": "",
            }
            assert [(await ws.receive_json())[ADDRESS] for _ in range(2)] == ["/diegetic/done", "/diegetic/synced"]
            await other.send_json(STATUS)
            assert (await other.receive_json())[ADDRESS] == "/diegetic/status.reply"
            for broken in ("[", "{}", '{"address": 3}'):
                await other.send_str(broken)
                assert (await other.receive_json())["code"] == 400
            await other.send_bytes(encode("/diegetic/status", "", ()))
            assert "sent as text" in (await other.receive_json())["text"]

    run(scene)


def test_what_is_wrong_is_answered_by_its_request_number_and_always() -> None:
    wrong = [{"at": "soon"}, {"nam": "slam"}, {"name": ["slam"]}, {}]

    async def scene(web: Web) -> None:
        async with web.http.ws_connect(web.url("/ws")) as socket:
            for req in range(1, 101):
                await socket.send_json({ADDRESS: "/diegetic/cue/go", "req": req} | wrong[req % 4])
            answers = [await socket.receive_json() for _ in range(100)]
        assert [(each[ADDRESS], each["req"]) for each in answers] == [("/diegetic/fail", req) for req in range(1, 101)]

    run(scene)


def test_many_websockets_at_once_each_get_their_own_ends() -> None:
    async def scene(web: Web) -> None:
        async def client(number: int) -> None:
            async with web.http.ws_connect(web.url("/ws")) as ws:
                await ws.send_json({ADDRESS: "/diegetic/render", "req": 1, "story": f"s{number}"})
                job = (await ws.receive_json())["job"]
                await asyncio.sleep(0)
                web.engine.end(job, 0, f"s{number}")
                assert (await ws.receive_json())["result"] == f"s{number}"

        await asyncio.gather(*(client(number) for number in range(50)))

    run(scene)


def test_a_message_that_is_too_large_closes_its_own_connection_only() -> None:
    async def scene(web: Web) -> None:
        async with web.http.ws_connect(web.url("/ws")) as ws, web.http.ws_connect(web.url("/ws")) as other:
            await ws.send_str(" " * (MAX_MESSAGE_BYTES + 1))
            assert (await ws.receive()).type == aiohttp.WSMsgType.CLOSE
            await other.send_json(STATUS)
            assert (await other.receive_json())[ADDRESS] == "/diegetic/status.reply"

    run(scene)


def test_a_websocket_that_never_reads_is_let_go() -> None:
    async def scene(web: Web) -> None:
        async with web.http.ws_connect(web.url("/ws")) as ws:
            await ws.send_json({ADDRESS: "/diegetic/notify", "on": 1})
            await ws.receive_json()
            size = len('{"address": "/diegetic/state", "seq": 100000, "state": "busy"}')
            for _ in range(MAX_UNSENT_BYTES // size * 2):
                web.engine.tell_news(StateChanged("busy"))
            while web.server.sockets:
                await asyncio.sleep(0.01)
            assert web.session.counts["dropped"] == 1

    run(scene)


def test_messages_beyond_the_rate_wait_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "MESSAGES_AT_ONCE", 10.0)
    monkeypatch.setattr(rate, "MESSAGES_PER_S", 100.0)

    async def scene(web: Web) -> None:
        async with web.http.ws_connect(web.url("/ws")) as ws:
            began_s = time.monotonic()
            for _ in range(40):
                await ws.send_json({ADDRESS: "/diegetic/panic"})
            while len(web.engine.calls) < 40:
                await asyncio.sleep(0.01)
            assert time.monotonic() - began_s >= (39 - 10) / 100 * 0.9

    run(scene)


def test_oscquery_tells_listeners_what_changes_as_binary_packets() -> None:
    async def scene(web: Web) -> None:
        async with web.http.ws_connect(web.url("/")) as ws, web.http.ws_connect(web.url("/")) as silent:
            await ws.send_json({"COMMAND": "LISTEN", "DATA": "/diegetic/param/intensity"})
            await ws.send_json({"COMMAND": "LISTEN", "DATA": "/diegetic/slot/2/gain"})
            assert [read(await ws.receive_bytes()).arguments for _ in range(2)] == [
                (0.5,),
                (pytest.approx(0.501, abs=0.001),),
            ]
            web.engine.param("intensity", 0.25)
            heard = read(await ws.receive_bytes())
            assert (heard.address, heard.arguments) == ("/diegetic/param/intensity", (0.25,))
            await ws.send_json({"COMMAND": "IGNORE", "DATA": "/diegetic/param/intensity"})
            await ws.send_bytes(encode("/diegetic/param/intensity", "f", (1.0,)))
            await ws.send_bytes(encode("/diegetic/param/intensity", "", ()))
            assert read(await ws.receive_bytes()).arguments == (1.0,)  # the answer, not the news
            web.engine.word("weather", "storm")
            for each in (ws, silent):
                assert await each.receive_json() == {"COMMAND": "PATH_ADDED", "DATA": "/diegetic/param/weather"}
            for broken in ("[", '{"COMMAND": "LISTEN"}', '{"COMMAND": "LISTEN", "DATA": "/no"}', "3"):
                await ws.send_str(broken)
            while web.session.counts["refused"] < 4:
                await asyncio.sleep(0.01)

    run(scene)


def test_stop_ends_open_websockets() -> None:
    async def scene(web: Web) -> None:
        async with web.http.ws_connect(web.url("/ws")) as ws, web.http.ws_connect(web.url("/")) as query:
            await web.server.stop()
            for each in (ws, query):
                assert (await each.receive()).type == aiohttp.WSMsgType.CLOSE
        await web.server.stop()

    run(scene)
