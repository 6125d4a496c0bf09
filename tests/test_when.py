"""When a clause says that it is heard."""

import pytest

from diegetic.model.when import NOT_SAID, When, timed


@pytest.mark.parametrize(
    ("clause", "words", "when"),
    [
        ("After five seconds a bird sings", "a bird sings", When(5, "either")),
        ("An owl hoots at 3 seconds", "An owl hoots", When(3)),
        ("at second twelve a bang", "a bang", When(12)),
        ("after 2.5s thunder", "thunder", When(2.5, "either")),
        ("twenty-five seconds later", "", When(25, "last")),
        ("after another three seconds a shot", "a shot", When(3, "last")),
        ("A couple of seconds later a shot", "a shot", When(5, "last")),
        ("a moment later thunder", "thunder", When(2, "last")),
        ("Two seconds pass", "", When(2, "last")),
        ("three shots one second apart", "three shots", NOT_SAID),
        ("in the last ten seconds a bell", "a bell", NOT_SAID),
        ("light rain for the first ten seconds", "light rain", When(lasts_s=10)),
        ("8 sec of applause", "applause", When(lasts_s=8)),
        ("wind for half a minute", "wind", When(lasts_s=30)),
        ("at two seconds rain for 1 minute", "rain", When(2, lasts_s=60)),
        ("a bell every five seconds", "a bell", When(every_s=5)),
        ("every minute a train", "a train", When(every_s=60)),
        ("a drip every few seconds", "a drip", When(every_s=5, is_irregular=True)),
        ("an occasional car", "a car", When(every_s=10, is_irregular=True)),
        ("from time to time a dog barks", "a dog barks", When(every_s=10, is_irregular=True)),
    ],
)
def test_a_time_is_read_and_taken_out(clause: str, words: str, when: When) -> None:
    assert timed(clause) == (words, when)


@pytest.mark.parametrize(
    "clause", ["a click every second", "a click every two seconds", "at a distance", "a second shot"]
)
def test_what_tells_no_time_is_left(clause: str) -> None:
    assert timed(clause) == (clause, NOT_SAID)


def test_what_is_past_is_counted_from_the_sound_before() -> None:
    assert When(5, "either").begins_s(2) == 5
    assert When(5, "either").begins_s(8) == 13
    assert When(5).begins_s(8) == 5
    assert When(5, "last").begins_s(2) == 7
    assert When().begins_s(2) is None
