"""When a clause says that its sound is heard: at which second, so many seconds later, for how long, how often.

    at three seconds                        from the story's beginning
    five seconds later, five seconds pass   from where the sound before it begins; a few, a moment: FEW_S, MOMENT_S
    after five seconds                      from the story's beginning, or from there where that is past
    for ten seconds, ten seconds of rain    how long
    every ten seconds, occasionally         again and again; where it doesn't say, about SOMETIMES_S apart
    halfway through, two thirds in, at 50%  a share of all the time that is to be heard; near the end, at the end

Seconds and minutes, in figures or in words; English only.

Knows nothing of stories or of plans.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

_ONES = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("ten", "twenty", "thirty", "forty", "fifty", "sixty")
_NUMBERS = {word: float(number) for number, word in enumerate(_ONES, start=1)}
_NUMBERS |= {word: 10.0 * tens for tens, word in enumerate(_TENS, start=1)}
_WORDS = rf"(?:half a|a(?= minute)|(?:(?:{'|'.join(_TENS[1:])})[ -])?(?:{'|'.join(reversed(_ONES))})|{'|'.join(_TENS)})"
NUMBER = rf"(?:\d+(?:[.,]\d+)?|\b{_WORDS})"
LENGTH = rf"(?:(?:about|around|exactly|another|the first|the last) )?{NUMBER}[ -]?(?:s|secs?|seconds?|mins?|minutes?)\b"
_OFTEN = rf"every (?:(?P<every>{LENGTH})|(?P<few>few|couple of) seconds|(?P<one>minute)\b)"
_SOMETIMES = (
    r"(?:occasional(?:ly)?|sporadic(?:ally)?|intermittent(?:ly)?|from time to time|once in a while|every so often"
    r"|sometimes)"
)
_STORY = r"(?: (?:of )?(?:the|this) (?:scene|story|track|clip|piece|recording|sequence|take))?"
_ELSEWHERE = r"(?! (?:the|his|her|its|up|down|across|to|between|along|home|of|out|into|there)\b)"
_WAY = rf"(?: of the way)? (?:in|through)\b{_STORY}{_ELSEWHERE}"
_SHARES = {
    0.25: rf"(?:a|one)[ -]quarter{_WAY}",
    1 / 3: rf"(?:a|one)[ -]third{_WAY}",
    0.5: rf"(?:(?:about|around|roughly) )?(?:half|mid)-?way(?: through| in)?\b{_STORY}{_ELSEWHERE}"
    rf"|(?:at|around|in|towards?) (?:about )?the (?:half-?way (?:point|mark)|mid-?point|middle){_STORY}{_ELSEWHERE}",
    2 / 3: rf"two[ -]thirds?{_WAY}",
    0.75: rf"three[ -]quarters?{_WAY}",
    0.85: rf"(?:(?:just |shortly )?before|near|nearing|towards?|close to) the (?:very )?end\b{_STORY}{_ELSEWHERE}",
    0.9: rf"at the (?:very )?end\b{_STORY}{_ELSEWHERE}",
}
_SHARE = "|".join(f"(?P<share{number}>{words})" for number, words in enumerate(_SHARES.values()))
_NOT_BEHIND = "".join(f"(?<!{word} )" for word in "over within about by after last first next".split())  # noqa: SIM905
_TOLD = re.compile(
    rf"\b(?:{_SHARE}|(?:at|after) (?P<percent>\d{{1,3}}) ?(?:%|per ?cent\b)(?: in\b)?)"
    rf"|\b(?P<later>{LENGTH}) (?:later|after(?:wards| that)|pass(?:es)?|go(?:es)? by)\b"
    r"|\b(?:an?|some)? ?(?P<soon>(?:few|couple of) (?:seconds|moments)|several seconds|moments?) (?:later|afterwards)\b"
    rf"|\b(?P<apart>{LENGTH}) apart\b"
    rf"|\b{_OFTEN}|\b(?P<sometimes>{_SOMETIMES})\b"
    rf"|\b(?:for|lasting|(?<=pause )of|(?<=silence )of|(?<=break )of) (?P<lasts>{LENGTH})|\b(?P<of>{LENGTH}) of\b"
    rf"|\b(?P<since>at|after|from|^in) (?P<at>{LENGTH}|seconds? {NUMBER}\b)(?: (?:in|on|onwards?)\b)?"
    rf"|(?<=[a-z]) (?<!every )(?<!for )(?<!in ){_NOT_BEHIND}(?P<behind>\d+(?:\.\d+)? ?(?:s|secs?|seconds))$",
    re.IGNORECASE,
)
_AN = re.compile(r"\ban(?= (?:occasional|intermittent)\b)", re.IGNORECASE)
LEAST_APART_S, FEW_S, SOMETIMES_S, MOMENT_S = 3.0, 5.0, 10.0, 2.0


@dataclass(frozen=True, slots=True)
class When:
    """at_s: when it begins, since the story's `start`, where the `last` sound began, or `either`; lasts_s: how long.

    Or at_s is a `share` of the story, until that is made seconds (`of`).

    every_s: from one beginning to the next; is_irregular: more or less. None: not said.
    """

    at_s: float | None = None
    since: Literal["start", "last", "either", "share"] = "start"
    lasts_s: float | None = None
    every_s: float | None = None
    is_irregular: bool = False

    @property
    def second_s(self) -> float | None:
        """The story's second at which it begins; None where that isn't said, or by the sound before, or as a share."""
        return None if self.since in ("last", "share") else self.at_s

    def of(self, seconds: float) -> "When":
        """The same in a story of so many seconds, of which it may be told as a share."""
        if self.at_s is None or self.since != "share":
            return self
        return replace(self, at_s=float(round(self.at_s * seconds)), since="start")

    def begins_s(self, last_s: float) -> float | None:
        """When it begins, behind a sound that began at `last_s`."""
        if self.at_s is None:
            return None
        is_past = self.since == "either" and self.at_s <= last_s
        return self.at_s + (last_s if self.since == "last" or is_past else 0.0)

    def __or__(self, other: "When") -> "When":
        """Both: what one doesn't say, the other may."""
        first = other if self.at_s is None else self
        often = other if self.every_s is None else self
        lasts_s = other.lasts_s if self.lasts_s is None else self.lasts_s
        return When(first.at_s, first.since, lasts_s, often.every_s, often.is_irregular)


