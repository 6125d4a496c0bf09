"""What was played, into a float32 WAV.

A file that is as long as a WAV may be is followed by another, as `-2` and so on: no frame lies between the two.

Threads: the audio thread copies blocks into a ring (`take`), which never waits; a thread of its own writes them. Where
the disk is slower than the sound for seconds, frames are lost, and counted, as silence of the same length.
"""

import threading
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from diegetic.counted import counted
from diegetic.errors import Failure
from diegetic.names import free_path

_RING_S = 8
_EVERY_S = 0.05
_MOST_BYTES = 4_000_000_000
"""Of a file: a WAV says its size in 32 bits, and what is behind that isn't found again."""


class Recorder:
    """One recording, in a file that isn't there yet. Raises Failure where it can't be made."""

    def __init__(self, path: Path, rate_hz: int, channels: int) -> None:
        self._path, self._rate_hz, self._channels = path, rate_hz, channels
        self._most = _MOST_BYTES // (4 * channels)
        self._trouble = ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._begin()
        except (OSError, soundfile.LibsndfileError) as error:
            raise Failure(f"{path}: can't be recorded to ({error}); choose another with --record") from error
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

    def take_trouble(self) -> str:
        """What went wrong since this was last asked; "" for nothing."""
        trouble, self._trouble = self._trouble, ""
        return trouble

    def close(self) -> None:
        """Write what is left, and end the file."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._ended.wait(_EVERY_S):
                self._write()
            self._write()
        except (OSError, soundfile.LibsndfileError) as error:
            why = f"the recording ended here ({error}); see that its disk has room, and start the engine again"
            self._trouble = f"{self._file.name}: {why}"
        finally:
            self._file.close()

    def _write(self) -> None:
        size, taken = len(self._ring), self._taken
        while self._written < taken:
            begin = self._written % size
            frames = min(taken - self._written, size - begin)
            self._keep(self._ring[begin : begin + frames])
            self._written += frames
        missing, self.lost = self.lost, 0
        if missing:
            lost = counted(missing, "frame")
            self._trouble = f"{self._file.name}: {lost} could not be recorded in time; choose a faster disk"
            self._keep(np.zeros((missing, self._channels), np.float32))

    def _keep(self, frames: NDArray[np.float32]) -> None:
        """Write frames [frames, channels], what no longer fits into another file."""
        room = self._most - self._file.frames
        self._file.write(frames[:room])
        if len(frames) > room:
            self._file.close()
            self._file = self._begin()
            self._keep(frames[room:])

    def _begin(self) -> soundfile.SoundFile:
        path = free_path(self._path)
        return soundfile.SoundFile(path, "w", self._rate_hz, self._channels, "FLOAT", format="WAV")
