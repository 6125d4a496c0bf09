"""The web server, by aiohttp's client and by bytes on a socket."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diegetic.errors import Failure, InputError
from diegetic.live.news import SegmentStart, StateChanged
from diegetic_bridges.clients import Peer
from diegetic_bridges.codec import encode
from diegetic_bridges.door import Door
from diegetic_bridges.json_messages import ADDRESS, AT, pack_json, read_message
from diegetic_bridges.outgoing import Clock
from diegetic_bridges.rate import MESSAGES_AT_ONCE
from diegetic_bridges.registry import MESSAGES, VERBS
from diegetic_bridges.session import Session
from diegetic_bridges.web import WebServer
from diegetic_bridges.web_socket import MAX_MESSAGE_BYTES, MAX_UNSENT_BYTES
from fake_engine import FakeEngine
from test_osc import read

WALL_S = 1_800_000_000.0
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


def test_messages_beyond_the_rate_wait_and_none_is_lost() -> None:
    async def scene(web: Web) -> None:
        async with web.http.ws_connect(web.url("/ws")) as ws:
            count = round(MESSAGES_AT_ONCE) + 100
            for _ in range(count):
                await ws.send_json({ADDRESS: "/diegetic/panic"})
            while len(web.engine.calls) < count:
                await asyncio.sleep(0.01)

    run(scene)


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


def test_a_taken_port_is_a_failure_that_names_it() -> None:
    async def scene(web: Web) -> None:
        said = f"^web: port {web.server.port} is in use, most likely by another `diegetic serve`; choose another by"
        with pytest.raises(Failure, match=said):
            WebServer(web.session, web.engine, port=web.server.port).bind()

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


VALID = [
    {ADDRESS: verb.address.replace("<slot>", "3").replace("<name>", "gain")}
    | {each.name: {"i": 1, "s": "wait", "f": 1.0, "d": 1.0, "fs": 1.0}[each.type] for each in verb.arguments}
    for verb in VERBS
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner), max_leaves=8
)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A message of the registry with something of it changed, left out or cut off; or any JSON at all."""
    message: Any = dict(draw(st.sampled_from(VALID)))
    key = draw(st.sampled_from([*message, AT, "more"]))
    match draw(st.sampled_from(["change", "leave out", "cut", "anything"])):
        case "change":
            message[key] = draw(ANYTHING)
        case "leave out":
            message.pop(key, None)
        case "anything":
            message = draw(ANYTHING)
    text = json.dumps(message)
    return text[: draw(st.integers(0, len(text)))] if draw(st.booleans()) else text


def test_any_json_at_all_is_answered_or_counted_and_raises_nothing() -> None:
    engine = FakeEngine(at_once=True)
    session = Session(engine)
    sent: list[bytes] = []
    peer = Peer("ws", sent.append, leased=False, pack=pack_json)

    @settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mutated())
    def take(text: str) -> None:
        session.take(peer, [read_message(text)])
        assert all(json.loads(packed).get("code") != 500 for packed in sent)
        sent.clear()

    take()
    assert session.counts["messages"] == session.counts["packets"]
    assert session.counts["refused"] > 50


def test_no_argument_has_a_name_that_json_messages_need() -> None:
    for each in (*VERBS, *MESSAGES):
        assert ADDRESS not in {argument.name for argument in each.arguments}
    assert all(AT not in {argument.name for argument in verb.arguments} for verb in VERBS)
