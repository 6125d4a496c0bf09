"""Events with their sequence numbers, the last of them kept to be sent again.

Knows nothing of clients or of what an event says.
"""

from collections import deque
from dataclasses import dataclass

from diegetic_bridges.outgoing import Reply

KEPT = 1024


@dataclass(frozen=True, slots=True)
class Logged:
    """An event as it is sent: its sequence number is the first of its reply's values."""

    seq: int
    reply: Reply


class EventLog:
    """The last KEPT events. Sequence numbers start at 1."""

    def __init__(self) -> None:
        self._kept: deque[Logged] = deque(maxlen=KEPT)
        self._last = 0

    def add(self, event: Reply) -> Reply:
        """The event with its sequence number."""
        self._last += 1
        reply = Reply(event.path, (self._last, *event.values))
        self._kept.append(Logged(self._last, reply))
        return reply

    def since(self, seq: int) -> list[Logged]:
        """Those that are kept, from `seq` on."""
        return [logged for logged in self._kept if logged.seq >= seq]
