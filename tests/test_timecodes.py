"""Times as sheets write them."""

import pytest

from diegetic.model.clauses import parts
from diegetic.model.prose import prose
from diegetic.model.timetable import Timetable


def told(text: str) -> list[tuple[str, float | None, float | None]]:
    return [(part.text, part.when.at_s, part.when.lasts_s) for part in parts(prose(text))]


SHEET = [("rain starts", 5, None), ("thunder", 12, None), ("a dog barks", 20, None)]


@pytest.mark.parametrize(
    "text",
    [
        "0'05\" rain starts, 0'12\" thunder, 0'20\" a dog barks",
        "0′05″ rain starts\n0′12″ thunder\n0′20″ a dog barks",
        '5" rain starts; 12" thunder; 20" a dog barks',
        "@5 rain starts, @12 thunder, @20 a dog barks",
        "@5s rain starts, thunder @ 12s, a dog barks @ 20 sec",
        "rain starts (5s), thunder (12s), a dog barks (20s)",
        "TC 00:00:05 - rain starts\nTC 00:00:12 - thunder\nTC 00:00:20 - a dog barks",
        'At 5" rain starts, at 12" thunder, at 20" a dog barks',
    ],
)
def test_a_sheet_says_when(text: str) -> None:
    assert told(text) == SHEET


@pytest.mark.parametrize("text", ['The DJ puts on a 12" record', "a man of 5'11\" coughs", "mail me@5th, then a bell"])
def test_what_is_no_time_of_a_sheet_is_left(text: str) -> None:
    assert all(when is None for _, when, _ in told(text))


def test_seconds_in_brackets_are_lengths_where_they_do_not_go_up_or_it_is_a_list_by_numbers() -> None:
    assert told("thunder (8s), rain (5 sec)") == [("thunder", None, 8), ("rain", None, 5)]
    assert told("thunder (8s)") == [("thunder", None, 8)]
    assert told("1. waves (30s)\n2. gulls (10s)\n3. a horn (5s)") == [
        ("waves", 0, 30), ("gulls", 30, 10), ("a horn", 40, 5),
    ]  # fmt: skip
    assert told("1. waves (10s)\n2. gulls\n3. a horn (20s)")[2] == ("a horn", None, 20)


def test_minutes_and_seconds_without_their_name_are_read() -> None:
    assert told("Wind. At one minute twenty a bell tolls.")[1] == ("a bell tolls", 80, None)
    assert told("rain for two minutes ten, then hail")[0] == ("rain", None, 130)
    assert told("After one minute twenty people clap")[0] == ("twenty people clap", 60, None)
    assert told("After a minute and a half, applause") == [("applause", 90, None)]


@pytest.mark.parametrize(
    ("text", "at_s"),
    [
        ("Halfway through, a phone rings", 40),
        ("about halfway through the scene a phone rings", 40),
        ("around the middle a phone rings", 40),
        ("A third of the way in a phone rings", 27),
        ("two thirds in, a phone rings", 53),
        ("three quarters of the way through a phone rings", 60),
        ("near the end, a phone rings", 68),
        ("at the very end a phone rings", 72),
        ("at 50% a phone rings", 40),
    ],
)
def test_a_share_of_the_story_is_a_second_of_it(text: str, at_s: float) -> None:
    clauses = parts(f"Rain. {text}")
    assert [each.text for each in clauses] == ["Rain", "a phone rings"]
    assert Timetable.of(clauses, 80.0, 0.0).clauses[1].when.at_s == at_s


@pytest.mark.parametrize(
    "text",
    ["a dog halfway up the stairs barks", "a man coughs in the middle of the street", "a man coughs at the end of it"],
)
def test_a_place_is_no_share_of_a_story(text: str) -> None:
    assert [part.when.at_s for part in parts(text)] == [None]


def test_a_sound_may_stop_at_a_share_of_the_story() -> None:
    clauses = parts("rain falls. Halfway through the rain stops. A bell rings")
    times = Timetable.of(clauses, 60.0, 0.0)
    assert times.stops_s(times.clauses[0]) == 30


def test_seconds_at_a_clause_s_end_are_its_length() -> None:
    assert told("a rifle charges up 3 sec, fires")[0] == ("a rifle charges up", None, 3)
    assert told("the wind fades in over 5 seconds")[0][2] is None
