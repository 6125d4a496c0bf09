"""The web server's requests and OSCQuery, by aiohttp's client and by bytes on a socket."""

import asyncio
import socket
from typing import Any

import pytest

from diegetic.errors import Failure
from diegetic_bridges.json_messages import ADDRESS
from diegetic_bridges.session import Session
from diegetic_bridges.web import WebServer
from diegetic_bridges.web_socket import MAX_MESSAGE_BYTES
from web_client import Web, run
from wire_stage import WALL_S


def test_a_slow_verb_is_acknowledged_by_202_and_its_end_asked_for_by_its_job() -> None:
    async def scene(web: Web) -> None:
        status, answer = await web.post("/diegetic/tell", {"req": 7, "story": "storm", "text": "rain", "seconds": 40})
        ack = {ADDRESS: "/diegetic/ack", "req": 7, "verb": "/diegetic/tell", "job": 1}
        assert (status, answer) == (202, [ack])
        assert web.engine.calls == [("tell", "storm", "rain", 40.0, None)]
        web.engine.end(1, 0, "5 events")
        status, answer = await web.post("/diegetic/job/get", {"job": 1})
        assert status == 200
        assert [each[ADDRESS] for each in answer] == ["/diegetic/job", "/diegetic/done"]
        assert answer[1]["result"] == "5 events"

    run(scene)


def test_wait_answers_with_the_end_and_its_code() -> None:
    async def scene(web: Web) -> None:
        waiting = asyncio.create_task(web.post("/diegetic/render?wait=10", {"story": "storm"}))
        while not web.engine.known:
            await asyncio.sleep(0.01)
        web.engine.end(1, 507, "memory: is full")
        status, answer = await waiting
        assert status == 507
        assert [each[ADDRESS] for each in answer] == ["/diegetic/ack", "/diegetic/fail"]
        assert answer[1]["symbol"] == "memory"
        status, answer = await web.post("/diegetic/render?wait=0.01", {"story": "storm"})
        assert (status, len(answer)) == (202, 1)

    run(scene)


def test_arguments_in_the_address_queries_and_wildcards_are_taken_as_by_osc() -> None:
    async def scene(web: Web) -> None:
        assert await web.post("/diegetic/param/intensity", {"value": 0.75}) == (200, [])
        assert web.engine.values["intensity"] == 0.75
        _, answer = await web.post("/diegetic/param/intensity")
        assert answer == [{ADDRESS: "/diegetic/param/intensity", "value": 0.75}]
        _, answer = await web.post("/diegetic/slot/*/gain")
        assert len(answer) == 16
        await web.post("/diegetic/cue/define", {"name": "bell", "story": "storm", "text": "a bell", "slot": 3})
        assert web.engine.calls[-1] == ("cue/define", "bell", "storm", "a bell", "wait", 3)

    run(scene)


