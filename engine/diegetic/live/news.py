"""News: what the engine tells its listeners, as it happens.

Times (`at_s`) are on the clock of `time.perf_counter`: `time.monotonic`, the same elsewhere, goes in steps of 16 ms on
Windows before Python 3.13. News of a job comes after the call that made it has returned.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from diegetic.live.cues import Cue
from diegetic.live.jobs import Job
from diegetic.progress import Stage
from diegetic.story import Event

EngineState = Literal["starting", "loading", "ready", "busy", "degraded", "draining"]
DeviceState = Literal["open", "lost", "back", "closed"]


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job's end: exactly one for each job; `job.end` says how."""

    job: Job


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is. eta_s: seconds it may still take, 0 where unknown."""

    job: int
    stage: Stage
    done: float
    total: float
    eta_s: float


@dataclass(frozen=True, slots=True)
class EventPlanned:
    """An event of a story was planned. cue: whose it is; "" for one that is part of the story.

    What a cue plays becomes part of the story when it is first heard, and is told again then, with the id it has there.
    """

    story: str
    event: Event
    cue: str = ""


@dataclass(frozen=True, slots=True)
class SegmentReady:
    """An event of a story, or of a cue in it, can be heard."""

    story: str
    event: Event
    cue: str = ""


@dataclass(frozen=True, slots=True)
class SegmentStart:
    """An event of a story, or of a cue in it, began to sound at `at_s`."""

    story: str
    event: str
    at_s: float
    cue: str = ""


@dataclass(frozen=True, slots=True)
class SegmentEnd:
    """An event has sounded."""

    story: str
    event: str
    at_s: float
    cue: str = ""


@dataclass(frozen=True, slots=True)
class CueChanged:
    """A cue has another state."""

    cue: Cue


@dataclass(frozen=True, slots=True)
class Late:
    """Something was not ready at the time asked for. subject: "story/event" or a cue. action: what was done instead."""

    subject: str
    late_s: float
    action: Literal["wait", "drop", "next_bar"]


@dataclass(frozen=True, slots=True)
class Underrun:
    """Blocks that the device had to do without. total: since the engine started."""

    blocks: int
    total: int


@dataclass(frozen=True, slots=True)
class Meters:
    """What each lane played in the last tenth of a second: its name, peak and RMS, 1 is full scale."""

    lanes: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True, slots=True)
class DeviceChanged:
    """The audio device was opened, lost, or is back."""

    name: str
    state: DeviceState
    rate_hz: int


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The engine has another state."""

    state: EngineState


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong that belongs to no job."""

    code: int
    text: str


News: TypeAlias = (
    JobEnded
    | JobProgress
    | EventPlanned
    | SegmentReady
    | SegmentStart
    | SegmentEnd
    | CueChanged
    | Late
    | Underrun
    | Meters
    | DeviceChanged
    | StateChanged
    | Trouble
)
