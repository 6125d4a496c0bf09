"""What the evaluation's events are told by: wordings by hand (told.toml) that no training text has.

Knows nothing of models or ears.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from captions import Concepts, read_concepts
from diegetic.schema import read_strict, read_toml

TOLD = Path(__file__).with_name("told.toml")
SCENES = Path(__file__).parents[1] / "pocket/scenes"
_ARTICLES = {"a", "an", "the"}


@dataclass(frozen=True, slots=True)
class Told:
    """A concept, its wordings, and the AudioSet labels that are right."""

    concept: str
    labels: tuple[str, ...]
    wordings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _File:
    told: tuple[Told, ...]


def read_told(path: Path = TOLD) -> tuple[Told, ...]:
    """All that is told. Raises InputError."""
    return read_strict(_File, read_toml(path), str(path)).told


def seen_in_training(told: tuple[Told, ...], concepts: Concepts, scenes: Path = SCENES) -> Iterator[str]:
    """Wordings that are trained on, that the bank has, or that stand in a line of a written scene.

    Articles don't count.
    """
    said = [(*each.captions, *each.special.values(), *each.wordings) for each in concepts.concepts]
    known = {_plain(caption) for captions in said for caption in captions}
    lines = [_plain(line) for file in sorted(scenes.glob("*.txt")) for line in file.read_text("utf-8").splitlines()]
    for each in told:
        for wording in each.wordings:
            plain = _plain(wording)
            if plain in known or any(f" {plain} " in f" {line} " for line in lines):
                yield wording


def unseen_told() -> tuple[Told, ...]:
    """All that is told. Raises ValueError where a wording was seen in training."""
    told = read_told()
    if seen := list(seen_in_training(told, read_concepts())):
        raise ValueError(f"told.toml: wordings must not be in the training texts, got {seen}; reword them")
    return told


def _plain(text: str) -> str:
    return " ".join(word for word in re.findall(r"[a-z]+", text.lower()) if word not in _ARTICLES)
