"""What is sent: messages of the registry with their values, and the engine's news as such.

A time goes as the client takes it: t (NTP), d (seconds since 1970), else f: seconds since the bridge began, as in pong.

Knows nothing of clients or sockets.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from diegetic.live.jobs import Job, Refused
from diegetic.live.news import (
    CueChanged,
    DeviceChanged,
    EventPlanned,
    JobEnded,
    JobProgress,
    Late,
    Meters,
    News,
    SegmentEnd,
    SegmentReady,
    SegmentStart,
    StateChanged,
    Trouble,
    Underrun,
)
from diegetic_bridges.codec import encode, time_tag
from diegetic_bridges.failures import SYMBOLS
from diegetic_bridges.registry import BY_MESSAGE, ROOT, Argument, Message, Value


@dataclass(frozen=True, slots=True)
class Reply:
    """A message to be sent. part: what stands in its address for the part in angle brackets."""

    path: str
    values: tuple[Value, ...]
    part: str = ""

    @property
    def message(self) -> Message:
        return BY_MESSAGE[f"{ROOT}/{self.path}"]

    @property
    def address(self) -> str:
        return self.message.address.replace("<name>", self.part).replace("<slot>", self.part)


@dataclass(frozen=True, slots=True)
class Clock:
    """The engine's clock (monotonic), the world's (since 1970), and when the bridge began, on the engine's."""

    now_s: Callable[[], float] = time.perf_counter
    wall_s: Callable[[], float] = time.time
    began_s: float = field(default_factory=time.perf_counter)

    def engine_s(self, wall_s: float) -> float:
        """A time of the world on the engine's clock."""
        return wall_s - self.wall_s() + self.now_s()

    def world_s(self, engine_s: float) -> float:
        return engine_s - self.now_s() + self.wall_s()


Pack = Callable[[Reply, str, Clock], bytes]
"""Writes a reply as bytes. The string: the types beyond i f s b T F that the client takes."""


def pack(reply: Reply, accepted: str, clock: Clock) -> bytes:
    """A reply as an OSC message."""
    pairs = zip(reply.message.arguments, reply.values, strict=True)
    typed = [_typed(argument, value, accepted, clock) for argument, value in pairs]
    return encode(reply.address, "".join(tag for tag, _ in typed), [value for _, value in typed])


def failure(req: int, address: str, job: int, code: int, text: str) -> Reply:
    return Reply("fail", (req, address, job, code, SYMBOLS.get(code, SYMBOLS[500]), text))


def end_of(job: Job, req: int) -> Reply:
    """How a job ended. Raises Refused (409) where it hasn't."""
    address = f"{ROOT}/{job.verb}"
    if job.end is None:
        raise Refused(409, f"job {job.id}: hasn't ended")
    if job.end.code:
        return failure(req, address, job.id, job.end.code, job.end.text)
    return Reply("done", (req, address, job.id, job.end.text))


def event_of(news: News) -> Reply | None:
    """The event that is sent for news, without its sequence number.

    None for an end, which goes to one client, and for meters, which nobody would want again.
    """
    match news:
        case JobEnded() | Meters():
            return None
        case JobProgress(job, stage, done, total, eta_s):
            return Reply("progress", (job, stage, done, total, eta_s))
        case EventPlanned(story, event, cue):
            timing = (event.start_s, event.duration_s, event.lane)
            return Reply("plan/event", (story, event.id, event.caption, *timing, cue))
        case SegmentReady(story, event, cue):
            return Reply("segment/ready", (story, event.id, event.duration_s, cue))
        case SegmentStart(story, event_id, at_s, cue):
            return Reply("segment/start", (story, event_id, at_s, cue))
        case SegmentEnd(story, event_id, at_s, cue):
            return Reply("segment/end", (story, event_id, at_s, cue))
        case CueChanged(cue):
            return Reply("cue/changed", (cue.name, cue.state))
        case StateChanged(state):
            return Reply("state", (state,))
        case Late(subject, late_s, action):
            return Reply("late", (subject, late_s, action))
        case Underrun(blocks, total):
            return Reply("underrun", (blocks, total))
        case DeviceChanged(name, device_state, rate_hz):
            return Reply("device", (name, device_state, rate_hz))
        case Trouble(code, text):
            return Reply("error", (code, SYMBOLS.get(code, SYMBOLS[500]), text))


def meters_of(news: Meters) -> list[Reply]:
    """One message for each lane."""
    return [Reply("meters", lane) for lane in news.lanes]


def _typed(argument: Argument, value: Value, accepted: str, clock: Clock) -> tuple[str, Value]:
    if argument.type == "t" and isinstance(value, float):
        if "t" in accepted:
            return "t", time_tag(clock.world_s(value))
        return ("d", clock.world_s(value)) if "d" in accepted else ("f", value - clock.began_s)
    if argument.type == "fs":
        return ("s", value) if isinstance(value, str) else ("f", value)
    if argument.type == "d" and "d" not in accepted:
        return "f", value
    return argument.type, value
