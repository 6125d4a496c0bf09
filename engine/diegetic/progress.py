"""How far a piece of work is, for whoever watches it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from diegetic.story import Event

Stage = Literal["load", "plan", "diffuse", "decode", "write"]


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` in a stage. plan counts seconds of the story, diffuse steps, the others whole things.

    kept: the event's take was there already.
    """

    stage: Stage
    done: float
    total: float
    event: Event | None = None
    kept: bool = False


Report: TypeAlias = Callable[[Progress], None]
"""Called between all steps, from the thread that works; what it raises stops the work."""
