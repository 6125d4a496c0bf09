"""How much of a long story a model reads: its last events, so that what it remembers stays bounded.

    events     0..........16..........32..........48....
    read       |first 32                |
    then                    |16 again, 16 new          |...

A plan has 32 events at most; a story that is played and goes on all day has hundreds. A model's memory begins anew at
each 16th event from the 32nd on, from the 16 before it; so do the conditions of a long story that is recalled.

Knows nothing of models.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from diegetic.story import MAX_EVENT_S, MAX_STORY_S, Event, Story, milliseconds

STEP = 16
MOST = 2 * STEP
"""A plan's events are read as one: no fewer than a plan may have."""


def recent(story: Story) -> Story:
    """What is read of a story so that it can go on: all of it, or its last 16 to 31 events, timed from their first."""
    count = len(story.events)
    return story if count < MOST else _passage(story, story.events[count - count % STEP - STEP :])


def begins_anew(story: Story) -> bool:
    """Whether a memory of this story is to be made from `recent`, even where it could grow on."""
    return len(story.events) >= MOST and len(story.events) % STEP == 0


def passages(story: Story) -> Iterator[tuple[Story, int]]:
    """A whole story in parts that are read each by itself, and how many events of each are new: its last ones."""
    yield _passage(story, story.events[:MOST]), min(MOST, len(story.events))
    for start in range(STEP, len(story.events) - STEP, STEP):
        part = story.events[start : start + MOST]
        yield _passage(story, part), len(part) - STEP


def with_room(story: Story, seconds: float) -> Story:
    """The same; where it would be longer than a story may be with so many seconds more, its last events alone.

    What is planned may end later than was asked, by an event at most.
    """
    fits = story.seconds + seconds <= MAX_STORY_S - MAX_EVENT_S
    return story if fits else _passage(story, story.events[-STEP:])


def _passage(story: Story, events: Sequence[Event]) -> Story:
    if len(events) == len(story.events):
        return story
    begin_s = min(event.start_s for event in events)
    end_s = story.seconds if events[-1] is story.events[-1] else max(event.end_s for event in events)
    moved = tuple(replace(event, start_s=milliseconds(event.start_s - begin_s)) for event in events)
    return replace(story, seconds=milliseconds(end_s - begin_s), events=moved)
