"""What a user would do by hand: search the bank's captions for words, and take the nearest recording.

The same bank as pocket's and all its captions; MiniLM embeds the query. Of recordings that are as near as each other,
the bank has those first that a tagger heard as named (scripts/pocket/pieces.py): a search that takes the first has that
for nothing. Knows nothing of scenes or plans.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diegetic.model.bank.library import Bank
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
        features = self._encoder.targets(queries, 1)[:, 0].numpy()
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        index = self.bank.index
        near = [index.embeddings.astype(np.float32) @ feature for feature in features]
        scores = [np.maximum.reduceat(each[index.captions], index.caption_offsets[:-1]) for each in near]
        return [np.flatnonzero(each >= each.max() - _EQUAL).tolist() for each in scores]

    def clip(self, recording: int, seconds: float) -> Samples:
        """The first seconds of a recording, [frames, channels]."""
        return self.bank.audio(recording)[: round(seconds * 48_000)]
