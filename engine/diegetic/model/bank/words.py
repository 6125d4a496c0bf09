"""How near a told caption is to those of recordings by its words, beside its meaning as a whole.

An embedding of a whole caption knows that a downpour is rain; it also takes an owl for a rooster, since both are birds
that call. Here each word looks for the nearest word of the other caption: the same one, or one that means the like, by
a table of word vectors (`Vocabulary`). Rare words count more (inverse document frequency: Sparck Jones, 1972), and so
do those that tell of few kinds of sound: what roars, rattles or thunders may be anything. Nearness is the geometric
mean of how much of each caption is found in the other.

Knows nothing of recordings or of embeddings of captions.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diegetic.errors import Failure

Array = NDArray[np.float32]

STEP = 1 / 127
_EMPTY_WORDS = """
a an and are as at by being for from his her in into is it its my of off on onto or our out over some someone
something that the their them there they this through to up while with
"""
_EMPTY = frozenset(_EMPTY_WORDS.split())
_ENDINGS = (
    *(("ies", "y"), ("es", ""), ("s", ""), ("ing", ""), ("ing", "e")),
    *(("ed", ""), ("ed", "e"), ("er", ""), ("ly", "")),
)
_STEM_ENDINGS = ("ings", "ing", "ers", "ies", "ed", "es", "er", "ly", "s", "e", "y")
_WHOLE = frozenset(("hoover",))
"""Words that end as if they were a form of another: a hoover has nothing to do with hooves."""
_SHORTEST = 3
_UNLIKE = 0.3
"""Cosine of two words up to which they have nothing to do with each other."""
_UNKNOWN_RARITY = 5.0


class Vocabulary:
    """Vectors of words, from words.npz. Raises Failure where it can't be read."""

    def __init__(self, path: Path) -> None:
        try:
            with np.load(path, allow_pickle=False) as stored:
                words = stored["words"].tobytes().decode().split("\n")
                self._vectors = stored["vectors"]
        except (OSError, ValueError, KeyError) as error:
            raise Failure(f"{path}: can't be read ({error}); reinstall the model") from error
        self._row = {word: row for row, word in enumerate(words)}

    @property
    def channels(self) -> int:
        return int(self._vectors.shape[1])

    def vector(self, word: str) -> Array:
        """The unit vector of a word, or of what it is a form of; zeros where neither is known."""
        row = next((self._row[form] for form in forms(word) if form in self._row), None)
        if row is None:
            return np.zeros(self.channels, np.float32)
        found: Array = self._vectors[row].astype(np.float32)
        return found / np.float32(np.linalg.norm(found) + 1e-6)


class Words:
    """The words of a bank's captions; vocabulary None: only the same words are alike.

    kinds: what kind of sound each caption tells of, by number; None: nothing is known of kinds.
    """

    def __init__(
        self, captions: Sequence[str], vocabulary: Vocabulary | None = None, kinds: Sequence[int] | None = None
    ) -> None:
        listed = [words_of(caption) or [""] for caption in captions]
        of_stem = {stem(word): word for each in listed for word in each}
        counts = Counter(name for each in listed for name in {stem(word) for word in each})
        self._vocabulary = vocabulary
        self._column = {name: column for column, name in enumerate(counts)}
        self._rarity = np.array(
            [np.log((1 + len(captions)) / (1 + count)) + 0.1 for count in counts.values()], np.float32
        )
        if kinds is not None:
            self._rarity /= np.sqrt(self._kinds_told(listed, kinds))
        self._flat = np.array([self._column[stem(word)] for each in listed for word in each])
        self._starts = np.cumsum([0, *(len(each) for each in listed[:-1])])
        self._weight = np.add.reduceat(self._rarity[self._flat], self._starts)
        self._vectors = np.stack([self._vector(of_stem[name]) for name in counts])

    def nearness(self, caption: str) -> Array:
        """How near a caption is to each of the bank's, 0 to 1, [captions]."""
        words = words_of(caption)
        if not words:
            return np.zeros(len(self._starts), np.float32)
        alike = np.stack([self._alike(word) for word in words])  # (W, words of the bank)
        rarity = np.array([self._rarity_of(word) for word in words], np.float32)
        of_theirs = np.maximum.reduceat(alike[:, self._flat], self._starts, axis=1)  # (W, captions)
        told = (of_theirs * rarity[:, None]).sum(0) / rarity.sum()
        found = np.add.reduceat((alike.max(0) * self._rarity)[self._flat], self._starts) / self._weight
        near: Array = np.sqrt(told * found)
        return near

    def _kinds_told(self, listed: Sequence[Sequence[str]], kinds: Sequence[int]) -> Array:
        """Of how many kinds each word tells, as the perplexity of the kinds of its captions, [words of the bank]."""
        told: list[Counter[int]] = [Counter() for _ in self._column]
        for words, kind in zip(listed, kinds, strict=True):
            for name in {stem(word) for word in words}:
                told[self._column[name]][kind] += 1
        return np.array([_perplexity(counts.values()) for counts in told], np.float32)

    def _alike(self, word: str) -> Array:
        cosine = self._vectors @ self._vector(word)
        alike: Array = np.maximum(cosine - _UNLIKE, 0.0) / np.float32(1 - _UNLIKE)
        if (same := self._column.get(stem(word))) is not None:
            alike[same] = 1.0
        return alike

    def _rarity_of(self, word: str) -> float:
        same = self._column.get(stem(word))
        return _UNKNOWN_RARITY if same is None else float(self._rarity[same])

    def _vector(self, word: str) -> Array:
        return np.zeros(1, np.float32) if self._vocabulary is None else self._vocabulary.vector(word)


def words_of(text: str) -> list[str]:
    """The words of a text that mean something, in lower case."""
    words = re.findall(r"[^\W\d_]+", text.lower().replace("'s", ""))
    return [word for word in words if word not in _EMPTY]


def stem(word: str) -> str:
    """A word without its ending: what forms of the same word share."""
    if word.removesuffix("s") in _WHOLE:
        return word.removesuffix("s")
    for ending in _STEM_ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            rest = word.removesuffix(ending)
            doubled = len(rest) > _SHORTEST and rest[-1] == rest[-2] and rest[-1] not in "lsz"
            return rest[:-1] if doubled else rest
    return word


def forms(word: str) -> Iterator[str]:
    """The word, then what it may be a form of."""
    yield word
    for ending, other in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST:
            stem = word.removesuffix(ending)
            yield stem + other
            if not other and stem[-1] == stem[-2]:
                yield stem[:-1]


def _perplexity(counts: Collection[int]) -> float:
    """e to the entropy of a distribution: of how many equal shares it might be."""
    shares = np.array(list(counts)) / sum(counts)
    return float(np.exp(-(shares * np.log(shares)).sum()))
