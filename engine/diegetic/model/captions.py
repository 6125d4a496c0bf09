"""A clause of a told text as the caption of its event.

Knows nothing of plans.
"""

from collections.abc import Sequence

from diegetic.model.attributes import says_how
from diegetic.model.clauses import Part
from diegetic.model.once import says_how_often
from diegetic.model.stems import stems

SHORT_WORDS = 6
_COMPOUNDS = ("room tone", "white noise", "high heels", "night club", "night train", "house party", "hold music")
"""Of two words, the first of which says nothing elsewhere."""


def speaks_for_itself(part: Part) -> bool:
    """Whether a clause is short enough to be its own caption: what was told finds sounds better than its paraphrase."""
    words = part.text.split()
    return len(words) - max(0, _named(words) - 1) <= SHORT_WORDS


def first_words(part: Part) -> Sequence[str]:
    """Words of a clause that a caption of it may begin with: those that can name a sound, as they are written."""
    words = [word.strip("'’\"") for word in part.text.split()]
    return list(dict.fromkeys(word.lower() for word in words if stems(word)))


def bare(part: Part) -> str:
    """A clause as a caption: without leading words that name nothing, but for an article, or for what says how.

    A place has its whole name ("night at the lake").
    """
    words = part.text.split()
    if part.is_place:
        return " ".join(words)
    named = _named(words)

    def says(place: int) -> tuple[bool, bool]:
        before = " ".join(words[place:named])
        return says_how(before), says_how_often(before)

    first = max(place for place in range(named + 1) if says(place) == says(0))
    if (first and " ".join(words[first - 1 : first + 1]).lower() in _COMPOUNDS) or _is_a_can(words[:first]):
        first -= 1
    if first and words[first - 1].lower() in ("a", "an", "the"):
        first -= 1
    return " ".join(words[first:])


def _is_a_can(before: Sequence[str]) -> bool:
    """Whether some words end with a can, of tin: elsewhere it is what somebody can do."""
    return len(before) > 1 and before[-1].lower() == "can" and before[-2].lower() in ("a", "the", "his", "her", "beer")


def keeps_how(part: Part, caption: str) -> bool:
    """Whether a caption for a clause says how its sound is heard, where the clause does."""
    return says_how(caption) or not says_how(part.text)


def _named(words: Sequence[str]) -> int:
    """Which of some words is the first that can name a sound."""
    return next((place for place, word in enumerate(words) if stems(word)), len(words))


def with_how(part: Part, caption: str) -> str:
    """A caption for a clause, with what is said apart of how its sound is heard."""
    return f"{caption}, {part.how}" if part.how else caption