def test_at_is_the_time_to_play_at() -> None:
    async def scene(web: Web) -> None:
        await web.post("/diegetic/cue/go", {"name": "slam", "at": WALL_S + 2.5})
        assert web.engine.calls == [("cue/go", "slam", 102.5, 1.0)]
        status, answer = await web.post("/diegetic/cue/arm", {"name": "slam", "at": WALL_S})
        assert (status, answer[0]["text"]) == (400, '/diegetic/cue/arm: isn\'t timed; leave "at" out')

    run(scene)


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("/diegetic/tel", {}, 405, "did you mean /diegetic/tell?"),
        ("/diegetic/tell", {"story": "a"}, 400, "text is missing; it takes req, story, text, seconds"),
        ("/diegetic/render", {"stori": "a"}, 400, "unknown argument 'stori'; did you mean 'story'?"),
        ("/diegetic/render", {"story": 3}, 400, "story must be a string, got a number"),
        ("/diegetic/render", {"story": ["a"]}, 400, "story must be a number, a string, true or false"),
        ("/diegetic/tell", {"story": "a", "text": "b", "seconds": 1000}, 422, "seconds must be 1..324, got 1000"),
        ("/diegetic/tell", b'{"story": "a", "text": "b", "seconds": NaN}', 422, "seconds must be 1..324, got nan"),
        ("/diegetic/job/get", {"job": 10**300}, 422, "job is too large"),
        ("/diegetic/render", {"story": "\ud800"}, 400, "story must be Unicode, has half a surrogate pair"),
        ("/diegetic/slot/-1/go", {}, 422, "slot must be 1..16, got -1"),
        ("/diegetic/job/get", {"job": 99}, 404, "there is none of that number"),
        ("/diegetic/render", b"[" * 60_000, 400, "is no JSON"),
        ("/diegetic/render", b"\xff\xfe\xff", 400, "is no JSON"),
        ("/diegetic/render", b"[1, 2]", 400, "must be a JSON object"),
        ("/diegetic/render", b" " * (MAX_MESSAGE_BYTES + 1), 413, "Maximum request body size"),
        ("/diegetic/notify", {"on": 1}, 409, "use the WebSocket at /ws"),
        ("/diegetic/render?wait=soon", {"story": "a"}, 422, "wait must be 0..3600 s"),
        ("/diegetic/render?wiat=5", {"story": "a"}, 400, "/diegetic/render: ?wiat is unknown; known: wait"),
    ],
)
def test_what_is_wrong_is_answered_with_its_code_and_what_would_be_right(
    path: str, body: Any, status: int, text: str
) -> None:
    async def scene(web: Web) -> None:
        given, answer = await web.post(path, body)
        assert (given, len(answer), answer[0][ADDRESS]) == (status, 1, "/diegetic/fail")
        assert answer[0]["code"] == status
        assert text in answer[0]["text"]
        assert not web.engine.calls

    run(scene)


def test_requests_beyond_the_rate_are_told_to_wait() -> None:
    async def scene(web: Web) -> None:
        session = Session(web.engine)
        async with WebServer(session, web.engine, port=0, requests_per_s=0.001) as slow:
            url = f"http://{slow.address}/diegetic/panic"
            async with web.http.post(url) as first, web.http.post(url) as second:
                assert (first.status, second.status) == (200, 429)
                assert second.headers["Retry-After"] == "1"
                assert "use the WebSocket" in (await second.json())[0]["text"]
            assert session.counts["refused"] == len(web.engine.calls) == 1

    run(scene)


def test_oscquery_answers_with_the_tree_its_nodes_and_their_attributes() -> None:
    async def scene(web: Web) -> None:
        status, whole = await web.get("/")
        assert status == 200
        assert whole["CONTENTS"]["diegetic"]["CONTENTS"]["param"]["CONTENTS"]["gain"]["UNIT"] == ["dB"]
        assert (await web.get("/diegetic/slot/2/gain"))[1]["VALUE"] == [pytest.approx(10 ** (-6 / 20))]
        assert await web.get("/diegetic/param/intensity?VALUE") == (200, {"VALUE": [0.5]})
        assert await web.get("/diegetic/tell?TYPE") == (200, {"TYPE": "issf"})
        assert await web.get("/diegetic/tell?VALUE") == (204, None)
        assert (await web.get("/diegetic/nothing"))[0] == 404
        assert (await web.get("/diegetic/tell?COLOUR"))[0] == 400
        _, info = await web.get("/?HOST_INFO")
        assert (info["OSC_PORT"], info["OSC_TRANSPORT"], info["EXTENSIONS"]["LISTEN"]) == (9777, "UDP", True)

    run(scene)


def test_a_taken_port_is_a_failure_that_names_it() -> None:
    async def scene(web: Web) -> None:
        said = f"^web: port {web.server.port} is in use, most likely by another `diegetic serve`; choose another by"
        with pytest.raises(Failure, match=said):
            WebServer(web.session, web.engine, port=web.server.port).bind()

    run(scene)


def test_half_a_request_and_garbage_harm_nobody() -> None:
    async def scene(web: Web) -> None:
        half = socket.create_connection(("127.0.0.1", web.server.port))
        half.send(b"POST /diegetic/panic HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\n{")
        garbage = socket.create_connection(("127.0.0.1", web.server.port))
        garbage.send(bytes(range(256)) * 40)
        assert (await web.post("/diegetic/status"))[0] == 200
        half.close()
        garbage.close()

    run(scene)
