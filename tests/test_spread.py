"""Where in a story what is told without a time begins, and what a plan has room for."""

from dataclasses import replace
from itertools import pairwise

import pytest

from diegetic.model.agenda import Agenda
from diegetic.model.clauses import parts
from diegetic.model.grammar import PlanStyle, Timed, frontier
from diegetic.model.spread import A_CLAUSE, A_SENTENCE, AT_ONCE, ITS_OWN, LONG_S, told_first
from diegetic.story import BED, FOREGROUND
from tiny_llm import tiny_narrator

COVER = PlanStyle(max_reasoning_tokens=6, max_caption_tokens=24, cover=True)
FIVE = "rain falls. A frog croaks. A fish jumps. A boat creaks. An owl hoots. A bell rings."


def planned(text: str, seconds: float, seed: int) -> list[Timed]:
    narrator = tiny_narrator(COVER, seed)
    return [each.event for each in narrator.plan(narrator.begin(text, seconds))]


def starts(told: list[Timed], text: str) -> list[float]:
    return [next(each.start_s for each in told if each.caption == part.text) for part in parts(text)[1:]]


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("seconds", [120.0, 200.0, 300.0])
def test_a_long_story_is_told_over_its_length(seconds: float, seed: int) -> None:
    told = starts(planned(FIVE, seconds, seed), FIVE)
    assert told == sorted(told)
    assert told[0] <= 30
    assert told[2] >= seconds / 4
    assert told[-1] >= seconds / 2
    assert all(later - earlier <= seconds / 2.5 for earlier, later in pairwise(told))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_its_bed_goes_on_to_its_end_and_nothing_is_told_twice(seed: int) -> None:
    told = planned(FIVE, 200.0, seed)
    rain = [each for each in told if each.caption == "rain falls"]
    assert rain[0].start_s < 25, "a bed of the place is the LLM's to add"
    assert rain[-1].end_s == 200
    assert all(each.end_s == later.start_s for each, later in pairwise(rain))
    others = [each.caption for each in told if each.lane == FOREGROUND]
    assert sorted(set(others)) == sorted(others)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_without_a_bed_it_pauses_and_ends_rather_than_to_repeat_itself(seed: int) -> None:
    text = "A man coughs. A door slams. A dog barks. A bell rings."
    told = [each for each in planned(text, 200.0, seed) if each.lane == FOREGROUND]
    assert [each.caption for each in told] == [part.text for part in parts(text)]
    assert told[-1].start_s >= 100


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_comes_right_away_stays_beside_what_it_follows(seed: int) -> None:
    text = "rain falls. An alarm sounds, then right away a gate closes. A dog barks."
    told = planned(text, 240.0, seed)
    alarm, gate, dog = (next(e.start_s for e in told if word in e.caption) for word in ("alarm", "gate", "dog"))
    assert 0 < gate - alarm <= 3
    assert dog - gate > 30


def test_how_far_a_clause_is_from_the_one_before_it() -> None:
    gaps = [part.gap for part in parts("a lid falls with a clang. A dog barks and growls, a bird sings. A cat hisses")]
    assert gaps == [A_SENTENCE, AT_ONCE, A_SENTENCE, ITS_OWN, A_CLAUSE, A_SENTENCE]


def test_short_stories_are_not_spread_but_no_sound_takes_the_time_of_those_that_follow() -> None:
    agenda = Agenda.of("rain falls. A frog croaks. A fish jumps. A bell rings.", LONG_S)
    agenda.tell(Timed("rain falls", BED, 0, 20))
    share = agenda.share_s(agenda.owed[0])
    assert share is not None
    assert share[0] == 0
    assert 20 < share[1] < 40


def test_a_bed_of_a_later_sentence_of_a_long_story_is_told_when_it_comes() -> None:
    text = "rain falls, a dog barks. A cat meows. The wind howls."
    for seconds, stands in ((40.0, True), (200.0, False)):
        agenda = Agenda.of(text, seconds)
        agenda.tell(Timed("rain falls", BED, 0, 20))
        wind = Timed("The wind howls", BED, 0, 20)
        assert (agenda.instead_of(wind, frontier(seconds, COVER).after(0, 20)) is None) is stands


def test_a_bed_is_not_told_before_a_silence_that_comes_before_it() -> None:
    agenda = Agenda.of("Wind. A bell rings. A long pause. Two shots. Wind again", 40.0)
    for event in (Timed("Wind", BED, 0, 20), Timed("A bell rings", FOREGROUND, 10, 14)):
        agenda.tell(event)
    assert agenda.instead_of(Timed("Wind again", BED, 20, 40), frontier(40.0, COVER).after(0, 20)) == agenda.owed[0]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_goes_on_goes_on_under_what_has_a_time(seed: int) -> None:
    told = planned("rain, thunder at 12 seconds, a horse neighs at 20 seconds", 30.0, seed)
    assert max(each.end_s for each in told if each.caption == "rain") == 30
    thunder = next(each for each in told if each.caption == "thunder")
    assert (thunder.lane, thunder.start_s) == (FOREGROUND, 12)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_plan_has_room_for_the_windows_of_its_beds(seed: int) -> None:
    told = planned("waves all the time, gulls all the time. " + FIVE, 300.0, seed)
    assert max(each.end_s for each in told) == 300
    assert {part.text for part in parts(FIVE)} <= {each.caption for each in told}


def test_of_many_clauses_those_that_are_heard_are_told() -> None:
    text = (
        "Ferreira hated the hour. The hull creaked. He wanted a map. Men shouted. He needed some sleep. "
        "Ropes squealed. "
        "The bell rang. He looked happy. A barrel rolled. A gull cried. Nobody noticed. Water dripped."
    )
    told = [part.text for part in told_first(parts(text), 38)]
    assert "The hull creaked" in told
    assert "Ferreira hated the hour" not in told
    assert "He needed some sleep" not in told


def test_of_more_than_there_is_room_for_the_end_is_told_too() -> None:
    clauses = parts(", ".join(f"a dog barks at a number{'x' * count}" for count in range(20)))
    timed = replace(clauses[7], when=replace(clauses[7].when, at_s=5.0))
    told = told_first([*clauses[:7], timed, *clauses[8:]], 8)
    assert len(told) == 8
    assert timed in told
    assert (told[0], told[-1]) == (clauses[0], clauses[-1])
