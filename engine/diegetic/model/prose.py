"""Lists, time sheets and instructions as the sentences that they stand for, so that only sentences need be read.

    1. Rain 2. Thunder              Rain, Thunder
    0:05 rain, 0:10 thunder         at 5 seconds rain, at 10 seconds thunder
    01:00:05:12 rain                at 5 seconds rain: a timecode, which begins with its first hour
    rain (0:05), thunder (0:10)     at 5 seconds rain, at 10 seconds thunder
    [5-15 s] rain; rain (5-15s)     at 5 seconds for 10 seconds rain
    for 5-10 seconds                for 7.5 seconds
    two and a half seconds, 1m20s   2.5 seconds, 80 seconds
    a 2 second pause                a pause of 2 seconds
    from five to ten seconds        at 5 seconds for 5 seconds
    Start with heavy rain.          first heavy rain.
    closer and closer               ever closer

A screenplay is read as what is heard of it (diegetic.model.screenplay). A text that is none of these stays as it is.
English only. Knows nothing of sounds or of plans.
"""

import re
from string import ascii_lowercase

from diegetic.model.screenplay import heard_of_script
from diegetic.model.when import LENGTH, NUMBER, seconds_of

TOGETHER = "_"
"""What joins words that are one, in place of a space: a letter, to whoever splits sentences."""

_UNIT = r"(?:s|secs?|seconds)\b"
_CLOCK = re.compile(r"(?<![\d:.])(\d{1,2}):([0-5]\d)(?![\d:]| ?(?:[ap]\.?m\b|o['’]clock|h\b))")
_TIMECODE = re.compile(r"(?<![\d:])(\d{1,2}):([0-5]\d):([0-5]\d)(?:[:;]\d\d|[.,]\d{1,3})?(?![\d:]| ?[ap]\.?m\b)")
_FRACTION = re.compile(r"(?<=\d:[0-5]\d)[.,]\d{1,3}(?=[\s\])-])")
_DASH = r"(?: ?(?:--?>|[-–—→]) ?| to )"
_CLOCK_BEHIND = re.compile(
    rf"(?<![^\n,;.])([^\n,;.()\[\]:]*[^\s,;.()\[\]:]) *[\[(](?:at )?({_CLOCK.pattern}(?:{_DASH}{_CLOCK.pattern})?)[\])]"
)
_CLOCK_ABOVE = re.compile(rf"^([\[(]?{_CLOCK.pattern}(?:{_DASH}{_CLOCK.pattern})?[\])]?:?)[ \t]*\n", re.MULTILINE)
_FIGURE = r"\d+(?:\.\d+)?"
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
_AND_A_HALF = re.compile(
    rf"\b(an?|one|{NUMBER}) (?:(minute|second)s?,? and a half|and a half (minute|second)s?)\b", re.IGNORECASE
)
_MINUTES = re.compile(
    rf"(?<![\d.])({NUMBER}) ?(?:m|mins?|minutes?),? ?(?:and )?({NUMBER}) ?(?:s|secs?|seconds?)\b", re.IGNORECASE
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
    told = _items(_BULLET.sub(", ", _clocks(heard_of_script(text))))
    told = _AND_A_HALF.sub(_half_more, told)
    told = _MINUTES.sub(lambda each: f"{60 * seconds_of(each[1]) + seconds_of(each[2]):g} seconds", told)
    told = _LONG_PAUSE.sub(r"\2 of \1", told)
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
    code = _TIMECODE.search(text)
    sheet = text if code is None else _TIMECODE.sub(lambda each: _minutes(each, int(code[1])), text)
    sheet = _CLOCK_ABOVE.sub(r"\1 ", _FRACTION.sub("", sheet))
    first = _CLOCK.search(sheet)
    if first is None or int(first[1]) > 0:
        return text
    text = sheet if sheet[: first.start()].strip(" [(@") == "" else _CLOCK_BEHIND.sub(r"\2 \1", sheet)
    text = re.sub(rf"[\[(]?{_CLOCK.pattern}{_DASH}{_CLOCK.pattern}[\])]?:?", _clock_span, text)
    return re.sub(rf"(?:\bat |@ ?)?[\[(]?{_CLOCK.pattern}[\])]?(?: [-–—](?= )|:)?", _clock_time, text)


def _clock_span(told: re.Match[str]) -> str:
    return f", {_span(_of_clock(told[1], told[2]), _of_clock(told[3], told[4]))}"


def _clock_time(told: re.Match[str]) -> str:
    return f", at {_of_clock(told[1], told[2])} seconds"


def _of_clock(minutes: str, seconds: str) -> str:
    return str(60 * int(minutes) + int(seconds))


def _minutes(code: re.Match[str], first_hour: int) -> str:
    """A timecode in minutes and seconds since its first hour."""
    return f"{60 * max(0, int(code[1]) - first_hour) + int(code[2])}:{code[3]}"


def _half_more(told: re.Match[str]) -> str:
    count = 1.0 if told[1].lower() in ("a", "an") else seconds_of(told[1])
    return f"{count + 0.5:g} {told[2] or told[3]}s"


def _items(text: str) -> str:
    """A list by numbers or letters, one clause an item."""
    items = [item[:-1] for item in _ITEM.findall(text)]
    in_order = ([str(number) for number in range(1, len(items) + 1)], [*ascii_lowercase[: len(items)]])
    return _ITEM.sub(", ", text) if len(items) > 1 and items in in_order else text
