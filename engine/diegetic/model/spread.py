"""Where in a story what is told without a time begins, and what of a long text a plan has room for.

A small LLM tells one sound every six to ten seconds, however long the story is. So what is told in a long one is
over its length in the text's order: sentences stand further apart than clauses of one, and what is told to come "right
away" or "with" something stays beside it. How far apart exactly is the LLM's.

Knows nothing of events.
"""

import re
from collections.abc import Sequence
from typing import Protocol, TypeVar

from diegetic.model.sounding import may_sound
from diegetic.model.subjects import says_who_does

LONG_S = 60.0
"""Stories longer than that are long: what they tell is spread over them."""
A_SENTENCE, A_CLAUSE, ITS_OWN, AT_ONCE = 1.0, 0.6, 0.3, 0.0
"""How far a clause is from the one before it: in another sentence, the same, of who did that, or together with it."""
_LEAST, _MOST, _MOST_OF_SHORT = 0.8, 1.4, 2.0
"""A clause begins so many of its shares behind the one before it."""
_SETTING_S, _BESIDE_S = 8.0, 2.0
"""How long beds set the scene, at least, before something happens; and where something is heard beside another."""
_MANY = 10
"""Clauses of a text in which those that are heard are told rather."""
_AT_ONCE = re.compile(
    r"\b(?:right away|immediately|instantly|straight ?away|at once|at the same (?:time|moment)|simultaneously"
    r"|(?:right|straight|directly|immediately) (?:after|behind))\b",
    re.IGNORECASE,
)


class Clause(Protocol):
    """What is to be known of a clause here."""

    @property
    def text(self) -> str: ...
    @property
    def goes_on(self) -> bool: ...
    @property
    def is_timed(self) -> bool: ...
    @property
    def gap(self) -> float: ...


Each = TypeVar("Each", bound=Clause)


def gap_before(joined: str, words: str, is_first: bool, is_its_own: bool) -> float:
    """How far a clause is from the one before it, by what joins it, and whether it does what that one did."""
    if joined.endswith(("with", "as")) or _AT_ONCE.search(f"{joined} {words}"):
        return AT_ONCE
    return A_SENTENCE if is_first else ITS_OWN if is_its_own else A_CLAUSE


def share_s(
    clause: Clause, following: Sequence[Clause], last_s: float, until_s: float, seconds: float, is_setting: bool
) -> tuple[float, float]:
    """From when to when a clause may begin that is told behind one at `last_s`, with others to come before `until_s`.

    seconds: the story's; is_setting: whether only beds were told.
    """
    gaps = [each.gap for each in (clause, *following)]
    each_s = (until_s - last_s) / (sum(gaps) + max(A_CLAUSE, sum(gaps) / len(gaps)))
    if seconds <= LONG_S:
        return 0.0, last_s + _MOST_OF_SHORT * each_s * max(clause.gap, A_CLAUSE)
    first_s, most_s = _LEAST * each_s * clause.gap, max(_BESIDE_S, _MOST * each_s * clause.gap)
    return (
        (last_s + min(first_s, _SETTING_S), last_s + min(most_s, 2 * _SETTING_S))
        if is_setting
        else (last_s + first_s, last_s + most_s)
    )


def told_first(clauses: Sequence[Each], room: int) -> list[Each]:
    """Those of some clauses that a plan has room for, in their order: of many rather those that are heard."""
    told = [each for each in clauses if len(clauses) < _MANY or _is_heard(each)]
    if len(told) <= room:
        return told
    timed = [each.is_timed for each in told]
    left = max(0, room - sum(timed))
    others = [place for place, is_timed in enumerate(timed) if not is_timed]
    kept = {others[round(number * (len(others) - 1) / max(1, left - 1))] for number in range(left)}
    return [each for place, each in enumerate(told) if timed[place] or place in kept][:room]


def _is_heard(clause: Clause) -> bool:
    return clause.goes_on or clause.is_timed or may_sound(clause.text) or not says_who_does(clause.text)
