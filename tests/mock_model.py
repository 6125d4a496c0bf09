"""A model in a hundred lines: noise and sines by hash, so that all around a real one is tested in seconds.

Its plan is a bed under the whole story and a sound for each clause of the text. What it draws depends on everything
that a real model's does: the memory so far, the event, the seed, and what is held.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from diegetic.director import Planned, Watch
from diegetic.protocol import Hear, Look, go_on, unheard
from diegetic.story import MAX_EVENT_S, OVERLAP_S, Event

RATE = 24_000
STEPS = 4
LATENTS_PER_S = 10


@dataclass
class MockModel:
    """The protocol of StoryModel. calls: what was asked of it, in order; pause_s: for each step of the diffuser."""

    name: str = "mock"
    digest: str = "mock-1"
    sample_rate: int = RATE
    pause_s: float = 0.0
    level: float = 0.1
    calls: list[str] = field(default_factory=list)

    def begin(self, instruction: str, seconds: float) -> list[str]:
        return [instruction, str(seconds)]

    def plan(self, memory: list[str], look: Look = go_on) -> Iterator[Planned]:
        reasoning = f"thinking of {memory[0]}"
        memory.append(reasoning)
        for event in plan_events(memory[0], float(memory[1])):
            look()
            self.calls.append(f"plan {event.id}")
            yield Planned(event, self._read(memory, event), reasoning)

    def recall(self, memory: list[str], reasoning: str, events: Sequence[Event]) -> Iterator[bytes]:
        memory.append(reasoning)
        for event in events:
            self.calls.append(f"recall {event.id}")
            yield self._read(memory, event)

    def continue_(
        self, memory: list[str], text: str, seconds: float, beds: Sequence[str] = (), look: Look = go_on
    ) -> Iterator[Planned]:
        self.calls.append(f"continue after {len(memory)}")
        memory.append(text)
        for event in [*(Event("b", bed, 0.0, seconds, "bed") for bed in beds), Event("e1", text, 0.0, seconds)]:
            yield Planned(event, self._read(memory, event), "")

    def imagine(
        self, condition: bytes, event: Event, seed: int, held: NDArray[np.float32] | None, watch: Watch
    ) -> NDArray[np.float32]:
        self.calls.append(f"imagine {event.id}{'' if held is None else ' held'}")
        for step in range(STEPS):
            watch(step, STEPS)
            time.sleep(self.pause_s)
        watch(STEPS, STEPS)
        drawn = _noise(f"{condition!r} {seed} {event.variation}", round(event.duration_s * LATENTS_PER_S))
        if held is not None:
            overlap = round(OVERLAP_S * LATENTS_PER_S)
            drawn[:overlap] = held[-overlap:]
        return drawn

    def imagine_before(
        self, condition: bytes, event: Event, seed: int, following: NDArray[np.float32], watch: Watch
    ) -> NDArray[np.float32]:
        self.calls.append(f"imagine before {event.id}")
        watch(STEPS, STEPS)
        drawn = _noise(f"before {condition!r} {seed}", round(event.duration_s * LATENTS_PER_S))
        overlap = round(OVERLAP_S * LATENTS_PER_S)
        drawn[-overlap:] = following[:overlap]
        return drawn

    def decode(
        self, latents: NDArray[np.float32], condition: bytes, event: Event, seed: int, hear: Hear = unheard
    ) -> NDArray[np.float32]:
        self.calls.append(f"decode {event.id}")
        frames = round(event.duration_s * RATE)
        pitch_hz = 100 + len(event.caption) * 10
        tone = np.sin(2 * np.pi * pitch_hz * np.arange(frames) / RATE)
        envelope = np.interp(np.arange(frames), np.arange(len(latents)) * RATE / LATENTS_PER_S, latents)
        return np.repeat((tone * envelope * self.level)[:, None], 2, axis=1).astype(np.float32)

    def save(self, memory: list[str]) -> bytes:
        return json.dumps(memory).encode()

    def load(self, state: bytes) -> list[str]:
        memory: list[str] = json.loads(state)
        return memory

    def _read(self, memory: list[str], event: Event) -> bytes:
        memory.append(f"{event.caption} {event.lane} {event.start_s:.3f} {event.end_s:.3f}")
        return hashlib.sha256(json.dumps(memory).encode()).digest()


def plan_events(text: str, seconds: float) -> Iterator[Event]:
    """A bed (in windows, where it is long), and one sound for each clause, in order of time."""
    clauses = [clause.strip() for clause in text.replace(".", ",").split(",") if clause.strip()]
    windows = -int(-seconds // MAX_EVENT_S)
    bed = [(seconds * k / windows, seconds / windows, "bed", "quiet air") for k in range(windows)]
    share = min(MAX_EVENT_S, seconds / len(clauses))
    sounds = [(share * k, share, "foreground", clause) for k, clause in enumerate(clauses)]
    for number, (start, length, lane, caption) in enumerate(sorted(bed + sounds, key=lambda row: row[0]), start=1):
        yield Event(f"e{number}", caption, start, length, lane)


def _noise(key: str, count: int) -> NDArray[np.float32]:
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).uniform(0.2, 1.0, count).astype(np.float32)


def loader(model: MockModel) -> Callable[[str], MockModel]:
    """A stand-in for the registry's loader."""
    return lambda name: model
