"""What is read of a long story: bounded, and every event once as new."""

from dataclasses import replace

import pytest

from diegetic.director import begin, memory_of, read_again
from diegetic.remembered import MOST, STEP, begins_anew, passages, recent, with_room
from diegetic.story import Event, Story
from mock_model import MockModel


def story(count: int) -> Story:
    events = tuple(Event(f"e{k}", f"sound {k}", 2.0 * k, 2.0) for k in range(count))
    return Story("all day", 2.0 * count, 0, "mock", "many", events)


@pytest.mark.parametrize("count", [1, 12, 23])
def test_a_short_story_is_read_as_it_is(count: int) -> None:
    assert recent(story(count)) == story(count)
    assert list(passages(story(count))) == [(story(count), count)]


@pytest.mark.parametrize("count", range(24, 80))
def test_a_long_one_is_read_in_parts_that_are_bounded(count: int) -> None:
    told = story(count)
    read = recent(told)
    assert STEP <= len(read.events) < MOST
    assert read.events[-1].caption == told.events[-1].caption
    assert read.events[0].start_s == 0.0
    assert read.seconds == read.events[-1].end_s
    new = [event.caption for part, new in passages(told) for event in part.events[len(part.events) - new :]]
    assert new == [event.caption for event in told.events]
    assert all(len(part.events) <= MOST for part, _ in passages(told))


def test_a_story_that_would_be_too_long_has_room_in_its_last_events() -> None:
    assert with_room(story(30), 6.0) == story(30)
    long = story(1790)  # 3580 s
    short = with_room(long, 6.0)
    assert [event.id for event in short.events] == [event.id for event in long.events[-STEP:]]
    assert (short.events[0].start_s, short.seconds) == (0.0, 2.0 * STEP)
    few = replace(story(1), seconds=3590.0)
    assert with_room(few, 6.0) == few


def test_a_memory_begins_anew_after_each_plan_s_worth_of_events() -> None:
    assert [count for count in range(1, 5 * STEP + 1) if begins_anew(story(count))] == [
        2 * STEP,
        3 * STEP,
        4 * STEP,
        5 * STEP,
    ]


def test_what_a_model_remembers_of_a_long_story_stays_bounded() -> None:
    model = MockModel()
    told, state, longest = story(1), None, 0
    for _ in range(100):
        memory = memory_of(model, told, state)
        (planned,) = model.continue_(memory, "a step", 2.0)
        event = replace(planned.event, id=f"e{len(told.events)}", start_s=told.seconds)
        told = replace(told, seconds=told.seconds + 2, events=(*told.events, event))
        state = model.save(memory)
        longest = max(longest, len(memory))
    assert longest <= 2 * MOST + 4
    memory, conditions = read_again(model, told)
    assert set(conditions) == {event.id for event in told.events}
    assert len(memory) == len(begin(model, told)) + 1 + len(recent(told).events)
