"""What is heard again: how far apart it begins, and how long it is heard each time.

Knows nothing of plans.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zlib import crc32

from diegetic.model.clauses import Part
from diegetic.model.when import SOMETIMES_S, When

_AT_A_TIME_S = 5.0
"""How long what is heard every so often is heard once, at most."""
_SOMETIMES = 12
"""How often what is heard now and then is heard in a story, about, at most."""


@dataclass(frozen=True, slots=True)
class Due:
    """An event that goes on with one that was told, or tells it again: start and end in steps."""

    caption: str
    lane: str
    start: int
    end: int


def at_a_time_s(when: When) -> float:
    """How long what is heard every so often is heard once."""
    assert when.every_s is not None
    return min(when.every_s / 2, _AT_A_TIME_S)


def apart_s(when: When, caption: str, last_s: float) -> float:
    """From one time that something is heard to the next; irregular is up to three tenths more or less, by a hash."""
    assert when.every_s is not None
    odds = crc32(f"{caption} {last_s:g}".encode()) % 7 - 3
    return when.every_s * (1 + when.is_irregular * odds / 10)


def next_s(when: When, caption: str, last_s: float, seconds: float, room: float) -> float:
    """When something is heard again; where that is irregular, so late that `room` more times are over all `seconds`."""
    apart = apart_s(when, caption, last_s)
    return last_s + (max(apart, (seconds - last_s) / (room + 1)) if when.is_irregular else apart)


def nearest(wanted: float, steps: Sequence[int]) -> int:
    """The one of some steps that is nearest to where something should be."""
    return min(steps, key=lambda step: abs(step - wanted))


def rarer(part: Part, seconds: float) -> Part:
    """A clause as it is; of what is heard now and then, in a long story more rarely, so that it is to its end."""
    when, often_s = part.when, max(SOMETIMES_S, seconds / _SOMETIMES)
    is_sometimes = when.is_irregular and when.every_s == SOMETIMES_S
    return replace(part, when=replace(when, every_s=often_s)) if is_sometimes else part
