"""Where the events of a picture are drawn: rows within lanes, so that no sound and no caption lies over another.

A caption that is too long for its place is cut. It begins with its event's number then, under which a legend has it in
full. Where a lane would need too many rows even so, numbers alone stand there.

Lengths are in inches, from the left and from the top. Knows nothing of what draws, or of what sounds.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Measure: TypeAlias = "Callable[[str], float]"
"""How wide a text will be."""

ROW, LEAST_LANE = 0.46, 0.95
_MOST_ROWS = 7
_LEAST_ROOM = 2.2
_GAP = 0.1
_TOUCHING = 0.002  # what ends here and what begins here don't overlap, however both are rounded


@dataclass(frozen=True, slots=True)
class Sound:
    """An event in its lane: its number in the story, its caption, and from where to where it sounds."""

    number: int
    caption: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """Where a sound is drawn: its row's top and height, what is written there, and where that begins."""

    sound: Sound
    top: float
    height: float
    text: str
    text_left: float


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane's place and what is in it."""

    top: float
    height: float
    drawn: tuple[Drawn, ...]


def lay_lanes(lanes: Sequence[Sequence[Sound]], width: float, measure: Measure) -> tuple[Lane, ...]:
    """Lay out lanes of sounds, one below the other, in a picture of this width."""
    laid, top = list[Lane](), 0.0
    for sounds in lanes:
        in_order = sorted(sounds, key=lambda sound: sound.left)
        rows = _rows(in_order, [_caption(sound, measure) for sound in in_order], width, measure)
        if len(rows) > _MOST_ROWS:
            rows = _rows(in_order, [str(sound.number) for sound in in_order], width, measure)
        height = max(LEAST_LANE, ROW * len(rows))
        each = height / max(1, len(rows))
        drawn = (
            Drawn(sound, top + number * each, each, text, left)
            for number, row in enumerate(rows)
            for sound, text, left in row
        )
        laid.append(Lane(top, height, tuple(drawn)))
        top += height
    return tuple(laid)


def legend(lanes: Sequence[Lane]) -> tuple[Sound, ...]:
    """The sounds whose captions aren't written in full where they are, in order of their numbers."""
    cut = (each.sound for lane in lanes for each in lane.drawn if each.text != each.sound.caption)
    return tuple(sorted(cut, key=lambda sound: sound.number))


def wrapped(text: str, room: float, measure: Measure) -> list[str]:
    """`text` in lines that are no wider than `room`; at least one."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if measure(longer) <= room:
            lines[-1] = longer
            continue
        while measure(word) > room and len(word) > 1:
            count = max(1, _most(word, room, measure))
            lines.append(word[:count])
            word = word[count:]
        lines.append(word)
    return [line for line in lines if line] or [""]


def cut(text: str, room: float, measure: Measure) -> str:
    """`text`, or as much of its beginning as `room` takes, and an ellipsis."""
    return text if measure(text) <= room else f"{text[: _most(text, room - measure('…'), measure)].rstrip()}…"


def _caption(sound: Sound, measure: Measure) -> str:
    room = max(_LEAST_ROOM, sound.right - sound.left)
    return sound.caption if measure(sound.caption) <= room else cut(f"{sound.number}  {sound.caption}", room, measure)


def _rows(
    sounds: Sequence[Sound], texts: Sequence[str], width: float, measure: Measure
) -> list[list[tuple[Sound, str, float]]]:
    """Each sound with its text, and where that begins, in the first row that is free of both by then."""
    rows, ends = list[list[tuple[Sound, str, float]]](), list[float]()
    for sound, text in zip(sounds, texts, strict=True):
        wide = measure(text)
        left = max(0.0, min(sound.left, width - wide))
        row = next((row for row, end in enumerate(ends) if left >= end - _TOUCHING), len(rows))
        rows[row:] = rows[row:] or [[]]
        rows[row].append((sound, text, left))
        ends[row : row + 1] = [max(sound.right, left + wide + _GAP)]
    return rows


def _most(text: str, room: float, measure: Measure) -> int:
    """How many characters of `text` are no wider than `room`."""
    return max(0, bisect_right(range(len(text) + 1), room, key=lambda count: measure(text[:count])) - 1)
