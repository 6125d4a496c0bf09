"""What of a text a plan still owes, and what it tells next."""

import pytest

from diegetic.model.agenda import Agenda
from diegetic.model.clauses import denied
from diegetic.model.grammar import PlanStyle, frontier
from diegetic.model.often import Due
from diegetic.model.stems import stems
from diegetic.story import BED, FOREGROUND
from told_clauses import AT, TEXT, event


def test_an_event_that_tells_the_next_clause_stands() -> None:
    agenda = Agenda.of(TEXT, 30.0)
    assert agenda.instead_of(event("rain falling on water", BED), AT) is None


def test_an_event_that_tells_nothing_new_gives_way_to_the_next_clause() -> None:
    agenda = Agenda.of(TEXT, 30.0)
    agenda.tell(event("rain falling on water", BED, 0, 30))
    part = agenda.instead_of(event("waves on a beach"), AT)
    assert part is not None
    assert part.text == "a bell rings twice"


def test_no_clause_is_passed_over() -> None:
    agenda = Agenda.of(TEXT, 30.0)
    agenda.tell(event("rain falling on water", BED, 0, 30))
    part = agenda.instead_of(event("gull crying"), AT)
    assert part is not None
    assert part.text == "a bell rings twice"


def test_nothing_is_owed_once_all_is_told() -> None:
    agenda = Agenda.of(TEXT, 30.0)
    for caption in ("rain on the water", "bell ringing twice", "a gull cries"):
        agenda.tell(event(caption))
    assert agenda.owed == []
    assert agenda.instead_of(event("anything"), AT) is None


def test_every_clause_is_left_room() -> None:
    agenda = Agenda.of(TEXT, 30.0)
    last_start, last_end = agenda.room(AT, agenda.owed[0], 1.0)
    assert 0 < last_start < last_end < AT.total
    agenda.tell(event("rain on the water"))
    agenda.tell(event("bell ringing twice"))
    assert agenda.room(AT, agenda.owed[0], 1.0)[1] == AT.total


def test_a_bed_written_as_a_window_goes_on() -> None:
    at = frontier(40.0, PlanStyle())
    assert at.windows() == [0, 20, 40]
    agenda = Agenda.of("rain falls, a dog barks", 30.0)
    agenda.tell(event("rain falls", BED, 0, 20))
    at = at.after(0, 20)
    assert agenda.due(at, 1.0, event("a dog barks", start_s=4)) is None
    assert agenda.due(at, 1.0, event("a dog barks", start_s=24)) == Due("rain falls", BED, 20, 40)
    assert agenda.due(at, 1.0, None) == Due("rain falls", BED, 20, 40)
    assert agenda.due(at, 1.0, event("wind", BED, 20, 40)) is None
    agenda.tell(event("a clock ticks", BED, 0, 20))
    agenda.tell(event("a clock ticks", BED, 20, 40))
    assert agenda.due(at, 1.0, None) == Due("rain falls", BED, 20, 40), (
        "another bed that goes on doesn't take its place"
    )
    agenda.tell(event("rain falls", BED, 20, 40))
    assert agenda.due(at.after(20, 40), 1.0, None) is None


def test_a_bed_that_nobody_told_is_over_where_no_window_ends_and_one_that_is_told_goes_on() -> None:
    at = frontier(40.0, PlanStyle()).after(0, 13)
    for text, due in (("a dog barks", None), ("rain falls, a dog barks", Due("rain falls", BED, 13, 20))):
        agenda = Agenda.of(text, 30.0)
        agenda.tell(event("rain falls", BED, 0, 13))
        assert agenda.due(at, 1.0, None) == due


def test_a_clause_by_itself_needs_no_draft() -> None:
    assert Agenda.of("a door slams", 30.0).is_plain
    assert Agenda.of("the door of the old house on the hill slams shut in the wind", 30.0).is_plain
    assert not Agenda.of("a door slams, a dog barks", 30.0).is_plain
    assert not Agenda.of("nothing", 30.0).is_plain


