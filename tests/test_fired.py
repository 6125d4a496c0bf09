"""Cues that were fired, and the story as it will be."""

from dataclasses import replace

from diegetic.generator.tasks import ReadyEvent
from diegetic.live.armed import Armed, taken_up
from diegetic.live.fired import Fired, FiredCues
from diegetic.story import Event, Story

STORY = Story("a door slams", 2.0, 0, "mock", "", (Event("e1", "a door slams", 0.0, 2.0, "foreground"),))
DOOR = Armed((ReadyEvent(STORY.events[0], None, None),), None, STORY)


def fired(cues: FiredCues, armed: Armed | None = None, at_s: float | None = None) -> Fired:
    each = Fired("hall", at_s)
    cues.add(each)
    if armed is not None:
        each.become(armed)
    return each


def after(story: Story | None, caption: str) -> Armed:
    """A cue of 2 s, rendered as what comes after a story."""
    before = story or replace(STORY, seconds=0.0, events=())
    event = Event(f"e{len(before.events) + 1}", caption, before.seconds, 2.0, "foreground")
    longer = replace(before, seconds=before.seconds + 2.0, events=(*before.events, event))
    return Armed((ReadyEvent(event, None, None),), story, longer)


def test_a_story_is_as_those_fired_before_make_it() -> None:
    cues = FiredCues()
    first, second = fired(cues, DOOR), fired(cues, after(STORY, "a step"))
    third = fired(cues)
    then = cues.then(None, cues.before("hall", 10.0, third))
    assert then is not None
    assert [event.caption for event in then.events] == ["a door slams", "a step"]
    cues.settle(first)
    assert cues.before("hall", 10.0, third) == (second,)
    assert cues.before("another", 10.0) == ()


def test_a_cue_for_later_or_the_same_sound_again_changes_nothing() -> None:
    cues = FiredCues()
    fired(cues, DOOR, at_s=20.0)
    assert cues.before("hall", 10.0) == ()
    assert len(cues.before("hall", 20.0)) == 1
    fired(cues, DOOR)
    assert cues.then(None, cues.before("hall", 20.0)) == STORY


def test_what_was_stopped_before_it_sounded_is_left_out() -> None:
    cues = FiredCues()
    stopped = fired(cues)
    before = cues.before("hall", 10.0)
    cues.settle(stopped)
    assert stopped.known.is_set()
    assert cues.then(None, before) is None


def test_what_comes_after_a_sound_that_was_never_heard_begins_the_story() -> None:
    story = taken_up(after(STORY, "a step"), None)
    assert [(event.id, event.caption, event.start_s) for event in story.events] == [("e1", "a step", 0.0)]
    assert story.seconds == 2.0
