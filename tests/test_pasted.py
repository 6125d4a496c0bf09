"""What is pasted from documents and cue sheets."""

import pytest

from diegetic.model.clauses import parts
from diegetic.model.prose import prose


def told(text: str) -> list[tuple[str, str, float | None]]:
    """Clauses, what is said apart, and when or how long they are heard."""
    found = parts(prose(text))
    return [
        (part.text, part.how, part.when.at_s if part.when.at_s is not None else part.when.lasts_s) for part in found
    ]


TABLE = """
| Time | Sound | Notes |
|------|-------|-------|
| 0:00 | Forest ambience | loop |
| 0:10 | Twig snaps | close |
| 0:30 | Thunder | distant |
"""
NO_HEADS = "| 0:00 | Forest ambience | loop |\n| 0:10 | Twig snaps | close |\n| 0:30 | Thunder | distant |"
TABS = "Start\tSound\tComment\n0\tForest ambience\tloop\n10\tTwig snaps\tclose\n30\tThunder\tdistant"
ROWS = [("Forest ambience", "", 0), ("Twig snaps", "close", 10), ("Thunder", "distant", 30)]


@pytest.mark.parametrize("table", [TABLE, NO_HEADS, TABS], ids=["table", "no heads", "tabs"])
def test_a_table_is_read_by_its_rows(table: str) -> None:
    assert told(table) == ROWS


def test_a_table_may_say_how_long_and_how_often() -> None:
    table = "Sound\tDuration\tComment\nWaves\t30s\tbackground\nSeagull\t3s\ttwice\nFoghorn\t5s\tfar away"
    assert told(table) == [("Waves", "", 30), ("Seagull", "twice", 3), ("Foghorn", "far away", 5)]


def test_headings_marks_and_boxes_are_no_sounds() -> None:
    text = "## Scene: Blacksmith\n\n- **Bed:** fire crackling\n- [x] *hammer* on anvil (x4)\n* [ ] bellows pumping"
    assert told(text) == [("fire crackling", "", None), ("hammer on anvil", "x4", None), ("bellows pumping", "", None)]
    assert [each for each, *_ in told("### Sound list\n- footsteps on snow\n- door opens")] == [
        "footsteps on snow", "door opens",
    ]  # fmt: skip
    assert told("**Act I**\n1. *Thunder* — loud\n2. *Hail*\n\n**Act II**\n3. *Wolf howls* — distant") == [
        ("Thunder", "loud", None), ("Hail", "", None), ("Wolf howls", "distant", None),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "Q1 Thunder rumble\nQ2 Doorbell x2\nQ3 Crows fly off",
        "SQ 1 - Thunder rumble\nSQ 2 - Doorbell x2\nSQ 3 - Crows fly off",
        "Cue 12: Thunder rumble. Cue 13: Doorbell x2. Cue 14: Crows fly off",
        "LX 4 / SND 7: Thunder rumble. SND 8: Doorbell x2. SND 9: Crows fly off",
    ],
)
def test_the_numbers_of_cues_are_no_sounds(text: str) -> None:
    assert [each for each, *_ in told(text)] == ["Thunder rumble", "Doorbell x2", "Crows fly off"]


def test_numbered_scenes_and_forced_headings_set_the_scene() -> None:
    text = "Scene 1: The Harbour. Gulls cry.\nScene 2: The Tavern. Mugs clink."
    assert prose(text) == "Harbour: Gulls cry.\nTavern: Mugs clink."
    assert [part.text for part in parts(prose(text)) if not part.is_place] == ["Gulls cry", "Mugs clink"]
    assert prose(".SNIPER SCOPE POV\n\nWind.") == "sniper scope pov: Wind."
    assert prose("Scene opens on a railway platform. Steam hisses.") == "a railway platform: Steam hisses."
    assert prose("Boss fight phase 2 – a golem roars") == "Boss fight phase 2: a golem roars"


def test_lines_in_capitals_are_told_in_lower_case() -> None:
    assert prose("SEAGULLS. A HORN BLOWS.\nThe BBC plays") == "seagulls. a horn blows.\nThe BBC plays"


def test_what_goes_out_in_a_cue_sheet_stops() -> None:
    rain, door, _ = parts(prose("Q1 Rain\nQ2 Door slams\nQ3 Rain out\nQ4 A bell rings"))
    assert rain.stop is not None
    assert rain.stop.place == 2
    assert door.stop is None
    assert [part.text for part in parts("people go out, a cat darts out")] == ["people go out", "a cat darts out"]


def test_sounds_in_brackets_of_a_script_are_heard_and_who_speaks_is_not() -> None:
    text = "[SOUND: rain against window] DETECTIVE: Sit down, Mr. Hale. [SOUND: lighter flicks] SMITH: Thanks."
    assert [part.text for part in parts(prose(text))] == ["rain against window", "lighter flicks"]
    assert [part.text for part in parts(prose("SFX: Rain. WEATHER: Thunder. ATMOS: a pub"))] == [
        "Rain",
        "Thunder",
        "a pub",
    ]
