"""Words that only look like forms of another."""

from diegetic.model.bank.words import stem


def test_a_hoover_is_no_form_of_hooves() -> None:
    assert stem("hoover") == stem("hoovers") == stem("hoovering") == stem("hoovered") == "hoover"
    assert stem("hooves") == "hoov"
