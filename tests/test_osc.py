"""The OSC servers, by sockets of the standard library."""

import asyncio
import errno
import socket
import statistics
import struct
import time
from collections.abc import Awaitable, Callable

import pytest
from pythonosc import slip

from diegetic.errors import Failure, InputError
from diegetic.live.news import StateChanged
from diegetic_bridges.codec import MAX_MESSAGES, Incoming, encode
from diegetic_bridges.osc import MAX_UNSENT_BYTES, OscServer
from diegetic_bridges.rate import MESSAGES_AT_ONCE, MESSAGES_PER_S
from diegetic_bridges.session import Session
from fake_engine import FakeEngine
from wire_stage import read

STATUS = encode("/diegetic/status", "", ())


def run(
    scene: Callable[[OscServer, FakeEngine, Session], Awaitable[None]], host: str = "127.0.0.1", *allow: str
) -> None:
    async def whole() -> None:
        engine = FakeEngine()
        session = Session(engine)
        async with OscServer(session, host, 0, allow) as server:
            await asyncio.wait_for(scene(server, engine, session), 20)

    asyncio.run(whole())


class Udp:
    """A client with a socket of its own."""

    def __init__(self, server: OscServer) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.connect(("127.0.0.1", server.port))

    async def ask(self, packet: bytes) -> Incoming:
        self.socket.send(packet)
        return await self.hear()

    async def hear(self) -> Incoming:
        data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.socket, 65_536), 5)
        return read(data)


def test_each_udp_client_is_answered_at_its_own_port() -> None:
    async def scene(server: OscServer, engine: FakeEngine, session: Session) -> None:
        assert server.port != 0
        here, there = Udp(server), Udp(server)
        assert (await here.ask(encode("/diegetic/render", "is", (1, "storm")))).arguments == (1, "/diegetic/render", 1)
        assert (await there.ask(encode("/diegetic/render", "is", (1, "calm")))).arguments == (1, "/diegetic/render", 2)
        engine.end(2, text="calm")
        engine.end(1, text="storm")
        assert (await here.hear()).arguments[3] == "storm"
        assert (await there.hear()).arguments[3] == "calm"
        here.socket.close(), there.socket.close()

    run(scene)


@pytest.mark.parametrize("sized", [False, True], ids=["slip", "sized"])
def test_tcp_is_answered_in_the_framing_it_came_in_and_gets_events(sized: bool) -> None:
    async def scene(server: OscServer, engine: FakeEngine, session: Session) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)

        async def hear() -> Incoming:
            if sized:
                size = int.from_bytes(await reader.readexactly(4), "big")
                return read(await reader.readexactly(size))
            await reader.readuntil(slip.END)
            return read(slip.decode(await reader.readuntil(slip.END)))

        def send(packet: bytes) -> None:
            writer.write(struct.pack(">i", len(packet)) + packet if sized else slip.encode(packet))

        send(STATUS)
        send(encode("/diegetic/notify", "i", (1,)))
        assert (await hear()).address == "/diegetic/status.reply"
        assert (await hear()).address == "/diegetic/notify.reply"
        engine.tell_news(StateChanged("busy"))
        assert (await hear()).arguments == (1, "busy")
        writer.close()
        await writer.wait_closed()
        while server.connections:
            await asyncio.sleep(0.01)
        assert len(session.clients) == 0

    run(scene)


def test_a_client_that_never_reads_is_let_go() -> None:
    async def scene(server: OscServer, engine: FakeEngine, session: Session) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(slip.encode(encode("/diegetic/notify", "i", (1,))))
        await reader.readuntil(b"notify.reply")
        while server.connections:
            for _ in range(1000):
                engine.tell_news(StateChanged("busy"))
            await asyncio.sleep(0)
        assert session.counts["dropped"] == 1
        assert session.counts["events"] * 40 > MAX_UNSENT_BYTES
        writer.close()

    run(scene)


def test_others_are_answered_while_a_tcp_client_sends_more_than_can_be_taken() -> None:
    async def scene(server: OscServer, engine: FakeEngine, session: Session) -> None:
        flood = slip.encode(encode("/nonsense", "i", (1,))) * 10_000
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        client = Udp(server)
        writer.write(flood)
        while session.counts["messages"] < 10:
            await asyncio.sleep(0)
        assert (await client.ask(STATUS)).address == "/diegetic/status.reply"
        assert session.counts["messages"] < 1000
        writer.close()
        client.socket.close()

    run(scene)


