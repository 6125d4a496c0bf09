"""What every measure is given."""

from dataclasses import dataclass
from pathlib import Path

from diegetic.protocol import StoryModel
from ear import Ear


@dataclass(frozen=True, slots=True)
class Context:
    """The model, the ear, the folder of recordings, and whether a few examples are enough."""

    model: StoryModel
    ear: Ear
    sounds: Path
    quick: bool
