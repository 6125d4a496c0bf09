"""Beds that go on until what follows them is rendered: the same sound again, out of its own fade.

A segment's last OVERLAP_S fade out. Where the next one isn't there by then, the segment sounds again from its start,
fading in over just that time: with two equal-power fades this is the loop of the segment (`loops`), heard once more.

Threads: all in the event loop's; the copy of the samples is made in another thread.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diegetic.audio.joins import fades
from diegetic.audio.shared_sound import NoRoom, SharedSound, SoundHandle
from diegetic.live.sounds import Sounds
from diegetic.player.client import Player
from diegetic.story import OVERLAP_S, Event

if TYPE_CHECKING:
    from diegetic.live.schedule import Playing

_log = logging.getLogger(__name__)

AHEAD_S = 0.3
"""How long before a bed would fade out it is made to go on."""
_SAME_S = 0.01

Begin = Callable[["Playing", SoundHandle, int], int]
"""Plays a sound at a frame for a play; returns its voice."""


@dataclass(slots=True)
class _Bed:
    """The last bed of a play: where it sounds, what of it goes on, and the voices that already do."""

    event: Event
    end: int
    sound: SoundHandle
    timer: asyncio.TimerHandle | None = None
    again: SoundHandle | None = None
    voices: tuple[tuple[int, int], ...] = ()  # voice, frame
    making: asyncio.Task[None] | None = None


class Holds:
    """The beds of all plays that may have to go on."""

    def __init__(self, player: Player, sounds: Sounds, begin: Begin) -> None:
        self._player, self._sounds, self._begin = player, sounds, begin
        self._beds: dict[Playing, _Bed] = {}

    def watch(self, play: "Playing", event: Event, start: int, sound: SoundHandle) -> None:
        """See to it that this bed goes on, unless the next one of its play is there before it ends.

        Into a silence that is planned it doesn't go on.
        """
        self.forget(play)
        if _is_silent_after(event, play.planned):
            return
        rate_hz = self._player.config.rate_hz
        end = start + round(event.duration_s * rate_hz)
        if end - start + round(OVERLAP_S * rate_hz) > sound.frames:
            return  # cut off by the story's end: nothing follows it
        bed = self._beds[play] = _Bed(event, end, sound)
        self._sounds.hold(sound)
        self._call_before(play, bed, bed.end)

    def plan(self, play: "Playing", event: Event) -> None:
        """Take an event down as planned: the bed that sounds doesn't go on where there is silence before it."""
        play.planned.append(event)
        bed = self._beds.get(play)
        if bed is not None and _is_silent_after(bed.event, play.planned):
            self.release(play, 0, round(OVERLAP_S * self._player.config.rate_hz))
            self.forget(play)

    def release(self, play: "Playing", at: int, fade: int) -> None:
        """What follows begins at a frame: fade out what holds its place."""
        bed = self._beds.get(play)
        for voice, start in bed.voices if bed else ():
            # One that would only begin now isn't needed any more.
            self._player.stop_voice(voice, fade, at if start < at else None)

    def forget(self, play: "Playing") -> None:
        """Nothing has to go on here any more; what sounds ends by itself."""
        bed = self._beds.pop(play, None)
        if bed is None:
            return
        if bed.timer is not None:
            bed.timer.cancel()
        self._sounds.let_go(bed.sound)
        if bed.again is not None:
            self._sounds.let_go(bed.again)

    def _call_before(self, play: "Playing", bed: _Bed, frame: int) -> None:
        loop = asyncio.get_running_loop()
        delay_s = self._player.time_of(frame) - AHEAD_S - time.perf_counter()
        bed.timer = loop.call_later(max(0.0, delay_s), self._go_on, play, bed)

    def _go_on(self, play: "Playing", bed: _Bed) -> None:
        bed.making = asyncio.get_running_loop().create_task(self._again(play, bed))

    async def _again(self, play: "Playing", bed: _Bed) -> None:
        """Play the bed once more from where it fades, and see to the time after that."""
        overlap = round(OVERLAP_S * self._player.config.rate_hz)
        if bed.again is None:
            self._sounds.hold(bed.sound)
            try:
                made = await asyncio.to_thread(_faded_in, bed.sound, overlap)  # never cancelled: it would be nobody's
            except NoRoom as error:
                _log.warning("the bed of %s ends before the next is there (%s)", play.story, error)
                return
            finally:
                self._sounds.let_go(bed.sound)
            self._sounds.hold(made)
            if self._beds.get(play) is not bed:
                self._sounds.let_go(made)
                return
            bed.again = made
        bed.voices = (*bed.voices[-1:], (self._begin(play, bed.again, bed.end), bed.end))
        bed.end += bed.again.frames - overlap
        self._call_before(play, bed, bed.end)


def _is_silent_after(bed: Event, planned: Sequence[Event]) -> bool:
    """Whether there is silence where a bed ends: all that is planned to sound later begins later."""
    later = [event for event in planned if event.end_s > bed.end_s + _SAME_S]
    return bool(later) and min(event.start_s for event in later) > bed.end_s + _SAME_S


def _faded_in(handle: SoundHandle, overlap: int) -> SoundHandle:
    """A copy of a segment that fades in and out over the overlap."""
    sound = SharedSound.open(handle)
    envelope = np.ones(handle.frames, np.float32)
    fade_out, fade_in = (gain[:, 0] for gain in fades(overlap))
    envelope[:overlap] *= fade_in
    envelope[handle.frames - overlap :] *= fade_out
    made = SharedSound.make(sound.samples, envelope).hand_on()
    sound.close()
    return made
