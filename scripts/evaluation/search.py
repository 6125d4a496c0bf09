"""What a user would do by hand: search recordings by text, MiniLM embeds both, and take the nearest.

Two searches: `FolderSearch` has the recordings that the bank was made from, by their names (and by what a tagger heard
in them, who is asked again in the end); `Search` has pocket's own bank, by all captions that were written for it. Of
recordings that are as near as each other, the bank has those first that the tagger heard as named
(scripts/pocket/pieces.py): a search that takes the first has that for nothing. Knows nothing of scenes or plans.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from captions import read_recordings
from diegetic.model.bank.library import Bank, read_audio
from text_encoder import TextEncoder

Samples = NDArray[np.float32]
_EQUAL = 1e-6
BANK = Path(__file__).parents[2] / "presets/models/pocket/bank"


class Search:
    """The bank, searched by text. text_encoder: a MiniLM folder."""

    def __init__(self, text_encoder: Path) -> None:
        self.bank = Bank(BANK)
        self._encoder = TextEncoder(text_encoder)

    def nearest(self, queries: Sequence[str]) -> list[list[int]]:
        """For each text the recordings with the nearest caption, in the bank's order: those of one kind share them."""
        features, index = embedded(self._encoder, queries), self.bank.index
        near = [index.embeddings.astype(np.float32) @ feature for feature in features]
        scores = [np.maximum.reduceat(each[index.captions], index.caption_offsets[:-1]) for each in near]
        return [np.flatnonzero(each >= each.max() - _EQUAL).tolist() for each in scores]

    def clip(self, recording: int, seconds: float) -> Samples:
        """The first seconds of a recording, [frames, channels]."""
        return self.bank.audio(recording)[: round(seconds * 48_000)]


class FolderSearch:
    """A folder of recordings, those that may ship, searched by text. tagged: by what a tagger heard in each, too."""

    def __init__(self, text_encoder: Path, sounds: Path, tagged: bool) -> None:
        self._encoder, self._audio = TextEncoder(text_encoder), sounds / "audio"
        with (sounds / "sounds.csv").open(encoding="utf-8", newline="") as table:
            names = {row["file"]: row["name_words"] for row in csv.DictReader(table)}
        recordings = [each for each in read_recordings(sounds) if each.may_ship]
        self._files = [each.file for each in recordings]
        called = [[names[each.file], *(each.guesses if tagged else ())] for each in recordings]
        self._embeddings = embedded(self._encoder, [", ".join(words) for words in called])

    def nearest(self, queries: Sequence[str]) -> list[int]:
        """For each text the recording that is called most like it."""
        found: list[int] = (embedded(self._encoder, queries) @ self._embeddings.T).argmax(1).tolist()
        return found

    def clip(self, recording: int, seconds: float) -> Samples:
        """The first seconds of a recording, [frames, channels]."""
        return read_audio(self._audio / self._files[recording])[: round(seconds * 48_000)]


def embedded(encoder: TextEncoder, texts: Sequence[str]) -> Samples:
    """Unit vectors [texts, F]."""
    features: Samples = encoder.targets(texts, 1)[:, 0].numpy()
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return features
