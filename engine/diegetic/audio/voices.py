"""One voice: samples that sound from a device frame on, with gain, fades and a low-pass that move smoothly.

Threads: made and prepared anywhere, then owned by the thread that mixes.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from diegetic.audio.lowpass import LowPass
from diegetic.audio.ramp import Ramp

Samples = NDArray[np.float32]

EDGE_S = 0.005
"""The ramp on every start and stop that has no fade of its own."""
MOVE_S = 0.02
"""How long a gain or filter takes to where it is moved."""


@dataclass(slots=True)
class Voice:
    """What sounds, or will.

    samples: [frames, channels], at the device's rate. envelope: gain of each frame [frames], or None; it may be
    rewritten ahead of the place that is read. start: device frame, None: the next block. faded: samples or envelope
    begin and end at zero by themselves, so that no ramp is put on them. order: voices are added up in it.
    """

    id: int
    samples: Samples
    lane: str = "foreground"
    start: int | None = None
    envelope: NDArray[np.float32] | None = None
    faded: bool = False
    order: tuple[float, int] = (0.0, 0)
    gain: Ramp = field(default_factory=lambda: Ramp.at(1.0))
    pole: Ramp = field(default_factory=lambda: Ramp.at(0.0))
    fade: Ramp = field(default_factory=lambda: Ramp.at(1.0))
    place: int = 0
    stop_at: int | None = None
    stop_frames: int = 0
    stopping: bool = False
    filter: LowPass | None = None

    @property
    def level(self) -> float:
        """How loud it can be right now: what a steal goes by."""
        return abs(self.gain.value * self.fade.value)

    def stop(self, frames: int) -> None:
        """Fade to nothing in `frames`, and end; a fade that is under way only gets shorter."""
        if not self.stopping or frames < self.fade.left:
            self.fade.move(0.0, max(1, frames))
        self.stopping = True