NOT_SAID = When()


def timed(clause: str) -> tuple[str, When]:
    """A clause without the words that say when, and when that is."""
    when, clause = NOT_SAID, _AN.sub("a", clause)
    for told in _TOLD.finditer(clause):
        if _is_too_often(told):
            continue
        if told["every"] or told["one"]:
            when |= When(every_s=seconds_of(told["every"] or "one minute"))
        elif told["few"] or told["sometimes"]:
            when |= When(every_s=FEW_S if told["few"] else SOMETIMES_S, is_irregular=True)
        elif (share := _share(told)) is not None:
            when |= When(share, "share")
        elif lasts := told["lasts"] or told["of"] or told["behind"]:
            when |= When(lasts_s=seconds_of(lasts))
        elif soon := told["soon"]:
            when |= When(FEW_S if "seconds" in soon.lower() else MOMENT_S, "last")
        elif told["apart"] or "last" in (told["at"] or "").lower():
            continue
        elif told["later"] or "another" in told["at"].lower():
            when |= When(seconds_of(told["later"] or told["at"]), "last")
        else:
            when |= When(seconds_of(told["at"]), "either" if told["since"].lower() == "after" else "start")
    return " ".join(_TOLD.sub(lambda told: told[0] if _is_too_often(told) else " ", clause).split()), when


def _share(told: re.Match[str]) -> float | None:
    """The share of a story that is told; None where none is."""
    if told["percent"]:
        return min(1.0, int(told["percent"]) / 100)
    return next((share for number, share in enumerate(_SHARES) if told[f"share{number}"]), None)


def _is_too_often(told: re.Match[str]) -> bool:
    """Whether what is told to be heard so often goes on, rather."""
    return told["every"] is not None and seconds_of(told["every"]) < LEAST_APART_S


def seconds_of(length: str) -> float:
    """How many seconds a length is ("half a minute", "5 s"); a number alone is so many."""
    said = length.lower().replace(",", ".").replace("half a", "0.5").replace("a minute", "1 minute")
    words = re.findall(r"\d+(?:\.\d+)?|[a-z]+", said)
    count = sum(_NUMBERS.get(word) or float(word) for word in words if word in _NUMBERS or word[0].isdigit())
    return count * (60.0 if "min" in said else 1.0)
