"""Who still needs a sound that lies in shared memory: it is freed when nobody does.

Threads: all in the event loop's.
"""

import contextlib
from collections import Counter

from diegetic.audio.shared_sound import SharedSound, SoundHandle


class Sounds:
    """Counts the holders of each sound: voices, armed cues, whoever is about to play one."""

    def __init__(self) -> None:
        self._holders: Counter[SoundHandle] = Counter()

    def hold(self, handle: SoundHandle) -> None:
        """One holder more."""
        self._holders[handle] += 1

    def let_go(self, handle: SoundHandle) -> None:
        """One holder less; the last one frees it."""
        self._holders[handle] -= 1
        if self._holders[handle] <= 0:
            del self._holders[handle]
            _free(handle)

    def free_all(self) -> None:
        """Free what is left, at the end."""
        for handle in list(self._holders):
            _free(handle)
        self._holders.clear()


def _free(handle: SoundHandle) -> None:
    with contextlib.suppress(FileNotFoundError):  # a crash's cleaning-up was quicker
        SharedSound.open(handle).remove()
