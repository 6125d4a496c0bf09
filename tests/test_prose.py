"""Lists, time sheets and instructions, read as the sentences that they stand for."""

import pytest

from diegetic.model.clauses import parts
from diegetic.model.prose import prose
from diegetic.model.timetable import told_s
from diegetic.model.when import When

SAME = (
    "A storm breaks over a harbour: rain on the water, thunder, a ship's bell, then the wind dies down",
    "At 7:30 the alarm rings, and at 8:15 the phone.",
    "At 10:15:30 the alarm rings.",
    "He shouts: Rain. THUNDER: loud. A MAN WALKS IN\nand sits down",
    "Thunder (loud), rain - and a dog barks (twice), ",
    "A song begins with drums. The train starts with a jolt. She adds salt.",
    "a shot 3.5 seconds later; 2 cars, 10 dogs",
    "on the second floor a door opens, the third time it slams",
)


@pytest.mark.parametrize("text", SAME)
def test_a_text_that_is_no_list_stays_as_it_is(text: str) -> None:
    assert prose(text) == text


SHEETS = {
    "0:00 rain, 0:10 thunder, 1:05 birds": [("rain", 0, None), ("thunder", 10, None), ("birds", 65, None)],
    "00:00 - wind\n00:08 - a gate creaks": [("wind", 0, None), ("a gate creaks", 8, None)],
    "[00:00] wind [00:08] a gate creaks": [("wind", 0, None), ("a gate creaks", 8, None)],
    "0:00-0:10 rain; 0:10-0:20 birds; 0:15 thunder": [("rain", 0, 10), ("birds", 10, 10), ("thunder", 15, None)],
    "[0-5s] rain [5-10s] thunder": [("rain", 0, 5), ("thunder", 5, 5)],
    "rain (0-10s), thunder (5-8s)": [("rain", 0, 10), ("thunder", 5, 3)],
    "5s: thunder. 10s: rain": [("thunder", 5, None), ("rain", 10, None)],
    "0s wind, 5s thunder, 12.5s birds": [("wind", 0, None), ("thunder", 5, None), ("birds", 12.5, None)],
    "Rain from five to fifteen seconds, then birds": [("Rain", 5, 10), ("birds", None, None)],
    "Between ten and sixteen seconds a car passes": [("a car passes", 10, 6)],
    "wind for 5-10 seconds, then a bell": [("wind", None, 7.5), ("a bell", None, None)],
    "in five seconds a bomb explodes": [("a bomb explodes", 5, None)],
    "00:00:05:12 gunshot\n00:01:10:00 scream": [("gunshot", 5, None), ("scream", 70, None)],
    "10:00:02:00 a cork pops; 10:00:06:00 a toast": [("a cork pops", 2, None), ("a toast", 6, None)],
    "00:00:05,500 --> 00:00:10,000\nrain\n\n00:00:12,000 --> 00:00:13,000\na dog": [("rain", 5, 5), ("a dog", 12, 1)],
    "0:05.5 rain; 0:10.25 thunder": [("rain", 5, None), ("thunder", 10, None)],
    "rain (0:05-0:10), thunder (0:12)": [("rain", 5, 5), ("thunder", 12, None)],
    "thunder at 5s, 10s and 15s": [("thunder", 5, None), ("thunder", 10, None), ("thunder", 15, None)],
    "At 1m20s a gong, after a minute and a half a bell": [("a gong", 80, None), ("a bell", 90, None)],
    "two and a half seconds of rain": [("rain", None, 2.5)],
}


@pytest.mark.parametrize("text", SHEETS)
def test_times_of_a_sheet_are_when_its_sounds_are_heard(text: str) -> None:
    found = [(part.text, part.when.at_s, part.when.lasts_s) for part in parts(prose(text))]
    assert found == SHEETS[text]


CLAUSES = {
    "1. Heavy rain. 2. Thunder. 3. Birds sing.": ["Heavy rain", "Thunder", "Birds sing"],
    "a) door opens b) footsteps c) door closes": ["door opens", "footsteps", "door closes"],
    "1) rain\n2) thunder\n3) a door slams": ["rain", "thunder", "a door slams"],
    "- heavy rain\n- thunder\n- a dog barks": ["heavy rain", "thunder", "a dog barks"],
    "First a click, second a beep, third a buzz.": ["First a click", "a beep", "a buzz"],
    "First, heavy rain. Then thunder.": ["heavy rain", "thunder"],
    "Start with heavy rain. Add thunder. End with birds.": ["first heavy rain", "now thunder", "finally birds"],
    "Rain gets heavier and heavier, then thunder": ["Rain gets ever heavier", "thunder"],
    "Footsteps come closer and closer": ["Footsteps come ever closer"],
    "Someone rocks back and forth, pots and pans clatter": ["Someone rocks back and forth", "pots and pans clatter"],
    "A dog and a cat fight": ["A dog", "a cat fight"],
    "A machine beeps when it's done": ["A machine beeps"],
    "A bee buzzes, lands, and slows down": ["A bee buzzes", "A bee lands", "A bee slows down"],
}


@pytest.mark.parametrize("text", CLAUSES)
def test_what_a_list_names_is_heard_and_what_is_one_stays_one(text: str) -> None:
    assert [part.text for part in parts(prose(text))] == CLAUSES[text]


def test_a_time_without_its_unit_is_one_where_another_has_it() -> None:
    (alarm,) = parts(prose("An alarm starts at ten seconds and is switched off at eighteen."))
    assert alarm.when == When(10.0)
    assert alarm.stop is not None
    assert alarm.stop.when == When(18.0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:00 rain, 1:10 a door slams", 80),
        ("rain (0-50s), thunder (20-25s)", 50),
        ("a siren at ten seconds, which is switched off at fifty", 50),
        ("a shot, ten seconds later another", 0),
        ("a storm over a harbour", 0),
    ],
)
def test_a_text_says_how_long_its_story_must_be(text: str, seconds: float) -> None:
    assert told_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("[0-5s] rain [5-10s] thunder", 10),
        ("twenty seconds of rain", 20),
        ("a minute of rain, then thunder", 70),
        ("Rain for ten seconds, then five seconds of silence.", 15),
        ("00:00:02:00 a cork pops. 00:00:06:00 people laugh.", 16),
        ("rain, thunder at five seconds", 40),
        ("a storm over a harbour", 40),
    ],
)
def test_a_story_is_as_long_as_its_text_says_of_all_its_sounds(text: str, seconds: float) -> None:
    assert told_s(text, usual_s=40) == seconds


@pytest.mark.parametrize(("word", "number"), [("thirteen", 13), ("nineteen", 19), ("six", 6), ("twenty-one", 21)])
def test_numbers_may_be_words(word: str, number: int) -> None:
    (bell,) = parts(f"at {word} seconds a bell")
    assert bell.when == When(float(number))
