"""How near told scenes are to the scenes that the planner was trained on: words in a row that both have.

Knows nothing of plans.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Overlap:
    """The nearest training text of a scene. run: how many words in a row both have; share: of the scene's runs of three
    words, how many the training text has.
    """

    text: str
    nearest: str
    run: int
    share: float


def nearest(text: str, trained: Sequence[str]) -> Overlap:
    """The training text that has most words in a row with a text, and of those the one with most runs of three."""
    words = _words(text)
    runs = [(_longest_run(words, other), _share(words, other)) for other in map(_words, trained)]
    best = max(range(len(trained)), key=lambda k: runs[k])
    return Overlap(text, trained[best], *runs[best])


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9']+", text.lower())


def _longest_run(words: Sequence[str], other: Sequence[str]) -> int:
    best, before = 0, [0] * (len(other) + 1)
    for word in words:
        now = [0] * (len(other) + 1)
        for k, each in enumerate(other, start=1):
            if word == each:
                now[k] = before[k - 1] + 1
        best, before = max(best, *now), now
    return best


def _share(words: Sequence[str], other: Sequence[str]) -> float:
    ours, theirs = ({tuple(w[k : k + 3]) for k in range(len(w) - 2)} for w in (words, other))
    return len(ours & theirs) / len(ours) if ours else float(list(words) == list(other))
