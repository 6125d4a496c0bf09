"""What a text says isn't heard, or is heard alone."""

import pytest

from diegetic.model.clauses import parts
from diegetic.model.prose import prose


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("He didn't hear the train. Rain fell.", ["Rain fell"]),
        ("They could not hear the river over the wind.", ["the wind"]),
        ("There was no sound but the wind. Then a twig snapped.", ["the wind", "a twig snapped"]),
        ("No sound except the ticking of a clock.", ["the ticking of a clock"]),
        ("I can't hear anything other than the drip of a tap.", ["the drip of a tap"]),
        ("Nothing but rain.", ["rain"]),
        ("The only sound is a fly buzzing.", ["a fly buzzing"]),
        ("The only thing he could hear was a fly buzzing.", ["a fly buzzing"]),
        ("All you can hear is the sea.", ["the sea"]),
        ("He listened for footsteps, but there were none. Rain fell.", ["Rain fell"]),
        ("It was too loud to hear a clock. A knock.", ["A knock"]),
        ("Instead of birds, there are sirens.", ["there are sirens"]),
        ('"You are late," said the old man. A door closed.', ["A door closed"]),
        ("rain but cozy, a fire, spooky, chaotic", ["rain", "a fire"]),
        ("ok lol, oh, a cat meows", ["a cat meows"]),
    ],
)
def test_what_is_heard_is_told_and_nothing_else(text: str, told: list[str]) -> None:
    assert [part.text for part in parts(prose(text))] == told
