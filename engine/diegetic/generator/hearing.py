"""A story's takes as they are heard live: at the device's rate, with the gains of the layout, segment by segment.

Only neighbours in a lane change each other's gains, so each segment is laid out with the one before it: what is played
is what `layout.lay_out` makes of the whole story.

Knows nothing of models or devices.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diegetic.audio.shared_sound import SharedSound
from diegetic.generator.tasks import Joint, ReadyEvent
from diegetic.layout import fades_in, lay_out
from diegetic.story import Event, Story, follows

Samples = NDArray[np.float32]


@dataclass(slots=True)
class Hearing:
    """The segments of one story so far. seconds: its length; what is cut off by its end fades."""

    seconds: float
    rate_hz: int
    _events: list[Event] = field(default_factory=list)
    _clips: dict[str, Samples] = field(default_factory=dict)

    def add(self, event: Event, clip: Samples, clip_rate_hz: int) -> ReadyEvent:
        """Place the clip [frames, channels] of the next event. Raises NoRoom."""
        earlier = next((other for other in self._events if follows(event, other)), None)
        self._events.append(event)
        self._clips[event.id] = clip
        pair = (event,) if earlier is None else (earlier, event)
        story = Story("", self.seconds, 0, "", "", pair)
        clips: Mapping[str, Any] = {each.id: self._clips[each.id] for each in pair}
        placed = lay_out(story, clips, clip_rate_hz, self.rate_hz)
        own = placed[event.id]
        sound = SharedSound.make(own.segment, own.gain[:, 0])
        handle = sound.handle
        sound.close()
        if earlier is None or not fades_in(event, earlier, "equal_power"):
            return ReadyEvent(event, handle, None)
        begin = own.start_frame - placed[earlier.id].start_frame
        return ReadyEvent(event, handle, Joint(earlier.id, begin, placed[earlier.id].gain[begin:, 0].copy()))
