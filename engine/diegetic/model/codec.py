"""What a codec is: the last step from latents to samples, whichever the preset names.

Knows nothing of where latents come from.
"""

from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from diegetic.errors import Failure
from diegetic.protocol import Hear
from diegetic.story import Event

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Latents [T, C] of a sound, and by what name and seed it began: what goes on in a next window keeps both.

    called: the event's first semantic feature [F]; place: where the story is, in words; belongs: the direction that the
    story lies in (see model/belonging.py), empty where nothing says; window: whether it is a sound by itself, or what
    sounds before or after another; begins: how many latents after the beginning of all that sounds so it begins.
    """

    latents: NDArray[np.float32]
    called: NDArray[np.float32]
    seed: int
    place: str = ""
    belongs: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    window: Literal["whole", "before", "after"] = "whole"
    begins: int = 0


class Codec(Protocol):
    """Latents to samples."""

    @property
    def sample_rate(self) -> int: ...

    @property
    def latent_rate_hz(self) -> float: ...

    @property
    def channels(self) -> int:
        """Channels of the latents."""

    def steady(self, latents: NDArray[np.float32], known: int, before: NDArray[np.float32]) -> NDArray[np.float32]:
        """Latents [T, C] of a bed's next window, of which the first `known` are given, as those before [K, C] were."""

    def decode(self, drawn: Drawn, event: Event, hear: Hear) -> Samples:
        """Samples [frames, channels] of at least the event's duration. hear: see StoryModel.decode."""


def finite(samples: Samples, event: Event) -> Samples:
    """The same. Raises Failure where they aren't numbers."""
    if not np.isfinite(samples).all():
        raise Failure(f"event {event.id}: the model drew numbers that aren't finite; render it with another seed")
    return samples
