"""Times as sheets write them, as the seconds that they stand for.

    0:05 rain, 0:10 thunder         at 5 seconds rain, at 10 seconds thunder
    0'05" rain, 0'10" thunder       the same; and 5" rain, 10" thunder
    01:00:05:12 rain                at 5 seconds rain: a timecode, which begins with its first hour
    rain (0:05), thunder (0:10)     at 5 seconds rain, at 10 seconds thunder
    rain @5, thunder @ 12s          rain at 5 seconds, thunder at 12 seconds
    rain, thunder (5s), hail (9s)   rain, at 5 seconds thunder, at 9 seconds hail: where they go up
    thunder (8s), rain (5s)         thunder for 8 seconds, rain for 5 seconds; one behind the other in lists by numbers
    at one minute twenty            at 80 seconds

English only. Knows nothing of sounds or of plans.
"""

import re
from itertools import pairwise

from diegetic.model.when import NUMBER, seconds_of

DASH = r"(?: ?(?:--?>|[-–—→]) ?| to )"
FIGURE = r"\d+(?:\.\d+)?"
UNIT = r"(?:s|secs?|seconds)\b"
_CLOCK = re.compile(r"(?<![\d:.])(\d{1,2}):([0-5]\d)(?![\d:]| ?(?:[ap]\.?m\b|o['’]clock|h\b))")
_TIMECODE = re.compile(r"(?<![\d:])(\d{1,2}):([0-5]\d):([0-5]\d)(?:[:;]\d\d|[.,]\d{1,3})?(?![\d:]| ?[ap]\.?m\b)")
_CALLED = re.compile(r"\b(?:TCR?|T/C|TIME ?CODE|Time ?code):? ?(?=[\[(]?\d)")
_FRACTION = re.compile(r"(?<=\d:[0-5]\d)[.,]\d{1,3}(?=[\s\])-])")
_PRIMES = re.compile(r"(?<![\d'’′.])(\d{1,2}) ?['’′] ?([0-5]\d)(?:\"|”|″|''|’’)?(?![\d'’′\"”″])")
_BEGINS = r"(?:(?<=^)|(?<=[\n;,.])|(?<=[\n;,.] ))"
_PRIME = r"(\d{1,3}(?:\.\d+)?) ?(?:\"|”|″|'')(?=[\s:,.;-]|$)"
_SECONDS = re.compile(_BEGINS + _PRIME)
_AT_SECONDS = re.compile(rf"\bat {_PRIME}", re.IGNORECASE)
_CLOCK_BEHIND = re.compile(
    rf"(?<![^\n,;.])([^\n,;.()\[\]:]*[^\s,;.()\[\]:]) *[\[(](?:at )?({_CLOCK.pattern}(?:{DASH}{_CLOCK.pattern})?)[\])]"
)
_CLOCK_ABOVE = re.compile(rf"^([\[(]?{_CLOCK.pattern}(?:{DASH}{_CLOCK.pattern})?[\])]?:?)[ \t]*\n", re.MULTILINE)
_AT_SIGN = re.compile(
    rf"(?<!\w)@ ?({FIGURE})(?![\d:]|[.]\d)(?: ?{UNIT}|(?![\w%\"”″'])(?! ?(?:%|m\b|mins?\b|minutes?)))"
)
_BRACKETED = re.compile(rf"(?<![^\n,;.])([^\n,;.()\[\]]*[^\s,;.()\[\]]) *[\[(]({FIGURE}) ?{UNIT}[\])]")
_ITEM = re.compile(r"^[ \t]*\d{1,2}[.)] ", re.MULTILINE)
_MINUTES = re.compile(
    rf"(?<![\d.])({NUMBER}) ?(?:m|mins?|minutes?),? ?(?:and )?({NUMBER}) ?(?:s|secs?|seconds?)\b", re.IGNORECASE
)
_MINUTE_TWENTY = re.compile(
    rf"\b((?:at|after|for|until|from) {NUMBER}) minutes? (?:and )?({NUMBER})"
    r"(?=[,.;:]|$| (?:an?|the|in|his|her|its|their|some\w*|there|we|he|she|it|they)\b)",
    re.IGNORECASE,
)


