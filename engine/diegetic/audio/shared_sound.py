"""Samples in shared memory, so that one process renders them and another plays them without a copy.

A block of memory holds the gain of each frame, then the samples: float32 [frames], [frames, channels]. The gain may be
rewritten while it sounds, ahead of what is heard.

Processes: whoever makes one hands it on by its handle; the director alone unlinks. All children of one director share
its resource tracker, which removes what a crash leaves.
"""

from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_BYTES = 4


@dataclass(frozen=True, slots=True)
class SoundHandle:
    """Where samples lie, to be sent to another process."""

    name: str
    frames: int
    channels: int


class SharedSound:
    """The samples and the gain behind a handle, in this process until `close`."""

    def __init__(self, handle: SoundHandle, memory: SharedMemory) -> None:
        self.handle = handle
        self._memory = memory
        shape = (handle.frames, handle.channels)
        self.envelope: NDArray[np.float32] = np.ndarray(shape[:1], np.float32, memory.buf)
        self.samples: Samples = np.ndarray(shape, np.float32, memory.buf, offset=handle.frames * _BYTES)

    @classmethod
    def make(cls, samples: Samples, envelope: NDArray[np.float32]) -> "SharedSound":
        """Copy samples [frames, channels] and their gains [frames] into memory. Raises OSError: no room."""
        frames, channels = samples.shape
        memory = SharedMemory(create=True, size=max(1, frames * (channels + 1) * _BYTES))
        sound = cls(SoundHandle(memory.name, frames, channels), memory)
        sound.samples[:], sound.envelope[:] = samples, envelope
        return sound

    @classmethod
    def open(cls, handle: SoundHandle) -> "SharedSound":
        """The samples behind a handle. Raises FileNotFoundError where they are gone."""
        return cls(handle, SharedMemory(handle.name))

    def close(self) -> None:
        """Let go of the memory, which nothing may read from any more: numpy doesn't hold it, the process would end."""
        nothing = np.zeros((0, 1), np.float32)
        self.samples, self.envelope = nothing, nothing[:, 0]
        self._memory.close()

    def remove(self) -> None:
        """Free the memory once nobody has it open any more."""
        self._memory.unlink()
        self.close()
