"""The rules of the wire, for all clients at once, whatever carries the packets.

A packet goes in by `receive`, the engine's news by `on_news`; answers and events go out by each peer's own `send`.
Nothing that a packet holds raises: it is answered, or counted in `counts`.

Knows nothing of sockets. Threads: all in the event loop's thread, like the engine.
"""

import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence

from diegetic.errors import DiegeticError
from diegetic.live.jobs import Job, Refused
from diegetic.live.news import JobEnded, Meters, News, Trouble
from diegetic_bridges import actions, arguments, queries
from diegetic_bridges.arguments import Call
from diegetic_bridges.capture import Capture
from diegetic_bridges.clients import LEASE_S, MAX_PENDING, MAX_SYNCS, Client, Clients, Peer
from diegetic_bridges.codec import Incoming, Malformed, decode
from diegetic_bridges.commands import Commands
from diegetic_bridges.event_log import EventLog
from diegetic_bridges.failures import FORBIDDEN, code_of
from diegetic_bridges.outgoing import Clock, Pack, Reply, end_of, event_of, failure, meters_of
from diegetic_bridges.patterns import is_pattern
from diegetic_bridges.registry import ROOT

HORIZON_S = 3600.0
REMEMBERED = 4096

_CANCELLED = 499

_log = logging.getLogger(__name__)


