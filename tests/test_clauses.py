"""What a text tells, clause by clause, and what of it a plan still owes."""

import pytest

from diegetic.model.agenda import Agenda, Due
from diegetic.model.captions import bare, first_words, keeps_how, speaks_for_itself, with_how
from diegetic.model.clauses import Stop, denied, parts, stopping
from diegetic.model.grammar import PlanStyle, Timed, frontier
from diegetic.model.stems import share_word, stems
from diegetic.model.when import When
from diegetic.story import BED, FOREGROUND

TEXT = "Balcony at night: rain on the water, a bell rings twice and a gull cries. No music!"
AT = frontier(30.0, PlanStyle())


def said(text: str) -> list[str]:
    return [part.text for part in parts(text)]


def event(caption: str, lane: str = FOREGROUND, start_s: float = 0.0, end_s: float = 5.0) -> Timed:
    return Timed(caption, lane, start_s, end_s)


def test_a_text_falls_into_its_clauses() -> None:
    assert said("The door opens, then a dog barks while rain falls") == ["The door opens", "rain falls", "a dog barks"]


def test_what_only_sets_the_scene_is_no_clause() -> None:
    assert said("Sunday breakfast: bacon sizzles.") == ["bacon sizzles"]
    assert said("Old house. Floorboards creak.") == ["Floorboards creak"]
    assert said("Deep jungle") == ["Deep jungle"]


def test_what_is_not_to_be_heard_is_no_clause() -> None:
    assert said(TEXT) == ["rain on the water", "a bell rings twice", "a gull cries"]


def test_a_clause_may_say_that_it_goes_on() -> None:
    assert [part.goes_on for part in parts("frogs croak without pause, a duck quacks")] == [True, False]
    assert [part.goes_on for part in parts("the birds sang, until a wolf growled")] == [True, False]
    assert [part.goes_on for part in parts("a clock ticks, she turns a page")] == [True, False]
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


def test_a_bed_that_ends_where_no_window_does_is_over() -> None:
    at = frontier(40.0, PlanStyle()).after(0, 13)
    agenda = Agenda.of("rain falls, a dog barks", 30.0)
    agenda.tell(event("rain falls", BED, 0, 13))
    assert agenda.due(at, 1.0, None) is None


def test_a_clause_by_itself_needs_no_draft() -> None:
    assert Agenda.of("a door slams", 30.0).is_plain
    assert Agenda.of("the door of the old house on the hill slams shut in the wind", 30.0).is_plain
    assert not Agenda.of("a door slams, a dog barks", 30.0).is_plain
    assert not Agenda.of("nothing", 30.0).is_plain


def test_a_bed_that_the_text_names_first_takes_no_other_ones_place() -> None:
    at = frontier(26, PlanStyle(cover=True))
    for text, goes_on in (("a forest, insects shrill", True), ("insects shrill, a forest", False)):
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


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("Deep jungle. A tiger growls.", [("Deep jungle", True, False)]),
        ("Night at the lake: an owl hoots", [("Night at the lake", True, False)]),
        ("Kitchen at night. A kettle whistles.", []),
        ("A storm breaks over a harbour: thunder, a bell", []),
        ("Harbour at dawn: waves lap at the quay, a horn sounds", []),
        ("The forest: a branch snaps in the forest", []),
        (
            "Old forest: a twig snaps. Market square: a dog barks.",
            [("Old forest", False, True), ("Market square", False, False)],
        ),
        ("Old forest: a twig snaps. Kitchen: a door slams.", [("Old forest", False, True)]),
    ],
)
def test_a_place_that_is_heard_by_itself_is_heard_where_nothing_goes_on(
    text: str, places: list[tuple[str, bool, bool]]
) -> None:
    found = [each for each in parts(text) if each.is_place]
    assert [(bare(each), each.all_along, each.stop is not None) for each in found] == places


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


@pytest.mark.parametrize(
    ("text", "captions"),
    [
        ("a distant dog barks", ["a distant dog barks"]),
        ("Then on the left a drill", ["on the left a drill"]),
        ("finally two big gates", ["two big gates"]),
        ("he slowly opens the gate", ["slowly opens the gate"]),
        ("A sheep bleats, far off to the right", ["A sheep bleats, far off to the right"]),
        ("In the distance, a siren wails", ["a siren wails, In the distance"]),
        ("explosion (muffled)", ["explosion, muffled"]),
        ("the applause swells, then it dies down", ["the applause swells, it dies down"]),
        ("a horn blows. Then, softly, a flute", ["a horn blows", "a flute, softly"]),
    ],
)
def test_how_a_sound_is_told_to_be_heard_stays_with_it(text: str, captions: list[str]) -> None:
    assert [with_how(part, bare(part)) for part in parts(text)] == captions


