"""Ctrl-C: the first stops where nothing can break, the second ends the process at once.

Threads: signals arrive in the main thread, between two steps of Python. While sound is read or written, a library's C
code calls back into Python, and an exception raised there would be lost with half of a file; so work says when it is
`busy`, and is stopped at its next step. At any other time, as while a model is loaded, it is stopped at once.
"""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class Stopping:
    """While this context is open, the first Ctrl-C raises KeyboardInterrupt: at once, or at the next `check`."""

    def __init__(self) -> None:
        self.busy = False
        self._requested = False
        self._handled = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> Self:
        if self._handled:
            self._before = signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handled:
            signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """Raise KeyboardInterrupt where one is due."""
        if self._requested:
            raise KeyboardInterrupt

    def _stop(self, number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self._requested = True
        if not self.busy:
            raise KeyboardInterrupt
