"""What a command shows: its result on stdout, as lines or as one line of JSON, and how far it is on stderr.

On a terminal a bar with the time left is drawn by rich; elsewhere there are plain lines.

Knows nothing of stories.
"""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from diegetic.errors import Failure

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


def show(lines: Iterable[str], as_json: bool, result: Mapping[str, object]) -> None:
    """Print a result for people, or for machines. Raises Failure where it can't be written, as on a full disk."""
    try:
        for line in [json.dumps(result)] if as_json else lines:
            print(line, flush=True)
    except BrokenPipeError:
        raise  # nobody reads it any more
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Failure(f"stdout: can't be written ({reason}); send it elsewhere") from None


def complain(sentence: str) -> None:
    """Say on stderr, in one line, what went wrong."""
    print(" ".join(sentence.split()), file=sys.stderr, flush=True)


def typed(*words: object) -> str:
    """A command as it is typed in this system's shell: what holds spaces is in quotes."""
    given = list(map(str, words))
    return subprocess.list2cmdline(given) if sys.platform == "win32" else shlex.join(given)


class Display(Protocol):
    """Shows long work. A context: what it draws is gone when it ends, its lines stay."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def stage(self, text: str, share: float | None) -> None:
        """What is being done now, and how much of all is done, 0..1; None where nobody can say."""

    def line(self, text: str) -> None:
        """Something worth keeping in sight."""


def open_display() -> Display:
    """The display for where stderr goes."""
    return TerminalDisplay() if sys.stderr.isatty() else PlainDisplay()


class PlainDisplay:
    """A line on stderr for each new stage, with the time left where that can be told."""

    def __init__(self) -> None:
        self._text = ""
        self._began: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def stage(self, text: str, share: float | None) -> None:
        if text != self._text:
            self._text = text
            self.line(text + self._how_far(share))

    def line(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def _how_far(self, share: float | None) -> str:
        if share is None:
            return ""
        if self._began is None:  # what went before, such as loading a model, says nothing of how fast the rest is
            self._began = time.monotonic()
        if share <= 0.02:
            return ""
        left_s = (time.monotonic() - self._began) * (1 - share) / share
        return f" ({share:.0%} done, about {left_s:.0f} s left)"


class TerminalDisplay:
    """A bar under the lines, drawn by rich on stderr."""

    def __init__(self) -> None:
        self._bar, self._task = _bar()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def stage(self, text: str, share: float | None) -> None:
        self._bar.update(self._task, description=text, completed=share or 0.0, total=None if share is None else 1.0)

    def line(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _bar() -> "tuple[Progress, TaskID]":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    bar = Progress(
        BarColumn(24),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
    return bar, bar.add_task("", total=None)