def test_in_the_background_is_no_sound_but_says_that_one_goes_on() -> None:
    assert [(part.text, part.goes_on) for part in parts("In the background, soft chatter")] == [("soft chatter", True)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A cat purrs, then it hisses", ["A cat purrs", "A cat hisses"]),
        ("someone drops a plate and it shatters", ["someone drops a plate", "a plate shatters"]),
        ("it fires two rockets and they explode", ["it fires two rockets", "two rockets explode"]),
        ("a door opens and it rains", ["a door opens", "it rains"]),
        ("a boy shouts and he runs", ["a boy shouts", "he runs"]),
    ],
)
def test_what_it_is_stands_in_its_place(text: str, told: list[str]) -> None:
    assert said(text) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("There is no wind. Rain without thunder.", ["Rain"]),
        ("the dog doesn't bark, a goat bleats", ["a goat bleats"]),
        ("the telephone never rings; steps", ["steps"]),
        ("it never stops raining", ["it never stops raining"]),
        ("rain without pause", ["rain without pause"]),
        ("nothing but rain", ["rain"]),
    ],
)
def test_what_is_denied_is_no_sound_wherever_the_clause_says_so(text: str, told: list[str]) -> None:
    assert said(text) == told


def test_what_is_spoken_is_no_sound() -> None:
    assert said('"Who is there?" she whispered. A lamp breaks.') == ["she whispered", "A lamp breaks"]
    assert said('a "boing" and a splash') == ["boing", "a splash"]
    assert said('"rain and wind"') == ["rain", "wind"]


def test_a_clause_says_when_it_begins_and_how_long_it_lasts() -> None:
    told = parts("Rain for ten seconds. After five seconds, a bird sings, then, two seconds later, a bell")
    assert [part.text for part in told] == ["Rain", "a bird sings", "a bell"]
    assert [part.when for part in told] == [When(lasts_s=10), When(5, "either"), When(2, "last")]
    assert [part.after for part in told] == [False, False, True]
    assert parts("a taxi honks twice until it leaves")[0].goes_on is False, "what is counted doesn't go on"


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


def test_a_paraphrase_must_keep_how_a_sound_is_heard() -> None:
    (bus,) = parts("an old bus passes the house from right to left")
    assert not keeps_how(bus, "a bus passes")
    assert keeps_how(bus, "a bus passes from right to left")
    (steps,) = parts("steps on the iron stairs of the tower")
    assert keeps_how(steps, "steps on iron")


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


def test_what_the_text_says_stops_is_no_sound_but_the_end_of_one() -> None:
    rain, birds = parts("Rain. After ten seconds the rain stops and birds sing")
    assert rain.stop == Stop(1, When(10, "either"))
    assert birds.text == "birds sing"
    agenda = Agenda.of("Rain. After ten seconds the rain stops and birds sing", 30.0)
    assert agenda.times.stops_s(agenda.owed[0]) == 10
    assert agenda.begins_s(agenda.owed[1]) == 10


def test_what_stops_without_a_time_sounds_until_the_next_is_told() -> None:
    agenda = Agenda.of("a crowd cheers, a radio plays; everything falls silent, a glass breaks", 30.0)
    crowd, radio, glass = agenda.owed
    assert [agenda.times.stops_s(each) for each in (crowd, radio, glass)] == [20, 20, None]
    assert agenda.begins_s(glass) == 20
    assert agenda.ends(crowd, "a crowd cheers", BED, 0, 30, AT, 1.0) == [20]
    crowd, whistle = Agenda.of("a crowd cheers, a whistle blows and the crowd falls silent", 30.0).owed
    assert crowd.stop == Stop(2)
    assert whistle.stop is None


@pytest.mark.parametrize(
    ("text", "seconds", "stops_s", "begins_s"),
    [
        ("rain for five seconds, then five seconds of silence, then a gunshot", 20.0, 5.0, 10.0),
        ("footsteps, then nothing for three seconds, then a knock", 20.0, 7.0, 10.0),
        ("a phone rings, and after a pause of four seconds it rings again", 30.0, 11.0, 15.0),
        ("crickets. Silence. A wolf howls", 20.0, 8.0, 10.0),
        ("a machine hums. After ten seconds everything falls silent. At twenty seconds a bird", 30.0, 10.0, 20.0),
    ],
)
def test_what_sounds_before_told_silence_is_over_and_the_next_begins_behind_it(
    text: str, seconds: float, stops_s: float, begins_s: float
) -> None:
    agenda = Agenda.of(text, seconds)
    first, after = agenda.owed
    at = frontier(seconds, PlanStyle())
    assert agenda.ends(first, first.text, BED, 0, at.total, at, 1.0) == [stops_s]
    agenda.tell(event(first.text, BED, 0.0, stops_s), first)
    assert agenda.begins_s(after) == begins_s
    assert agenda.is_after_silence(after)
    assert agenda.lasts_until_s(first, 0.0) == 0.0


