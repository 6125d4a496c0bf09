"""Events on the beat."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diegetic.errors import InputError
from diegetic.grid import Unit, quantised
from diegetic.story import Event, Story, follows

STORY = Story(
    "x",
    20.0,
    0,
    "pocket",
    "",
    (
        Event("e1", "wind", 0, 9.3, "bed"),
        Event("e2", "a bell", 3.2, 2.5),
        Event("e3", "wind", 9.3, 10.7, "bed"),
        Event("e4", "a door", 17.4, 2.6),
    ),
)


def test_starts_are_on_bars_and_a_chain_stays_one_sound() -> None:
    story = quantised(STORY, 120, "bar")
    assert [(event.start_s, event.end_s) for event in story.events] == [(0, 10), (4, 6.5), (10, 20.7), (18, 20.6)]
    assert follows(story.events[2], story.events[0])
    assert story.seconds == 20.7


@given(st.floats(20, 400), st.sampled_from(["bar", "beat"]))
def test_every_start_is_on_the_grid_to_the_millisecond(bpm: float, unit: Unit) -> None:
    story = quantised(STORY, bpm, unit)
    step_s = 60 / bpm * (4 if unit == "bar" else 1)
    for event in story.events:
        assert abs(event.start_s - round(event.start_s / step_s) * step_s) <= 0.000501
    assert quantised(story, bpm, unit) == story


@pytest.mark.parametrize("bpm", [0.0, -3.0, 1000.0, float("nan")])
def test_a_tempo_out_of_range_is_refused(bpm: float) -> None:
    with pytest.raises(InputError, match=r"bpm: must be 20..400, got"):
        quantised(STORY, bpm, "bar")
