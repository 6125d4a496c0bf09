"""Beds that go on, where what follows them comes at an awkward moment."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from diegetic.audio.shared_sound import NoRoom, SharedSound
from diegetic.live import holds
from diegetic.live.holds import Holds
from diegetic.live.schedule import Playing
from diegetic.live.sounds import Sounds
from diegetic.story import BED, Event
from left_behind import nothing_left_in_shared_memory

RATE = 8_000


def held(sounds: Sounds) -> SharedSound:
    """Two seconds of a bed, and room for its fade."""
    sound = SharedSound.make(np.ones((3 * RATE, 2), np.float32), np.ones(3 * RATE, np.float32))
    sounds.hold(sound.handle)
    return sound


def test_a_bed_that_is_let_go_while_it_is_made_to_go_on_leaves_no_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    made = holds._faded_in
    begun: list[int] = []
    player: Any = SimpleNamespace(config=SimpleNamespace(rate_hz=RATE), time_of=lambda frame: 0.0)

    async def body() -> None:
        loop, making, go_on = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

        def slowly(*arguments: Any) -> Any:
            loop.call_soon_threadsafe(making.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
            return made(*arguments)

        monkeypatch.setattr(holds, "_faded_in", slowly)
        sounds, play = Sounds(), Playing("storm")
        beds = Holds(player, sounds, lambda play, sound, start: begun.append(start) or 1)
        sound = held(sounds)
        beds.watch(play, Event("e1", "wind", 0.0, 2.0, BED), 0, sound.handle)
        await making.wait()
        beds.forget(play)
        go_on.set()
        await asyncio.get_running_loop().shutdown_default_executor()
        await asyncio.sleep(0.05)
        sounds.let_go(sound.handle)
        sound.close()

    with nothing_left_in_shared_memory():
        asyncio.run(body())
    assert begun == []


def test_a_bed_that_there_is_no_memory_to_hold_ends_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    player: Any = SimpleNamespace(config=SimpleNamespace(rate_hz=RATE), time_of=lambda frame: 0.0)

    def refused(*arguments: Any) -> Any:
        raise NoRoom("shared memory: 0.2 MB don't fit")

    async def body() -> None:
        monkeypatch.setattr(holds, "_faded_in", refused)
        sounds, play = Sounds(), Playing("storm")
        beds = Holds(player, sounds, lambda play, sound, start: 1)
        sound = held(sounds)
        beds.watch(play, Event("e1", "wind", 0.0, 2.0, BED), 0, sound.handle)
        while not caplog.records:
            await asyncio.sleep(0.01)
        beds.forget(play)
        sounds.let_go(sound.handle)
        sound.close()

    with nothing_left_in_shared_memory():
        asyncio.run(body())
    assert [record.getMessage() for record in caplog.records] == [
        "the bed of storm ends before the next is there (shared memory: 0.2 MB don't fit)"
    ]


@pytest.mark.parametrize("planned_first", [True, False])
def test_a_bed_does_not_go_on_into_a_silence_that_is_planned(planned_first: bool) -> None:
    player: Any = SimpleNamespace(
        config=SimpleNamespace(rate_hz=RATE), time_of=lambda frame: 0.0, stop_voice=lambda *_: None
    )
    begun: list[int] = []

    async def body() -> None:
        sounds, play = Sounds(), Playing("storm")
        beds = Holds(player, sounds, lambda play, sound, start: begun.append(start) or 1)
        sound = held(sounds)
        wind, shot = Event("e1", "wind", 0.0, 2.0, BED), Event("e2", "a gunshot", 5.0, 1.0)
        beds.plan(play, wind)
        if planned_first:
            beds.plan(play, shot)
        beds.watch(play, wind, 0, sound.handle)
        beds.plan(play, shot)
        await asyncio.sleep(0.05)
        sounds.let_go(sound.handle)
        sound.close()

    with nothing_left_in_shared_memory():
        asyncio.run(body())
    assert begun == []
