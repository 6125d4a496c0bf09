"""Events on the beat: the starts of a story's events moved to the nearest bar or beat of a tempo.

An event that starts where another ends in its lane still does, so that a chain of windows stays one sound; any other
keeps its length.

Knows nothing of models or files.
"""

from dataclasses import replace
from typing import Literal

from diegetic.errors import InputError
from diegetic.project.timeline import BEATS
from diegetic.story import MAX_EVENT_S, MIN_EVENT_S, Event, Story, check_story, follows, milliseconds

Unit = Literal["bar", "beat"]

_BPM_RANGE = (20.0, 400.0)


def check_bpm(bpm: float) -> float:
    """The same. Raises InputError for a tempo outside 20..400."""
    low, high = _BPM_RANGE
    if not low <= bpm <= high:
        raise InputError(f"bpm: must be {low:g}..{high:g}, got {bpm:g}")
    return bpm


def quantised(story: Story, bpm: float, unit: Unit) -> Story:
    """The story with its events' starts on the grid, to the millisecond; it grows longer where its last event must.

    Raises InputError for a tempo out of range.
    """
    step_s = 60 / check_bpm(bpm) * (BEATS if unit == "bar" else 1)
    events = tuple(_moved(event, story, step_s) for event in story.events)
    seconds = max(story.seconds, *(event.end_s for event in events))
    return check_story(replace(story, seconds=milliseconds(seconds), events=events))


def _moved(event: Event, story: Story, step_s: float) -> Event:
    start_s = milliseconds(round(event.start_s / step_s) * step_s)
    followed = any(follows(later, event) for later in story.events)
    end_s = milliseconds(round(event.end_s / step_s) * step_s) if followed else start_s + event.duration_s
    if not MIN_EVENT_S <= milliseconds(end_s - start_s) <= MAX_EVENT_S:
        end_s = start_s + event.duration_s  # too short or too long for one segment: its own length is kept
    return replace(event, start_s=start_s, duration_s=milliseconds(end_s - start_s))