class Session:
    """All clients of one engine. counts: packets, messages, refused, unanswered, dropped, events, since the start.

    capture: where each command that is accepted is written down.
    """

    def __init__(self, commands: Commands, clock: Clock | None = None, capture: Capture | None = None) -> None:
        self.counts: Counter[str] = Counter()
        self.learn: Callable[[str], None] | None = None  # a MIDI bridge's
        self.clients = Clients()
        self._commands, self._capture = commands, capture
        self._clock = clock or Clock()
        self._events = EventLog()
        self._owners: OrderedDict[int, tuple[str, int]] = OrderedDict()  # job -> client and request number
        self._early: set[int] = set()  # jobs whose end came before their ack was sent
        self._beginning = False
        self._unsubscribe = commands.subscribe(self.on_news)
        self._by_name = {
            "ping": self._ping,
            "job_get": self._job_get,
            "job_cancel": self._job_cancel,
            "sync": self._sync,
            "notify": self._notify,
            "resync": self._resync,
            "dump": self._dump,
            "midi_learn": self._midi_learn,
            "quit": self._quit,
        }

    def close(self) -> None:
        """Hear no more news."""
        self._unsubscribe()

    def receive(self, peer: Peer, packet: bytes) -> int:
        """Take a packet; how many messages it holds. Never raises."""
        messages = decode(packet, self._clock.wall_s())
        self.take(peer, messages)
        return len(messages)

    def take(self, peer: Peer, messages: Sequence[Incoming | Malformed]) -> None:
        """Take the messages of a packet, however they were written. Never raises."""
        self.counts["packets"] += 1
        client = self.clients.heard(peer, self._clock.now_s())
        if client is None:
            self.counts["dropped"] += 1
            return
        for found in messages:
            self.counts["messages"] += 1
            if isinstance(found, Malformed):
                self._refuse(client, found.req, found.address, found.refused)
            else:
                self._take(client, found)

    def on_news(self, news: News) -> None:
        """Send what the engine tells: ends to who asked, all else to who subscribed. Never raises."""
        try:
            if isinstance(news, JobEnded):
                self._end(news.job)
                if self._capture is not None:
                    self._capture.end(news.job)
            elif isinstance(news, Meters):
                for client in self.clients.listening(self._clock.now_s()):
                    if client.meters:
                        self._send(client, *meters_of(news))
            else:
                self._publish(news)
        except Exception:
            _log.exception("news %s: could not be sent", type(news).__name__)

    def forget(self, key: str) -> None:
        """A connection was closed: its jobs go on, their ends can be asked for by others."""
        self.clients.forget(key)

    def _take(self, client: Client, incoming: Incoming) -> None:
        """One message; what is wrong with it is answered, once and with its request number where it has one."""
        try:
            if is_pattern(incoming.address):
                for query in queries.meant(incoming, self._commands):
                    self._dispatch(client, arguments.read(query))
            else:
                self._dispatch(client, arguments.read(incoming))
        except (DiegeticError, MemoryError) as error:
            self._refuse(client, arguments.request_number(incoming), incoming.address, error)
        except Exception as error:
            _log.exception("%s: failed", incoming.address)
            self._refuse(client, arguments.request_number(incoming), incoming.address, error)

    def _dispatch(self, client: Client, call: Call) -> None:
        name = call.verb.name
        if name in self._by_name:
            self._by_name[name](client, call)
        elif call.verb.slow:
            self._begin(client, call)
        elif call.verb.query == "always" or (call.verb.query == "bare" and call.bare):
            self._send(client, *queries.answer(self._commands, call, self._requests(client)))
        else:
            self._note(client, call, actions.act(self._commands, call, self._at_s(call)))

    def _begin(self, client: Client, call: Call) -> None:
        """Acknowledge a slow verb and remember who waits for its end; an end that came at once follows the ack."""
        if call.req in client.pending:
            raise Refused(409, f"request {call.req}: is in use until its end; take another number")
        if len(client.pending) >= MAX_PENDING:
            raise Refused(429, f"client: may wait for {MAX_PENDING} ends at most; wait for some, or cancel")
        self._beginning = True
        try:
            job = actions.begin(self._commands, call, self._at_s(call))
        finally:
            self._beginning = False
        self._note(client, call, job)
        client.pending[call.req] = job.id
        self._owners[job.id] = (client.peer.key, call.req)
        self._send(client, Reply("ack", (call.req, call.verb.address, job.id)))
        if job.id in self._early:
            self._end(self._commands.job_get(job.id))
        self._early.clear()
        while len(self._owners) > REMEMBERED:
            self._owners.popitem(last=False)

    def _end(self, job: Job) -> None:
        if job.id not in self._owners:
            if self._beginning:
                self._early.add(job.id)
            elif job.end and job.end.code not in (0, _CANCELLED):
                self._publish(Trouble(job.end.code, job.end.text))  # fired by a pad or a marker: nobody has its number
            return
        key, req = self._owners[job.id]
        client = self.clients.get(key)
        if client is None or client.pending.get(req) != job.id:
            return
        self._send(client, end_of(job, req))
        for sync in client.ended(req, job.id):
            self._send(client, Reply("synced", (sync,)))

    def _publish(self, news: News) -> None:
        event = event_of(news)
        if event is None:
            return
        self.counts["events"] += 1
        reply = self._events.add(event)
        packed: dict[tuple[Pack, str], bytes] = {}
        for client in self.clients.listening(self._clock.now_s()):
            form = (client.peer.pack, client.types)
            if form not in packed:
                packed[form] = client.peer.pack(reply, client.types, self._clock)
            client.peer.send(packed[form])

    def _at_s(self, call: Call) -> float | None:
        """When a call is to sound, on the engine's clock. Raises Refused beyond the horizon."""
        if call.at is None:
            return None
        at_s = self._clock.engine_s(call.at)
        ahead_s = at_s - self._clock.now_s()
        if abs(ahead_s) > HORIZON_S:
            rule = f"time tag must be within {HORIZON_S:g} s of now, got {ahead_s:+.3f}"
            raise Refused(422, f"{call.verb.address}: {rule}; compare the clocks by {ROOT}/ping")
        return at_s

    def _ping(self, client: Client, call: Call) -> None:
        """A double is answered with clocks since 1970; a float, or nothing, with seconds since the bridge began."""
        received_s = self._clock.now_s()
        sent, double = call.values[0] or 0.0, call.double
        accepted = client.types + "d" if double else ""
        known = self._clock.world_s(received_s) if double else received_s - self._clock.began_s
        replied = known + self._clock.now_s() - received_s
        client.peer.send(client.peer.pack(Reply("pong", (sent, known, replied)), accepted, self._clock))

    def _job_get(self, client: Client, call: Call) -> None:
        job = self._commands.job_get(_whole(call, 0))
        requests = self._requests(client)
        self._send(client, queries.job_reply(job, requests))
        if job.ended:
            self._send(client, end_of(job, requests.get(job.id, -1)))

    def _job_cancel(self, client: Client, call: Call) -> None:
        job = _whole(call, 0)
        self._commands.job_cancel(job)
        self._note(client, call, None)
        self._send(client, queries.job_reply(self._commands.job_get(job), self._requests(client)))

    def _sync(self, client: Client, call: Call) -> None:
        if not client.pending:
            self._send(client, Reply("synced", (call.values[0],)))
        elif len(client.syncs) >= MAX_SYNCS:
            raise Refused(429, f"client: may wait for {MAX_SYNCS} syncs at most")
        else:
            client.syncs.append((_whole(call, 0), set(client.pending.values())))

    def _notify(self, client: Client, call: Call) -> None:
        client.subscribed, client.meters = bool(call.values[0]), bool(call.values[2])
        client.types = "".join(tag for tag in "hdt" if tag in str(call.values[1] or ""))
        lease_s = LEASE_S if client.peer.leased and client.subscribed else 0.0
        self._send(client, Reply("notify.reply", (int(client.subscribed), lease_s)))

    def _resync(self, client: Client, call: Call) -> None:
        missed = self._events.since(_whole(call, 0))
        ends = (missed[0].seq, missed[-1].seq) if missed else (0, 0)
        self._send(client, Reply("resync.reply", (*ends, len(missed))), *(logged.reply for logged in missed))

    def _dump(self, client: Client, call: Call) -> None:
        counts = [Reply("count", (name, count)) for name, count in sorted(self.counts.items())]
        replies = [*queries.everything(self._commands, self._requests(client)), *counts]
        self._send(client, *replies, Reply("dump.reply", (len(replies),)))

    def _midi_learn(self, client: Client, call: Call) -> None:
        if self.learn is None:
            raise Refused(409, f"{call.verb.address}: MIDI is off; serve with --midi")
        name = str(call.values[0])
        known = [each.name for each in self._commands.parameters()]
        if name not in known:
            raise Refused(404, f"param {name[:64]}: there is none of that name; there are {', '.join(known)}")
        self.learn(name)

    def _quit(self, client: Client, call: Call) -> None:
        if not client.peer.local:
            raise Refused(FORBIDDEN, f"{call.verb.address}: is taken from this machine only")
        self._commands.quit()

    def _note(self, client: Client, call: Call, job: Job | None) -> None:
        """Write a command that was accepted into the capture, where there is one."""
        if self._capture is not None:
            self._capture.take(client.peer.key, call.address, call.sent, call.at, job)

    def _requests(self, client: Client) -> dict[int, int]:
        """Job -> request number, of one client's, ended ones too."""
        return {job: req for job, (key, req) in self._owners.items() if key == client.peer.key}

    def _refuse(self, client: Client, req: int, address: str, error: Exception) -> None:
        """Answer by /fail: always where a request number waits for it, else as often as is fair."""
        self.counts["refused"] += 1
        if req < 0 and not client.may_be_refused(self._clock.now_s()):
            self.counts["unanswered"] += 1
            return
        code = code_of(error)
        text = str(error) if isinstance(error, DiegeticError) else f"{address[:80]}: failed inside; see the log"
        if code == 405:
            text = f"{text}; {arguments.nearest(address)}"
        self._send(client, failure(req, address, -1, code, text))

    def _send(self, client: Client, *replies: Reply) -> None:
        for reply in replies:
            client.peer.send(client.peer.pack(reply, client.types, self._clock))


def _whole(call: Call, index: int) -> int:
    value = call.values[index]
    assert isinstance(value, int)
    return value
