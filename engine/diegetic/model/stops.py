"""What a clause says stops: the rain stops, the crowd falls silent, she switches the radio off, then silence.

English only. Knows nothing of sounds or of plans.
"""

import re

from diegetic.model.lasting import PLAYED
from diegetic.model.sounding import is_ambient

EVERYTHING = "everything"
EVERYONE = "people, crowds, audiences, children, voices, chatter, talks, murmurs, laughs, shouts, cheers, applause"
"""Words for the sounds of people."""

_QUIET = r"(?:completely |totally |suddenly |very )?(?:silent|quiet|still|calm)"
_OFF = r"(?:off|down)"
_ENDS = (
    r"stops|stopped|(?<!bus )(?<!tram )(?<!full )(?<!\ba )(?<!\bthe )(?<!-)stop(?! signs?\b)|ceases?|ceased|ends|ended"
    r"|(?:dies|die|died)(?: down| away| out|$)|(?:fades|fade|faded) (?:out|away)|(?:cuts?) (?:out|off)"
    r"|subsides?|subsided|lets up|(?:is|are|was|were) (?:over|gone)"
    r"|(?:comes?|came) to (?:a|an) (?:\w+ )?(?:stop|halt|end|standstill)"
    rf"|(?:falls?|fell|goes?|went|grows?|grew|gets?|becomes?|turns) {_QUIET}"
    rf"|(?:is|are|was|were|gets?) (?:suddenly )?(?:switched|turned|shut|cut|powered) {_OFF}"
    rf"|(?:shuts?|powers?|winds?) {_OFF}"
)
_STOPS = re.compile(rf"\b(?<!never )(?:{_ENDS})\b(?! (?:short|by|off at)\b)", re.IGNORECASE)
_STOPPED = re.compile(
    rf"\b(?:switch(?:es|ed)?|turn(?:s|ed)?|shuts?) (?:{_OFF} (?P<behind>.+)|(?P<between>(?:\w+ ){{1,3}}){_OFF}\b)"
    r"|\b(?:stops|silences|stopped|silenced) (?P<what>(?:the|his|her|their|that|this|it|them)\b.*)",
    re.IGNORECASE,
)
_SILENCE = re.compile(
    r"(?:(?:then|and|but|finally|suddenly|an?|the|total|complete|dead|sudden|absolute|deep|long|short|brief|eerie|tense"
    r"|some|moment of|beat of|there is|there['’]s|there comes) )*"
    r"(?:(?P<for_a_while>silence(?: (?:falls|follows|returns|settles|sets in|again))?|nothing(?: more)?|pauses?|break"
    r"|beat)"
    r"|calm(?: returns| again)?"
    rf"|(?:it|all|everything)(?: is| was| goes| went| falls| fell| becomes| grows| gets|'s) (?:\w+ )?{_QUIET})$",
    re.IGNORECASE,
)
_IS_DONE = re.compile(
    r"(?:it|they) (?:is|are|was|were|gets?) \w+"
    r"|(?:some(?:one|body)|he|she|they|i|you|we|(?:a|the|his|her) hand) \w+ (?:it|them)\b",
    re.IGNORECASE,
)
_IT = re.compile(r"(?:it|they)\b", re.IGNORECASE)
_ALL = re.compile(r"\b(?:everything|it all|all of it|all(?! (?:the|of|his|her|their)\b))", re.IGNORECASE)
_EVERYONE = re.compile(r"\b(?:everyone|everybody)\b", re.IGNORECASE)


_MUSIC = ", ".join([*PLAYED.split(), "jazz", "song", "tune", "waltz", "choir", "drums", "sings"])
_RUNS = {
    re.compile(r"\b(?:taps?|faucets?|showers?|hose|hosepipe)\b", re.IGNORECASE): "water",
    re.compile(r"\b(?:engine|motor|ignition)\b", re.IGNORECASE): "car, truck, lorry, van, bus, motorcycle, boat",
    re.compile(r"\b(?:radio|stereo|tv|television|record player)\b", re.IGNORECASE): "music, song, news, jazz",
    re.compile(r"\b(?:music|song|tune|melody|concert|musicians)\b", re.IGNORECASE): _MUSIC,
}
"""What is heard of something that is switched off, or stops."""
SILENCE_S = 2.0
"""How long told silence lasts, where the text doesn't say."""


def silent_s(clause: str, lasts_s: float | None) -> float | None:
    """How long a clause says that nothing is heard, at least; None where it says no such thing."""
    told = _SILENCE.match(clause.strip(" ."))
    return None if told is None else lasts_s or (SILENCE_S if told["for_a_while"] else 0.0)


def with_what_runs(what: str) -> str:
    """What stops, with what is heard of it: the tap is turned off, and the water stops."""
    return ", ".join((what, *(sounds for source, sounds in _RUNS.items() if source.search(what))))


_OUT = re.compile(r"(?P<what>(?:(?:the|bg) )?(?:\w+ )?\w+) out$", re.IGNORECASE)
"""How cue sheets say that what goes on stops: rain out."""


def stopped(clause: str, joined: str = "") -> str | None:
    """What stops, in the clause's words: "" for "it", EVERYTHING (or silence), EVERYONE; None where nothing does."""
    if _SILENCE.match(clause.strip(" .")):
        return EVERYTHING
    if joined.endswith(("until", "till")) and _IS_DONE.match(clause):  # until someone picks it up
        return ""
    if told := _STOPPED.search(clause):
        return str(told["behind"] or told["between"] or told["what"])
    if (out := _OUT.match(clause)) and is_ambient(out["what"]):
        return str(out["what"])
    if _STOPS.search(clause) is None:
        return None
    what = " ".join(_STOPS.sub(" ", clause).split())
    if _ALL.search(what):
        return EVERYTHING
    return EVERYONE if _EVERYONE.search(what) else "" if _IT.match(what) else what
