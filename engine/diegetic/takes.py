"""The takes of a story: every rendering of an event, kept for good in its folder `takes`.

A take is found by its key: what it was rendered from, hashed. The same key means the same samples, so what is there is
never rendered again and never overwritten. A take is a float32 WAV and a JSON sidecar with its lineage; the sidecar is
written last, so that a take is whole or not there.

Knows nothing of models: the key holds a digest of one.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diegetic.atomic import remove, write_atomically
from diegetic.audio.wav import read_wav, write_wav
from diegetic.errors import Failure, InputError
from diegetic.names import slug
from diegetic.schema import read_strict

Samples = NDArray[np.float32]

FOLDER = "takes"

AHEAD = ""
"""Whose a take is that was rendered ahead for a cue: no event's, until it is heard as one."""

_AHEAD_NAMED = "ahead"
_KEY_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that a take's samples depend on.

    duration_s: rendered length; seed: as given to the model; continues: key of the take that this one goes on from.
    """

    caption: str
    duration_s: float
    lane: str
    seed: int
    variation: float | None
    model_digest: str
    continues: str | None = None

    @property
    def key(self) -> str:
        """16 hexadecimal digits, the same on every machine."""
        content = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(content.encode()).hexdigest()[:_KEY_CHARACTERS]


@dataclass(frozen=True, slots=True)
class Made:
    """What made a take, and when: engine is its version, at is UTC (ISO 8601), took_s the time it took to render."""

    model: str
    engine: str
    at: str
    took_s: float


@dataclass(frozen=True, slots=True)
class Take:
    """One take: the event it was rendered for (or AHEAD), its file in the folder of takes, and its lineage.

    number: which of its event's takes it is, from 1; it stays the same when others are deleted. One rendered ahead has
    none yet, and says 1.
    """

    key: str
    event: str
    file: str
    rate_hz: int
    frames: int
    channels: int
    recipe: Recipe
    made: Made
    number: int = 1


@dataclass(frozen=True, slots=True)
class TakeStore:
    """The folder of takes of one story."""

    folder: Path

    def find(self, key: str) -> Take | None:
        """The take of a key, or None where it isn't there whole. Raises Failure for a damaged sidecar."""
        for sidecar in self._sidecars(ends=f"_{key}.json"):
            take = self._read(sidecar)
            if (self.folder / take.file).is_file():
                return take
        return None

    def all(self) -> Iterator[Take]:
        """Every take, oldest first."""
        yield from _by_age(self._read(sidecar) for sidecar in self._sidecars())

    def of(self, event: str) -> tuple[Take, ...]:
        """The takes of an event by its id, oldest first."""
        takes = (self._read(sidecar) for sidecar in self._sidecars(f"{event or _AHEAD_NAMED}_"))
        return tuple(_by_age(take for take in takes if take.event == event))

    def samples(self, take: Take) -> Samples:
        """Samples [frames, channels] of a take. Raises Failure where its file is damaged."""
        samples, rate_hz = read_wav(self.folder / take.file)
        if (len(samples), samples.shape[1], rate_hz) != (take.frames, take.channels, take.rate_hz):
            raise Failure(f"{self.folder / take.file}: isn't what was rendered; delete it and render again")
        return samples

    def add(self, event: str, recipe: Recipe, samples: Samples, rate_hz: int, made: Made) -> Take:
        """Keep samples [frames, channels] as the take of `recipe`. What is there already stays. Raises Failure."""
        if (kept := self.find(recipe.key)) is not None:
            return kept
        frames, channels = samples.shape
        number = self._number(event, recipe.key)
        take = Take(recipe.key, event, f"{_stem(event, recipe)}.wav", rate_hz, frames, channels, recipe, made, number)
        write_wav(self.folder / take.file, samples, rate_hz, "FLOAT")
        self._write(take)
        return take

    def given_to(self, event: str, take: Take) -> Take:
        """The take as an event's, where it was rendered ahead; else the same. Raises Failure."""
        if take.event != AHEAD:
            return take
        file = f"{_stem(event, take.recipe)}.wav"
        given = replace(take, event=event, file=file, number=self._number(event, take.key))
        write_atomically(self.folder / file, (self.folder / take.file).read_bytes())
        self._write(given)
        for old in (self._sidecar(take), self.folder / take.file):
            remove(old)
        return given

    def _number(self, event: str, key: str) -> int:
        """Which of an event's takes this one is: as its sidecar says, else the next; ahead, 1."""
        if event == AHEAD:
            return 1
        numbers = {take.key: take.number for take in self.of(event)}
        return numbers.get(key, max(numbers.values(), default=0) + 1)

    def _write(self, take: Take) -> None:
        write_atomically(self._sidecar(take), (json.dumps(asdict(take), indent=2) + "\n").encode())

    def _sidecar(self, take: Take) -> Path:
        return (self.folder / take.file).with_suffix(".json")

    def _sidecars(self, begins: str = "", ends: str = ".json") -> Iterator[Path]:
        """Sidecars by their names: there may be thousands, which take seconds to read."""
        for file in self.folder.iterdir() if self.folder.is_dir() else ():
            if file.name.startswith(begins) and file.name.endswith(ends) and "_" in file.name:
                yield file

    def _read(self, sidecar: Path) -> Take:
        try:
            return read_strict(Take, json.loads(sidecar.read_text(encoding="utf-8")), str(sidecar))
        except (OSError, ValueError, InputError) as error:
            raise Failure(f"{sidecar}: is damaged ({error}); delete it and render again") from error


def _by_age(takes: Iterable[Take]) -> list[Take]:
    return sorted(takes, key=lambda take: (take.made.at, take.event, take.number))


def _stem(event: str, recipe: Recipe) -> str:
    """What a take's files are called: an event's takes are found by their names."""
    return f"{event or _AHEAD_NAMED}_{slug(recipe.caption)}_{recipe.key}"