def test_a_text_may_end_in_silence() -> None:
    assert Agenda.of("heavy footsteps, then five seconds of silence", 16.0).times.seconds == 11
    assert Agenda.of("a woman screams. Silence.", 20.0).times.seconds == 18
    assert Agenda.of("rain. After ten seconds the rain stops", 20.0).times.seconds == 10
    assert Agenda.of("rain, then the rain stops", 20.0).times.seconds == 20
    assert Agenda.of("rain and wind. After ten seconds the rain stops", 20.0).times.seconds == 20


def test_silence_ends_a_bed_that_the_text_does_not_name() -> None:
    agenda = Agenda.of("a twig snaps, silence, a wolf howls", 30.0)
    agenda.tell(event("a forest at night", BED, 0, 10))
    assert agenda.due(AT.after(0, 10), 1.0, None) == Due("a forest at night", BED, 10, 13)
    agenda.tell(event("a forest at night", BED, 10, 13))
    assert agenda.due(AT.after(10, 13), 1.0, None) is None
    assert Agenda.of("a twig snaps, silence, a wolf howls", 30.0).ends(
        None, "a forest at night", BED, 0, 30, AT, 1.0
    ) == [13]
    assert agenda.ends(None, "another forest", BED, 20, 30, AT.after(0, 20), 1.0)[-1] > 25


def test_again_at_a_time_is_the_same_sound_once_more() -> None:
    horn, again, children = parts("a ship horn at 10 s and again at 25 s, children laughing")
    assert (horn.text, horn.when.at_s) == ("a ship horn", 10)
    assert (again.text, again.when.at_s) == ("a ship horn", 25)
    assert children.when.at_s is None


def test_times_told_together_are_the_same_sound_at_each() -> None:
    told = parts("a bell rings at 5, 12 and 20 seconds")
    assert [(part.text, part.when.at_s) for part in told] == [("a bell rings", at_s) for at_s in (5, 12, 20)]


def test_what_is_switched_off_is_heard_by_what_it_runs() -> None:
    bath, drip = parts("the bath fills with water, the tap is turned off, drip drip drip")
    assert bath.stop == Stop(1)
    assert drip.stop is None


def test_what_happens_while_something_goes_on_is_told_behind_it() -> None:
    for text in (
        "she turns a page while thunder rolls",
        "children laugh as waves crash",
        "he runs while a siren wails",
    ):
        under, happens = parts(text)
        assert under.goes_on
        assert (under.text in text.partition(happens.text)[2], happens.goes_on) == (True, False)
    assert parts("the cat purrs while it sleeps")[0].text == "the cat purrs"
    assert parts("a man shouts as he falls")[0].text == "a man shouts"
    rain, silence = parts("the rain stops while an owl hoots"), parts("a dog barks and the dog stops while rain falls")
    assert [part.text for part in rain][-1:] == ["an owl hoots"]
    assert silence[0].stop == Stop(1)


def test_the_music_stops_whoever_plays() -> None:
    for player in ("a bard plays the lute", "an old jukebox plays", "bagpipes on the hill", "the choir sings"):
        played, rain, chair = parts(f"{player}, rain falls, the music stops, a chair scrapes")
        assert played.stop == Stop(2)
        assert rain.stop is None
        assert chair.stop is None


def test_what_sets_the_scene_may_stop() -> None:
    rails, door, brakes = parts("Inside a train: rails clack steadily, a door slams, brakes squeal, the train stops")
    assert rails.stop == Stop(3)
    assert (door.stop, brakes.stop) == (None, None)


def test_silence_but_for_a_sound_is_none_before_it() -> None:
    (_, tick) = parts("a storm rages, then silence, only a clock ticks")
    assert tick.silent_s == 0.0
    (_, tick) = parts("a storm rages, then silence, a clock ticks")
    assert tick.silent_s > 0.0


def test_what_something_is_filled_with_is_no_sound_beside_it() -> None:
    assert said("the bath fills with water, a door opens with a creak") == [
        "the bath fills with water", "a door opens", "a creak",
    ]  # fmt: skip


