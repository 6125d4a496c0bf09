"""Words that captions share: how near a told caption is to those of recordings by its words, beside its meaning.

An embedding knows that a downpour is rain; it also takes an owl for a rooster, since both are birds that call. A word
that few captions have tells them apart. Nearness is the cosine of the captions' words, each weighed by how rare it is
(inverse document frequency: Sparck Jones, 1972); words that no caption of the bank has don't count.

Knows nothing of recordings or embeddings.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_EMPTY_WORDS = """
a an and are as at by being for from his her in into is it its my of off on onto or our out over some someone
something that the their them there they this through to up while with
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())
_ENDINGS = ("ings", "ing", "ers", "ies", "ed", "es", "er", "ly", "s", "e", "y")
_SHORTEST_STEM = 3


class Words:
    """The words of a bank's captions [captions]."""

    def __init__(self, captions: Sequence[str]) -> None:
        sets = [stems(caption) for caption in captions]
        counts = Counter(stem for each in sets for stem in each)
        self._column = {stem: column for column, stem in enumerate(sorted(counts))}
        self._rarity = np.array(
            [np.log((1 + len(captions)) / (1 + counts[stem])) + 0.1 for stem in self._column], np.float32
        )
        self._rows = np.zeros((len(captions), len(self._column)), np.float32)
        for row, each in enumerate(sets):
            self._rows[row] = self._weights(each)

    def nearness(self, caption: str) -> Array:
        """Cosine between a caption and each of the bank's, by their words, [captions]."""
        near: Array = self._rows @ self._weights(stems(caption))
        return near

    def _weights(self, words: frozenset[str]) -> Array:
        weights = np.zeros(len(self._column), np.float32)
        for word in words:
            if (column := self._column.get(word)) is not None:
                weights[column] = self._rarity[column]
        return weights / max(float(np.linalg.norm(weights)), 1e-6)


def stems(text: str) -> frozenset[str]:
    """The words of a text that mean something, without their endings."""
    words = re.findall(r"[^\W\d_]+", text.lower().replace("'s", ""))
    return frozenset(_stem(word) for word in words if word not in _EMPTY)


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            stem = word.removesuffix(ending)
            doubled = len(stem) > _SHORTEST_STEM and stem[-1] == stem[-2] and stem[-1] not in "lsz"
            return stem[:-1] if doubled else stem
    return word
