"""Say what each recording is: concepts.toml and sounds.csv become captions.json, for training and for the bank.

    python scripts/pocket/captions.py --sounds SOUNDS -o captions.json

A recording gets at most one concept: the one that sounds.csv says (`concept`), where it has that column. Else its name
knows better than the tagger; the tagger alone decides only for concepts that it hears well. Where both disagree
strongly the recording is left out: a wrong recording in the bank is heard.

Knows nothing of audio: it reads names and guesses only.
"""

import argparse
import csv
import json
import random
import re
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict

from diegetic.atomic import write_atomically
from diegetic.errors import InputError
from diegetic.schema import read_strict, read_toml

CONCEPTS = Path(__file__).parents[2] / "presets/models/pocket/concepts.toml"
HELD_OUT_SOURCE = "karoldvl/ESC-10"
AUDIBLE = 0.2
"""Score from which a right label outweighs any other."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@dataclass(frozen=True, slots=True)
class Concept:
    """A kind of sound that designers ask for, and how its recordings are told from others.

    Patterns are regular expressions on a recording's words (see `words_of`) and match whole words.
    """

    name: str
    kind: Literal["bed", "event"]
    captions: tuple[str, ...]
    yamnet: tuple[str, ...]  # labels that count as right
    wordings: tuple[str, ...] = ()  # what else people say for it: recordings are found by them, nothing trains on them
    include: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()  # names that count only where nothing is heard better than `yamnet`
    exclude: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()  # labels that need no name, at `min_tag` or more
    min_tag: float = 1.0
    special: dict[str, str] = field(default_factory=dict)  # pattern -> a caption of these recordings only
    performed: bool = False  # music that somebody plays: tunes.abc has it

    def __post_init__(self) -> None:
        if not 6 <= len(self.captions) <= 14:
            raise ValueError(f"{self.name} must have 6 to 14 captions, got {len(self.captions)}")
        for caption in (*self.captions, *self.special.values()):
            if not 2 <= len(caption.split()) <= 6:
                raise ValueError(f"a caption of {self.name} must have 2 to 6 words, got {caption!r}")
        for wording in self.wordings:
            if not 1 <= len(wording.split()) <= 8:
                raise ValueError(f"a wording of {self.name} must have 1 to 8 words, got {wording!r}")
        if not 0.0 < self.min_tag <= 1.0:
            raise ValueError(f"min_tag of {self.name} must be above 0 and at most 1, got {self.min_tag}")
        _refuse_bad_patterns((*self.include, *self.hints, *self.exclude, *self.special))


@dataclass(frozen=True, slots=True)
class Concepts:
    """All concepts, and what holds for each of them."""

    leave_out: tuple[str, ...]  # patterns of music, speech and interface
    trusted: tuple[str, ...]  # sources whose names are labels
    neutral: tuple[str, ...]  # labels that contradict no name
    contradiction: float  # score from which another label contradicts a name
    concepts: tuple[Concept, ...]

    def __post_init__(self) -> None:
        _refuse_bad_patterns(self.leave_out)
        twice = [name for name, count in Counter(concept.name for concept in self.concepts).items() if count > 1]
        if twice:
            raise ValueError(f"each concept must have its own name, {twice[0]!r} is there twice")


@dataclass(frozen=True, slots=True)
class Recording:
    """A row of sounds.csv."""

    file: str
    source: str
    original_name: str
    may_ship: bool
    seconds: float
    guesses: dict[str, float]  # label -> score, best first
    concept: str = ""  # what its table says that it is

    @property
    def held_out(self) -> bool:
        """Whether nothing may train on it: ESC-10's fifth fold."""
        return self.source == HELD_OUT_SOURCE and Path(self.original_name).name.startswith("5-")


class Row(TypedDict):
    """A row of captions.json."""

    file: str
    concept: str
    kind: str
    captions: list[str]
    seconds: float
    may_ship: bool
    held_out: bool


