"""Mock models that a child process can load: quick, slow, and those that break in the ways that real ones do."""

import os
import signal
from pathlib import Path

from diegetic.errors import Failure
from diegetic.protocol import Condition, Latents, Watch
from diegetic.story import Event
from mock_model import MockModel


def quick(name: str) -> MockModel:
    """Takes no time; other names than mock are as many models."""
    return MockModel(name=name, digest=f"{name}-1")


def slow(name: str) -> MockModel:
    """0.4 s for each event."""
    return MockModel(pause_s=0.1)


def missing(name: str) -> MockModel:
    raise Failure(f"model {name}: its weights are missing; pull it first")


class Crashing(MockModel):
    """Ends its process, as often as there are files in a folder, when it is to imagine the second event."""

    def imagine(self, condition: Condition, event: Event, seed: int, held: Latents | None, watch: Watch) -> Latents:
        crashes = sorted(Path(os.environ["DIEGETIC_TEST_CRASHES"]).glob("crash*"))
        if event.id == "e2" and crashes:
            crashes[0].unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().imagine(condition, event, seed, held, watch)


def crashing(name: str) -> Crashing:
    return Crashing()


class Broken(MockModel):
    """Raises what nobody foresaw."""

    def imagine(self, condition: Condition, event: Event, seed: int, held: Latents | None, watch: Watch) -> Latents:
        raise ZeroDivisionError("by zero")


def broken(name: str) -> Broken:
    return Broken()
