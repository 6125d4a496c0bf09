"""What a user is told of a text that asks for more than models can make."""

import pytest

from diegetic.remarks import remarks_on
from evaluation.scenes import read_scenes


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('An old man says "beware of the dog" and shuts the door', "spoken words"),
        ("Rain, and the announcer reads out the departures", "spoken words"),
        ("A woman sings by the fire", "the words of songs"),
        ("a pop song on the radio", "the words of songs"),
        ("Somebody plays music by Abba next door", "the music of a named artist"),
        ("a storm in the style of Hans Zimmer", "the music of a named artist"),
    ],
)
def test_what_cannot_be_made_is_named_in_one_sentence(text: str, what: str) -> None:
    (remark,) = remarks_on(text)
    assert what in remark
    assert "murmur or a melody" in remark


@pytest.mark.parametrize(
    "text",
    [
        "A storm breaks over a harbour: rain on the water, thunder, a ship's bell",
        "birds sing, the song of a whale, a bird song at dawn",
        "he says nothing and closes the door",
        "the kettle sings",
    ],
)
def test_nothing_is_said_of_what_can(text: str) -> None:
    assert remarks_on(text) == ()


def test_none_of_the_told_scenes_asks_for_words() -> None:
    assert [scene.text for scene in read_scenes() if remarks_on(scene.text)] == []


def test_another_language_is_remarked_on() -> None:
    (remark,) = remarks_on("der Wind und der Regen auf dem Dach")
    assert "English" in remark
