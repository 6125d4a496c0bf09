"""Words that are heard."""

import pytest

from diegetic.model.captions import bare
from diegetic.model.clauses import parts
from diegetic.model.lasting import lasts
from diegetic.model.once import is_over_at_once
from diegetic.model.prose import prose
from diegetic.model.sounding import is_continuous, is_noise, may_sound


@pytest.mark.parametrize("text", ["Knock, knock", "Rain on a tin roof", "Low hum", "Crickets at night"])
def test_a_first_sentence_that_names_a_noise_is_told(text: str) -> None:
    assert parts(f"{text}. A door creaks open. A man coughs.")[0].text == text.split(",")[0]


@pytest.mark.parametrize("text", ["An attic in the rain", "The old house", "A train station at night", "A ship at sea"])
def test_a_first_sentence_that_names_a_place_sets_the_scene(text: str) -> None:
    assert [part.text for part in parts(f"{text}. A door creaks open. A man coughs.")] == [
        "A door creaks open",
        "A man coughs",
    ]


def test_a_noise_is_what_comes_before_the_first_preposition() -> None:
    assert is_noise("heavy rain on the window")
    assert not is_noise("a window in the rain")
    assert not is_noise("in the rain")


def test_what_may_sound_has_a_word_that_is_heard() -> None:
    assert may_sound("she knocked again")
    assert may_sound("the ropes squealed through the blocks")
    assert not may_sound("Captain Ferreira hated the hour")
    assert not may_sound("she looked at the map")


def test_weather_and_water_go_on_and_a_gust_does_not() -> None:
    for told in (
        "rain",
        "heavy rain on a roof",
        "rain starts",
        "wind again",
        "city traffic in",
        "crickets outside",
        "waves slapping a hull",
    ):
        assert is_continuous(told)
    for told in ("a gust of wind", "thunder", "a raindrop", "in the rain", "a wave crashes"):
        assert not is_continuous(told)


def test_a_bed_to_lie_in_is_no_lane() -> None:
    assert [part.goes_on for part in parts("You wake up in a hospital bed, she jumps on the bed")] == [False, False]
    assert [part.goes_on for part in parts(prose("Bed: a drone tone; rain bed, a crowd bed"))] == [True, True, True]


def test_for_a_while_joins_nothing() -> None:
    assert [part.goes_on for part in parts("the bus roared away, and for a while it beeped")] == [False, False]


def test_a_compound_keeps_its_first_word() -> None:
    told = parts("room tone, high heels on pavement, a can falls, he can whistle")
    assert [bare(part) for part in told] == ["room tone", "high heels on pavement", "a can falls", "whistle"]


def test_what_goes_on_by_its_nature_does_so_in_the_past() -> None:
    for told in ("the guests talked across each other", "rain fell", "the wind howled", "a clock ticked", "birds sang"):
        assert lasts(told)
    assert not lasts("a wolf howled")


def test_what_happens_once_may_last() -> None:
    assert is_over_at_once("a door slams")
    assert not is_over_at_once("a lion roars")
