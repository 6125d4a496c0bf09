"""Who does it, where a clause leaves it out."""

import pytest

from diegetic.model.clauses import parts


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("A wolf howls far away and then growls.", ["A wolf howls far away", "A wolf growls"]),
        ("An old bus starts, idles and drives off", ["An old bus starts", "An old bus idles", "An old bus drives off"]),
        ("a nurse walks in, sits down and coughs", ["a nurse walks in", "a nurse coughs"]),
        ("a bell rings, gulls, waves", ["a bell rings", "gulls", "waves"]),
        ("a bell rings, howls of wolves", ["a bell rings", "howls of wolves"]),
        ("waves break and gulls cry", ["waves break", "gulls cry"]),
        ("a twig snaps, something breathes, then runs off", ["a twig snaps", "something breathes", "runs off"]),
        ("A bus with squealing brakes, and it stops at a kerb", ["A bus", "squealing brakes"]),
        ("A horse neighs. Gallops away.", ["A horse neighs", "Gallops away"]),
        ("the tall landlord of the inn laughs and sings", ["the tall landlord of the inn laughs", "sings"]),
    ],
)
def test_the_one_who_did_what_was_told_before_does_what_is_told_without(text: str, clauses: list[str]) -> None:
    assert [part.text for part in parts(text)] == clauses


def test_it_is_no_quality_of_what_was_told() -> None:
    told = parts("A bus arrives with squealing brakes, and it hisses")
    assert [part.text for part in told] == ["A bus arrives", "squealing brakes", "A bus hisses"]


def test_a_first_sentence_of_people_is_no_mere_scene() -> None:
    assert [part.text for part in parts("Children play in a yard. A bell rings.")] == [
        "Children play in a yard", "A bell rings",
    ]  # fmt: skip
    assert [part.text for part in parts("Deep basement. A bell rings.")] == ["A bell rings"]