def test_when_everyone_falls_silent_what_is_no_sound_of_theirs_goes_on() -> None:
    told = parts("rain falls, people chatter, children laugh, everyone falls silent, a chair creaks")
    assert [part.stop is not None for part in told] == [False, True, True, False]


def test_a_sound_that_nothing_comes_after_is_heard_to_the_end_though_it_stops() -> None:
    agenda = Agenda.of("rain, then the rain stops", 30.0)
    assert agenda.times.stops_s(agenda.owed[0]) is None


def test_what_dies_down_is_over_when_the_next_begins_and_is_heard_so() -> None:
    rain, birds = parts("rain falls, it dies down, birds sing")
    assert rain.how == "it dies down"
    assert rain.stop == Stop(1)
    assert birds.text == "birds sing"


def test_of_what_stops_and_was_never_told_nothing_is_heard_but_how_it_ends() -> None:
    assert said("a phone rings, the typing stops, someone sighs") == ["a phone rings", "someone sighs"]
    assert said("a phone rings, a car stops") == ["a phone rings", "a car stops"]
    assert said("a phone rings, a van turns off the road") == ["a phone rings", "a van turns off the road"]
    assert said("the rain stops, birds sing") == ["the rain stops", "birds sing"]
    assert said("a door slams, the wind dies down") == ["a door slams", "the wind dies down"]
    assert said("the street is quiet again, a bell rings") == ["a bell rings"]
    assert said("the room is quiet except for a clock") == ["the room is quiet except for a clock"]


def test_a_bed_goes_on_in_windows_until_it_stops() -> None:
    agenda = Agenda.of("rain for forty seconds, then birds sing", 60.0)
    rain, birds = agenda.owed
    agenda.tell(event("rain", BED, 0, 27), rain)
    at = frontier(60.0, PlanStyle()).after(0, 27)
    assert agenda.begins_s(birds) == 40
    assert agenda.due(at, 1.0, event("birds sing", BED, 27, 54)) == Due("rain", BED, 27, 40)
    start = frontier(60.0, PlanStyle())
    assert agenda.ends(rain, "rain", BED, 0, 60, start, 1.0) == [20], "in two equal windows"
    assert agenda.ends(None, "rain", BED, 20, 60, start.after(0, 20), 1.0) == [40]


def test_a_bed_of_the_story_stops_where_what_comes_next_says_so() -> None:
    beds = ["rain on a roof", "wind in the trees"]
    assert stopping("the rain stops, a bell rings", beds) == ["rain on a roof"]
    assert stopping("everything falls silent", beds) == beds
    assert stopping("a bell rings", beds) == []
    assert [part.text for part in parts("the rain stops, a bell rings", ["rain on a roof"])] == ["a bell rings"]
    assert [part.text for part in parts("the foghorn stops, a bell rings", [])] == ["a bell rings"]


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


def test_now_and_then_is_no_two_clauses() -> None:
    (rain, thunder) = parts("rain, every now and then thunder")
    assert (thunder.text, thunder.when) == ("thunder", When(every_s=10, is_irregular=True))
    assert rain.when.every_s is None
    assert [part.goes_on for part in parts("a clock ticks every second")] == [True]


LISTED = {
    "A typewriter. A carriage return bell.": ["A typewriter", "A carriage return bell"],
    "A chainsaw. A tree falls.": ["A chainsaw", "A tree falls"],
    "Heavy rain. Distant thunder. Wind.": ["Heavy rain", "Distant thunder", "Wind"],
    "She could hear the sea. A gull cries.": ["She could hear the sea", "A gull cries"],
    "Deep basement. A parrot screams.": ["A parrot screams"],
    "A busy kitchen. Plates, a small bell.": ["Plates", "a small bell"],
}


@pytest.mark.parametrize("text", LISTED)
def test_a_first_sentence_that_is_a_sound_is_told(text: str) -> None:
    assert [part.text for part in parts(text)] == LISTED[text]


@pytest.mark.parametrize("quote", ["'Who's there?'", "‘Who’s there?’", '"Who\'s there?"'])
def test_what_is_said_in_single_quotes_is_left_out(quote: str) -> None:
    assert [part.text for part in parts(f"{quote} A dog's bowl, the boys' shouts.")] == [
        "A dog's bowl",
        "the boys' shouts",
    ]


def test_what_never_stops_goes_on() -> None:
    found = parts("A waterfall. The waterfall never stops. Frogs croak.")
    assert [(part.text, part.goes_on, part.stop) for part in found] == [
        ("A waterfall", True, None),
        ("Frogs croak", True, None),
    ]
