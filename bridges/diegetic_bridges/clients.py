"""Who is there: an address to answer to, a lease on events, request numbers in use, and how much may be refused.

Knows nothing of what is asked.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from diegetic_bridges.outgoing import Pack, pack
from diegetic_bridges.rate import Bucket

LEASE_S = 60.0
MAX_CLIENTS = 1024
MAX_PENDING = 256
MAX_SYNCS = 64
FAILS_PER_S, FAILS_AT_ONCE = 20.0, 40.0

Send = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a packet came from. key: unique among all that are there. leased: events end with the lease.

    pack: how what is sent to it is written.
    """

    key: str
    send: Send
    local: bool = True
    leased: bool = True
    pack: Pack = pack


@dataclass(slots=True)
class Client:
    """One peer's state. meters: whether those are among what it subscribed to.

    pending: request number -> job. syncs: id, and the jobs it waits for.
    """

    peer: Peer
    seen: float
    subscribed: bool = False
    meters: bool = False
    types: str = ""
    pending: dict[int, int] = field(default_factory=dict)
    syncs: list[tuple[int, set[int]]] = field(default_factory=list)
    _fails: Bucket = field(default_factory=lambda: Bucket(FAILS_PER_S, FAILS_AT_ONCE))

    def listens(self, now: float) -> bool:
        """Whether it is to be told events."""
        return self.subscribed and (not self.peer.leased or now - self.seen <= LEASE_S)

    def may_be_refused(self, now: float) -> bool:
        """Take one refusal out of what this client may be answered."""
        return self._fails.take(now)

    def ended(self, req: int, job: int) -> list[int]:
        """Free a request number; the ids of the syncs that waited for this job last."""
        if self.pending.get(req) == job:
            del self.pending[req]
        for _, jobs in self.syncs:
            jobs.discard(job)
        met = [sync for sync, jobs in self.syncs if not jobs]
        self.syncs = [(sync, jobs) for sync, jobs in self.syncs if jobs]
        return met


class Clients:
    """All that are there, the one not heard of for longest first; at most MAX_CLIENTS."""

    def __init__(self) -> None:
        self._by_key: OrderedDict[str, Client] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_key)

    def heard(self, peer: Peer, now: float) -> Client | None:
        """The client of a peer, its lease renewed; None where there is no room for another."""
        client = self._by_key.get(peer.key)
        if client is None:
            if len(self._by_key) >= MAX_CLIENTS and not self._make_room(now):
                return None
            client = self._by_key[peer.key] = Client(peer, now)
        elif client.subscribed and not client.listens(now):
            client.subscribed = False
        client.seen = now
        self._by_key.move_to_end(peer.key)
        return client

    def get(self, key: str) -> Client | None:
        return self._by_key.get(key)

    def forget(self, key: str) -> None:
        """A connection was closed."""
        self._by_key.pop(key, None)

    def listening(self, now: float) -> Iterator[Client]:
        return (client for client in tuple(self._by_key.values()) if client.listens(now))

    def _make_room(self, now: float) -> bool:
        idle = (key for key, each in self._by_key.items() if not each.pending and not each.listens(now))
        key = next(idle, None)
        self.forget(key or "")
        return key is not None