def test_a_bed_takes_another_ones_place_only_where_it_is_told_to_come_after_it() -> None:
    at = frontier(26, PlanStyle(cover=True))
    for text, goes_on in (
        ("a forest, insects shrill", True),
        ("insects shrill, a forest", True),
        ("insects shrill, then a forest", False),
    ):
        agenda = Agenda.of(text, 30.0)
        agenda.tell(event("insects shrill", BED, 0, 13))
        due = agenda.due(at.after(0, 13), 1.0, event("a forest", BED, 13, 26))
        assert due == (Due("insects shrill", BED, 13, 26) if goes_on else None)


def test_the_last_clause_lasts_to_the_end_where_nothing_else_sounds() -> None:
    agenda = Agenda.of("a door slams, a dog barks", 30.0)
    door, dog = agenda.owed
    assert not agenda.is_last(dog)
    agenda.tell(event("a door slams", FOREGROUND, 0, 4))
    assert agenda.is_last(dog)
    assert not agenda.is_last(None)
    assert not agenda.is_last(door)
    agenda.tell(event("rain", BED, 0, 13))
    assert not agenda.is_last(dog)


def test_what_is_told_with_then_or_until_begins_behind_what_was_told() -> None:
    agenda = Agenda.of("birds sing, then rain falls until it pours, wind", 40.0)
    birds, rain, pours, wind = agenda.owed
    agenda.tell(event("birds sing", BED, 0, 20))
    assert agenda.behind_s(birds) == -1.0
    assert agenda.behind_s(rain) == 0.0
    agenda.tell(event("rain falls", BED, 10, 20))
    agenda.tell(event("birds sing", BED, 20, 40))  # it goes on, which isn't told
    assert agenda.behind_s(pours) == 10.0
    assert agenda.behind_s(wind) == -1.0


def test_what_is_told_again_in_other_words_is_what_was_told() -> None:
    agenda = Agenda.of("a crowd murmurs in the market, a bell rings, a dog barks", 30.0)
    agenda.tell(event("a crowd murmurs in the market", BED, 0, 20))
    assert agenda.meant("the market crowd murmuring") == "a crowd murmurs in the market"
    assert agenda.meant("a market stall, bell ringing") is None, "a clause is owed"
    agenda.tell(event("a bell rings", FOREGROUND, 8, 12))
    assert agenda.meant("bell ringing") is None, "no bed, and a clause is owed"
    assert agenda.meant("a wolf howls") is None
    agenda.tell(event("a dog barks", FOREGROUND, 12, 16))
    assert agenda.meant("A bell ringing") == "a bell rings"
    assert agenda.meant("The total duration is 30 seconds.") is None
    agenda = Agenda.of("a siren wails", 30.0)
    agenda.tell(event("a siren wails", FOREGROUND, 0, 15))
    assert agenda.meant("The total duration is 30 seconds.") == "a siren wails"


def test_a_bed_that_is_told_to_come_then_does_not_come_first() -> None:
    agenda = Agenda.of("a gun fires, then flies buzz", 30.0)
    drafted = agenda.instead_of(event("flies buzzing", BED, 0, 20), AT)
    assert drafted is not None
    assert drafted.text == "a gun fires"
    assert Agenda.of("a gun fires while flies buzz", 30.0).instead_of(event("flies buzzing", BED, 0, 20), AT) is None


def test_a_bed_that_half_tells_a_clause_is_not_told_beside_it() -> None:
    agenda = Agenda.of("the wind picks up, a shutter bangs", 30.0)
    drafted = agenda.instead_of(event("wind blowing over a hill", BED, 0, 15), AT)
    assert drafted is not None
    assert drafted.text == "the wind picks up"
    assert agenda.instead_of(event("a village at night", BED, 0, 15), AT) is None


def test_a_bed_lasts_as_long_as_the_text_says() -> None:
    at = frontier(40.0, PlanStyle()).after(0, 20)
    agenda = Agenda.of("rain for twenty seconds, then a dog barks", 30.0)
    rain, dog = agenda.owed
    agenda.tell(event("rain", BED, 0, 20), rain)
    assert agenda.due(at, 1.0, None) is None
    assert agenda.begins_s(dog) == 20.0
    assert agenda.is_last(dog), "nothing sounds after it"


