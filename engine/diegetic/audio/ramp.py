"""Values that move without a step: gains and filter coefficients, from block to block.

Threads: a ramp belongs to the thread that mixes; nothing here allocates but small views.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float32]


@dataclass(slots=True)
class Ramp:
    """A value on its way to a target in a straight line. left: frames that are still to go."""

    value: float
    target: float
    left: int = 0

    @classmethod
    def at(cls, value: float) -> "Ramp":
        """One that rests."""
        return cls(value, value)

    @property
    def rests(self) -> bool:
        return self.left == 0

    def move(self, target: float, frames: int) -> None:
        """Go to `target` in `frames`, from wherever it is; 0 jumps."""
        self.target, self.left = target, max(0, frames)
        if self.left == 0:
            self.value = target

    def fill(self, out: Row, steps: Row) -> None:
        """Write the values of the next len(out) frames, and move on. steps: 1, 2, 3, ... (at least as many)."""
        frames = len(out)
        moving = min(self.left, frames)
        if moving:
            step = (self.target - self.value) / self.left
            np.multiply(steps[:moving], np.float32(step), out=out[:moving])
            out[:moving] += np.float32(self.value)
            self.left -= moving
            self.value = self.target if self.left == 0 else self.value + step * moving
            out[moving - 1] = self.value
        out[moving:] = self.value
