"""A device that isn't there, with a true clock: for machines without a card, and while a lost one is gone.

Threads: its own thread calls `fill` for each block when it is due; late blocks are caught up on, none is left out.
"""

import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Fill = Callable[[NDArray[np.float32], bool], None]
"""Fills the block [frames, channels]; the flag says that an underrun came before it."""

LATE_S = 0.1
"""A card with a large buffer would have run dry by then: counted as an underrun."""


class NullDevice:
    """Plays to nobody, in time."""

    name = "null"
    alive = True

    def __init__(self, rate_hz: int, block_frames: int, channels: int, fill: Fill) -> None:
        self._block_s = block_frames / rate_hz
        self._out = np.zeros((block_frames, channels), np.float32)
        self._fill = fill
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="null-device", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> bool:
        """Stop; True: it has ended."""
        self._ended.set()
        self._thread.join()
        return True

    def _run(self) -> None:
        began, blocks = time.perf_counter(), 0
        while not self._ended.is_set():
            early_s = began + blocks * self._block_s - time.perf_counter()
            if early_s > 0:
                time.sleep(early_s)
            self._fill(self._out, early_s < -LATE_S)
            blocks += 1
