"""The engine as it is, in values.

Knows nothing of how it came to be so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from diegetic.live.cues import Cue
from diegetic.live.jobs import Job
from diegetic.live.news import EngineState
from diegetic.story import Story


@dataclass(frozen=True, slots=True)
class Status:
    """The engine as it is now. load: share of each block that mixing takes, 0..1. memory_bytes: of the generator."""

    state: EngineState
    queued: int
    running: int
    voices: int
    load: float
    memory_bytes: int
    rate_hz: int
    underruns: int
    model: str
    device: str


@dataclass(frozen=True, slots=True)
class Dump:
    """All that a client needs to show the engine from scratch. words: state keys, such as place = cave.

    gains_db: levels of slots that were set, with a cue in them or not.
    """

    status: Status
    stories: tuple[tuple[str, Story], ...]
    cues: tuple[Cue, ...]
    jobs: tuple[Job, ...]
    parameters: tuple[tuple[str, float], ...]
    words: tuple[tuple[str, str], ...]
    gains_db: Mapping[int, float] = field(default_factory=dict)
