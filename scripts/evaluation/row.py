"""A row of the evaluation's table."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure, what it is beside, and the aim it has: at least, or at most."""

    name: str
    ours: float
    beside: Mapping[str, float]
    aim: float
    at_least: bool
    note: str = ""

    @property
    def met(self) -> bool:
        return self.ours >= self.aim if self.at_least else self.ours <= self.aim
