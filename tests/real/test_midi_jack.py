"""MIDI through a JACK server with the dummy driver: notes of jack_midiseq, clock of jack_midi_clock."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator

import pytest

from diegetic_bridges.midi import OWN_PORT, MidiBridge, rtmidi_backend
from diegetic_bridges.midi_map import Fires, MidiMap
from fake_engine import FakeEngine

PROGRAMS = ("jackd", "jack_wait", "jack_connect", "jack_lsp", "jack_midiseq")
MISSING = [program for program in PROGRAMS if shutil.which(program) is None]

pytestmark = [
    pytest.mark.real,
    pytest.mark.alone,
    pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)} (apt install jackd2)"),
]


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a JACK server of our own, which is yet to be started."""
    pytest.importorskip("rtmidi", reason="needs python-rtmidi (pip install 'diegetic[midi]')")
    name = f"midi{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    return name


@pytest.fixture
def server(name: str) -> Iterator[str]:
    """The name of one that runs."""
    with jackd(name):
        yield name


@contextlib.contextmanager
def jackd(name: str) -> Iterator["subprocess.Popen[bytes]"]:
    command = ["jackd", "-r", "-n", name, "-d", "dummy", "-r", "48000", "-p", "256"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        waited = subprocess.run(["jack_wait", "-s", name, "-w", "-t", "30"], capture_output=True, check=False)
        try:
            assert waited.returncode == 0, "jackd did not start"
            yield process
        finally:
            process.terminate()  # killed, it would keep one of the eight places for servers


@contextlib.contextmanager
def program(*command: str) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ) as process:
        try:
            yield
        finally:
            process.kill()


def run(scene: Callable[[MidiBridge, FakeEngine], Awaitable[None]], midi_map: MidiMap) -> None:
    async def whole() -> None:
        engine = FakeEngine()
        async with MidiBridge(engine, midi_map, rtmidi_backend("jack"), asks="jack", own_may_go=True) as bridge:
            await asyncio.wait_for(scene(bridge, engine), 20)

    asyncio.run(whole())


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.05)


def ports() -> str:
    """The names of all ports, one a line."""
    return subprocess.run(["jack_lsp"], capture_output=True, text=True, check=False).stdout


async def connect(source: str) -> None:
    """Connect a program's output to ours, as soon as both are there."""
    while True:
        there = ports().split("\n")
        ours = [port for port in there if OWN_PORT in port and "capture" not in port]
        theirs = [port for port in there if port.startswith(source)]
        for target in ours if theirs else ():
            if not subprocess.run(["jack_connect", theirs[0], target], capture_output=True, check=False).returncode:
                return
        await asyncio.sleep(0.05)


def test_notes_of_jack_midiseq_fire_a_cue_with_their_velocity(server: str) -> None:
    async def scene(bridge: MidiBridge, engine: FakeEngine) -> None:
        with program("jack_midiseq", "seq", "24000", "0", "60", "8000"):
            await connect("seq:")
            while len(engine.calls) < 3:
                await asyncio.sleep(0.01)
        assert {call[:2] for call in engine.calls} == {("cue/go", "slam")}
        assert all(0 < call[3] <= 1 for call in engine.calls)

    run(scene, MidiMap(note=(Fires(60, cue="slam"),)))


def test_nothing_stands_still_while_ports_are_watched_and_played(server: str) -> None:
    async def whole() -> None:
        engine, midi_map = FakeEngine(), MidiMap(note=(Fires(60, cue="slam"),))
        with program("jack_midiseq", "seq", "2400", "0", "60", "800"):
            await until(lambda: "seq:" in ports())
            bridge = MidiBridge(engine, midi_map, rtmidi_backend("jack"), "seq", watch_s=0.2, asks="jack")
            async with bridge:
                await until(lambda: bool(engine.calls))
                worst_s, ends_s = 0.0, time.monotonic() + 3
                while (began_s := time.monotonic()) < ends_s:
                    await asyncio.sleep(0.001)
                    worst_s = max(worst_s, time.monotonic() - began_s)
        assert worst_s < 0.3

    asyncio.run(asyncio.wait_for(whole(), 20))


def test_a_server_that_ends_ends_nothing_and_a_port_of_it_is_taken_again(name: str) -> None:
    async def whole() -> None:
        engine, midi_map = FakeEngine(), MidiMap(note=(Fires(60, cue="slam"),))
        bridge = MidiBridge(engine, midi_map, rtmidi_backend("jack"), "seq", watch_s=0.2, asks="jack")
        async with contextlib.AsyncExitStack() as stack:
            with jackd(name) as server, program("jack_midiseq", "seq", "24000", "0", "60", "8000"):
                await until(lambda: "seq:" in ports())
                await stack.enter_async_context(bridge)
                server.terminate()
                await until(lambda: not bridge.connected)
            engine.calls.clear()
            with jackd(name), program("jack_midiseq", "seq", "24000", "0", "60", "8000"):
                await until(lambda: bool(engine.calls))

    asyncio.run(asyncio.wait_for(whole(), 40))


@pytest.mark.skipif(
    shutil.which("jack_midi_clock") is None, reason="needs jack_midi_clock (apt install jack-midi-clock)"
)
def test_the_clock_of_jack_midi_clock_gives_tempo_and_bars(server: str) -> None:
    async def scene(bridge: MidiBridge, engine: FakeEngine) -> None:
        with program("jack_midi_clock", "-B", "-b", "150", "-d", "0"):
            await connect("jack_midi_clock:")
            roll = await asyncio.create_subprocess_exec(
                "jack_transport", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
            )
            assert roll.stdin is not None
            roll.stdin.write(b"play\n")
            try:
                while bridge.clock.tempo_bpm() is None:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(1.5)
                tempo_bpm, now_s = bridge.clock.tempo_bpm(), time.monotonic()
                assert tempo_bpm == pytest.approx(150, rel=0.02)
                bar_s = bridge.clock.next_bar_s(now_s)
                assert bar_s is not None
                assert now_s <= bar_s <= now_s + 4 * 60 / 150 + 0.01
            finally:
                roll.kill()
                await roll.wait()

    run(scene, MidiMap())
