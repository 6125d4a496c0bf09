"""The one protocol through which a model is reached: plan, imagine, decode; state saved and loaded.

What a model remembers, conditions on and imagines is opaque to the engine.

Knows nothing of torch.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from diegetic.story import Event

Samples = NDArray[np.float32]
Memory: TypeAlias = Any
Condition: TypeAlias = Any
Latents: TypeAlias = Any

Watch: TypeAlias = Callable[[int, int], None]
"""Told how many of how many steps are done; raises Cancelled to stop between two of them."""
Look: TypeAlias = Callable[[], None]
"""Called between the tokens of a plan, whose number nobody knows; raises Cancelled to stop between two of them."""
Hear: TypeAlias = Callable[[Samples], None]
"""Given the samples of an event piece by piece, while the rest is decoded: so early that it is there in time."""


def go_on() -> None:
    """The Look of one who never stops."""


def unheard(early: object) -> None:
    """The Hear of one who waits for the whole."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One event of a plan, the condition it is imagined under, and the reasoning of the whole plan."""

    event: Event
    condition: Condition
    reasoning: str


class StoryModel(Protocol):
    """What renders. Conditions are the same to the bit whether a plan is written or, with the same events, recalled."""

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str:
        """A hash of preset and weights: part of every take's key."""

    @property
    def sample_rate(self) -> int: ...

    def begin(self, instruction: str, seconds: float) -> Memory:
        """Read the told text."""

    def plan(self, memory: Memory, look: Look = go_on) -> Iterator[Planned]:
        """Write the plan event by event; the memory grows as it is consumed."""

    def recall(self, memory: Memory, reasoning: str, events: Sequence[Event]) -> Iterator[Condition]:
        """Read a given plan in place of writing one."""

    def continue_(
        self, memory: Memory, text: str, seconds: float, beds: Sequence[str] = (), look: Look = go_on
    ) -> Iterator[Planned]:
        """Write what comes next in a told story: `text`, for `seconds`. beds: captions of what may go on under it."""

    def imagine(self, condition: Condition, event: Event, seed: int, held: Latents | None, watch: Watch) -> Latents:
        """Draw latents for the whole of `event.duration_s`, which is OVERLAP_S more than was planned.

        held: latents of the same sound so far; this one begins with their last OVERLAP_S.
        """

    def imagine_before(
        self, condition: Condition, event: Event, seed: int, following: Latents, watch: Watch
    ) -> Latents:
        """Draw latents of what sounds before `following`, for `event.duration_s`: they end with its first OVERLAP_S."""

    def decode(self, latents: Latents, condition: Condition, event: Event, seed: int, hear: Hear = unheard) -> Samples:
        """Samples [frames, channels], float32, at `sample_rate`.

        hear: given the first of them, and more, where the rest takes less time than they do to be heard.
        """

    def save(self, memory: Memory) -> bytes:
        """The memory, exactly."""

    def load(self, state: bytes) -> Memory:
        """A memory that was saved."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What sounds in a recording from start_s to end_s, in words, and how sure that is, 0..1.

    lane: where an event of it would be. gain_db: brings what the model makes to the recording's level.
    """

    caption: str
    lane: str
    start_s: float
    end_s: float
    sure: float
    gain_db: float = 0.0


@runtime_checkable
class Listening(Protocol):
    """What a model may do besides: understand recordings, samples [frames, channels] at its `sample_rate`."""

    def hear(self, samples: Samples) -> tuple[Heard, ...]:
        """What sounds when, in order; empty where nothing does."""

    def hear_whole(self, samples: Samples) -> Heard:
        """What the recording sounds like as a whole. Raises Failure."""

    def ask(self, samples: Samples, question: str) -> str:
        """Answer a question about a recording."""

    def what_follows(self, samples: Samples) -> str:
        """What may come next, in words; empty for more of the same."""

    def listen(self, samples: Samples, condition: Condition, event: Event, seed: int) -> Latents:
        """Latents of a recording, so that `imagine` can go on from them; event: what it is in the story."""
