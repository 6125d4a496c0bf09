"""How captioned recordings go on in time: latents of events of any length, drawn for training pocket's flow.

A bed is a crop of a long recording, or crops of short ones in a row. Other sounds happen: a recording from its start,
then silence, then perhaps another of the same concept. Words of distance and loudness in a caption move level and
spectrum as they would be heard.

Knows nothing of text features or of the flow.
"""

import json
import random
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from describe_sounds import Described
from diegetic.model.bank.describe import BANDS, FLOOR_DB, UNITS_PER_S, LatentSpace, band_centres_hz

Array = NDArray[np.float32]

LEVEL_DB = {"event": -18.0, "bed": -26.0}
"""Level that the 95th percentile of a recording's units is brought to."""
STEADY = re.compile(
    r"footstep|walk|run|gallop|clock|tick|typ|keyboard|hammer|chop|machine.?gun|heartbeat|drip|applause|knock|engine|saw|drill|snor|breath|cricket|siren|alarm|bell"
)
_FAR = re.compile(r"\b(distant|distance|far|faint|faintly|muffled)\b")
_SOFT = re.compile(r"\b(soft|softly|quiet|quietly|gentle|gently|light|dying)\b")
_LOUD = re.compile(r"\b(loud|loudly|close|heavy|huge|roaring|fierce)\b")


@dataclass(frozen=True, slots=True)
class Recording:
    """A captioned recording: its features at the level of its kind, without the silence around it."""

    file: str
    concept: str
    kind: str
    captions: tuple[str, ...]
    features: Array


@dataclass(frozen=True, slots=True)
class Sounds:
    """All recordings to learn from, by concept."""

    by_concept: dict[str, list[Recording]]

    def all_features(self) -> Array:
        return np.concatenate([r.features for group in self.by_concept.values() for r in group])

    def captions(self) -> list[str]:
        return sorted({caption for group in self.by_concept.values() for r in group for caption in r.captions})

    def draw(self, units: int, rng: random.Random) -> tuple[str, Array]:
        """A caption, and features [units, FEATURES] of an event that it tells."""
        concepts = list(self.by_concept)
        weights = [len(self.by_concept[concept]) ** 0.4 for concept in concepts]
        group = self.by_concept[rng.choices(concepts, weights)[0]]
        recording = rng.choice(group)
        caption = rng.choice(recording.captions)
        if rng.random() < 0.12 and not any(p.search(caption) for p in (_FAR, _SOFT, _LOUD)):
            caption = rng.choice(
                ("{}, distant", "distant {}", "{} far away", "loud {}", "{}, close", "soft {}")
            ).format(caption)
        return caption, as_told(_event(recording, group, units, rng, recording.kind == "bed"), caption)

    def draw_of(self, concept: str, units: int, rng: random.Random, bed: bool) -> Array:
        """Features [units, FEATURES] of an event of a concept: going on all the time, or happening."""
        group = self.by_concept[concept]
        recording = rng.choice(group)
        return _event(recording, group, units, rng, bed or recording.kind == "bed")


def read_sounds(captions_json: Path, features: Path) -> Sounds:
    """Recordings that may be learned from (none that is held out)."""
    described, groups = Described(features), defaultdict(list)
    for row in json.loads(captions_json.read_text(encoding="utf-8")):
        if not row["held_out"]:
            shaped, _, _ = at_level(described[row["file"]], row["kind"])
            if len(shaped):
                groups[row["concept"]].append(
                    Recording(row["file"], row["concept"], row["kind"], tuple(row["captions"]), shaped)
                )
    return Sounds(dict(groups))


def at_level(features: Array, kind: str, whole: bool = False) -> tuple[Array, float, slice]:
    """Features trimmed of silence and brought to the level of their kind; the gain in dB, and what was kept.

    whole: all is kept; rests are part of what is played.
    """
    level = features[:, 0]
    loud = float(np.percentile(level, 95))
    if loud < FLOOR_DB + 15:
        return features[:0], 0.0, slice(0, 0)
    audible = np.flatnonzero(level > max(loud - 45.0, FLOOR_DB + 6))
    kept = slice(0, len(level)) if whole else slice(int(audible[0]), int(audible[-1]) + 1)
    gain_db = LEVEL_DB[kind] - float(np.percentile(level[kept], 95))
    shaped = features[kept].copy()
    shaped[:, 0] = np.maximum(shaped[:, 0] + gain_db, FLOOR_DB)
    return shaped, gain_db, kept


def as_told(features: Array, caption: str) -> Array:
    """What words of distance and loudness make of features: level, and less above 1 kHz with distance."""
    told = features.copy()
    if _FAR.search(caption):
        told[:, 0] -= 10.0
        slope = np.clip(np.log2(band_centres_hz() / 1000.0), 0.0, 4.0) * 3.0
        told[:, 1 : 1 + BANDS] -= slope
    elif _SOFT.search(caption):
        told[:, 0] -= 6.0
    elif _LOUD.search(caption):
        told[:, 0] += 3.0
    told[:, 0] = np.maximum(told[:, 0], FLOOR_DB)
    return told


def silence(units: int, like: Array) -> Array:
    """Features of silence, [units, FEATURES]."""
    quiet = np.zeros((units, like.shape[1]), np.float32)
    quiet[:, 0] = FLOOR_DB
    return quiet


def _event(recording: Recording, group: list[Recording], units: int, rng: random.Random, bed: bool) -> Array:
    make = _bed if bed else _happening
    return make(recording, group, units, rng)


def _bed(recording: Recording, group: list[Recording], units: int, rng: random.Random) -> Array:
    parts: list[Array] = []
    while (missing := units - sum(map(len, parts))) > 0:
        start = rng.randint(0, max(0, len(recording.features) - missing))
        parts.append(recording.features[start : start + missing])
        recording = rng.choice(group)
    return np.concatenate(parts)[:units]


def _happening(recording: Recording, group: list[Recording], units: int, rng: random.Random) -> Array:
    made = silence(units, recording.features)
    steady = bool(STEADY.search(recording.concept))
    gap = rng.uniform(0.1, 0.6) if steady else rng.uniform(0.4, 3.0)
    again = 0.97 if steady else rng.choice((0.25, 0.6, 0.8))
    at = 0
    while at < units:
        part = recording.features[: units - at]
        made[at : at + len(part)] = part
        at += len(recording.features) + max(0, round(gap * rng.uniform(0.8, 1.25) * UNITS_PER_S))
        if rng.random() > again:
            break
        # The same source sounds again: now and then by another recording of it.
        recording = recording if rng.random() < 0.6 else rng.choice(group)
    return made


def fit_space(sounds: Sounds, channels: int) -> LatentSpace:
    """The latent space of these sounds."""
    return LatentSpace.fit(sounds.all_features(), channels)