def test_messages_beyond_the_rate_wait_by_tcp_too_however_they_are_bundled() -> None:
    async def scene(server: OscServer, engine: FakeEngine, session: Session) -> None:
        message = encode("/diegetic/panic", "", ())
        packet = b"#bundle\0" + (1).to_bytes(8, "big") + (len(message).to_bytes(4, "big") + message) * MAX_MESSAGES
        packets = round(MESSAGES_AT_ONCE / MAX_MESSAGES) + 2
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        began = time.monotonic()
        writer.write(slip.encode(packet) * packets)
        while len(engine.calls) < packets * MAX_MESSAGES:
            await asyncio.sleep(0.01)
        beyond = (packets - 1) * MAX_MESSAGES - MESSAGES_AT_ONCE
        assert time.monotonic() - began >= beyond / MESSAGES_PER_S * 0.9
        writer.close()

    run(scene)


def test_a_size_that_is_none_closes_the_connection() -> None:
    async def scene(server: OscServer, engine: FakeEngine, session: Session) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"\x00\xff\xff\xff")
        assert await reader.read() == b""
        assert session.counts["unframed"] == 1
        writer.close()

    run(scene)


def test_who_is_not_on_the_list_is_dropped_and_counted() -> None:
    async def scene(server: OscServer, engine: FakeEngine, session: Session) -> None:
        assert server.admits("127.0.0.1")
        assert server.admits("10.1.2.3")
        assert server.admits("::ffff:10.1.2.3")
        assert not server.admits("192.168.1.9")
        assert not server.admits("fe80::1%eth0")
        assert session.counts["dropped"] == 2

    run(scene, "0.0.0.0", "10.0.0.0/8", "2001:db8::1")


def test_other_machines_are_refused_unless_a_list_says_who() -> None:
    session = Session(FakeEngine())
    with pytest.raises(InputError, match="say which may send, by --allow"):
        OscServer(session, "0.0.0.0")
    with pytest.raises(InputError, match="must be an address or a network"):
        OscServer(session, "0.0.0.0", 0, ["studio"])


def test_a_port_that_is_taken_is_a_failure_in_one_sentence() -> None:
    async def scene(server: OscServer, engine: FakeEngine, session: Session) -> None:
        said = f"^OSC: port {server.port} is in use, most likely by another `diegetic serve`; end that one, or choose"
        with pytest.raises(Failure, match=said):
            OscServer(session, "127.0.0.1", server.port).bind()

    run(scene)


def test_a_host_that_is_not_here_is_a_failure_in_one_sentence() -> None:
    server = OscServer(Session(FakeEngine()), "192.0.2.1", 0, ["127.0.0.1"])
    with pytest.raises(Failure, match=r"^OSC: 192\.0\.2\.1:0 can't be opened \(.*\); give an address of this machine"):
        server.bind()


def test_what_comes_between_taking_the_port_and_listening_is_answered() -> None:
    async def whole() -> None:
        server = OscServer(Session(FakeEngine()), port=0)
        server.bind()
        client = Udp(server)
        client.socket.send(STATUS)
        async with server:
            assert (await client.hear()).address == "/diegetic/status.reply"
        client.socket.close()

    asyncio.run(whole())


def test_a_port_that_was_only_taken_is_given_back() -> None:
    async def whole() -> None:
        first = OscServer(Session(FakeEngine()), port=0)
        first.bind()
        await first.stop()
        second = OscServer(Session(FakeEngine()), port=first.port)
        second.bind()
        await second.stop()

    asyncio.run(whole())


@pytest.mark.real
@pytest.mark.alone
def test_a_round_trip_takes_less_than_5_ms() -> None:
    async def scene(server: OscServer, engine: FakeEngine, session: Session) -> None:
        client, times = Udp(server), []
        for _ in range(300):
            started = time.perf_counter()
            assert (await client.ask(encode("/diegetic/ping", "d", (started,)))).arguments[0] == started
            times.append(time.perf_counter() - started)
        assert statistics.median(times) < 0.005
        client.socket.close()

    run(scene)


def test_noise_by_udp_and_tcp_leaves_the_server_answering() -> None:
    async def scene(server: OscServer, engine: FakeEngine, session: Session) -> None:
        client = Udp(server)
        for size in (0, 1, 4, 100, 60_000):
            client.socket.send(b"\xff" * size)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"\xc0\xdb\xff\xc0" + b"/" * 300_000 + b"\xc0" + slip.encode(STATUS))
        await reader.readuntil(b"status.reply")
        while (await client.ask(STATUS)).address != "/diegetic/status.reply":
            pass
        assert session.counts["refused"] >= 4
        assert session.counts["unframed"] == 2
        writer.close()
        client.socket.close()

    run(scene)


def test_a_tcp_client_that_vanished_from_the_network_is_let_go() -> None:
    async def scene(server: OscServer, engine: FakeEngine, session: Session) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        while not server.connections:
            await asyncio.sleep(0.01)
        (connection,) = server.connections
        timed_out = TimeoutError(
            errno.ETIMEDOUT, "Connection timed out"
        )  # what the system says after a quarter of an hour
        connection._writer.transport._fatal_error(timed_out)  # type: ignore[attr-defined]
        while server.connections:
            await asyncio.sleep(0.01)
        writer.close()

    run(scene)
