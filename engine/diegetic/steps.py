"""Long work in steps, so that whoever does it can do something else in between: each `next` is one of them."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import TypeAlias, TypeVar


@dataclass(frozen=True, slots=True)
class Going:
    """The work goes on, and nothing has come of it yet."""


GOING = Going()
Result = TypeVar("Result")
Steps: TypeAlias = Generator[Going, None, Result]


def finish(steps: Steps[Result]) -> Result:
    """Do all steps; what they come to. Raises what they raise."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
