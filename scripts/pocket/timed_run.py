"""A training by the clock: it may take so many minutes in all, over as many starts as it needs.

Knows nothing of what is trained.
"""

import math
import time
from collections.abc import Iterator


class TimedRun:
    """How far a training is. step: how many are done; spent_s: seconds it took so far, earlier starts included."""

    def __init__(self, minutes: float) -> None:
        self.minutes = minutes
        self.step, self.spent_s = 0, 0.0

    def shares(self) -> Iterator[float]:
        """For each step to take, the share 0..1 of the time that is spent; ends when all is. The body counts `step`."""
        started = time.monotonic() - self.spent_s
        while (elapsed := time.monotonic() - started) < self.minutes * 60:
            self.spent_s = elapsed
            yield elapsed / (self.minutes * 60)
        self.spent_s = elapsed

    def is_due(self, every: int) -> bool:
        """Whether this step is one of every so many."""
        return self.step % every == 0

    def show(self, losses: str) -> None:
        """Print one line of progress."""
        print(f"step {self.step}  {losses}  {self.spent_s / 60:.1f} of {self.minutes} min", flush=True)

    def smoothed(self, mean: float, value: float, kept: float) -> float:
        """A running mean that keeps a share of what it was; the first steps count as they are."""
        return value if self.step < 3 else kept * mean + (1 - kept) * value

    def rate_scale(self, share: float, warm_up: int) -> float:
        """What the learning rate is multiplied by: up over `warm_up` steps, down to 2 % by a cosine of the time."""
        return min(1.0, (self.step + 1) / warm_up) * (0.02 + 0.49 * (1 + math.cos(math.pi * share)))
