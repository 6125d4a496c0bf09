"""What the director and the generator say to each other."""

from dataclasses import dataclass
from typing import TypeAlias

from diegetic.generator.tasks import Outcome, ReadyEvent, Task
from diegetic.progress import Stage


@dataclass(frozen=True, slots=True)
class Load:
    """Load a model, in the place of the one that is loaded."""

    name: str


@dataclass(frozen=True, slots=True)
class Unload:
    """Let go of the model."""


@dataclass(frozen=True, slots=True)
class Step:
    """Take the next step of a job; task: with its first."""

    job: int
    task: Task | None


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget a job that isn't done."""

    job: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model was loaded. memory_bytes: what the process holds."""

    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Unloaded:
    """No model is loaded any more."""

    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Stepped:
    """What came of a step."""

    outcome: Outcome
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A step or the loading of a model failed, with one of the codes of jobs; a step's job is forgotten."""

    code: int
    text: str
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Within:
    """How far a job is within its step."""

    job: int
    stage: Stage
    done: float
    total: float


@dataclass(frozen=True, slots=True)
class Early:
    """An event of a job can be heard, and isn't whole yet: its step goes on."""

    job: int
    ready: ReadyEvent


Request: TypeAlias = Load | Unload | Step | Drop
Answer: TypeAlias = Loaded | Unloaded | Stepped | Failed | Within | Early
