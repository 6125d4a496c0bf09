"""An event changed by one key, as a client says it: in words, as in story.toml.

Knows nothing of files.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from diegetic.live.jobs import Refused
from diegetic.schema import unknown
from diegetic.story import Story, check_story


def _or_none(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda value: read(value) if value.strip() else None


def _truth(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError("must be true or false")
    return value == "true"


_KEYS: Mapping[str, Callable[[str], Any]] = {
    "caption": str,
    "start_s": float,
    "duration_s": float,
    "lane": str,
    "seed": _or_none(int),
    "gain_db": float,
    "variation": _or_none(float),
    "loop": _truth,
}


def edited(story: Story, event: int, key: str, value: str) -> Story:
    """The story with `key` of event number `event` ("e3" is 3) set; "" forgets a seed or a variation.

    Raises Refused: 404 for an event or a key there isn't, 422 for a value that breaks a rule.
    """
    wanted = f"e{event}"
    found = next((each for each in story.events if each.id == wanted), None)
    if found is None:
        has = ", ".join(each.id for each in story.events[:12])
        raise Refused(404, f"event {event}: the story has none of that number; it has {has}")
    if key not in _KEYS:
        raise Refused(404, f"event {wanted}: {unknown('key', key, tuple(_KEYS))}")
    try:
        changed = replace(found, **{key: _KEYS[key](value)})
        return check_story(replace(story, events=tuple(changed if each is found else each for each in story.events)))
    except ValueError as error:
        raise Refused(422, f"event {wanted}: {key} can't be {value[:40]!r} ({error})") from None
