"""A story and its events as values, and the rules they keep.

A story is what was told (instruction, seconds, seed, model) and what was planned from it (reasoning, events). Times
are seconds from the start of the story. Rules are checked where a story enters the engine (`check_story`), not in the
values themselves: a segment is rendered longer than its event, so that the next one in its lane can fade in.

Knows nothing of files, models or samples.
"""

import hashlib
import math
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from diegetic.errors import InputError
from diegetic.text_file import plain_lines

MIN_EVENT_S, MAX_EVENT_S = 1.0, 27.0
MAX_PLANNED_EVENTS = 32
MIN_STORY_S, MAX_TOLD_S = 1.0, 12 * MAX_EVENT_S
MAX_STORY_S = 3600.0
MAX_TEXT_CHARACTERS = 4000
MAX_CAPTION_CHARACTERS = 500
GAIN_RANGE_DB = (-60.0, 24.0)
MAX_SEED = 2**63 - 1

BED, FOREGROUND = "bed", "foreground"

OVERLAP_S = 0.8
"""How much longer than its event every segment is rendered: in that time the next one in its lane fades in."""

_LANE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_SLACK_S = 1e-6
_SPLIT = "split what is longer: the same caption in the same lane goes on as one sound"


@dataclass(frozen=True, slots=True)
class Event:
    """One planned sound.

    id: stable under edits ("e1", "e2", ...). seed: None takes the story's, with the id. variation: how freely the model
    varies the sound, 0..1; None takes the model's own measure. gain_db is applied in the stems, never rendered. loop:
    whether it is laid out as a loop, too.
    """

    id: str
    caption: str
    start_s: float
    duration_s: float
    lane: str = FOREGROUND
    seed: int | None = None
    gain_db: float = 0.0
    variation: float | None = None
    loop: bool = False

    @property
    def end_s(self) -> float:
        return self.start_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Story:
    """One narrative: what was told, and the plan made of it. Events are in order of their starts."""

    instruction: str
    seconds: float
    seed: int
    model: str
    reasoning: str = ""
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What a user asked for, before there is a plan. variation: for every event that is planned (see Event)."""

    instruction: str
    seconds: float
    seed: int = 0
    variation: float | None = None


def check_words(text: str) -> None:
    """Raise InputError where there is text but no word in it. A symbol, as an emoji, counts as one."""
    if text.strip() and not any(char.isalnum() or unicodedata.category(char) == "So" for char in text):
        raise InputError(f"text: must say what is to be heard, got no word in {text[:20]!a}; describe a scene")


def check_told(told: Told) -> Told:
    """The same in plain lines and whole milliseconds. Raises InputError where a plan can't be asked for."""
    check_words(told.instruction)
    return _limited(told)


def check_story(story: Story) -> Story:
    """The same, with its events in order. Raises InputError at the first rule that is broken, naming the event."""
    _limited(Told(story.instruction, MIN_STORY_S, story.seed))
    _check_seconds(story.seconds, MAX_STORY_S, "tell what follows as a story of its own")
    if not story.events:
        raise InputError("story: must have at least one event, got none; add one, or render the text again")
    seen: set[str] = set()
    for event in story.events:
        check_event(event)
        if event.id in seen:
            raise InputError(f"event {event.id}: ids must be unique, got it twice; leave id out of the new event")
        if event.end_s > story.seconds + _SLACK_S:
            raise InputError(
                f"event {event.id}: must end within the story's {story.seconds:g} s, got {event.end_s:g}; "
                "shorten it or raise seconds"
            )
        seen.add(event.id)
    return replace(
        story, seconds=milliseconds(story.seconds), events=tuple(sorted(story.events, key=lambda event: event.start_s))
    )


