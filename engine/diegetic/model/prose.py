"""Lists, time sheets and instructions as the sentences that they stand for, so that only sentences need be read.

    1. Rain 2. Thunder              Rain, Thunder
    0:05 rain, 0:10 thunder         at 5 seconds rain, at 10 seconds thunder
    [5-15 s] rain; rain (5-15s)     at 5 seconds for 10 seconds rain
    for 5-10 seconds                for 7.5 seconds
    from five to ten seconds        at 5 seconds for 5 seconds
    Start with heavy rain.          first heavy rain.
    closer and closer               closer

A text that is none of these stays as it is. English only. Knows nothing of sounds or of plans.
"""

import re

from diegetic.model.when import NUMBER, seconds_of

TOGETHER = "_"
"""What joins words that are one, in place of a space: a letter, to whoever splits sentences."""

_UNIT = r"(?:s|secs?|seconds)\b"
_CLOCK = re.compile(r"(?<![\d:.])(\d{1,2}):([0-5]\d)(?![\d:]| ?(?:[ap]\.?m\b|o['’]clock|h\b))")
_FIGURE = r"\d+(?:\.\d+)?"
_DASH = r"(?: ?[-–—] ?| to )"
_SPAN = rf"({_FIGURE}) ?(?:{_UNIT})?{_DASH}({_FIGURE}) ?{_UNIT}"
_BEHIND = re.compile(rf"(?<![^\n,;.])([^\n,;.()\[\]]*[^\s,;.()\[\]]) *[\[(]{_SPAN}[\])]")
_BEFORE = re.compile(rf"(?<![^\s,;.])[\[(]?{_SPAN}(?:[\])]| ?:| [-–—](?= ))[:,]?")
_FROM_TO = re.compile(
    rf"\b(?:from|between) ({NUMBER}) ?(?:{_UNIT} )?(?:to|and|until|till|-|–) ({NUMBER})[ -]?{_UNIT}", re.IGNORECASE
)
_BEGINS = r"(?:(?<=^)|(?<=[\n;,])|(?<=[\n;,.] ))"
_SECOND = rf"{_BEGINS}[\[(@]?({_FIGURE}) ?{_UNIT}"
_POINT = re.compile(rf"{_SECOND}(?:[\])]| ?:| [-–—](?= ))[:,]?")
_FROM_NOUGHT = re.compile(rf"{_SECOND}[\])]?(?: ?:| [-–—](?= ))?")
_ABOUT = re.compile(rf"\b(for|every|after|lasting) ({_FIGURE}){_DASH}({_FIGURE})(?= ?{_UNIT})", re.IGNORECASE)
_AT_ONE = re.compile(
    rf"\b(at {NUMBER} ?{_UNIT}.*?\b(?:off|stops?|ends?|out|again) at {NUMBER})(?=[.,;]|$)", re.IGNORECASE
)
_ITEM = re.compile(r"(?:^|[.;,]?\s)(\d{1,2})[.)]\s+(?=\D)")
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
    told = _items(_BULLET.sub(", ", _clocks(text)))
    told = _ABOUT.sub(lambda each: f"{each[1]} {(float(each[2]) + float(each[3])) / 2:g}", told)
    told = _BEHIND.sub(lambda each: f" {_span(each[2], each[3])} {each[1].strip()}", told)
    told = _BEFORE.sub(lambda each: f", {_span(each[1], each[2])}", told)
    told = _FROM_TO.sub(lambda each: _span(each[1], each[2]), told)
    told = (_FROM_NOUGHT if told.startswith("0") else _POINT).sub(r", at \1 seconds", told)
    told = _AT_ONE.sub(r"\1 seconds", told)
    for words, meant in _INSTRUCTIONS.items():
        told = words.sub(meant, told)
    told = _MORE_AND_MORE.sub(r"ever \1", _BUT_FIRST.sub("then ", told))
    return text if told == text else _DOUBLED.sub(r"\1 ", told).strip(" ,")


def together(text: str) -> str:
    """What is one though "and" stands in it ("pots and pans"), its words joined by TOGETHER."""
    return _PAIRS.sub(lambda told: told[0].replace(" ", TOGETHER), text)


def _span(start: str, end: str) -> str:
    """From one second to another; as they are where the second one isn't later."""
    first, last = seconds_of(start), seconds_of(end)
    return f"at {first:g} seconds for {last - first:g} seconds" if last > first else f"at {first:g} seconds"


def _clocks(text: str) -> str:
    """Minutes and seconds of a time sheet, which begins in its first minute; other times are a clock's."""
    first = _CLOCK.search(text)
    if first is None or int(first[1]) > 0:
        return text
    text = re.sub(rf"[\[(]?{_CLOCK.pattern}{_DASH}{_CLOCK.pattern}[\])]?:?", _clock_span, text)
    return re.sub(rf"(?:\bat |@ ?)?[\[(]?{_CLOCK.pattern}[\])]?(?: [-–—](?= )|:)?", _clock_time, text)


def _clock_span(told: re.Match[str]) -> str:
    return f", {_span(_of_clock(told[1], told[2]), _of_clock(told[3], told[4]))}"


def _clock_time(told: re.Match[str]) -> str:
    return f", at {_of_clock(told[1], told[2])} seconds"


def _of_clock(minutes: str, seconds: str) -> str:
    return str(60 * int(minutes) + int(seconds))


def _items(text: str) -> str:
    """A numbered list, one clause an item."""
    numbers = [int(number) for number in _ITEM.findall(text)]
    return _ITEM.sub(", ", text) if len(numbers) > 1 and numbers == [*range(1, len(numbers) + 1)] else text
