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


_WRITING = 0.8
"""The share of all work that is done when files begin to be written: of a short story 0.9, of a long one half."""
_STEADY_S = 3.0
"""How far into a long event its steps count: a bed under the whole story is no more work than another sound."""

Report: TypeAlias = Callable[[Progress], None]
"""Called between all steps, from the thread that works; what it raises stops the work."""


def share_of(progress: Progress, seconds: float) -> float:
    """The share of all work on a story of `seconds` that is done, 0..1; what is planned ahead counts for nothing."""
    if progress.stage == "write":
        return _WRITING + (1 - _WRITING) * progress.done / progress.total
    event = progress.event
    if event is None or progress.stage not in ("diffuse", "decode"):
        return 0.0
    steps = progress.done / progress.total if progress.stage == "diffuse" else 1.0
    at_s = event.start_s + steps * min(event.duration_s, _STEADY_S)
    return _WRITING * min(1.0, at_s / seconds)
