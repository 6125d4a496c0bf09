"""Mock models that a child process can load: quick, slow, and those that break in the ways that real ones do."""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from diegetic.errors import Failure
from diegetic.protocol import Condition, Hear, Latents, Look, Planned, Samples, Watch, go_on, unheard
from diegetic.story import BED, Event
from killing import KILL
from mock_model import MockModel


def quick(name: str) -> MockModel:
    """Takes no time; other names than mock are as many models."""
    return MockModel(name=name, digest=f"{name}-1")


def slow(name: str) -> MockModel:
    """0.4 s for each event."""
    return MockModel(pause_s=0.1)


def only_mock(name: str) -> MockModel:
    """There is one model."""
    if name != "mock":
        raise Failure(f"model {name}: there is none of that name")
    return MockModel()


def fatal(name: str) -> MockModel:
    """Any model but one ends the process that loads it, as one that is too large does."""
    if name != "mock":
        os.kill(os.getpid(), KILL)
    return MockModel()


def missing(name: str) -> MockModel:
    raise Failure(f"model {name}: its weights are missing; pull it first")


def _endless(file: Path, name: str) -> MockModel:
    file.touch()
    while True:
        time.sleep(1)


def endless(file: Path) -> Callable[[str], MockModel]:
    """A loader that makes a file, and doesn't come to its end."""
    return partial(_endless, file)


class Crashing(MockModel):
    """Ends its process, as often as there are files in a folder, when it is to imagine the second event."""

    def imagine(self, condition: Condition, event: Event, seed: int, held: Latents | None, watch: Watch) -> Latents:
        crashes = sorted(Path(os.environ["DIEGETIC_TEST_CRASHES"]).glob("crash*"))
        if event.id == "e2" and crashes:
            crashes[0].unlink()
            os.kill(os.getpid(), KILL)
        return super().imagine(condition, event, seed, held, watch)


def crashing(name: str) -> Crashing:
    return Crashing()


class Holding(MockModel):
    """A bed of two windows, silence between them; the second is not imagined while a file is there."""

    def __init__(self, file: Path, silence_s: float) -> None:
        super().__init__()
        self._file, self._silence_s = file, silence_s

    def plan(self, memory: list[str], look: Look = go_on) -> Iterator[Planned]:
        seconds, each_s = float(memory[1]), (float(memory[1]) - self._silence_s) / 2
        for event in (Event("e1", "wind", 0.0, each_s, BED), Event("e2", "storm", seconds - each_s, each_s, BED)):
            yield Planned(event, self._read(memory, event), "wind, then a storm")

    def imagine(self, condition: Condition, event: Event, seed: int, held: Latents | None, watch: Watch) -> Latents:
        while event.id == "e2" and self._file.exists():
            time.sleep(0.01)
        return super().imagine(condition, event, seed, held, watch)


def _holding(file: Path, silence_s: float, name: str) -> Holding:
    return Holding(file, silence_s)


def holding(file: Path, silence_s: float = 0.0) -> Callable[[str], Holding]:
    """A loader for Holding."""
    return partial(_holding, file, silence_s)


class Piecewise(MockModel):
    """Decodes its first two seconds, and the rest once a file isn't there any more; ends itself where another is."""

    def __init__(self, file: Path, crash: Path) -> None:
        super().__init__()
        self._file, self._crash = file, crash

    def plan(self, memory: list[str], look: Look = go_on) -> Iterator[Planned]:
        event = Event("e1", "wind", 0.0, float(memory[1]), BED)
        yield Planned(event, self._read(memory, event), "wind")

    def decode(self, latents: Latents, condition: Condition, event: Event, seed: int, hear: Hear = unheard) -> Samples:
        whole = super().decode(latents, condition, event, seed)
        hear(whole[: 2 * self.sample_rate])
        while self._file.exists():
            if self._crash.exists():
                self._crash.unlink()
                os.kill(os.getpid(), KILL)
            time.sleep(0.01)
        return whole


def _piecewise(file: Path, crash: Path, name: str) -> Piecewise:
    return Piecewise(file, crash)


def piecewise(file: Path, crash: Path) -> Callable[[str], Piecewise]:
    """A loader for Piecewise."""
    return partial(_piecewise, file, crash)


class Thoughtful(MockModel):
    """Takes a while to plan its first event, and doesn't look up from it."""

    def plan(self, memory: list[str], look: Look = go_on) -> Iterator[Planned]:
        time.sleep(0.5)
        return super().plan(memory, look)


def thoughtful(name: str) -> Thoughtful:
    return Thoughtful()


class Pondering(MockModel):
    """Never comes to an end with its first event, but looks up from it."""

    def plan(self, memory: list[str], look: Look = go_on) -> Iterator[Planned]:
        while memory[0] == TOLD_FOREVER:
            look()
            time.sleep(0.01)
        return super().plan(memory, look)


TOLD_FOREVER = "a text without an end"


def pondering(name: str) -> Pondering:
    return Pondering()


class Droning(MockModel):
    """Draws one sound in very many steps, and looks up from each."""

    def imagine(self, condition: Condition, event: Event, seed: int, held: Latents | None, watch: Watch) -> Latents:
        for step in range(2000 if event.caption == DRAWN_FOR_LONG else 0):
            watch(step, 2000)
            time.sleep(0.01)
        return super().imagine(condition, event, seed, held, watch)


DRAWN_FOR_LONG = "a long drone"


def droning(name: str) -> Droning:
    return Droning()


class Broken(MockModel):
    """Raises what nobody foresaw."""

    def imagine(self, condition: Condition, event: Event, seed: int, held: Latents | None, watch: Watch) -> Latents:
        raise ZeroDivisionError("by zero")


def broken(name: str) -> Broken:
    return Broken()
