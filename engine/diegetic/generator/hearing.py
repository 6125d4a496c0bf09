"""A story's takes as they are heard live: at the device's rate, with the gains of the layout, segment by segment.

Only neighbours in a lane change each other's gains, so each segment is laid out with the one before it: what is played
is what `layout.lay_out` makes of the whole story. A segment that is still being decoded may sound already: its memory
is as long as the whole, and fills ahead of what is heard.

Knows nothing of models or devices.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from diegetic.audio.shared_sound import SharedSound, SoundHandle
from diegetic.generator.tasks import Joint, ReadyEvent
from diegetic.layout import RESAMPLING, Placed, fades_in, lay_out, levelled
from diegetic.protocol import unheard
from diegetic.story import Event, Story, follows

Samples = NDArray[np.float32]
Early = Callable[[ReadyEvent], None]
"""Given an event that can be heard before all of it is decoded; with all its samples it comes once more."""


@dataclass(slots=True)
class _Filling:
    """The sound of an event that is still being decoded, and how many of its frames are there."""

    sound: SoundHandle
    resample: Callable[[Samples], Samples]
    frames: int = 0


@dataclass(slots=True)
class Hearing:
    """The segments of one story so far. seconds: its length; what is cut off by its end fades."""

    seconds: float
    clip_rate_hz: int
    rate_hz: int
    early: Early = unheard
    _events: list[Event] = field(default_factory=list)
    _clips: dict[str, Samples] = field(default_factory=dict)
    _filling: _Filling | None = None

    def begin(self, event: Event, samples: Samples) -> None:
        """Hear more of the next event, [frames, channels], of which the rest is still being decoded. Raises NoRoom."""
        if self._filling is None:
            ready = self._ready(event, samples)
            assert ready.sound is not None
            self._filling = _Filling(ready.sound, _resampler(self.clip_rate_hz, self.rate_hz, samples.shape[1]))
            self.early(ready)
        filling = self._filling
        more = levelled(filling.resample(samples), filling.sound.channels, event.gain_db)
        _write(filling.sound, more, filling.frames)
        filling.frames += len(more)

    def add(self, event: Event, clip: Samples) -> ReadyEvent:
        """Place the clip [frames, channels] of the next event. Raises NoRoom."""
        ready = self._ready(event, clip)
        self._events.append(event)
        self._clips[event.id] = clip
        self._filling = None
        return ready

    def _ready(self, event: Event, clip: Samples) -> ReadyEvent:
        """Lay an event out beside the one before it, into the sound that was begun or a new one."""
        earlier = next((other for other in self._events if follows(event, other)), None)
        pair = (event,) if earlier is None else (earlier, event)
        story = Story("", self.seconds, 0, "", "", pair)
        clips: Mapping[str, Any] = {**self._clips, event.id: clip}
        placed = lay_out(story, {each.id: clips[each.id] for each in pair}, self.clip_rate_hz, self.rate_hz)
        handle = self._sound(placed[event.id])
        if earlier is None or not fades_in(event, earlier, "equal_power"):
            return ReadyEvent(event, handle, None)
        begin = placed[event.id].start_frame - placed[earlier.id].start_frame
        return ReadyEvent(event, handle, Joint(earlier.id, begin, placed[earlier.id].gain[begin:, 0].copy()))

    def _sound(self, placed: Placed) -> SoundHandle:
        if self._filling is not None and _write(self._filling.sound, placed.segment):
            return self._filling.sound
        return SharedSound.make(placed.segment, placed.gain[:, 0]).hand_on()


def _write(handle: SoundHandle, samples: Samples, frame: int = 0) -> bool:
    """Put samples into a sound, as far as it reaches. False where it was stopped, and nobody has it any more."""
    try:
        sound = SharedSound.open(handle)
    except FileNotFoundError:
        return False
    sound.samples[frame : frame + len(samples)] = samples[: max(0, handle.frames - frame)]
    sound.close()
    return True


def _resampler(rate_hz: int, to_hz: int, channels: int) -> Callable[[Samples], Samples]:
    """What brings samples to another rate piece by piece."""
    if rate_hz == to_hz:
        return lambda samples: samples
    stream: Any = soxr.ResampleStream(rate_hz, to_hz, channels, dtype="float32", quality=RESAMPLING)
    return lambda samples: stream.resample_chunk(np.ascontiguousarray(samples))
