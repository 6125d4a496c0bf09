"""What every measure is given: the model, an ear, and folders.

Knows nothing of what is measured.
"""

from dataclasses import dataclass
from pathlib import Path

from diegetic.protocol import StoryModel
from ear import Ear


@dataclass(frozen=True, slots=True)
class Context:
    """What is measured, and by what.

    sounds: folder with sounds.csv and audio/; quick: a few of each, to see whether it works; text_encoder: a MiniLM
    folder; base_llm: the untuned LLM in transformers format; keep: a folder for what is rendered. What is None leaves
    out what needs it.
    """

    model: StoryModel
    ear: Ear
    sounds: Path
    quick: bool
    text_encoder: Path | None = None
    base_llm: Path | None = None
    keep: Path | None = None
