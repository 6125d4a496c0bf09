"""What was played, into a float32 WAV.

Threads: the audio thread copies blocks into a ring (`take`), which never waits; a thread of its own writes them. Where
the disk is slower than the sound for seconds, frames are lost, and counted, as silence of the same length.
"""

import logging
import threading
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from diegetic.errors import Failure

_RING_S = 8
_EVERY_S = 0.05

_log = logging.getLogger(__name__)


class Recorder:
    """One file. Raises Failure where it can't be made."""

    def __init__(self, path: Path, rate_hz: int, channels: int) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = soundfile.SoundFile(path, "w", rate_hz, channels, "FLOAT", format="WAV")
        except (OSError, soundfile.LibsndfileError) as error:
            raise Failure(f"{path}: can't be recorded to ({error}); choose another file with --record") from error
        self._ring = np.zeros((_RING_S * rate_hz, channels), np.float32)
        self._taken = self._written = self.lost = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def take(self, block: NDArray[np.float32]) -> None:
        """Keep a copy of a block [frames, channels]."""
        size = len(self._ring)
        if self._taken + len(block) - self._written > size:
            self.lost += len(block)
            return
        begin = self._taken % size
        first = min(len(block), size - begin)
        self._ring[begin : begin + first] = block[:first]
        self._ring[: len(block) - first] = block[first:]
        self._taken += len(block)

    def close(self) -> None:
        """Write what is left, and end the file."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._ended.wait(_EVERY_S):
                self._write()
            self._write()
        except (OSError, soundfile.LibsndfileError):
            _log.exception("the recording stopped")
        finally:
            self._file.close()

    def _write(self) -> None:
        size, taken = len(self._ring), self._taken
        while self._written < taken:
            begin = self._written % size
            frames = min(taken - self._written, size - begin)
            self._file.write(self._ring[begin : begin + frames])
            self._written += frames
        missing, self.lost = self.lost, 0
        if missing:
            _log.warning("the recording lost %d frames: its disk is too slow", missing)
            self._file.write(np.zeros((missing, self._ring.shape[1]), np.float32))
