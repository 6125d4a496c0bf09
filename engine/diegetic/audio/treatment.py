"""What is done to a sound so that it is near or far, heavy or light, behind a wall, in a room, on one side.

In the order in which it happens to a sound: its source (size, speed), the way to the ear (level, what air and walls
swallow), where it comes from (sides), the space that answers.

Knows nothing of words. Samples are float32 [frames, channels].
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy  # as in loudness.py
import soxr
from numpy.typing import NDArray

from diegetic.audio.loudness import CEILING_DBTP, limit, true_peak_db
from diegetic.audio.rooms import Room, in_room
from diegetic.audio.stretch import stretched

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Treatment:
    """size: how much lower the source sounds than it is (2: an octave, at half the speed); speed: at the same pitch.

    cutoff_hz: above it less is heard, by 6 dB an octave for each of `order` (0 Hz: nothing is cut); pan, pan_to: -1
    left to 1 right, at the start and at the end; wet_db: of the room's answer; sounding: whether it sounded before, and
    the room with it; course: seconds from its start, and how much louder it is there in dB, in lines between them.
    """

    size: float = 1.0
    speed: float = 1.0
    gain_db: float = 0.0
    cutoff_hz: float = 0.0
    order: int = 1
    pan: float = 0.0
    pan_to: float = 0.0
    room: Room | None = None
    wet_db: float = 0.0
    sounding: bool = False
    course: tuple[tuple[float, float], ...] = ()

    @property
    def read_rate(self) -> float:
        """How much sound is needed for a second of the result, in seconds."""
        return self.speed / self.size

    def at_start(self) -> "Treatment":
        """What doesn't move: as it is at the start."""
        return replace(self, pan_to=self.pan, course=self.course[:1])

    def at_end(self) -> "Treatment":
        """What doesn't move: as it is at the end."""
        return replace(self, pan=self.pan_to, course=self.course[-1:])


def treat(samples: Samples, treatment: Treatment, rate_hz: int) -> Samples:
    """Treated samples, [frames / read_rate, 2], their true peak at most -1 dBTP."""
    sound = _sized(samples, treatment.size)
    sound = stretched(sound, treatment.speed, rate_hz)
    if treatment.cutoff_hz:
        swallow = scipy.signal.butter(treatment.order, treatment.cutoff_hz, "lowpass", fs=rate_hz, output="sos")
        sound = scipy.signal.sosfilt(swallow, sound, axis=0).astype(np.float32)
    sound = _moved(sound * np.float32(10 ** (treatment.gain_db / 20)), treatment.course, rate_hz)
    sound = _placed(sound, treatment.pan, treatment.pan_to)
    if treatment.room is not None:
        sound = in_room(sound, treatment.room, rate_hz, treatment.wet_db, treatment.sounding)
    return _within_full_scale(sound, rate_hz)


def _within_full_scale(samples: Samples, rate_hz: int) -> Samples:
    """Half of what is too much is taken off the level, half off the peaks: a slam stays louder than a knock.

    One event over full scale would make the whole story softer, since all stems share the gain that keeps them whole.
    """
    too_much_db = true_peak_db(samples) - CEILING_DBTP
    if too_much_db <= 0:
        return samples
    return limit(samples * np.float32(10 ** (-too_much_db / 40)), rate_hz)[0]


def _sized(samples: Samples, size: float) -> Samples:
    if size == 1.0:
        return samples
    sized: Samples = soxr.resample(samples, 1.0, size)
    return sized


def _moved(samples: Samples, course: Sequence[tuple[float, float]], rate_hz: int) -> Samples:
    """Louder and softer from point to point of a course."""
    if not course:
        return samples
    times_s, levels_db = zip(*course, strict=True)
    gain_db = np.interp(np.arange(len(samples)) / rate_hz, times_s, levels_db)
    moved: Samples = samples * (10 ** (gain_db[:, None] / 20)).astype(np.float32)
    return moved


def _placed(samples: Samples, pan: float, pan_to: float) -> Samples:
    """Both sides, of equal power wherever the sound is: 0 dB in the middle."""
    sides = samples if samples.shape[1] == 2 else np.repeat(samples, 2, axis=1)
    if pan == 0 and pan_to == 0:
        return sides
    angle = (np.linspace(pan, pan_to, len(sides), dtype=np.float32) + 1) * np.float32(np.pi / 4)
    gains: Samples = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.float32(np.sqrt(2))
    return sides * gains
