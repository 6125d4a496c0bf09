"""The player on a real audio server: jackd with its dummy driver, heard by a client that keeps every frame."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from diegetic.audio.shared_sound import SharedSound
from diegetic.player.client import Player
from diegetic.player.messages import Lost, Opened, Play, PlayerConfig, Report, VoiceNews

pytestmark = pytest.mark.real

RATE, PERIOD = 48_000, 256
Samples = NDArray[np.float32]

EAR = """
import os, sys, time, jack, numpy
name, path = sys.argv[1:]
client = jack.Client("ear", servername=name, no_start_server=True)
ports = [client.inports.register(f"in_{n}") for n in (1, 2)]
kept, xruns = [], []
client.set_process_callback(lambda frames: kept.append([port.get_array().copy() for port in ports]))
client.set_xrun_callback(lambda late: xruns.append(late))
client.activate()
print("ready", flush=True)
sys.stdin.readline()
client.deactivate()
numpy.savez(path, heard=numpy.concatenate([numpy.stack(block, 1) for block in kept]), xruns=len(xruns))
print("kept", flush=True)
sys.stdin.readline()
"""


@dataclass
class Jack:
    """A server of its own, and the client that listens to it."""

    name: str
    path: str
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self) -> None:
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "text": True}
        options = ["-R", "-P", "70", "-n", self.name, "-d", "dummy", "-r", str(RATE), "-p", str(PERIOD)]
        self.processes = [subprocess.Popen(["jackd", *options], **quiet)]
        subprocess.run(["jack_wait", "-s", self.name, "-w", "-t", "5"], check=True, capture_output=True, timeout=10)
        ear = subprocess.Popen(
            [sys.executable, "-c", EAR, self.name, self.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.processes.append(ear)
        assert ear.stdout is not None
        assert ear.stdout.readline() == "ready\n"

    def heard(self) -> tuple[Samples, int]:
        """All that was heard, and the server's xruns."""
        ear = self.processes[1]
        assert ear.stdin is not None
        assert ear.stdout is not None
        ear.stdin.write("\n")
        ear.stdin.flush()
        assert ear.stdout.readline() == "kept\n"
        kept = np.load(self.path)
        return kept["heard"], int(kept["xruns"])

    def stop(self) -> None:
        """End it in peace: a killed server keeps one of eight places until one of its name starts again."""
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        self._end(subprocess.Popen.kill)

    def _end(self, end: Callable[[subprocess.Popen[str]], None]) -> None:
        for process in self.processes if end is subprocess.Popen.kill else reversed(self.processes):
            end(process)
            process.wait(10)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


@pytest.fixture
def server(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jack]:
    if shutil.which("jackd") is None or shutil.which("jack_wait") is None:
        pytest.skip("needs jackd (apt install jackd2)")
    pytest.importorskip("jack", reason="needs the Python package JACK-Client")
    pytest.importorskip("sounddevice", reason="needs sounddevice and libportaudio2", exc_type=OSError)
    name = f"diegetic-{os.getpid()}"
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    jack = Jack(name, str(tmp_path / "heard.npz"))
    try:
        jack.start()
        yield jack
    finally:
        jack.stop()


def play(body: Callable[[Player, list[Report]], Awaitable[None]]) -> None:
    async def run() -> None:
        heard: list[Report] = []
        player = Player(PlayerConfig("ear", RATE, PERIOD, 2, (), 32, "quietest", None), heard.append)
        await player.start()
        try:
            async with asyncio.timeout(40):
                await body(player, heard)
        finally:
            await player.stop()

    asyncio.run(run())


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.01)


def count(heard: list[Report], kind: str) -> int:
    return sum(isinstance(report, VoiceNews) and report.kind == kind for report in heard)


def noise(seconds: float, seed: int) -> SharedSound:
    samples = np.random.default_rng(seed).uniform(-0.2, 0.2, (round(seconds * RATE), 2)).astype(np.float32)
    return SharedSound.make(samples, np.ones(len(samples), np.float32))


def test_what_the_server_gets_is_exactly_what_was_scheduled(server: Jack) -> None:
    sounds = [noise(1.0, 1), noise(0.5, 2)]

    async def body(player: Player, heard: list[Report]) -> None:
        assert player.device == "ear"
        start = player.frame_at(time.monotonic() + 0.5)
        player.play(Play(1, sounds[0].handle, "bed", start, (0, 1)))
        player.play(Play(2, sounds[1].handle, "foreground", start + 12_345, (0, 2)))
        await until(lambda: count(heard, "ended") == 2)
        await asyncio.sleep(0.2)
        assert player.underruns == 0

    play(body)
    heard, xruns = server.heard()
    wanted = sounds[0].samples.copy()
    wanted[12_345 : 12_345 + len(sounds[1].samples)] += sounds[1].samples
    first = int(np.flatnonzero(heard.any(axis=1))[0])
    same = np.array_equal(heard[first : first + len(wanted)], wanted)
    assert same, f"{xruns} xruns of the server, which may have been connecting"
    assert not heard[first + len(wanted) :].any()
    for sound in sounds:
        sound.remove()


def test_a_server_that_is_killed_hangs_nothing_and_is_taken_again(server: Jack) -> None:
    sound = noise(60.0, 3)

    async def body(player: Player, heard: list[Report]) -> None:
        player.play(Play(1, sound.handle, "bed", None, (0, 1)))
        await until(lambda: count(heard, "started") == 1)
        await asyncio.to_thread(server.kill)
        killed = time.monotonic()
        await until(lambda: any(isinstance(report, Lost) for report in heard))
        await until(lambda: player.device == "null" and count(heard, "started") == 2)
        assert time.monotonic() - killed < 10
        await asyncio.to_thread(server.start)
        await until(lambda: player.device == "ear")
        await asyncio.sleep(0.5)
        player.stop_all(240)
        assert [report.name for report in heard if isinstance(report, Opened)] == ["ear", "null", "ear"]

    play(body)
    heard, _ = server.heard()
    sounding = heard[heard.any(axis=1)]
    place = int(np.flatnonzero((sound.samples == sounding[1000]).all(axis=1))[0])
    assert np.array_equal(sounding[1000:5000], sound.samples[place : place + 4000])
    sound.remove()
