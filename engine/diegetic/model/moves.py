"""What words of a caption say of how a sound comes and goes: it dies down, gets heavier, picks up and then fades.

English only. Knows nothing of samples.
"""

import re
from itertools import groupby

Course = tuple[tuple[float, float], ...]
"""Seconds from a sound's start, and its level there in dB; between them level is a line, outside of them it stays."""

_MORE = r"louder|stronger|heavier|harder|wilder|fiercer|more (?:violent|intense|powerful|furious|insistent|frantic)"
_LESS = r"quieter|softer|fainter|weaker|lighter|gentler|calmer"
_ALONE = r"(?! (?:the|an?|his|her|their|its|my|our|your|this|that|these|some\w*|it|them|him|from|where)\b)"
"""Nothing that it is done to follows: the wind picks up, she picks up the phone."""
_BECOMES = (
    r"(?:gets?|getting|got|grows?|growing|grew|becomes?|becoming|became|turns?|blows?|falls?|beats?)"
    r" (?:(?:ever|even|much|still|steadily|slowly|gradually|a (?:little|bit)) )?"
)
FADES = (
    r"(?:die|dies|dying|died) (?:down|away|out)|(?:fade|fades|fading|faded) (?:away|out|into)|fades?$"
    rf"|(?:reced|subsid)(?:e|es|ing|ed)|ebb(?:s|ing|ed)?(?: away)?|abat(?:e|es|ing|ed)|dwindl(?:e|es|ing|ed)"
    rf"|(?:peter|trail)s? (?:out|off|away)|eas(?:e|es|ed){_ALONE}|calms? down|quiet(?:en)?s? down"
    rf"|weakens?|{_BECOMES}(?:{_LESS})|ever (?:{_LESS})"
)
_FALLS = rf"{FADES}|(?:drives|rides|flies|walks|sails|gallops|rolls|runs) (?:off|away)"
RISES = (
    r"approach(?:es|ing|ed)?|(?:comes?|coming|draws?|drawing|gets?|getting|moves?|moving) (?:near|nearer|closer)"
    rf"|{_BECOMES}(?:{_MORE})|ever (?:{_MORE}|nearer|closer)"
    rf"|swell(?:s|ing)?|(?:pick|build)s? up{_ALONE}|rises?|intensif(?:y|ies|ying)|strengthens?{_ALONE}"
)
_MOVES = re.compile(rf"\b(?:(?P<falls>{_FALLS})|{RISES})\b")
_SLOWLY = re.compile(r"\b(?:slow|gradual)(?:ly)?\b")

AWAY_DB = 18.0
"""How much softer what has come from afar is at first, what has died down at last."""
_BED_LOW_DB = 12.0
_BED_S = 20.0
"""In what time a sound that goes on has come or gone: nobody knows yet how long it will go on."""


def course_of(said: str, seconds: float | None = None, since_s: float = 0.0) -> Course:
    """A sound's level by what a caption, in lower case, says; () where it says nothing of that.

    seconds: how long it is, None for a bed; since_s: for how long it has gone on already.
    """
    told = [match["falls"] is None for match in _MOVES.finditer(said)]
    rises = [each for each, _ in groupby(told)]
    if not rises:
        return ()
    low_db = AWAY_DB if seconds is not None or not rises[0] else _BED_LOW_DB
    levels = [-low_db if rises[0] else 0.0, *(0.0 if each else -AWAY_DB for each in rises)]
    each_s = _BED_S * (2 if _SLOWLY.search(said) else 1) if seconds is None else seconds / len(rises)
    points = tuple((each_s * number - since_s, level) for number, level in enumerate(levels))
    return points[-1:] if since_s > 0 and seconds is not None else points
