"""Samples in shared memory, so that one process renders them and another plays them without a copy.

A block of memory holds the gain of each frame, then the samples: float32 [frames], [frames, channels]. The gain may be
rewritten while it sounds, ahead of what is heard.

Processes: whoever makes one hands it on by its handle; the director alone unlinks. All children of one director share
its resource tracker, which removes what a crash leaves.

On Windows memory is gone with the last process that has it open. There whoever hands one on keeps it open (`hand_on`)
until the next request, and the director from when it is told of it (`keep`) until it frees it.
"""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diegetic.errors import Failure

Samples = NDArray[np.float32]

_BYTES = 4
_FILES = Path("/dev/shm")
"""Where Linux has shared memory as files, in a file system of its own."""


_VANISHES = os.name == "nt"
_kept: dict[str, SharedMemory] = {}
"""What this process keeps open for others, by name."""


class NoRoom(Failure):
    """There is too little shared memory."""


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
        """Copy samples [frames, channels] and their gains [frames] into memory. Raises NoRoom."""
        frames, channels = samples.shape
        memory = _new(max(1, frames * (channels + 1) * _BYTES))
        _reserve(memory)
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

    def hand_on(self) -> SoundHandle:
        """Close it here, and have it stay for whoever is given the handle."""
        keep(self.handle)
        self.close()
        return self.handle

    def remove(self) -> None:
        """Free the memory once nobody has it open any more."""
        if (kept := _kept.pop(self.handle.name, None)) is not None:
            kept.close()
        self._memory.unlink()
        self.close()


def keep(handle: SoundHandle) -> None:
    """Keep a sound there until this process removes it, where it would vanish; one that is gone already isn't kept."""
    if _VANISHES and handle.name not in _kept:
        with suppress(FileNotFoundError):
            _kept[handle.name] = SharedMemory(handle.name)


def let_go() -> None:
    """Keep nothing any more: who was told of it has it open by now."""
    while _kept:
        _kept.popitem()[1].close()


def _new(size: int) -> SharedMemory:
    try:
        return SharedMemory(create=True, size=size)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        text = f"shared memory: {size / 1e6:.1f} MB can't be had ({why}); stop some sounds, or arm fewer cues"
        raise NoRoom(text) from error


def _reserve(memory: SharedMemory) -> None:
    """Have all of it: what isn't there is only found out when it is written to, which ends the process (SIGBUS)."""
    if not (_FILES / memory.name).exists():
        return
    try:
        with (_FILES / memory.name).open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, memory.size)
    except OSError as error:
        memory.unlink()
        memory.close()
        needed, free = memory.size / 1e6, shutil.disk_usage(_FILES).free / 1e6
        way_out = "stop some sounds, arm fewer cues, or have more of it (of a container: --shm-size)"
        text = f"shared memory: {needed:.1f} MB don't fit into {_FILES}, which has {free:.1f} MB left; {way_out}"
        raise NoRoom(text) from error
