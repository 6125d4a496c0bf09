"""What the director and the player say to each other.

Frames are the device's, counted on through restarts; fades are in frames.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from diegetic.audio.mixer import Steal
from diegetic.audio.shared_sound import SoundHandle
from diegetic.audio.voices import MOVE_S
from diegetic.player.network import USUAL_RATE_HZ, target


@dataclass(frozen=True, slots=True)
class PlayerConfig:
    """How the player is run. device: "null", "default", part of a name, or a receiver on the network (network.py).

    outputs: lane to channels, from 0. rate_hz: 0 for the device's own, 48000 for one that isn't there; `Opened` says
    which it is. Raises InputError for a receiver that can't take what is played.
    offset_s: the monotonic time of frame 0, None for now: with it a player that is started again counts on.
    """

    device: str
    rate_hz: int
    block_frames: int
    channels: int
    outputs: tuple[tuple[str, tuple[int, ...]], ...]
    voices: int
    steal: Steal
    record: str | None
    offset_s: float | None = None

    def __post_init__(self) -> None:
        receiver = target(self.device)
        if receiver is not None:
            receiver.format(self.rate_hz or USUAL_RATE_HZ, self.channels)


@dataclass(frozen=True, slots=True)
class Play:
    """Sound a voice. start: frame. gain is linear. order: as in `Voice`."""

    voice: int
    sound: SoundHandle
    lane: str
    start: int
    order: tuple[float, int]
    gain: float = 1.0


@dataclass(frozen=True, slots=True)
class PlayNow:
    """Sound voices beside each other: the first with the next block, the others as much later as their frames say."""

    plays: tuple[Play, ...]


@dataclass(frozen=True, slots=True)
class Stop:
    """Fade a voice out, from a frame or from now on."""

    voice: int
    fade: int
    at: int | None = None


@dataclass(frozen=True, slots=True)
class StopAll:
    """Fade all out, and forget what waits."""

    fade: int


@dataclass(frozen=True, slots=True)
class Move:
    """Move gain or cutoff of a voice (its id), a lane (its name) or all (None), in the time of the slew."""

    what: int | str | None
    gain: float | None = None
    cutoff_hz: float | None = None
    slew_s: float = MOVE_S


@dataclass(frozen=True, slots=True)
class Opened:
    """A device plays. back: it had been lost. name is "null" where the true clock stands in for it."""

    name: str
    rate_hz: int
    back: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """The device is gone; the player ends itself, since PortAudio may hang from here on."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failing:
    """Something went wrong beside which the player goes on."""

    text: str


@dataclass(frozen=True, slots=True)
class VoiceNews:
    """As `mixer.Heard`."""

    kind: Literal["started", "ended", "stolen", "refused"]
    voice: int
    frame: int
    late: int


@dataclass(frozen=True, slots=True)
class State:
    """Ten times a second. offset_s: monotonic time of frame 0, by the blocks since the last one.

    underruns: since this player started. load: share of the blocks' time that mixing took. meters: lane, peak, RMS.
    """

    offset_s: float
    frame: int
    underruns: int
    load: float
    meters: tuple[tuple[str, float, float], ...]


Command: TypeAlias = Play | PlayNow | Stop | StopAll | Move
Report: TypeAlias = Opened | Lost | Failing | VoiceNews | State