def check_event(event: Event) -> None:
    """Raise InputError where an event breaks a rule of its own."""
    subject = f"event {event.id}"
    if not _ID.fullmatch(event.id):
        raise InputError(f"event {event.id[:40]!r}: id must be 1..32 letters, digits, - or _; or leave it out")
    if not 1 <= len(event.caption.strip()) <= MAX_CAPTION_CHARACTERS:
        given = len(event.caption.strip())
        raise InputError(f"{subject}: caption must have 1..{MAX_CAPTION_CHARACTERS} characters, got {given}; reword it")
    check_lane(subject, event.lane)
    if not (math.isfinite(event.start_s) and event.start_s >= 0):
        raise InputError(f"{subject}: start_s must be 0 or later, got {event.start_s:g}")
    if event.duration_s <= 0:
        raise InputError(
            f"{subject}: must end after its start at {event.start_s:g} s, got {event.end_s:g}; move its end"
        )
    if not MIN_EVENT_S - _SLACK_S <= event.duration_s <= MAX_EVENT_S + _SLACK_S:
        too_short = event.duration_s < MIN_EVENT_S
        way_out = f"give it {MIN_EVENT_S:g} s: a sound may be over sooner" if too_short else _SPLIT
        raise InputError(
            f"{subject}: duration_s must be {MIN_EVENT_S:g}..{MAX_EVENT_S:g}, got {event.duration_s:g}; {way_out}"
        )
    low, high = GAIN_RANGE_DB
    if not low <= event.gain_db <= high:
        raise InputError(f"{subject}: gain_db must be {low:g}..{high:g}, got {event.gain_db:g}")
    if event.seed is not None:
        _check_seed(f"{subject}: seed", event.seed)
    _check_variation(f"{subject}: variation", event.variation)


def check_lane(subject: str, lane: str) -> None:
    """Raise InputError where a lane's name can't be one."""
    if not _LANE.fullmatch(lane):
        rule = "must be a lower-case letter, then letters, digits, - or _ (32 in all)"
        raise InputError(f"{subject}: lane {rule}, got {lane[:40]!r}")


def event_seed(story_seed: int, event: Event) -> int:
    """The seed an event is rendered with (63 bits): its own, or one drawn from the story's seed and the event's id."""
    if event.seed is not None:
        return event.seed
    digest = hashlib.sha256(f"{story_seed}:{event.id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def follows(later: Event, earlier: Event) -> bool:
    """Whether `later` starts where `earlier` ends, in the same lane."""
    return later.lane == earlier.lane and later.id != earlier.id and abs(later.start_s - earlier.end_s) <= 0.01


def continues(later: Event, earlier: Event) -> bool:
    """Whether `later` is the next window of the same sound: a bed longer than one window is a chain of such events."""
    return follows(later, earlier) and later.caption == earlier.caption


def open_beds(story: Story) -> tuple[str, ...]:
    """Captions of the beds that sound to the story's end, and so may go on in what comes next."""
    return tuple(dict.fromkeys(event.caption for event in last_events(story) if event.lane == BED))


def last_events(story: Story) -> list[Event]:
    """The events that sound to the story's end."""
    return [event for event in story.events if event.end_s >= story.seconds - 0.01]


def lanes(events: Sequence[Event]) -> tuple[str, ...]:
    """The lanes in order of their first events."""
    return tuple(dict.fromkeys(event.lane for event in sorted(events, key=lambda event: event.start_s)))


def free_ids(used: Sequence[str]) -> Iterator[str]:
    """Ids above all that are in use: "e1", "e2", ..."""
    numbers = [int(name[1:]) for name in used if re.fullmatch(r"e\d{1,9}", name)]
    yield from (f"e{number}" for number in count(max(numbers, default=0) + 1))


def milliseconds(seconds: float) -> float:
    """A time rounded to whole milliseconds: what a story file can say, so that a file and its story are the same."""
    return round(seconds, 3)


def _check_seconds(seconds: float, longest_s: float, if_longer: str) -> None:
    if not (math.isfinite(seconds) and MIN_STORY_S <= seconds <= longest_s):
        way = if_longer if seconds > longest_s else "say how long it is to last"
        raise InputError(f"seconds: must be {MIN_STORY_S:g}..{longest_s:g}, got {seconds:g}; {way}")


def _limited(told: Told) -> Told:
    if not told.instruction.strip():
        raise InputError("text: must say what is to be heard, got nothing; describe a scene in a sentence or two")
    if len(told.instruction) > MAX_TEXT_CHARACTERS:
        raise InputError(
            f"text: must have at most {MAX_TEXT_CHARACTERS} characters, got {len(told.instruction)}; "
            "tell the beginning, then go on with `diegetic continue`"
        )
    _check_seconds(
        told.seconds, MAX_TOLD_S, "tell the beginning, then go on with `diegetic continue`: its beds sound on"
    )
    _check_seed("seed", told.seed)
    _check_variation("variation", told.variation)
    return replace(told, instruction=plain_lines(told.instruction), seconds=milliseconds(told.seconds))


def _check_seed(subject: str, seed: int) -> None:
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"{subject}: must be a whole number from 0 to 2^63 - 1, got {seed}")


def _check_variation(subject: str, variation: float | None) -> None:
    if variation is not None and not 0 <= variation <= 1:
        raise InputError(f"{subject}: must be 0..1, got {variation:g}; leave it out for the model's own measure")
