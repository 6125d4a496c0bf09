"""liblo's oscsend and oscdump, over UDP and TCP."""

import asyncio
import shutil
import socket
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable

import pytest
from pythonosc import slip

from diegetic.live.news import Late, SegmentStart, StateChanged
from diegetic_bridges.clients import Peer
from diegetic_bridges.codec import encode
from diegetic_bridges.framing import Framing
from diegetic_bridges.osc import OscServer
from diegetic_bridges.session import Session
from fake_engine import FakeEngine

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(shutil.which("oscsend") is None, reason="needs oscsend and oscdump (apt install liblo-tools)"),
]


def run(scene: Callable[[OscServer, FakeEngine, Session], Awaitable[None]]) -> None:
    async def whole() -> None:
        engine = FakeEngine()
        session = Session(engine)
        async with OscServer(session, port=0) as server:
            await asyncio.wait_for(scene(server, engine, session), 30)

    asyncio.run(whole())


async def oscsend(url: str, *words: str) -> None:
    process = await asyncio.create_subprocess_exec("oscsend", url, *words)
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_oscsend_fires_tells_and_is_refused(scheme: str) -> None:
    async def scene(server: OscServer, engine: FakeEngine, session: Session) -> None:
        url = f"osc.{scheme}://127.0.0.1:{server.port}/"
        await oscsend(url, "/diegetic/tell", "issf", "1", "storm", "rain on a tin roof", "20")
        await oscsend(url, "/diegetic/cue/slam", "f", "0.5")
        await oscsend(url, "/diegetic/cue/slam", "T")
        await oscsend(url, "/diegetic/nothing", "i", "1")
        await until(lambda: session.counts["messages"] == 4)
        assert engine.calls == [
            ("tell", "storm", "rain on a tin roof", 20.0, None),
            ("cue/go", "slam", None, 0.5),
            ("cue/go", "slam", None, 1.0),
        ]
        assert session.counts["refused"] == 1

    run(scene)


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_symbols_and_characters_leave_what_follows_them_right(scheme: str) -> None:
    async def scene(server: OscServer, engine: FakeEngine, session: Session) -> None:
        url = f"osc.{scheme}://127.0.0.1:{server.port}/"
        await oscsend(url, "/diegetic/tell", "iSSf", "1", "storm", "rain on tin", "20")
        await oscsend(url, "/diegetic/event/set", "iciSs", "2", "s", "3", "lane", "bed")
        await oscsend(url, "/diegetic/event/retake", "hshd", "3", "storm", "3", "42")
        await until(lambda: session.counts["messages"] == 3)
        assert engine.calls == [
            ("tell", "storm", "rain on tin", 20.0, None),
            ("event/set", "s", 3, "lane", "bed"),
            ("event/retake", "storm", 3, 42),
        ]

    run(scene)


@pytest.mark.parametrize("framing", ["udp", "slip", "sized"])
def test_oscdump_reads_answers_and_events(framing: str) -> None:
    async def scene(server: OscServer, engine: FakeEngine, session: Session) -> None:
        port = _free_port()
        scheme = "udp" if framing == "udp" else "tcp"
        dump = await asyncio.create_subprocess_exec("oscdump", "-L", f"osc.{scheme}://:{port}/", stdout=PIPE)
        assert dump.stdout is not None
        try:
            send, close = await (_udp(port) if framing == "udp" else _tcp(port, framing == "sized"))
            peer = Peer("dump", send)
            session.receive(peer, encode("/diegetic/notify", "is", (1, "dt")))
            session.receive(peer, encode("/diegetic/render", "is", (7, "storm")))
            session.receive(peer, encode("/diegetic/slot/2/gain", "", ()))
            for news in (StateChanged("busy"), Late("slam", 0.25, "wait"), SegmentStart("storm", "e1", 5.0)):
                engine.tell_news(news)
            engine.end(1, 404, 'storm: there is none of "that" name')
            lines = [(await asyncio.wait_for(dump.stdout.readline(), 10)).decode().strip() for _ in range(7)]
            close()
        finally:
            dump.kill()
            await dump.wait()
        bare = [line.split(" ", 1)[1] if line[0] != "/" else line for line in lines]
        assert bare[0] == "/diegetic/notify.reply if 1 60.000000"
        assert bare[1] == '/diegetic/ack isi 7 "/diegetic/render" 1'
        assert bare[2].startswith("/diegetic/slot/2/gain f 0.501187")
        assert bare[3] == '/diegetic/state is 1 "busy"'
        assert bare[4] == '/diegetic/late isfs 2 "slam" 0.250000 "wait"'
        assert bare[5].startswith('/diegetic/segment/start issts 3 "storm" "e1" ')
        assert bare[6].startswith('/diegetic/fail isiiss 7 "/diegetic/render" 1 404 "not-found" ')

    run(scene)


Way = tuple[Callable[[bytes], None], Callable[[], None]]


async def _udp(port: int) -> Way:
    """oscdump says nothing when it listens: its port is asked for until it is taken."""
    await until(lambda: not _can_bind(port, socket.SOCK_DGRAM))
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return lambda packet: _send_to(sender, packet, port), sender.close


async def _tcp(port: int, sized: bool) -> Way:
    framing = Framing()
    framing.feed(b"\0" if sized else slip.END)
    writer = await _connected(port)
    return lambda packet: writer.write(framing.wrap(packet)), writer.close


async def _connected(port: int) -> asyncio.StreamWriter:
    while True:
        try:
            return (await asyncio.open_connection("127.0.0.1", port))[1]
        except ConnectionError:
            await asyncio.sleep(0.02)


def _send_to(sender: socket.socket, packet: bytes, port: int) -> None:
    sender.sendto(packet, ("127.0.0.1", port))


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", 0))
        return int(sock.getsockname()[1])


def _can_bind(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as sock:
        try:
            sock.bind(("", port))
        except OSError:
            return False
        return True
