"""How often something may happen: a token bucket, and a connection's pace by it.

Knows nothing of what it counts.
"""

import asyncio
import math
from dataclasses import dataclass, field

MESSAGES_PER_S, MESSAGES_AT_ONCE = 2000.0, 4000.0


@dataclass(slots=True)
class Bucket:
    """So many at once, then so many a second. Times are of any clock that goes on."""

    per_s: float
    at_once: float
    _left: float = field(init=False)
    _taken_at: float = field(init=False, default=-math.inf)

    def __post_init__(self) -> None:
        self._left = self.at_once

    def take(self, now: float) -> bool:
        """Take one; False where there is none left."""
        self._refill(now)
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def owe(self, now: float, count: int) -> float:
        """Take so many, whether they are there or not; how long until that is made up for."""
        self._refill(now)
        self._left -= count
        return max(0.0, -self._left / self.per_s)

    def _refill(self, now: float) -> None:
        if math.isfinite(self._taken_at):
            self._left = min(self.at_once, self._left + self.per_s * max(0.0, now - self._taken_at))
        self._taken_at = now


class Pace:
    """One connection's: after each packet others have their turn, and what is more than is fair waits."""

    def __init__(self) -> None:
        self._bucket = Bucket(MESSAGES_PER_S, MESSAGES_AT_ONCE)

    async def keep(self, messages: int) -> None:
        """So many messages were taken: wait until the next may be. What is sent meanwhile waits where it is."""
        await asyncio.sleep(self._bucket.owe(asyncio.get_running_loop().time(), messages))
