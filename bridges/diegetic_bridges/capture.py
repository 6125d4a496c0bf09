"""What was asked of the engine, in a file: one JSON line for each command that was accepted.

    {"clock": 12.5, "wall": 1767225600.5, "client": "udp 127.0.0.1:5000", "address": "/diegetic/cue/go",
     "arguments": [4, "slam"], "at": null, "job": 17}

clock: seconds, monotonic. wall, at: seconds since 1970; at: when it was to sound. job: what it began. Queries, and what
is about the client alone (notify, sync), aren't commands. What was cancelled or dropped as late has another line:

    {..., "client": "engine", "address": "/diegetic/job", "arguments": [17, "dropped"]}

Knows nothing of how commands come or what becomes of them. Threads: all in the event loop's.
"""

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

from diegetic.errors import Failure, InputError
from diegetic.live.cue_desk import DROPPED
from diegetic.live.cues import Cue
from diegetic.live.jobs import Job
from diegetic.live.parameters import SLEW_S
from diegetic.names import free_path
from diegetic.schema import read_strict
from diegetic_bridges.commands import Commands
from diegetic_bridges.outgoing import Clock
from diegetic_bridges.registry import ROOT, Value

ENDED = f"{ROOT}/job"
"""The address of a line about a job that came to nothing."""

Given = int | float | str | bool | None

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """One command."""

    clock: float
    wall: float
    client: str
    address: str
    arguments: tuple[Given, ...]
    at: float | None = None
    job: int | None = None


class Capture:
    """A file that is written while it goes. Raises Failure where it can't be made.

    A full disk ends it, and is logged.
    """

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self.path = free_path(path)
        self._clock = clock or Clock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("x", encoding="utf-8")
        except OSError as error:
            raise Failure(f"{path}: can't be captured to ({error.strerror}); choose another file") from None

    def take(
        self, client: str, address: str, arguments: tuple[Value, ...], at: float | None = None, job: Job | None = None
    ) -> None:
        """Write a command down. Never raises."""
        if self._file.closed:
            return
        now_s, wall_s = self._clock.now_s(), self._clock.wall_s()
        plain = tuple(value for value in arguments if not isinstance(value, bytes))  # no command takes a blob
        taken = Taken(now_s, wall_s, client, address, plain, at, job.id if job is not None else None)
        try:
            self._file.write(json.dumps(asdict(taken), ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            _log.error("%s: the capture ends here (%s)", self.path, error.strerror)
            self.close()

    def end(self, job: Job) -> None:
        """Write down that a job came to nothing, where it did. Never raises."""
        dropped = job.end is not None and job.end.text == DROPPED
        if dropped or job.state == "cancelled":
            self.take("engine", ENDED, (job.id, "dropped" if dropped else "cancelled"))

    def close(self) -> None:
        """End the file. Can be called twice."""
        try:
            self._file.close()
        except OSError:
            _log.exception("%s: its end is lost", self.path)


def read_capture(path: Path) -> list[Taken]:
    """All commands of a file. A last line that was cut short is left out. Raises InputError for any other."""
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines(keepends=True)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); check the path") from None
    taken = []
    for number, line in enumerate(lines, start=1):
        try:
            given = json.loads(line)
        except (ValueError, RecursionError):
            if number == len(lines) and not line.endswith("\n"):
                break
            raise InputError(f"{path}, line {number}: is no JSON; it may be no capture") from None
        if not isinstance(given, dict):
            raise InputError(f"{path}, line {number}: must be an object; it may be no capture")
        taken.append(read_strict(Taken, given, f"{path}, line {number}"))
    return taken


class Witnessed:
    """The engine for those that fire it without the wire: what they ask is written down as what OSC would send.

    A slot's level above 0 dB can't be said by OSC: it is written as 0 dB.
    """

    def __init__(self, engine: Commands, capture: Capture, client: str) -> None:
        self._engine, self._capture, self._client = engine, capture, client
        self.subscribe, self.parameters = engine.subscribe, engine.parameters
        self.ended, self.report = engine.ended, engine.report

    def cue_define(self, cue: Cue) -> Job:
        job = self._engine.cue_define(cue)
        sent = (cue.name, cue.story, cue.text, cue.policy, cue.slot, cue.lane, cue.seconds)
        self._note("cue/define", 0, *sent, job=job)
        return job

    def cue_arm(self, name: str) -> Job:
        job = self._engine.cue_arm(name)
        self._note("cue/arm", 0, name, job=job)
        return job

    def cue_go(self, name: str, at_s: float | None = None, intensity: float = 1.0) -> Job:
        job = self._engine.cue_go(name, at_s, intensity)
        self._note(f"cue/{name}", intensity, job=job)
        return job

    def cue_stop(self, name: str) -> Job:
        job = self._engine.cue_stop(name)
        self._note("cue/stop", 0, name, job=job)
        return job

    def slot_go(self, slot: int, at_s: float | None = None, intensity: float = 1.0) -> Job:
        job = self._engine.slot_go(slot, at_s, intensity)
        self._note(f"slot/{slot}/go", intensity, job=job)
        return job

    def slot_stop(self, slot: int) -> Job:
        job = self._engine.slot_stop(slot)
        self._note(f"slot/{slot}/stop", job=job)
        return job

    def slot_gain(self, slot: int, gain_db: float) -> None:
        self._engine.slot_gain(slot, gain_db)
        self._note(f"slot/{slot}/gain", min(1.0, 10 ** (gain_db / 20)))

    def param(self, name: str, value: float, slew_s: float = SLEW_S) -> None:
        self._engine.param(name, value, slew_s)
        self._note(f"param/{name}", value, *(() if slew_s == SLEW_S else (slew_s,)))

    def transport_stop(self) -> None:
        self._engine.transport_stop()
        self._note("transport/stop")

    def panic(self) -> None:
        self._engine.panic()
        self._note("panic")

    def _note(self, path: str, *arguments: Given, job: Job | None = None) -> None:
        self._capture.take(self._client, f"{ROOT}/{path}", arguments, job=job)