def read_concepts(path: Path = CONCEPTS) -> Concepts:
    """Read concepts strictly. Raises InputError."""
    return read_strict(Concepts, read_toml(path), str(path))


def read_recordings(sounds: Path) -> list[Recording]:
    """The rows of `sounds`/sounds.csv. Raises InputError where there is none."""
    table = sounds / "sounds.csv"
    if not table.is_file():
        raise InputError(f"{table}: no such file; --sounds must be the folder that holds it")
    with table.open(encoding="utf-8", newline="") as file:
        return [
            Recording(
                row["file"], row["source"], row["original_name"], row["may_ship"] == "yes", float(row["seconds"]),
                _guesses(row["tagger_guess"]), row.get("concept", ""),
            )
            for row in csv.DictReader(file)
        ]  # fmt: skip


def words_of(recording: Recording) -> str:
    """Source, folders and file name as lower-case words without digits; " / " between folders."""
    path = Path(recording.source) / Path(recording.original_name).with_suffix("")
    return " / ".join(_words(part) for part in path.parts)


class Matcher:
    """Tells a recording's concept."""

    def __init__(self, known: Concepts) -> None:
        self._known = known
        self._called = {concept.name: concept for concept in known.concepts}
        self._leave_out = _any_of(known.leave_out)
        self._neutral = frozenset(known.neutral)
        self._excluded = {concept.name: _any_of(concept.exclude) for concept in known.concepts}
        self._included = {concept.name: [_any_of((one,)) for one in concept.include] for concept in known.concepts}
        self._hinted = {concept.name: [_any_of((one,)) for one in concept.hints] for concept in known.concepts}

    def concept_of(self, recording: Recording) -> Concept | None:
        """The concept of a recording, or None where name and tagger don't tell. Raises InputError if there is none."""
        if recording.concept:
            if recording.concept not in self._called:
                raise InputError(f"{recording.file}: concept must be one of concepts.toml, got {recording.concept!r}")
            return self._called[recording.concept]
        words = words_of(recording)
        if _search(self._leave_out, words):
            return None
        named = self._named(recording, words)
        if named is None:
            return self._heard(recording, words)
        trusted = recording.source in self._known.trusted
        return named if trusted or not self._contradicted(recording, named) else None

    def _named(self, recording: Recording, words: str) -> Concept | None:
        """The concept whose match tells most: one in the file's own name before one in a folder's, then the longest."""
        best, most = None, (False, 0)
        own_name = words.rfind("/") + 1
        for concept in self._known.concepts:
            if _search(self._excluded[concept.name], words):
                continue
            right, wrong = self._scores(recording, concept)
            hinted = self._hinted[concept.name] if right and right >= wrong else []
            for pattern in self._included[concept.name] + hinted:
                for match in pattern.finditer(words):
                    tells = (match.end() > own_name, match.end() - match.start())
                    if tells > most:
                        best, most = concept, tells
        return best

    def _heard(self, recording: Recording, words: str) -> Concept | None:
        best, score = None, 0.0
        for concept in self._known.concepts:
            heard = max((recording.guesses.get(label, 0.0) for label in concept.tags), default=0.0)
            if heard >= concept.min_tag and heard > score and not _search(self._excluded[concept.name], words):
                best, score = concept, heard
        return None if best is None or self._contradicted(recording, best) else best

    def _contradicted(self, recording: Recording, concept: Concept) -> bool:
        right, wrong = self._scores(recording, concept)
        return wrong >= self._known.contradiction and right < AUDIBLE

    def _scores(self, recording: Recording, concept: Concept) -> tuple[float, float]:
        """The best score of a label that is right, and of one that contradicts."""
        right, wrong = 0.0, 0.0
        for label, score in recording.guesses.items():
            if label in concept.yamnet:
                right = max(right, score)
            elif label not in self._neutral:
                wrong = max(wrong, score)
        return right, wrong


