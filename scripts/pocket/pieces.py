"""Which recordings go into pocket's bank, and which stretch of each.

Of each concept as many seconds as `SECONDS` allows, in pieces of different recordings; silence around them is cut off.
Where enough recordings of a concept are also heard as what their name says, only those are taken. Single steps that
rows of steps are made of are in the bank as these rows.

Knows nothing of how a bank is stored.
"""

import random
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from captions import Concept, Row, found_by
from describe_sounds import Described, read_mono
from diegetic.model.bank.describe import UNIT_FRAMES, UNITS_PER_S, describe
from procedural import Made, Samples
from sounds import at_level

SECONDS = {"bed": 130.0, "event": 60.0}
"""Of each concept, all recordings together."""
PIECE_S = {"bed": 20.0, "event": 9.0}
ENOUGH_S = {"bed": 40.0, "event": 10.0}
"""Of recordings that are heard as named, before others are left out."""
MADE = "made/"
"""What the files of recordings begin with that are none of the folder's."""
HEARD = 0.1
"""The tagger's score from which a recording is heard as named."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a recording, with what is known of it. made: the recording, where it is none of the folder's."""

    file: str
    captions: tuple[str, ...]
    first: int  # unit of the recording that it begins with
    features: NDArray[np.float32]
    gain_db: float
    made: Made | None = None
    performed: bool = False  # music, from its first to its last note

    def samples(self, audio: Path) -> Samples:
        """Mono samples of the stretch; audio: the folder of recordings."""
        whole = self.made.samples if self.made else read_mono(audio / self.file)
        start = self.first * UNIT_FRAMES
        return whole[start : start + len(self.features) * UNIT_FRAMES]


def choose(
    rows: Sequence[Row],
    guesses: Mapping[str, Mapping[str, float]],
    described: Described,
    concepts: Mapping[str, Concept],
    made: Sequence[Made],
    rng: random.Random,
) -> Iterator[Piece]:
    """Pieces of all concepts, in a fixed order. guesses: the tagger's labels with scores, by file."""
    by_concept: dict[str, list[Row]] = defaultdict(list)
    in_rows = {file for each in made for file in each.files}
    for row in rows:
        if row["may_ship"] and not row["held_out"] and row["file"] not in in_rows:
            by_concept[row["concept"]].append(row)
    for name in sorted({*by_concept, *(each.concept for each in made)}):
        concept = concepts[name]
        pieces = [_made_piece(each, concept) for each in made if each.concept == name]
        left = SECONDS[concept.kind] - sum(len(piece.features) for piece in pieces) / UNITS_PER_S
        group = by_concept[name]
        rng.shuffle(group)
        for row in heard_as_named(group, guesses, concept):
            piece = _piece(row, concept, described[row["file"]])
            if left > 0 and piece is not None:
                pieces.append(piece)
                left -= len(piece.features) / UNITS_PER_S
        print(f"{name}: {len(pieces)} recordings, {SECONDS[concept.kind] - left:.0f} s")
        yield from pieces


def heard_as_named(rows: Sequence[Row], guesses: Mapping[str, Mapping[str, float]], concept: Concept) -> list[Row]:
    """Recordings of a concept in which one of its labels is heard, if they last long enough; else all, they first."""
    kind = concept.kind
    scores = {row["file"]: max(guesses[row["file"]].get(label, 0.0) for label in concept.yamnet) for row in rows}
    heard = [row for row in rows if scores[row["file"]] >= HEARD]
    seconds = sum(min(row["seconds"], PIECE_S[kind]) for row in heard)
    return heard if seconds >= ENOUGH_S[kind] else heard + [row for row in rows if row not in heard]


def _piece(row: Row, concept: Concept, features: NDArray[np.float32]) -> Piece | None:
    shaped, gain_db, kept = at_level(features, concept.kind)
    if len(shaped) < 2:
        return None
    longest = round(PIECE_S[concept.kind] * UNITS_PER_S)
    # Which stretch of a long recording is taken depends on the recording alone.
    spare = max(0, len(shaped) - longest)
    offset = 0 if concept.kind == "event" else zlib.crc32(row["file"].encode()) % (spare + 1)
    captions = found_by(row["captions"], concept)
    return Piece(row["file"], captions, kept.start + offset, shaped[offset : offset + longest], gain_db)


def _made_piece(made: Made, concept: Concept) -> Piece:
    shaped, gain_db, kept = at_level(describe(made.samples), concept.kind, whole=concept.performed)
    return Piece(f"{MADE}{made.name}", found_by((), concept), kept.start, shaped, gain_db, made, concept.performed)
