"""A story of what was heard in a recording: the same sounds at the same times, to edit and render.

Knows nothing of models or files.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, count, pairwise

from diegetic.errors import Failure
from diegetic.protocol import Heard
from diegetic.story import MAX_EVENT_S, MAX_STORY_S, MIN_EVENT_S, Event, Story, check_story, milliseconds

_LANE_CHARACTERS = 28  # and a number behind them


def story_of_heard(heard: Sequence[Heard], seconds: float, model: str) -> Story:
    """Each thing heard as an event, as long as it was heard but at least as an event may be. Raises Failure."""
    if not heard:
        raise Failure("recording: nothing in it can be named, so there is no story of it; give another one")
    total = milliseconds(min(MAX_STORY_S, max(MIN_EVENT_S, seconds)))
    events: list[Event] = []
    for each in heard:
        start = min(max(0.0, each.start_s), total - MIN_EVENT_S)
        end = min(total, max(each.end_s, start + MIN_EVENT_S))
        for first, last in _windows(start, end):
            length = milliseconds(last - first)
            events.append(
                Event(f"e{len(events) + 1}", each.caption, first, length, each.lane, gain_db=round(each.gain_db, 1))
            )
    said = list(dict.fromkeys(each.caption for each in heard))
    story = Story(", ".join(said)[:4000], total, 0, model, "", tuple(events))
    return check_story(replace(story, events=tuple(_apart(events))))


def _windows(start: float, end: float) -> list[tuple[float, float]]:
    parts = max(1, math.ceil((end - start) / MAX_EVENT_S - 1e-9))
    places = [milliseconds(start + (end - start) * number / parts) for number in range(parts + 1)]
    return list(pairwise(places))


def _apart(events: Sequence[Event]) -> list[Event]:
    """Events of one lane that would overlap, as where a short one was made longer, get lanes beside it."""
    found: list[Event] = []
    for event in events:
        beside = (f"{event.lane[:_LANE_CHARACTERS]}-{number}" for number in count(2))
        lane = next(lane for lane in chain([event.lane], beside) if not _sounds(lane, event, found))
        found.append(replace(event, lane=lane))
    return found


def _sounds(lane: str, event: Event, others: Sequence[Event]) -> bool:
    """Whether another sound is in a lane while the event lasts."""
    return any(
        other.lane == lane and other.start_s < event.end_s - 1e-6 and event.start_s < other.end_s - 1e-6
        for other in others
    )