def test_what_is_told_before_a_time_begins_before_it() -> None:
    agenda = Agenda.of("a dog barks, a door slams, at eight seconds thunder", 30.0)
    assert agenda.room(AT, agenda.owed[0], 1.0)[0] < 7
    assert agenda.lasts_until_s(agenda.owed[1], 4.0) == 0.0
    agenda.tell(event("a dog barks", start_s=1.0))
    assert agenda.lasts_until_s(agenda.owed[0], 4.0) == 8.0


def test_a_bed_s_next_window_waits_for_what_is_told_sooner() -> None:
    for text, waits in (("rain, after five seconds a bell", True), ("rain, a bell", False)):
        agenda = Agenda.of(text, 30.0)
        agenda.tell(event("rain", BED, 0, 15))
        drafted = agenda.instead_of(event("rain", BED, 15, 30), AT)
        assert drafted == (agenda.owed[0] if waits else None)
        agenda.tell(event("rain", BED, 15, 30))
        assert agenda.begins_s(agenda.owed[0]) == (5 if waits else None), "windows of a bed are no new sounds"


def test_what_the_text_denies_is_not_added() -> None:
    agenda = Agenda.of("monks murmur, no birds", 30.0)
    agenda.tell(event("monks murmur"))
    assert agenda.is_added("birds singing in a hall")
    assert agenda.is_added("monks murmur"), "it was heard"
    assert not agenda.is_added("a monk sings")


def test_what_is_heard_all_along_is_told_first_and_goes_on_from_wherever_it_ends() -> None:
    agenda = Agenda.of("Three knocks. A dog barks, then a train passes all the time. Wind outside, all the time.", 30.0)
    assert [part.text for part in agenda.owed] == [
        "Wind outside", "Three knocks", "A dog barks", "a train passes all the time",
    ]  # fmt: skip
    agenda.tell(event("Wind outside", BED, 3, 20))
    at = frontier(40.0, PlanStyle()).after(3, 20)
    assert agenda.due(at, 1.0, None) == Due("Wind outside", BED, 20, 40)


def test_the_last_bed_goes_on_to_the_end_however_long_it_is_told_to_last() -> None:
    agenda = Agenda.of("a door slams, footsteps on gravel for eight seconds", 30.0)
    door, steps = agenda.owed
    agenda.tell(event("a door slams", start_s=0), door)
    assert agenda.is_last(steps)
    agenda.tell(event("footsteps on gravel", BED, 2, 13), steps)
    assert agenda.due(frontier(40.0, PlanStyle()).after(2, 13), 1.0, None) == Due("footsteps on gravel", BED, 13, 20)


def test_what_is_denied_is_no_bed_of_the_llm_s_own() -> None:
    agenda = Agenda.of("Thunder without rain. A dog whimpers, no birds", 30.0)
    assert [part.text for part in agenda.owed] == ["Thunder", "A dog whimpers"]
    assert denied("Thunder without rain. A dog whimpers, no birds") == stems("rain bird")
    drafted = agenda.instead_of(event("rain in a forest", BED, 0, 15), AT)
    assert drafted is agenda.owed[0]
    assert agenda.instead_of(event("a forest at night", BED, 0, 15), AT) is None


@pytest.mark.parametrize("stops", [True, False])
def test_what_is_heard_every_so_often_is_due_again_until_it_stops(stops: bool) -> None:
    agenda = Agenda.of(f"rain, a foghorn every ten seconds. {'At forty seconds it stops.' * stops} A gull cries", 60.0)
    rain, horn, _ = agenda.owed
    assert not horn.goes_on
    agenda.tell(event("rain", BED, 0, 20), rain)
    at = frontier(60.0, PlanStyle()).after(0, 20)
    assert agenda.ends(horn, "a foghorn", FOREGROUND, 4, 60, at, 1.0) == [9]
    agenda.tell(event("a foghorn", FOREGROUND, 4, 9), horn)
    at = at.after(4, 9)
    assert agenda.due(at, 1.0, event("a gull cries", FOREGROUND, 10, 12)) is None
    assert agenda.due(at, 1.0, event("a gull cries", FOREGROUND, 14, 16)) == Due("a foghorn", FOREGROUND, 14, 19)
    agenda.tell(event("a foghorn", FOREGROUND, 34, 39))
    due = agenda.due(at.after(34, 60), 1.0, event("a gull cries", FOREGROUND, 50, 52))
    assert due == (None if stops else Due("a foghorn", FOREGROUND, 44, 49))
