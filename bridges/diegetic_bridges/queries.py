"""What is only asked: the engine's state, as replies. Nothing here changes anything.

Knows nothing of clients or sockets.
"""

from collections.abc import Callable, Iterator, Mapping

from diegetic.engine import Dump, Status
from diegetic.live.jobs import Job, Refused
from diegetic_bridges.arguments import Call, nearest
from diegetic_bridges.codec import Incoming
from diegetic_bridges.commands import Commands
from diegetic_bridges.outgoing import Reply
from diegetic_bridges.patterns import matches
from diegetic_bridges.registry import ROOT, SLOTS, VERBS, Value

Requests = Mapping[int, int]
"""Job -> request number, of the client that asks."""

MIN_GAIN_DB = -60.0


def answer(commands: Commands, call: Call, requests: Requests) -> Iterator[Reply]:
    """The replies to a query. Raises Refused: 404 for what there isn't."""
    return _ANSWERS[call.verb.name](commands, call, requests)


def meant(pattern: Incoming, commands: Commands) -> list[Incoming]:
    """The queries that an address with wildcards means. Raises Refused: 400 with arguments, 404 for none."""
    if pattern.arguments:
        raise Refused(400, f"{pattern.address}: an address with wildcards only asks, without arguments")
    found = [address for address in _askable(commands.dump()) if matches(pattern.address, address)]
    if not found:
        raise Refused(404, f"{pattern.address}: means nothing that can be asked; {nearest(pattern.address)}")
    return [Incoming(address, "", ()) for address in found]


def _askable(dump: Dump) -> Iterator[str]:
    for verb in VERBS:
        if verb.query == "always" and all(argument.optional for argument in verb.arguments):
            yield verb.address
    yield from (f"{ROOT}/slot/{slot}/gain" for slot in range(1, SLOTS + 1))
    yield from (f"{ROOT}/param/{name}" for name in current(dump))


def current(dump: Dump) -> dict[str, Value]:
    """All parameters and state keys."""
    return dict(dump.parameters) | dict(dump.words)


def gain_of(dump: Dump, slot: int) -> float:
    """A slot's gain as its fader shows it, 0..1; 1 for an empty one that nobody set."""
    gain_db = next((cue.gain_db for cue in dump.cues if cue.slot == slot), dump.gains_db.get(slot, 0.0))
    return float(10 ** (gain_db / 20)) if gain_db > MIN_GAIN_DB else 0.0


def everything(commands: Commands, requests: Requests) -> Iterator[Reply]:
    """The engine's whole state: what a client needs to show it from scratch."""
    dump = commands.dump()
    yield _status_reply(dump.status)
    yield from (Reply("param/<name>", (value,), name) for name, value in current(dump).items())
    yield from (Reply("cue", (cue.name, cue.story, cue.slot or 0, cue.state)) for cue in dump.cues)
    yield from (Reply("story", (name, len(story.events), story.seconds)) for name, story in dump.stories)
    yield from (job_reply(job, requests) for job in dump.jobs)


def job_reply(job: Job, requests: Requests) -> Reply:
    text = job.end.text if job.end else ""
    known = requests.get(job.id, -1)
    return Reply("job", (job.id, known, f"{ROOT}/{job.verb}", job.state, job.stage, job.done, job.total, text))


def _status(commands: Commands, call: Call, requests: Requests) -> Iterator[Reply]:
    yield _status_reply(commands.status())


def _status_reply(now: Status) -> Reply:
    counts = (now.state, now.queued, now.running, now.voices, now.load, now.memory_bytes / 1e6)
    return Reply("status.reply", (*counts, now.rate_hz, now.underruns, now.model, now.device))


def _jobs(commands: Commands, call: Call, requests: Requests) -> Iterator[Reply]:
    jobs = commands.jobs()
    yield from (job_reply(job, requests) for job in jobs)
    yield Reply("jobs.reply", (len(jobs),))


def _slot_gain(commands: Commands, call: Call, requests: Requests) -> Iterator[Reply]:
    slot = call.values[0]
    assert isinstance(slot, int)
    yield Reply("slot/<slot>/gain", (gain_of(commands.dump(), slot),), str(slot))


def _param(commands: Commands, call: Call, requests: Requests) -> Iterator[Reply]:
    name, known = str(call.values[0]), current(commands.dump())
    if name not in known:
        raise Refused(404, f"{ROOT}/param/{name[:60]}: there is none of that name; known: {', '.join(known)}")
    yield Reply("param/<name>", (known[name],), name)


_ANSWERS: dict[str, Callable[[Commands, Call, Requests], Iterator[Reply]]] = {
    "status": _status,
    "jobs": _jobs,
    "slot_gain": _slot_gain,
    "param_name": _param,
}
