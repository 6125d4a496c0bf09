"""Lists, time sheets and instructions as the sentences that they stand for, so that only sentences need be read.

    1. Rain 2. Thunder              Rain, Thunder
    [5-15 s] rain; rain (5-15s)     at 5 seconds for 10 seconds rain
    for 5-10 seconds                for 7.5 seconds
    two and a half seconds, 1m20s   2.5 seconds, 80 seconds
    a 2 second pause                a pause of 2 seconds
    from five to ten seconds        at 5 seconds for 5 seconds
    Start with heavy rain.          first heavy rain.
    closer and closer               ever closer

A screenplay is read as what is heard of it (diegetic.model.screenplay), times as seconds (diegetic.model.timecodes),
what is pasted as lines (diegetic.model.pasted). A text that is none of these stays as it is.
English only. Knows nothing of sounds or of plans.
"""

import re
from string import ascii_lowercase

from diegetic.model.pasted import in_lower_case, unpasted
from diegetic.model.screenplay import heard_of_script
from diegetic.model.timecodes import DASH, FIGURE, UNIT, in_seconds, span
from diegetic.model.unheard import heard_alone
from diegetic.model.when import LENGTH, NUMBER, seconds_of

TOGETHER = "_"
"""What joins words that are one, in place of a space: a letter, to whoever splits sentences."""

_SPAN = rf"({FIGURE}) ?(?:{UNIT})?{DASH}({FIGURE}) ?{UNIT}"
_BEHIND = re.compile(rf"(?<![^\n,;.])([^\n,;.()\[\]]*[^\s,;.()\[\]]) *[\[(]{_SPAN}[\])]")
_BEFORE = re.compile(rf"(?<![^\s,;.])[\[(]?{_SPAN}(?:[\])]| ?:| [-–—](?= ))[:,]?")
_FROM_TO = re.compile(
    rf"\b(?:from|between) ({NUMBER}) ?(?:{UNIT} )?(?:to|and|until|till|-|–) ({NUMBER})[ -]?{UNIT}", re.IGNORECASE
)
_BEGINS = r"(?:(?<=^)|(?<=[\n;,])|(?<=[\n;,.] ))"
_SECOND = rf"{_BEGINS}[\[(@]?({FIGURE}) ?{UNIT}"
_POINT = re.compile(rf"{_SECOND}(?:[\])]| ?:| [-–—](?= ))[:,]?")
_FROM_NOUGHT = re.compile(rf"{_SECOND}[\])]?(?: ?:| [-–—](?= ))?")
_ABOUT = re.compile(rf"\b(for|every|after|lasting) ({FIGURE}){DASH}({FIGURE})(?= ?{UNIT})", re.IGNORECASE)
_AT_ONE = re.compile(
    rf"\b(at {NUMBER} ?{UNIT}.*?\b(?:off|stops?|ends?|out|again) at {NUMBER})(?=[.,;]|$)", re.IGNORECASE
)
_TITLE = re.compile(
    r"^((?:boss|scene|level|phase|intro|outro|cutscene|mission|quest|chapter|episode|stage|trailer|opening|ending)\b"
    r"[^\n.:,;–—-]*?) +(?:--?|[–—]) +",
    re.IGNORECASE,
)
_TITLES = re.compile(r"\b(Mr|Mrs|Ms|Dr|Prof|St|Sgt|Lt|Capt)\.(?= )")
_AND_A_HALF = re.compile(
    rf"\b(an?|one|{NUMBER}) (?:(minute|second)s?,? and a half|and a half (minute|second)s?)\b", re.IGNORECASE
)
_LONG_PAUSE = re.compile(rf"({LENGTH})(?: long)? (pause|silence|break|beat)\b", re.IGNORECASE)
_ITEM = re.compile(r"(?:^|[.;,]?\s)(\d{1,2}[.)]|[a-z]\))\s+(?=\D)")
_BULLET = re.compile(r"(?:^|[.;,]?\s*\n)[ \t]*[-*•–][ \t]+")
_AT_A_START = r"(?:(?<=^)|(?<=[.!?\n] )|(?<=\n))"
_BUT_FIRST = re.compile(
    r"(?:(?<=[.;:!?\n,] ))(?:second|third|fourth|last)(?:ly)?,? (?=(?:an?|the|some)\b)", re.IGNORECASE
)
_INSTRUCTIONS = {
    re.compile(rf"{_AT_A_START}(?:please )?{words} ", re.IGNORECASE): meant
    for words, meant in (
        (r"(?:start|begin|open)(?:s|ning|ing)?(?: off| out)? (?:with|on)", "first "),
        (r"(?:then |now )?(?:add|bring in|fade in|layer in|include|cut to)", "now "),
        (r"(?:end|finish|close)(?: off| out)? (?:with|on)", "finally "),
    )
}
_DOUBLED = re.compile(r"(^|[\n.:;,])[ ]*, ")
_MORE_AND_MORE = re.compile(r"\b(\w+er|more) and \1\b", re.IGNORECASE)
_PAIRS = re.compile(
    r"\b(?:back and forth|to and fro|on and off|in and out|up and down|round and round|here and there"
    r"|pots and pans|kni(?:fe|ves) and forks?|cups? and saucers?|horses? and (?:carts?|carriages?|buggy)"
    r"|bits and pieces|thunder and lightning|hustle and bustle|rock and roll|nuts and bolts|bows? and arrows?"
    r"|pen and paper|lock and key|drum and bass)\b",
    re.IGNORECASE,
)


def prose(text: str) -> str:
    """The same in sentences."""
    told = _TITLE.sub(r"\1: ", text)
    told = heard_alone(_TITLES.sub(r"\1", heard_of_script(unpasted(told))))
    told = in_lower_case(in_seconds(_AND_A_HALF.sub(_half_more, told)))
    told = _items(_BULLET.sub(", ", told))
    told = _LONG_PAUSE.sub(r"\2 of \1", told)
    told = _ABOUT.sub(lambda each: f"{each[1]} {(float(each[2]) + float(each[3])) / 2:g}", told)
    told = _BEHIND.sub(lambda each: f" {span(each[2], each[3])} {each[1].strip()}", told)
    told = _BEFORE.sub(lambda each: f", {span(each[1], each[2])}", told)
    told = _FROM_TO.sub(lambda each: span(each[1], each[2]), told)
    told = (_FROM_NOUGHT if told.startswith("0") else _POINT).sub(r", at \1 seconds", told)
    told = _AT_ONE.sub(r"\1 seconds", told)
    for words, meant in _INSTRUCTIONS.items():
        told = words.sub(meant, told)
    told = _MORE_AND_MORE.sub(r"ever \1", _BUT_FIRST.sub("then ", told))
    return text if told == text else _DOUBLED.sub(r"\1 ", told).strip(" ,")


def together(text: str) -> str:
    """What is one though "and" stands in it ("pots and pans"), its words joined by TOGETHER."""
    return _PAIRS.sub(lambda told: told[0].replace(" ", TOGETHER), text)


def _half_more(told: re.Match[str]) -> str:
    count = 1.0 if told[1].lower() in ("a", "an") else seconds_of(told[1])
    return f"{count + 0.5:g} {told[2] or told[3]}s"


def _items(text: str) -> str:
    """A list by numbers or letters, one clause an item."""
    items = [item[:-1] for item in _ITEM.findall(text)]
    in_order = ([str(number) for number in range(1, len(items) + 1)], [*ascii_lowercase[: len(items)]])
    return _ITEM.sub(", ", text) if len(items) > 1 and items in in_order else text
