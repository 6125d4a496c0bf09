"""An event changed by one key, as a client says it: in words, as in story.toml.

Knows nothing of files.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from diegetic.live.jobs import Refused
from diegetic.schema import unknown
from diegetic.story import Story, check_story


@dataclass(frozen=True, slots=True)
class _Key:
    """How a value is read from words, and what it must be; optional: "" forgets it."""

    read: Callable[[str], Any]
    rule: str
    optional: bool = False


_KEYS: Mapping[str, _Key] = {
    "caption": _Key(str, "words"),
    "start_s": _Key(float, "a number of seconds"),
    "duration_s": _Key(float, "a number of seconds"),
    "lane": _Key(str, "a word"),
    "seed": _Key(int, "a whole number, or empty", optional=True),
    "gain_db": _Key(float, "a number of decibels"),
    "variation": _Key(float, "a number from 0 to 1, or empty", optional=True),
    "loop": _Key({"true": True, "false": False}.__getitem__, "true or false"),
}


def edited(story: Story, event: int, key: str, value: str) -> Story:
    """The story with `key` of event number `event` ("e3" is 3) set; "" forgets a seed or a variation.

    Raises Refused: 404 for an event or a key there isn't, 422 for a value that can't be read; InputError for one that
    breaks a rule of stories.
    """
    wanted = f"e{event}"
    found = next((each for each in story.events if each.id == wanted), None)
    if found is None:
        has = ", ".join(each.id for each in story.events[:12])
        raise Refused(404, f"event {event}: the story has none of that number; it has {has}")
    if key not in _KEYS:
        raise Refused(404, f"event {wanted}: {unknown('key', key, tuple(_KEYS))}")
    try:
        forgotten = _KEYS[key].optional and not value.strip()
        read: Any = None if forgotten else _KEYS[key].read(value)
    except (ValueError, KeyError):
        raise Refused(422, f"event {wanted}: {key} must be {_KEYS[key].rule}, got {value[:40]!r}") from None
    changed = replace(found, **{key: read})
    return check_story(replace(story, events=tuple(changed if each is found else each for each in story.events)))
