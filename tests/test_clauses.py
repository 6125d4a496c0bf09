"""What a text tells, clause by clause."""

import pytest

from diegetic.model.captions import bare, first_words, keeps_how, speaks_for_itself, with_how
from diegetic.model.clauses import Stop, parts
from diegetic.model.stems import share_word, stems
from diegetic.model.when import When
from told_clauses import TEXT, said


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


def test_a_clause_as_caption_begins_with_what_it_names() -> None:
    (part,) = parts("somewhere below a cock crows once")
    assert bare(part) == "a cock crows once"
    assert first_words(part) == ["cock", "crows"]


def test_a_short_clause_is_its_own_caption() -> None:
    short, long = parts("a dog barks; the landlord of the old inn by the sea put another log on the fire")
    assert speaks_for_itself(short)
    assert not speaks_for_itself(long)


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


def test_a_paraphrase_must_keep_how_a_sound_is_heard() -> None:
    (bus,) = parts("an old bus passes the house from right to left")
    assert not keeps_how(bus, "a bus passes")
    assert keeps_how(bus, "a bus passes from right to left")
    (steps,) = parts("steps on the iron stairs of the tower")
    assert keeps_how(steps, "steps on iron")


def test_again_at_a_time_is_the_same_sound_once_more() -> None:
    horn, again, children = parts("a ship horn at 10 s and again at 25 s, children laughing")
    assert (horn.text, horn.when.at_s) == ("a ship horn", 10)
    assert (again.text, again.when.at_s) == ("a ship horn", 25)
    assert children.when.at_s is None


def test_times_told_together_are_the_same_sound_at_each() -> None:
    told = parts("a bell rings at 5, 12 and 20 seconds")
    assert [(part.text, part.when.at_s) for part in told] == [("a bell rings", at_s) for at_s in (5, 12, 20)]


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


def test_what_something_is_filled_with_is_no_sound_beside_it() -> None:
    assert said("the bath fills with water, a door opens with a creak") == [
        "the bath fills with water", "a door opens", "a creak",
    ]  # fmt: skip


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
