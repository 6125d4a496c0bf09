"""What a clause says stops."""

import pytest

from diegetic.model.stops import EVERYONE, EVERYTHING, stopped


@pytest.mark.parametrize(
    ("clause", "what"),
    [
        ("the rain stops", "the rain"),
        ("it cuts out", ""),
        ("stops crying", "crying"),
        ("the crowd falls completely silent", "the crowd"),
        ("the engine is switched off", "the engine"),
        ("it stops at a kerb", ""),
        ("she turns off the radio", "the radio"),
        ("he switches the fan off", "the fan "),
        ("somebody stops the music", "the music"),
        ("a train comes to a sudden halt", "a train"),
        ("the wind dies down", "the wind"),
        ("an engine dies", "an engine"),
        ("suddenly everything goes quiet", EVERYTHING),
        ("everyone falls silent", EVERYONE),
        ("all the birds stop singing", "all the birds singing"),
        ("then complete silence", EVERYTHING),
        ("an eerie silence follows", EVERYTHING),
    ],
)
def test_what_stops_is_told_in_the_clause_s_words(clause: str, what: str) -> None:
    assert stopped(clause) == what


def test_what_is_done_to_it_in_the_end_stops_it() -> None:
    for clause in ("someone picks it up", "it is taken off the stove", "a hand hits it"):
        assert stopped(clause, "until") == ""
        assert stopped(clause, "and") is None
    assert stopped("it explodes", "until") is None


@pytest.mark.parametrize(
    "clause",
    [
        "people wait at a bus stop",
        "a dog barks at the end of the street",
        "a diesel engine starts",
        "a silent alarm blinks",
        "a man turns around",
        "the silence of a church",
        "rain on a stop sign",
    ],
)
def test_what_goes_on_doesn_t_stop(clause: str) -> None:
    assert stopped(clause) is None
