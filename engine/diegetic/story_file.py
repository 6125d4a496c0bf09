"""story.toml: a story as a file to read, edit and render again.

An event may give its end as `end_s` or its `duration_s`, and may leave out its id: `read_story` gives it one, and
`write_ids` keeps it in the file, so that later edits around it don't change what it renders to.

A file that is there is changed in place: what a user wrote around the values (comments, order, `end_s`) stays.

Knows nothing of models or samples.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError
from tomlkit.items import Table

from diegetic.atomic import write_atomically
from diegetic.errors import InputError
from diegetic.schema import read_strict, read_toml
from diegetic.story import FOREGROUND, Event, Story, check_story, free_ids, milliseconds
from diegetic.text_file import read_text

NAME = "story.toml"

_TOLD = ("instruction", "seconds", "seed", "model", "reasoning")
_DEFAULTS = {"gain_db": 0.0, "seed": None, "variation": None, "loop": False}
"""What an event has where its table doesn't say."""

_HEADER = """\
# A story. Edit it and render it again (diegetic render story.toml): only what changed is rendered, older takes stay.
#
# seed       another number renders every event anew
# reasoning  what the model thought before it planned
# [[events]] one sound each, in any order; copy one to add a sound (leave its id out), delete one to drop it
#   caption     what sounds, 1 to 500 characters
#   start_s     seconds from the start of the story; then end_s or duration_s (1 to 27 seconds long)
#   lane        a row of the timeline, which becomes one stem: "bed", "foreground", or a name of your own;
#               the same caption right after itself in the same lane goes on as one sound
#   gain_db     louder or softer, -60 to 24; nothing is rendered anew for it
#   seed        another take of this event only
#   variation   0 to 1, how freely the model varies this sound
#   loop        true: it is also written to loops/, its end meeting its start; nothing is rendered anew for it
"""


@dataclass(frozen=True, slots=True)
class _EventRow:
    """One [[events]] table as it may be written."""

    caption: str
    start_s: float
    end_s: float | None = None
    duration_s: float | None = None
    id: str | None = None
    lane: str = FOREGROUND
    seed: int | None = None
    gain_db: float = 0.0
    variation: float | None = None
    loop: bool = False


@dataclass(frozen=True, slots=True)
class _StoryTable:
    """The whole file as it may be written."""

    instruction: str
    seconds: float
    model: str
    seed: int = 0
    reasoning: str = ""
    events: tuple[_EventRow, ...] = ()


def read_story(path: Path) -> Story:
    """Read and check a story file. Raises InputError, naming the file and the event."""
    return _read(read_toml(path), str(path))


def write_story(path: Path, story: Story) -> None:
    """Write a story: where one is there, changed in place; else as `story_text` has it. Raises Failure."""
    write_atomically(path, (_edited(_text_of(path), story) or story_text(story)).encode())


def story_text(story: Story) -> str:
    """A story as TOML, with a header that says what can be edited."""
    document = tomlkit.document()
    for key in _TOLD:
        document[key] = _short(getattr(story, key))
    rows = tomlkit.aot()
    for event in story.events:
        rows.append(tomlkit.item(_row(event)))
    document["events"] = rows
    return _HEADER + "\n" + tomlkit.dumps(document)


def write_ids(path: Path) -> None:
    """Write the ids that `read_story` gives back into the file; one that has them all is left alone. Raises Failure."""
    rows = read_strict(_StoryTable, read_toml(path), str(path)).events
    if any(row.id is None for row in rows):
        write_story(path, read_story(path))


def _text_of(path: Path) -> str:
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError):
        return ""


def _read(table: Mapping[str, object], where: str) -> Story:
    told = read_strict(_StoryTable, table, where)
    try:
        events = tuple(_read_events(told.events))
        return check_story(Story(told.instruction, told.seconds, told.seed, told.model, told.reasoning, events))
    except InputError as error:
        raise InputError(f"{where}: {_as_in_the_file(str(error), told.events)}") from None


