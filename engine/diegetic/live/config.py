"""How the engine is run.

Knows nothing of where its values come from.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from diegetic.audio.mixer import Steal
from diegetic.bounce import Output
from diegetic.player.messages import PlayerConfig
from diegetic.protocol import StoryModel

Loader = Callable[[str], StoryModel]
"""Loads a model by name, in the generator's process: must be picklable. Raises InputError or Failure."""


@dataclass(frozen=True, slots=True)
class LiveConfig:
    """How the engine is run.

    device: "null", "default", part of a device's name, or vban: or reastream: and a host. rate_hz: 0 for the device's
    own. outputs: channels (from 1) of each lane; a lane that isn't named goes to the first two. record: a WAV file of
    all that is played. steal: which sound makes room where more than `voices` would sound. keep_alive_s: after so long
    without work the model is unloaded; 0 keeps it. memory_bytes: the most that the generator may hold; 0: no limit.
    bounces: how they are laid out where nobody says; at a rate_hz of 0 in the device's rate. check_model: raises
    InputError or Failure for a name that can't be loaded, without loading it; called in a thread of its own.
    """

    project: Path
    model: str = "pocket"
    device: str = "default"
    rate_hz: int = 0
    block_frames: int = 256
    outputs: tuple[tuple[str, tuple[int, ...]], ...] = ()
    record: Path | None = None
    voices: int = 64
    steal: Steal = "quietest"
    queue: int = 64
    keep_alive_s: float = 0.0
    memory_bytes: int = 0
    bounces: Output = field(default_factory=lambda: Output(rate_hz=0))
    check_model: Callable[[str], object] = lambda name: None

    def player(self) -> PlayerConfig:
        """The player's part. Channels are counted from 1 here, from 0 there."""
        outputs = tuple((lane, tuple(channel - 1 for channel in channels)) for lane, channels in self.outputs)
        channels = max([2, *(channel for _, numbers in self.outputs for channel in numbers)])
        record = str(self.record) if self.record else None
        return PlayerConfig(
            self.device, self.rate_hz, self.block_frames, channels, outputs, self.voices, self.steal, record
        )
