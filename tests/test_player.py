"""The player as a process on the null device: what it plays, what it records, and what it survives."""

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from diegetic.audio.shared_sound import SharedSound
from diegetic.player.client import Player
from diegetic.player.messages import Failing, Lost, Move, Opened, Play, PlayerConfig, Report, State, VoiceNews
from killing import KILL
from left_behind import nothing_left_in_shared_memory

RATE = 8_000
Samples = NDArray[np.float32]


def config(record: Path | None = None, device: str = "null") -> PlayerConfig:
    return PlayerConfig(device, RATE, 64, 2, (), 16, "quietest", str(record) if record else None)


def sound(level: float = 0.25, frames: int = 2000) -> SharedSound:
    return SharedSound.make(np.full((frames, 2), level, np.float32), np.ones(frames, np.float32))


def play(body: Callable[[Player, list[Report]], Awaitable[None]], config: PlayerConfig) -> list[Report]:
    """Run `body` with a player; returns all it reported."""
    heard: list[Report] = []

    async def run() -> None:
        player = Player(config, heard.append)
        await player.start()
        try:
            async with asyncio.timeout(20):
                await body(player, heard)
        finally:
            await player.stop()

    asyncio.run(run())
    return heard


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.01)


def news(heard: list[Report], kind: str) -> list[VoiceNews]:
    return [report for report in heard if isinstance(report, VoiceNews) and report.kind == kind]


def test_a_recording_holds_each_voice_at_its_frame(tmp_path: Path) -> None:
    one, two = sound(0.25), sound(0.125)

    async def body(player: Player, heard: list[Report]) -> None:
        start = player.frame_at(time.perf_counter() + 0.3)
        player.play(Play(1, one.handle, "bed", start, (0, 1)))
        player.play(Play(2, two.handle, "foreground", start + 777, (0, 2)))
        await until(lambda: len(news(heard, "ended")) == 2)
        assert player.voices == 0

    heard = play(body, config(tmp_path / "out.wav"))
    starts = {report.voice: report.frame for report in news(heard, "started")}
    assert starts[2] - starts[1] == 777
    out, rate_hz = soundfile.read(tmp_path / "out.wav", dtype="float32")
    wanted = np.zeros_like(out)
    wanted[starts[1] : starts[1] + 2000] += np.float32(0.25)
    wanted[starts[2] : starts[2] + 2000] += np.float32(0.125)
    assert rate_hz == RATE
    assert np.array_equal(out, wanted)
    for each in (one, two):
        each.remove()


def test_voices_that_begin_at_once_lie_beside_each_other_from_a_block_s_first_frame_on() -> None:
    one, two = sound(), sound()

    async def body(player: Player, heard: list[Report]) -> None:
        player.play_now([Play(1, one.handle, "bed", 1000, (0, 1)), Play(2, two.handle, "foreground", 1777, (0, 2))])
        await until(lambda: len(news(heard, "ended")) == 2)

    first, second = news(play(body, replace(config(), block_frames=2048)), "started")
    assert (first.voice, first.frame % 2048, first.late) == (1, 0, 0)
    assert (second.voice, second.frame - first.frame, second.late) == (2, 777, 0)
    for each in (one, two):
        each.remove()


def test_the_null_device_keeps_time() -> None:
    async def body(player: Player, heard: list[Report]) -> None:
        await asyncio.sleep(0.5)
        assert player.state is not None
        first = player.state
        began = time.perf_counter()
        await asyncio.sleep(1.0)
        await until(lambda: player.state is not first)
        assert abs((player.state.frame - first.frame) / RATE - (time.perf_counter() - began)) < 0.25
        assert abs(player.time_of(player.frame_at(began)) - began) < 0.001

    heard = play(body, config())
    states = [report for report in heard if isinstance(report, State)]
    assert not any(isinstance(report, Failing) for report in heard)
    assert len(states) > 8


