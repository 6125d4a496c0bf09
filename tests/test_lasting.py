"""What goes on by its nature."""

import pytest

from diegetic.model.clauses import parts
from diegetic.model.lasting import lasts


@pytest.mark.parametrize(
    "clause",
    [
        "the wind howls", "wind in the chimney whistles", "crackling fire", "a neon sign buzzes", "a car engine idling",
        "oil sizzling in a pan", "waves lap against the hull", "birds singing", "water drips from a pipe",
        "the ventilation fan whirs", "a clock ticks", "people talk", "bubbling cauldron", "the reeds sway",
        "a piano plays", "someone strums a guitar", "a street musician plays the accordion", "the radio plays jazz",
        "music drifts from a bar", "a choir sings", "monks chant in the crypt", "war drums beat", "bagpipes playing",
        "bagpipes on the hill", "a distant piano", "soft music", "an old accordion somewhere in the street",
    ],
)  # fmt: skip
def test_what_goes_on_by_what_it_is_and_does_is_a_bed(clause: str) -> None:
    assert lasts(clause)
    assert parts(clause)[0].goes_on


@pytest.mark.parametrize(
    "clause",
    [
        "a wolf howls", "a bee buzzes by", "someone hums a song", "a tree falls", "a wave crashes", "a bird sings",
        "the crowd cheers", "the engine roars", "the machine beeps", "the light turns on", "fireworks crackle",
        "a human voice", "engine starts", "a drum roll", "the radio crackles", "a woman sings", "children play",
        "the piano lid slams", "a guitar string snaps", "the band stops", "he drops the guitar on the floor",
        "a band of orcs",
    ],
)  # fmt: skip
def test_what_only_one_of_both_says_is_not(clause: str) -> None:
    assert not lasts(clause)


def test_what_is_said_of_how_long_counts_more() -> None:
    (wind,) = parts("every ten seconds the wind howls")
    assert not wind.goes_on
    (clock,) = parts("a clock ticks three times")
    assert not clock.goes_on