def _as_in_the_file(sentence: str, rows: tuple[_EventRow, ...]) -> str:
    """What is said of an event that has no id in the file, by its place there."""
    for place, (row, name) in enumerate(zip(rows, _names(rows), strict=True), start=1):
        if row.id is None:
            sentence = sentence.replace(f"event {name}:", f"event {place} (no id yet):", 1)
    return sentence


def _edited(text: str, story: Story) -> str | None:
    """The text of a story file, changed to say `story`; None where that can't be done in place."""
    try:
        document = tomlkit.parse(text)
        before = read_strict(_StoryTable, document.unwrap(), NAME)
        for key in _TOLD:
            if getattr(before, key) != getattr(story, key):
                document[key] = _short(getattr(story, key))
        _edit_rows(document["events"], tuple(_read_events(before.events)), story)
        changed = tomlkit.dumps(document)
        return changed if _read(tomlkit.parse(changed).unwrap(), NAME) == story else None
    except (ParseError, InputError, KeyError):
        return None


def _edit_rows(rows: Any, before: tuple[Event, ...], story: Story) -> None:
    """Change tomlkit's tables of the events `before` into those of a story: what is new comes last."""
    wanted = {event.id: event for event in story.events}
    for place, old in reversed(list(enumerate(before))):
        if old.id in wanted:
            _edit_row(rows[place], old, wanted.pop(old.id))
        else:
            del rows[place]
    for event in story.events:
        if event.id in wanted:
            if rows and not rows[-1].as_string().endswith("\n\n"):
                rows[-1].add(tomlkit.nl())
            rows.append(tomlkit.item(_row(event)))


def _edit_row(row: Any, old: Event, new: Event) -> None:
    """Change one table where its event differs. A new key goes below the last one, above the comments that follow."""
    body = row.value.body if isinstance(row, Table) else []
    last = max((place for place, (key, _) in enumerate(body, start=1) if key is not None), default=0)
    below, body[last:] = body[last:], []
    values = _row(new)
    row.setdefault("id", new.id)
    if "end_s" in row and old.end_s != new.end_s:
        row["end_s"] = _short(milliseconds(new.end_s))
    for key in (field.name for field in fields(Event) if getattr(old, field.name) != getattr(new, field.name)):
        if key == "duration_s" and "end_s" in row:
            continue
        if key in values:
            row[key] = values[key]
        else:
            row.pop(key, None)
    body.extend(below)


def _read_events(rows: tuple[_EventRow, ...]) -> Iterator[Event]:
    for row, name in zip(rows, _names(rows), strict=True):
        start_s, duration_s = milliseconds(row.start_s), milliseconds(_duration_s(row, name))
        rest = (row.lane, row.seed, row.gain_db, row.variation, row.loop)
        yield Event(name, row.caption.strip(), start_s, duration_s, *rest)


def _names(rows: tuple[_EventRow, ...]) -> list[str]:
    """The events' ids: those in the file, and free ones where there is none."""
    ids = free_ids([row.id for row in rows if row.id is not None])
    return [next(ids) if row.id is None else row.id for row in rows]


def _duration_s(row: _EventRow, event_id: str) -> float:
    if row.end_s is not None and row.duration_s is None:
        return row.end_s - row.start_s
    if row.duration_s is not None and row.end_s is None:
        return row.duration_s
    given = "both" if row.end_s is not None else "neither"
    raise InputError(f"event {event_id}: must give end_s or duration_s, got {given}; keep one of them")


def _row(event: Event) -> dict[str, object]:
    """What is worth writing of an event: no key that only repeats a default."""
    row: dict[str, object] = {
        "id": event.id,
        "caption": event.caption,
        "lane": event.lane,
        "start_s": event.start_s,
        "duration_s": event.duration_s,
        "gain_db": event.gain_db,
        "seed": event.seed,
        "variation": event.variation,
        "loop": event.loop,
    }
    return {key: _short(value) for key, value in row.items() if key not in _DEFAULTS or value != _DEFAULTS[key]}


def _short(value: object) -> object:
    """Whole numbers without a decimal point, as people write them."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