def test_a_killed_player_is_started_again_and_goes_on_in_time(tmp_path: Path) -> None:
    long = sound(frames=RATE * 30)

    async def body(player: Player, heard: list[Report]) -> None:
        player.play_now([Play(1, long.handle, "bed", 0, (0, 1))])
        await until(lambda: bool(news(heard, "started")))
        player.move(Move("bed", gain=0.5))
        moved_s = time.perf_counter()
        await asyncio.sleep(0.3)
        os.kill(player.pid, KILL)
        await until(lambda: len(news(heard, "started")) == 2)
        await asyncio.sleep(0.3)
        first, again = news(heard, "started")
        assert again.late > 0
        assert abs(again.frame - again.late - first.frame) <= 1
        assert moved_s < player.time_of(again.frame) < time.perf_counter()
        assert player.voices == 1

    heard = play(body, config(tmp_path / "out.wav"))
    assert [report.back for report in heard if isinstance(report, Opened)] == [False, True]
    assert any(isinstance(report, Lost) for report in heard)
    out, _ = soundfile.read(tmp_path / "out-2.wav", dtype="float32")
    assert out[-RATE // 10, 0] == np.float32(0.125)
    long.remove()


def test_a_voice_that_is_to_end_at_a_frame_ends_there_though_the_player_is_another_by_then() -> None:
    long = sound(frames=RATE * 60)

    async def body(player: Player, heard: list[Report]) -> None:
        player.play_now([Play(1, long.handle, "bed", 0, (0, 1))])
        await until(lambda: bool(news(heard, "started")))
        end = player.frame_at(time.perf_counter() + 4.0)
        player.stop_voice(1, 64, end + 64)
        player.stop_voice(1, 64, end)
        os.kill(player.pid, KILL)
        await until(lambda: bool(news(heard, "ended")))
        assert end <= news(heard, "ended")[0].frame <= end + 256

    play(body, config())
    long.remove()


async def killed_and_being_started_again(player: Player) -> None:
    """Until another process is on its way, which hasn't begun."""
    before = player.restarts
    os.kill(player.pid, KILL)
    while player.restarts == before:
        await asyncio.sleep(0)


def test_what_is_played_while_a_player_is_started_again_is_heard_once(tmp_path: Path) -> None:
    short = sound()

    async def body(player: Player, heard: list[Report]) -> None:
        await killed_and_being_started_again(player)
        player.play_now([Play(1, short.handle, "bed", player.frame_at(time.perf_counter()), (0, 1))])
        await until(lambda: bool(news(heard, "ended")))
        await asyncio.sleep(0.3)

    heard = play(body, config(tmp_path / "out.wav"))
    assert len(news(heard, "started")) == 1
    out, _ = soundfile.read(tmp_path / "out-2.wav", dtype="float32")
    assert out.max() == np.float32(0.25)
    short.remove()


def test_a_player_can_be_ended_while_it_is_started_again() -> None:
    async def body(player: Player, heard: list[Report]) -> None:
        await killed_and_being_started_again(player)
        await player.stop()

    play(body, config())


def test_a_device_that_is_not_there_is_stood_in_for() -> None:
    async def body(player: Player, heard: list[Report]) -> None:
        assert player.device == "null"
        assert any(isinstance(report, Lost) and "no such card" in report.reason for report in heard)

    play(body, config(device="no such card"))


def test_a_recording_that_can_not_be_made_is_told_of_and_does_not_keep_from_playing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    one = sound()

    async def body(player: Player, heard: list[Report]) -> None:
        player.play_now([Play(1, one.handle, "bed", 0, (0, 1))])
        await until(lambda: bool(news(heard, "ended")))

    (told,) = [each.text for each in play(body, config(tmp_path / "file" / "out.wav")) if isinstance(each, Failing)]
    assert "out.wav: can't be recorded to (" in told
    one.remove()


def test_a_recording_that_fills_its_disk_is_told_of_once_and_playing_goes_on(small_disk: Path) -> None:
    one = sound()

    async def body(player: Player, heard: list[Report]) -> None:
        (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free - 2**16))
        await until(lambda: any(isinstance(report, Failing) for report in heard))
        player.play_now([Play(1, one.handle, "bed", 0, (0, 1))])
        await until(lambda: bool(news(heard, "ended")))

    (told,) = [report.text for report in play(body, config(small_disk / "out.wav")) if isinstance(report, Failing)]
    assert told.startswith(f"{small_disk / 'out.wav'}: the recording ended here (")
    one.remove()


def test_a_sound_that_is_gone_is_refused() -> None:
    gone = sound()
    handle = gone.handle
    gone.remove()

    async def body(player: Player, heard: list[Report]) -> None:
        player.play_now([Play(1, handle, "bed", 0, (0, 1))])
        await until(lambda: bool(news(heard, "refused")))
        assert player.voices == 0

    play(body, config())


def test_no_shared_memory_is_left_behind() -> None:
    async def body(player: Player, heard: list[Report]) -> None:
        player.play_now([Play(1, one.handle, "bed", 0, (0, 1))])
        await until(lambda: bool(news(heard, "ended")))

    with nothing_left_in_shared_memory():
        one = sound()
        play(body, config())
        one.remove()
