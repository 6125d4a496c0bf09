"""One piece of long work on a story: watched, and stopped by Ctrl-C without harm.

Knows nothing of commands or models.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

from diegetic.cli.screen import Display, open_display
from diegetic.cli.stopping import Stopping
from diegetic.errors import Cancelled

if TYPE_CHECKING:
    from diegetic.progress import Progress
    from diegetic.protocol import StoryModel
    from diegetic.story import Event


@dataclass
class Work:
    """A context. seconds: the story's. goes_on: says after a Ctrl-C, in half a sentence, how to go on."""

    seconds: float
    goes_on: Callable[[], str]
    display: Display = field(default_factory=open_display)
    _stopping: Stopping = field(default_factory=Stopping)
    _share: float = 0.0

    def __enter__(self) -> Self:
        self._stopping.__enter__()
        self.display.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.display.__exit__(kind, error, trace)
        self._stopping.__exit__(kind, error, trace)
        if isinstance(error, KeyboardInterrupt):
            raise Cancelled(f"stopped; {self.goes_on()}") from None

    def load(self, model: str, load: "Callable[[], StoryModel]") -> "tuple[StoryModel, float]":
        """Say that a model is being loaded, and load it; it, and in how many seconds."""
        self.display.stage(f"loading {model}", None)
        began = time.monotonic()
        return load(), time.monotonic() - began

    def report(self, progress: "Progress") -> None:
        """Show how far the director is. Raises KeyboardInterrupt where Ctrl-C was pressed."""
        finished = progress.done >= progress.total
        self._stopping.busy = progress.stage == "write" or (progress.stage == "decode" and not finished)
        self._stopping.check()
        if progress.event is not None and progress.stage == "plan":
            self.display.line(describe(progress.event))
        self.display.stage(_text(progress), self._advance(progress))

    def _advance(self, progress: "Progress") -> float:
        """The share of all that is done; it never goes back."""
        from diegetic.progress import share_of

        self._share = max(self._share, share_of(progress, self.seconds))
        return self._share


def describe(event: "Event") -> str:
    """An event in one line."""
    return f"  {event.id:<4}{event.start_s:6.1f} to {event.end_s:5.1f} s  {event.lane:<11} {event.caption}"


def _text(progress: "Progress") -> str:
    event = progress.event
    if progress.stage == "plan":
        return "planning"
    if progress.stage == "write" or event is None:
        return "writing stems and mix"
    if progress.kept:
        return f"keeping {event.id}"
    return f"rendering {event.id}"
