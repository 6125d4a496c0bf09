"""Jobs: one piece of work each that the engine does for a client, from its acceptance to its end.

Knows nothing of how the work is done.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from diegetic.errors import DiegeticError

Verb = Literal[
    "tell", "plan", "render", "continue", "cue/define", "cue/arm", "cue/go", "cue/stop", "event/set", "event/retake",
    "bounce", "state/save", "state/load", "model/load", "model/unload",
]  # fmt: skip
State = Literal["queued", "running", "done", "failed", "cancelled"]

SYMBOLS = {
    400: "bad-types",
    404: "not-found",
    405: "unknown-address",
    409: "conflict",
    410: "ended",
    413: "too-large",
    422: "out-of-range",
    423: "loading",
    429: "queue-full",
    499: "cancelled",
    500: "internal",
    503: "busy",
    507: "memory",
}
"""Codes as in HTTP, and a word for each."""


class Priority(IntEnum):
    """Which job's next step is taken first."""

    LIVE = 0
    ARM = 1
    BOUNCE = 2


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended. code 0: it was done, and `text` says what came of it; else one of SYMBOLS, and why."""

    code: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it is now. id: 1 and up, never used twice. subject: the story, cue or model it is for.

    stage, done, total: progress as last told; end: set once, when the state is done, failed or cancelled.
    """

    id: int
    verb: Verb
    subject: str
    state: State = "queued"
    stage: str = ""
    done: float = 0.0
    total: float = 0.0
    end: End | None = None

    @property
    def ended(self) -> bool:
        return self.end is not None


class Refused(DiegeticError):  # noqa: N818
    """What was asked isn't begun: nothing has changed. code: one of SYMBOLS."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
