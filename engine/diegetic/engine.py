"""The live engine: stories, cues, jobs and a schedule, between the bridges and the two children that render and play.

One public method for each verb of the wire. Those that return a Job have begun it: its end comes as `JobEnded`, and can
be asked for again by `job_get`. All raise Refused, at once, where nothing is begun.

Knows nothing of OSC, MIDI, HTTP, torch or sound devices.

Threads: everything here belongs to the thread of the event loop that `start` was awaited in; no method blocks it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from diegetic.live.cues import Cue, Policy
from diegetic.live.jobs import Job
from diegetic.live.news import EngineState, News
from diegetic.live.parameters import PARAMETERS, Parameter
from diegetic.protocol import StoryModel
from diegetic.story import Story

Loader = Callable[[str], StoryModel]
"""Loads a model by name, in the generator's process: must be picklable. Raises InputError or Failure."""


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """How the engine is run. device: "null", "default" or part of a device's name.

    outputs: channels (from 1) of each lane; a lane that isn't named goes to the first two. record: a WAV file of all
    that is played. keep_alive_s: after so long without work the model is unloaded; 0 keeps it. memory_bytes: the most
    that the generator may hold; 0: no limit.
    """

    project: Path
    model: str = "pocket"
    device: str = "default"
    rate_hz: int = 48_000
    block_frames: int = 256
    outputs: tuple[tuple[str, tuple[int, ...]], ...] = ()
    record: Path | None = None
    voices: int = 64
    queue: int = 64
    keep_alive_s: float = 0.0
    memory_bytes: int = 0


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
    """All that a client needs to show the engine from scratch. words: state keys, such as place = cave."""

    status: Status
    stories: tuple[tuple[str, Story], ...]
    cues: tuple[Cue, ...]
    jobs: tuple[Job, ...]
    parameters: tuple[tuple[str, float], ...]
    words: tuple[tuple[str, str], ...]


class Engine:
    """The engine. `at_s`: when something is to sound, on the clock of `now_s`; None: as soon as it can."""

    def __init__(self, config: LiveConfig, loader: Loader) -> None:
        self.config = config
        self._loader = loader

    async def start(self) -> None:
        """Start the children and begin to load the model; returns when the device plays. Raises Failure."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Fade all, end the children. Can be called twice."""
        raise NotImplementedError

    async def quitting(self) -> None:
        """Wait until `quit` is called."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @staticmethod
    def now_s() -> float:
        """The one clock of the engine: seconds, monotonic, the same in all its processes."""
        return time.monotonic()

    def subscribe(self, listener: Callable[[News], None]) -> Callable[[], None]:
        """Tell `listener` all news, in the loop's thread, in order. Returns what ends it."""
        raise NotImplementedError

    def status(self) -> Status:
        """`/diegetic/status`: answers while the model loads, too."""
        raise NotImplementedError

    def tell(self, story: str, text: str, seconds: float, at_s: float | None = None) -> Job:
        """Plan, render and play. A story of that name is told anew (409 while it is being told)."""
        raise NotImplementedError

    def plan(self, story: str, text: str, seconds: float) -> Job:
        """Only plan."""
        raise NotImplementedError

    def render(self, story: str) -> Job:
        """Render what is planned."""
        raise NotImplementedError

    def continue_(self, story: str, text: str, at_s: float | None = None) -> Job:
        """Plan, render and play what comes next in a story."""
        raise NotImplementedError

    def cue_define(self, name: str, story: str, text: str, policy: Policy = "wait", slot: int | None = None) -> Job:
        """Define a cue, or another one under its name: what was armed is dropped."""
        raise NotImplementedError

    def cue_arm(self, name: str) -> Job:
        """Render ahead, so that `cue_go` sounds at once."""
        raise NotImplementedError

    def cue_go(self, name: str, at_s: float | None = None, intensity: float = 1.0) -> Job:
        """Play now or at a time; done when it begins to sound. intensity 0..1 sets its level."""
        raise NotImplementedError

    def cue_stop(self, name: str) -> Job:
        """Fade out what a cue plays, and forget what of it is pending."""
        raise NotImplementedError

    def slot_go(self, slot: int, at_s: float | None = None, intensity: float = 1.0) -> Job:
        """`cue_go` of the cue in a slot, 1..16; 404 for an empty one."""
        raise NotImplementedError

    def slot_stop(self, slot: int) -> Job:
        """`cue_stop` of the cue in a slot."""
        raise NotImplementedError

    def slot_gain(self, slot: int, gain_db: float) -> None:
        """Level of what a slot's cue plays, now and later, -60..12 dB."""
        raise NotImplementedError

    def event_set(self, story: str, event: int, key: str, value: str) -> Job:
        """Edit one event ("e3" is number 3). key: caption, start_s, duration_s, lane, seed, gain_db or variation."""
        raise NotImplementedError

    def event_retake(self, story: str, event: int, seed: int) -> Job:
        """Render one event again with another seed; the new take is current."""
        raise NotImplementedError

    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that there are."""
        return PARAMETERS

    def param(self, name: str, value: float) -> None:
        """Move a parameter; 404 for an unknown one, 422 out of range."""
        raise NotImplementedError

    def word(self, key: str, words: str) -> None:
        """Set a state key in words (place = "cave"), told with the next events; "" forgets it."""
        raise NotImplementedError

    def transport_stop(self) -> None:
        """Fade all, and forget what is scheduled. Jobs go on."""
        raise NotImplementedError

    def panic(self) -> None:
        """Cut all at once (in 5 ms), and forget what is scheduled."""
        raise NotImplementedError

    def bounce(self, story: str, folder: str) -> Job:
        """Lay a story out as files in a folder inside the project; 422 for one that would be outside."""
        raise NotImplementedError

    def job_get(self, job: int) -> Job:
        """A job as it is; ended ones are remembered for long. 404 for an unknown one."""
        raise NotImplementedError

    def job_cancel(self, job: int) -> None:
        """Cancel within one step; its end comes as news. 404, or 410 where it has ended."""
        raise NotImplementedError

    def jobs(self) -> tuple[Job, ...]:
        """The jobs that haven't ended."""
        raise NotImplementedError

    async def ended(self, job: int) -> Job:
        """Wait for a job's end."""
        raise NotImplementedError

    def state_save(self, story: str, file: str) -> Job:
        """Save a story and its memory, exactly, to a file inside the project."""
        raise NotImplementedError

    def state_load(self, story: str, file: str) -> Job:
        """Load what `state_save` saved under the name `story`."""
        raise NotImplementedError

    def model_load(self, name: str) -> Job:
        """Load a model, in the place of the one that is loaded."""
        raise NotImplementedError

    def model_unload(self, name: str) -> Job:
        """Unload a model; it is loaded again when it is needed. 404 where it isn't loaded."""
        raise NotImplementedError

    def dump(self) -> Dump:
        """All at once."""
        raise NotImplementedError

    def quit(self) -> None:
        """Let `quitting` return. Who may ask is the bridge's to say."""
        raise NotImplementedError
