"""Told scenes with what a plan of them must have, and how far a plan has it.

A told sound is in a plan where an event's caption names it; every event counts for one told sound only. Windows of one
bed, chained, are one event. Knows nothing of who planned, nor of sound.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from diegetic.story import BED, Event, continues

SCENES = Path(__file__).parents[2] / "tests/data/scenes.toml"
LATER = SCENES.with_name("scenes_later.toml")
_SILENCE = re.compile(r"\b(?:silen(?:ce|t)|quiet|pause|nothing|calm|stops)\b", re.IGNORECASE)
CONCEPTS = Path(__file__).parents[2] / "presets/models/pocket/concepts.toml"


@dataclass(frozen=True, slots=True)
class ToldSound:
    """A sound that a text names (see tests/data/scenes.toml). order: None where it may begin at any time."""

    says: str
    words: tuple[str, ...]
    labels: frozenset[str]
    bed: bool
    order: int | None
    lasts: float

    def is_named_in(self, text: str) -> bool:
        """Whether a text has all the words of one of `words`."""
        return any(all(has_word(part, text) for part in option.split(" ")) for option in self.words)


@dataclass(frozen=True, slots=True)
class ToldScene:
    """A text, how long it is told to be, what it names and what would contradict it."""

    style: str
    text: str
    seconds: float
    sounds: tuple[ToldSound, ...]
    never: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A plan held against its scene.

    found: for each told sound its event, or None; contradictions: captions that contradict the text; in_order: of the
    pairs of found sounds whose order is told, which begin in it; beds: of the beds told and found, which go on in a
    bed lane for long enough; told: the share of events that stand for a told sound; sums: whether there is sound from
    the beginning to the end, in events of lengths that are allowed.
    """

    found: tuple[Event | None, ...]
    contradictions: tuple[str, ...]
    in_order: tuple[bool, ...]
    beds: tuple[bool, ...]
    told: float
    sums: bool


def read_scenes(path: Path = SCENES) -> list[ToldScene]:
    """All scenes of a file. Raises KeyError where one lacks something or names a concept that isn't."""
    concepts = tomllib.loads(CONCEPTS.read_text(encoding="utf-8"))["concepts"]
    labels = {concept["name"]: concept["yamnet"] for concept in concepts}
    return [_read_scene(scene, labels) for scene in tomllib.loads(path.read_text(encoding="utf-8"))["scenes"]]


def has_word(beginning: str, text: str) -> bool:
    """Whether a word of a text begins so (a regular expression; $ is the word's end)."""
    return re.search(rf"\b(?:{beginning.replace('$', chr(92) + 'b')})", text.lower()) is not None


def judge(scene: ToldScene, events: Sequence[Event]) -> Judged:
    """Hold a plan against its scene."""
    sounds = unchained(events)
    found = find(scene, sounds)
    wrong = [event.caption for event in sounds if any(_says(never, event.caption) for never in scene.never)]
    return Judged(
        found,
        tuple(wrong),
        tuple(_orders(scene, found)),
        tuple(
            _bed_s(told, events) >= told.lasts * scene.seconds - 1e-6
            for told, event in zip(scene.sounds, found, strict=True)
            if told.bed and event is not None
        ),
        sum(event is not None for event in found) / max(1, len(sounds)),
        sums(events, scene.seconds, bool(_SILENCE.search(scene.text))),
    )


def find(scene: ToldScene, sounds: Sequence[Event]) -> tuple[Event | None, ...]:
    """An event for each told sound, as many as can be, each for one only; in their order where there is a choice."""
    gains = np.zeros((len(scene.sounds), max(1, len(sounds))))
    for k, told in enumerate(scene.sounds):
        for n, event in enumerate(sounds):
            if told.is_named_in(event.caption):
                near = abs(k / len(scene.sounds) - n / len(sounds))
                gains[k, n] = 100 + (told.bed == (event.lane == BED)) - near
    rows, columns = linear_sum_assignment(-gains)
    taken = {int(k): int(n) for k, n in zip(rows, columns, strict=True) if gains[k, n] > 0}
    return tuple(sounds[taken[k]] if k in taken else None for k in range(len(scene.sounds)))


def unchained(events: Sequence[Event]) -> list[Event]:
    """Events with the windows of one sound put together."""
    sounds: list[Event] = []
    for event in sorted(events, key=lambda event: event.start_s):
        before = next((n for n, sound in enumerate(sounds) if continues(event, sound)), None)
        if before is None:
            sounds.append(event)
        else:
            first = sounds[before]
            sounds[before] = Event(first.id, first.caption, first.start_s, event.end_s - first.start_s, first.lane)
    return sounds


def sums(events: Sequence[Event], seconds: float, may_be_silent: bool = False) -> bool:
    """Whether events of 1 to 27 s sound from 0 to `seconds` without a gap.

    may_be_silent: with gaps, too, and not to the end.
    """
    reached = 0.0
    for event in sorted(events, key=lambda event: event.start_s):
        if (event.start_s > reached + 1e-6 and not may_be_silent) or not 1 - 1e-6 <= event.duration_s <= 27 + 1e-6:
            return False
        reached = max(reached, event.end_s)
    return abs(reached - seconds) < 1e-6 or (may_be_silent and seconds / 2 <= reached < seconds)


def _bed_s(told: ToldSound, events: Sequence[Event]) -> float:
    """How long beds that name a told sound go on, in seconds."""
    return sum(event.duration_s for event in events if event.lane == BED and told.is_named_in(event.caption))


def _says(never: str, caption: str) -> bool:
    return all(has_word(part, caption) for part in never.split(" "))


def _orders(scene: ToldScene, found: Sequence[Event | None]) -> list[bool]:
    """For every pair of found sounds whose order is told and differs: whether the earlier begins earlier."""
    placed = [
        (told.order, event.start_s)
        for told, event in zip(scene.sounds, found, strict=True)
        if told.order is not None and event is not None
    ]
    return [start < other for order, start in placed for later, other in placed if order < later]


def _read_scene(scene: dict[str, Any], labels: Mapping[str, Sequence[str]]) -> ToldScene:
    sounds, order = [], 0
    for sound in scene["sounds"]:
        bed = sound.get("bed", False)
        place: int | None = sound.get("order")
        if place is None and not bed and not sound.get("free", False):
            place = order + 1
        order = max(order, place or 0)
        heard = {label for concept in sound["concepts"] for label in labels[concept]} | set(sound.get("labels", ()))
        sounds.append(
            ToldSound(sound["says"], tuple(sound["words"]), frozenset(heard), bed, place, sound.get("lasts", 0.5))
        )
    return ToldScene(scene["style"], scene["text"], float(scene["seconds"]), tuple(sounds), tuple(scene["never"]))