def captions_of(recording: Recording, concept: Concept) -> list[str]:
    """4 to 8 captions, the same at each call: what the name tells first, then some of the concept's."""
    words = words_of(recording)
    told = [caption for pattern, caption in concept.special.items() if _search(_any_of((pattern,)), words)]
    if own := _caption_from_name(words, concept):
        told.append(own)
    rng = random.Random(zlib.crc32(recording.file.encode()))
    chosen = rng.sample(concept.captions, k=min(len(concept.captions), rng.randint(4, 7)))
    return list(dict.fromkeys([*told, *chosen]))[:8]


def found_by(told: Sequence[str], concept: Concept) -> tuple[str, ...]:
    """All that a recording in the bank is found by: what is told of it, then all that its concept is told by."""
    return tuple(dict.fromkeys((*told, *concept.captions, *concept.wordings)))


def caption_all(recordings: Sequence[Recording], known: Concepts) -> list[Row]:
    """A row for each recording whose concept is told, in the order of sounds.csv."""
    matcher = Matcher(known)
    return [
        Row(
            file=recording.file, concept=concept.name, kind=concept.kind, captions=captions_of(recording, concept),
            seconds=recording.seconds, may_ship=recording.may_ship, held_out=recording.held_out,
        )
        for recording in recordings
        if (concept := matcher.concept_of(recording))
    ]  # fmt: skip


def report(rows: Sequence[Row], recordings: Sequence[Recording], known: Concepts) -> str:
    """A table by concept: recordings, those that may ship, seconds, and the share that the tagger agrees with."""
    guesses = {recording.file: recording.guesses for recording in recordings}
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["concept"]].append(row)
    lines = [f"{'concept':26} {'all':>5} {'ship':>5} {'seconds':>8} {'agree':>6}"]
    for concept in known.concepts:
        group = groups[concept.name]
        ship = sum(row["may_ship"] and not row["held_out"] for row in group)
        agree = sum(any(label in guesses[row["file"]] for label in concept.yamnet) for row in group)
        seconds = sum(row["seconds"] for row in group)
        lines.append(f"{concept.name:26} {len(group):5} {ship:5} {seconds:8.0f} {agree / max(1, len(group)):6.0%}")
    shipped = sum(row["may_ship"] and not row["held_out"] for row in rows)
    held = sum(row["held_out"] for row in rows)
    lines.append(f"{len(rows)} of {len(recordings)} recordings, {shipped} may ship, {held} held out")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sounds", type=Path, required=True, help="folder with sounds.csv")
    parser.add_argument("--concepts", type=Path, default=CONCEPTS)
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    try:
        known, recordings = read_concepts(args.concepts), read_recordings(args.sounds)
        rows = caption_all(recordings, known)
    except InputError as error:
        sys.exit(str(error))
    write_atomically(args.out, (json.dumps(rows, indent=0, ensure_ascii=False) + "\n").encode())
    print(report(rows, recordings, known))


def _words(part: str) -> str:
    return " ".join(re.findall(r"[a-z]+", _CAMEL.sub(" ", part).lower()))


def _caption_from_name(words: str, concept: Concept) -> str | None:
    """The file's own name, where all its words are words of the concept's captions."""
    own = words.rsplit(" / ", 1)[-1].split()
    vocabulary = set(re.findall(r"[a-z]+", " ".join(concept.captions)))
    known = list(dict.fromkeys(word for word in own if word in vocabulary))
    return " ".join(known) if 2 <= len(known) <= 5 and set(own) <= vocabulary | {"sounds", "loop"} else None


def _guesses(text: str) -> dict[str, float]:
    """The tagger's "Label 0.59; Other label 0.41"."""
    pairs = (guess.strip().rpartition(" ") for guess in text.split(";") if guess.strip())
    return {label: float(score) for label, _, score in pairs}


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(patterns)})\b" if patterns else r"(?!)")  # of none, nothing matches


def _search(pattern: re.Pattern[str], words: str) -> bool:
    return pattern.search(words) is not None


def _refuse_bad_patterns(patterns: Sequence[str]) -> None:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"a pattern must be a regular expression, {pattern!r} is not ({error})") from None


if __name__ == "__main__":
    main()
