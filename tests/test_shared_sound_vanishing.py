"""Shared memory as Windows has it: gone with the last process that has it open."""

from collections import Counter
from collections.abc import Iterator
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np
import pytest

from diegetic.audio import shared_sound
from diegetic.audio.shared_sound import NoRoom, SharedSound, keep, let_go
from diegetic.generator.client import Generator
from diegetic.generator.hearing import Hearing
from diegetic.generator.messages import Early, Stepped
from diegetic.generator.tasks import ReadyEvent
from diegetic.live.sounds import Sounds
from diegetic.story import Event

RATE = 8000
opened: Counter[str] = Counter()


class Vanishing(SharedMemory):
    """Counts who has it open, as Windows does, and has no name to be freed by."""

    def __init__(self, name: str | None = None, create: bool = False, size: int = 0) -> None:
        super().__init__(name, create, size)
        opened[self.name] += 1
        self._is_open = True

    def unlink(self) -> None:
        pass

    def close(self) -> None:
        super().close()
        if getattr(self, "_is_open", False):
            self._is_open = False
            opened[self.name] -= 1
            if not opened[self.name]:
                super().unlink()


@pytest.fixture(autouse=True)
def on_windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    opened.clear()
    monkeypatch.setattr(shared_sound, "SharedMemory", Vanishing)
    monkeypatch.setattr(shared_sound, "_VANISHES", True)
    yield
    assert not +opened, "what is left is left until the engine ends"


def in_process(of: str, monkeypatch: pytest.MonkeyPatch, kept: dict[str, dict[str, Any]]) -> None:
    """What follows happens in this process."""
    monkeypatch.setattr(shared_sound, "_kept", kept.setdefault(of, {}))


def rendered() -> ReadyEvent:
    return Hearing(2.0, RATE, RATE).add(Event("e1", "rain", 0.0, 1.0), np.full((RATE, 1), 0.5, np.float32))


def test_a_sound_is_there_between_the_generators_step_and_the_players_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, dict[str, Any]] = {}
    in_process("generator", monkeypatch, kept)
    ready = rendered()
    assert ready.sound is not None
    in_process("director", monkeypatch, kept)
    director, sounds = Generator(lambda name: None, "mock", lambda: None), Sounds()  # type: ignore[arg-type, return-value]
    director._hear(Stepped(ready, 0))
    sounds.hold(ready.sound)
    in_process("generator", monkeypatch, kept)
    let_go()  # as it begins the next step
    in_process("player", monkeypatch, kept)
    sound = SharedSound.open(ready.sound)
    assert sound.samples.any()
    sound.close()
    in_process("director", monkeypatch, kept)
    sounds.let_go(ready.sound)
    with pytest.raises(FileNotFoundError):
        SharedSound.open(ready.sound)


def test_a_sound_that_was_given_early_and_freed_isnt_kept_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, dict[str, Any]] = {}
    in_process("generator", monkeypatch, kept)
    ready, sounds = rendered(), Sounds()
    assert ready.sound is not None
    in_process("director", monkeypatch, kept)
    director = Generator(lambda name: None, "mock", lambda: None)  # type: ignore[arg-type, return-value]
    director._within[1] = (lambda within: None), (lambda early: sounds.hold(early.sound or pytest.fail()))
    director._hear(Early(1, ready))
    sounds.let_go(ready.sound)
    director._hear(Stepped(ready, 0))
    assert kept["director"] == {}
    in_process("generator", monkeypatch, kept)
    let_go()


def test_what_is_gone_already_isnt_kept() -> None:
    sound = SharedSound.make(np.ones((10, 1), np.float32), np.ones(10, np.float32))
    sound.remove()
    keep(sound.handle)
    assert not shared_sound._kept


def test_no_memory_at_all_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**given: object) -> None:
        raise OSError(22, "The paging file is too small for this operation to complete")

    monkeypatch.setattr(shared_sound, "SharedMemory", full)
    with pytest.raises(NoRoom, match=r"0.0 MB can't be had .the paging file is too small"):
        SharedSound.make(np.ones((10, 1), np.float32), np.ones(10, np.float32))