def in_seconds(text: str) -> str:
    """The same, with times in words: at so many seconds, for so many."""
    text = _AT_SIGN.sub(r"at \1 seconds", _MINUTE_TWENTY.sub(_in_all, _clocks(text)))
    text = _MINUTES.sub(lambda each: f"{60 * seconds_of(each[1]) + seconds_of(each[2]):g} seconds", text)
    return _bracketed(text)


def span(start: str, end: str) -> str:
    """From one second to another; as they are where the second one isn't later."""
    first, last = seconds_of(start), seconds_of(end)
    return f"at {first:g} seconds for {last - first:g} seconds" if last > first else f"at {first:g} seconds"


def _clocks(text: str) -> str:
    """Minutes and seconds of a time sheet, which begins in its first minute; other times are a clock's."""
    code = _TIMECODE.search(text)
    sheet = text if code is None else _TIMECODE.sub(lambda each: _minutes(each, int(code[1])), _CALLED.sub("", text))
    sheet = _CLOCK_ABOVE.sub(r"\1 ", _FRACTION.sub("", _PRIMES.sub(r"\1:\2", sheet)))
    first = _CLOCK.search(sheet)
    if first is None or int(first[1]) > 0:
        return _seconds_alone(text)
    text = sheet if sheet[: first.start()].strip(" [(@") == "" else _CLOCK_BEHIND.sub(r"\2 \1", sheet)
    text = re.sub(rf"[\[(]?{_CLOCK.pattern}{DASH}{_CLOCK.pattern}[\])]?:?", _clock_span, text)
    return re.sub(rf"(?:\bat |@ ?)?[\[(]?{_CLOCK.pattern}[\])]?(?: [-–—](?= )|:)?", _clock_time, text)


def _seconds_alone(text: str) -> str:
    """Seconds of a time sheet that go up (5" rain, 12" thunder); a 12" record is left."""
    text = _AT_SECONDS.sub(r"at \1 seconds", text)
    told = [float(each[1]) for each in _SECONDS.finditer(text)]
    return _SECONDS.sub(r"\1 seconds:", text) if len(told) > 1 and _go_up(told) else text


def _bracketed(text: str) -> str:
    """Seconds in brackets: when, where they go up from one to the next; in lists by numbers, and else, how long.

    Where all of a list's items have some, they follow each other.
    """
    told, items = [float(each[2]) for each in _BRACKETED.finditer(text)], len(_ITEM.findall(text))
    if len(told) > 1 and len(told) == items:
        begins = iter([sum(told[:number]) for number in range(items)])
        return _BRACKETED.sub(
            lambda each: f" at {next(begins):g} seconds for {each[2]} seconds {each[1].strip()}", text
        )
    if len(told) > 1 and _go_up(told) and not items:
        return _BRACKETED.sub(lambda each: f" at {each[2]} seconds {each[1].strip()}", text)
    return _BRACKETED.sub(lambda each: f"{each[1]} for {each[2]} seconds", text)


def _go_up(seconds: list[float]) -> bool:
    return all(first < second for first, second in pairwise(seconds))


def _in_all(told: re.Match[str]) -> str:
    """A minute and so many seconds, without their name."""
    word, _, minutes = told[1].partition(" ")
    return f"{word} {60 * seconds_of(minutes) + seconds_of(told[2]):g} seconds"


def _clock_span(told: re.Match[str]) -> str:
    return f", {span(_of_clock(told[1], told[2]), _of_clock(told[3], told[4]))}"


def _clock_time(told: re.Match[str]) -> str:
    return f", at {_of_clock(told[1], told[2])} seconds"


def _of_clock(minutes: str, seconds: str) -> str:
    return str(60 * int(minutes) + int(seconds))


def _minutes(code: re.Match[str], first_hour: int) -> str:
    """A timecode in minutes and seconds since its first hour."""
    return f"{60 * max(0, int(code[1]) - first_hour) + int(code[2])}:{code[3]}"
