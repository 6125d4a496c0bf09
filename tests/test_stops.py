"""What a clause says stops."""

import pytest

from diegetic.model.stops import EVERYONE, EVERYTHING, SILENCE_S, silent_s, stopped


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


@pytest.mark.parametrize(
    ("clause", "lasts_s", "silent"),
    [
        ("then silence", 5.0, 5.0),
        ("nothing", 3.0, 3.0),
        ("a short pause", None, SILENCE_S),
        ("dead silence", None, SILENCE_S),
        ("a moment of silence", None, SILENCE_S),
        ("suddenly it is calm", None, 0.0),
        ("everything goes quiet", 5.0, 5.0),
        ("pauses", 2.0, 2.0),
        ("all is quiet", None, 0.0),
        ("calm returns", None, 0.0),
        ("a calm sea", None, None),
        ("the street is quiet", None, None),
        ("the silence of a church", None, None),
    ],
)
def test_silence_lasts_as_long_as_it_is_told_to(clause: str, lasts_s: float | None, silent: float | None) -> None:
    assert silent_s(clause, lasts_s) == silent


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
