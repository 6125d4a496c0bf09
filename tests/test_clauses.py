"""What a text tells, clause by clause, and what of it a plan still owes."""

from diegetic.model.agenda import Agenda, bare, first_words, speaks_for_itself
from diegetic.model.clauses import parts, share_word, stems
from diegetic.model.grammar import PlanStyle, Timed, frontier
from diegetic.story import BED, FOREGROUND

TEXT = "Harbour at night: rain on the water, a bell rings twice and a gull cries. No music!"
AT = frontier(30.0, PlanStyle())


def said(text: str) -> list[str]:
    return [part.text for part in parts(text)]


def event(caption: str, lane: str = FOREGROUND, start_s: float = 0.0, end_s: float = 5.0) -> Timed:
    return Timed(caption, lane, start_s, end_s)


def test_a_text_falls_into_its_clauses() -> None:
    assert said("The door opens, then a dog barks while rain falls") == ["The door opens", "a dog barks", "rain falls"]


def test_what_only_sets_the_scene_is_no_clause() -> None:
    assert said("Sunday breakfast: bacon sizzles.") == ["bacon sizzles"]
    assert said("Deep jungle. Monkeys shriek.") == ["Monkeys shriek"]
    assert said("Deep jungle") == ["Deep jungle"]


def test_what_is_not_to_be_heard_is_no_clause() -> None:
    assert said(TEXT) == ["rain on the water", "a bell rings twice", "a gull cries"]


def test_a_clause_may_say_that_it_goes_on() -> None:
    assert [part.goes_on for part in parts("frogs croak without pause, a duck quacks")] == [True, False]
    assert [part.goes_on for part in parts("the birds sang, until a wolf growled")] == [True, False]
    assert [part.goes_on for part in parts("she turns a page while a clock ticks")] == [False, True]
    for told in (
        "swords clash all around",
        "the sea in the background",
        "it drips on and on",
        "it knocks over and over",
    ):
        assert [part.goes_on for part in parts(told)] == [True]


def test_words_are_alike_whatever_their_endings() -> None:
    assert share_word(stems("a dog barks"), stems("barking dogs"))
    assert not share_word(stems("the old house"), stems("an old house"))
    assert not share_word(stems("a crow"), stems("a crowd"))
    assert stems("a glass") == stems("the glasses")


def test_an_event_that_tells_the_next_clause_stands() -> None:
    agenda = Agenda.of(TEXT)
    assert agenda.instead_of(event("rain falling on water", BED), AT) is None


def test_an_event_that_tells_nothing_new_gives_way_to_the_next_clause() -> None:
    agenda = Agenda.of(TEXT)
    agenda.tell(event("rain falling on water", BED, 0, 30))
    part = agenda.instead_of(event("waves on a beach"), AT)
    assert part is not None
    assert part.text == "a bell rings twice"


def test_no_clause_is_passed_over() -> None:
    agenda = Agenda.of(TEXT)
    agenda.tell(event("rain falling on water", BED, 0, 30))
    part = agenda.instead_of(event("gull crying"), AT)
    assert part is not None
    assert part.text == "a bell rings twice"


def test_nothing_is_owed_once_all_is_told() -> None:
    agenda = Agenda.of(TEXT)
    for caption in ("rain on the water", "bell ringing twice", "a gull cries"):
        agenda.tell(event(caption))
    assert agenda.owed == []
    assert agenda.instead_of(event("anything"), AT) is None


def test_every_clause_is_left_room() -> None:
    agenda = Agenda.of(TEXT)
    last_start, last_end = agenda.room(AT, "rain on the water")
    assert 0 < last_start < last_end < AT.total
    agenda.tell(event("rain on the water"))
    agenda.tell(event("bell ringing twice"))
    assert agenda.room(AT, "a gull cries")[1] == AT.total


def test_a_clause_as_caption_begins_with_what_it_names() -> None:
    (part,) = parts("somewhere below a cock crows once")
    assert bare(part) == "a cock crows once"
    assert first_words(part) == ["cock", "crows"]


def test_a_short_clause_is_its_own_caption() -> None:
    short, long = parts("a dog barks; the landlord of the old inn by the sea put another log on the fire")
    assert speaks_for_itself(short)
    assert not speaks_for_itself(long)


def test_a_bed_written_as_a_window_goes_on() -> None:
    at = frontier(40.0, PlanStyle())
    assert at.windows() == [0, 20, 40]
    agenda = Agenda.of("rain falls, a dog barks")
    agenda.tell(event("rain falls", BED, 0, 20))
    at = at.after(0, 20)
    assert agenda.due(at, 1.0, event("a dog barks", start_s=4)) is None
    assert agenda.due(at, 1.0, event("a dog barks", start_s=24)) == ("rain falls", 20, 40)
    assert agenda.due(at, 1.0, None) == ("rain falls", 20, 40)
    assert agenda.due(at, 1.0, event("wind", BED, 20, 40)) is None
    agenda.tell(event("a clock ticks", BED, 0, 20))
    agenda.tell(event("a clock ticks", BED, 20, 40))
    assert agenda.due(at, 1.0, None) == ("rain falls", 20, 40), "another bed that goes on doesn't take its place"
    agenda.tell(event("rain falls", BED, 20, 40))
    assert agenda.due(at.after(20, 40), 1.0, None) is None


def test_a_bed_that_ends_where_no_window_does_is_over() -> None:
    at = frontier(40.0, PlanStyle()).after(0, 13)
    agenda = Agenda.of("rain falls, a dog barks")
    agenda.tell(event("rain falls", BED, 0, 13))
    assert agenda.due(at, 1.0, None) is None


def test_a_clause_by_itself_needs_no_draft() -> None:
    assert Agenda.of("a door slams").is_plain
    assert Agenda.of("the door of the old house on the hill slams shut in the wind").is_plain
    assert not Agenda.of("a door slams, a dog barks").is_plain
    assert not Agenda.of("nothing").is_plain


def test_a_bed_that_the_text_names_first_takes_no_other_ones_place() -> None:
    at = frontier(26, PlanStyle(cover=True))
    for text, goes_on in (("a forest, insects shrill", True), ("insects shrill, a forest", False)):
        agenda = Agenda.of(text)
        agenda.tell(event("insects shrill", BED, 0, 13))
        due = agenda.due(at.after(0, 13), 1.0, event("a forest", BED, 13, 26))
        assert due == (("insects shrill", 13, 26) if goes_on else None)


def test_the_last_clause_lasts_to_the_end_where_nothing_else_sounds() -> None:
    agenda = Agenda.of("a door slams, a dog barks")
    door, dog = agenda.owed
    assert not agenda.is_last(dog)
    agenda.tell(event("a door slams", FOREGROUND, 0, 4))
    assert agenda.is_last(dog)
    assert not agenda.is_last(None)
    assert not agenda.is_last(door)
    agenda.tell(event("rain", BED, 0, 13))
    assert not agenda.is_last(dog)


def test_a_bed_told_in_other_words_is_the_bed_that_was_told() -> None:
    agenda = Agenda.of("a crowd murmurs in the market, a bell rings")
    agenda.tell(event("a crowd murmurs in the market", BED, 0, 20))
    assert agenda.bed_meant("the market crowd murmuring") == "a crowd murmurs in the market"
    assert agenda.bed_meant("a market stall, bell ringing") is None, "a clause is owed"
    agenda.tell(event("a bell rings", FOREGROUND, 8, 12))
    assert agenda.bed_meant("bell ringing") is None, "no bed"
    assert agenda.bed_meant("a dog barks") is None
