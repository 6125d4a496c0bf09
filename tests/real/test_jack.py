"""The player on a real audio server: jackd with its dummy driver, heard by a client that keeps every frame."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from jack_server import PERIOD, RATE, Jack

from diegetic.audio.shared_sound import SharedSound
from diegetic.player.client import Player
from diegetic.player.messages import Lost, Opened, Play, PlayerConfig, Report, VoiceNews

pytestmark = [pytest.mark.real, pytest.mark.alone]


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


def test_what_the_server_gets_is_exactly_what_was_scheduled(jack: Jack) -> None:
    sounds = [noise(1.0, 1), noise(0.5, 2)]

    async def body(player: Player, heard: list[Report]) -> None:
        assert player.device == "ear"
        start = player.frame_at(time.perf_counter() + 0.5)
        player.play(Play(1, sounds[0].handle, "bed", start, (0, 1)))
        player.play(Play(2, sounds[1].handle, "foreground", start + 12_345, (0, 2)))
        await until(lambda: count(heard, "ended") == 2)
        await asyncio.sleep(0.2)
        assert player.underruns == 0

    play(body)
    heard, xruns = jack.heard()
    wanted = sounds[0].samples.copy()
    wanted[12_345 : 12_345 + len(sounds[1].samples)] += sounds[1].samples
    first = int(np.flatnonzero(heard.any(axis=1))[0])
    same = np.array_equal(heard[first : first + len(wanted)], wanted)
    assert same, f"{xruns} xruns of the server, which may have been connecting"
    assert not heard[first + len(wanted) :].any()
    for sound in sounds:
        sound.remove()


def test_a_server_that_is_killed_hangs_nothing_and_is_taken_again(jack: Jack) -> None:
    sound = noise(60.0, 3)

    async def body(player: Player, heard: list[Report]) -> None:
        player.play_now([Play(1, sound.handle, "bed", 0, (0, 1))])
        await until(lambda: count(heard, "started") == 1)
        await asyncio.to_thread(jack.kill)
        await until(lambda: any(isinstance(report, Lost) for report in heard))
        await until(lambda: player.device == "null" and count(heard, "started") == 2)
        await asyncio.to_thread(jack.start)
        await until(lambda: player.device == "ear")
        await asyncio.sleep(0.5)
        player.stop_all(240)
        assert [report.name for report in heard if isinstance(report, Opened)] == ["ear", "null", "ear"]

    play(body)
    heard, _ = jack.heard()
    sounding = heard[heard.any(axis=1)]
    place = int(np.flatnonzero((sound.samples == sounding[1000]).all(axis=1))[0])
    assert np.array_equal(sounding[1000:5000], sound.samples[place : place + 4000])
    sound.remove()
