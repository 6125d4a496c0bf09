"""Plans of long stories with many sounds: each is told, what goes on goes on, and what happens is soon over."""

from itertools import pairwise

import pytest

from diegetic.model.registry import load_model, presets_folder
from diegetic.model.timetable import left_out
from diegetic.protocol import StoryModel
from diegetic.remarks import remarks_on
from diegetic.settings import Settings
from diegetic.story import BED, MAX_PLANNED_EVENTS, Event

NOUNS = [
    *("ship's bell rings", "dog barks", "horse trots by", "door slams", "gunshot", "seagull cries", "train passes"),
    *("cat meows", "siren wails", "branch snaps", "glass breaks", "gong sounds", "rooster crows", "hammer strikes"),
    *("wolf howls", "whistle blows", "cow moos"),
]
SHEET = "An old harbour. Rain falls all the time. " + " ".join(
    f"At {10 + 15 * place} seconds a {noun}." for place, noun in enumerate(NOUNS)
)


@pytest.fixture(scope="module")
def pocket() -> StoryModel:
    if not (presets_folder() / "models/pocket/network.safetensors").exists():
        pytest.skip("pocket's weights aren't here")
    return load_model("pocket", Settings())


@pytest.fixture(scope="module")
def planned(pocket: StoryModel) -> list[Event]:
    return [each.event for each in pocket.plan(pocket.begin(SHEET, 300))]


def test_all_of_many_sounds_are_told_where_the_text_has_them(planned: list[Event]) -> None:
    starts = {event.caption: event.start_s for event in planned if event.lane != BED}
    assert list(starts.values()) == pytest.approx([10 + 15 * place for place in range(len(NOUNS))], abs=1)
    for caption, noun in zip(starts, NOUNS, strict=True):
        assert noun in caption


def test_a_bed_goes_on_to_the_end_beside_them(planned: list[Event]) -> None:
    windows = [event for event in planned if event.lane == BED]
    assert {event.caption for event in windows} == {"Rain falls all the time"}
    assert (windows[0].start_s, windows[-1].end_s) == (0, 300)
    assert len(planned) <= MAX_PLANNED_EVENTS


@pytest.mark.parametrize(
    ("text", "seconds"), [("Rain and wind. A bell.", 200), ("Rain on a tent and wind in the trees. An owl hoots.", 60)]
)
def test_beds_that_are_told_together_sound_together_to_the_end(pocket: StoryModel, text: str, seconds: float) -> None:
    events = [each.event for each in pocket.plan(pocket.begin(text, seconds))]
    for bed in ("Rain", "wind"):
        windows = [event for event in events if event.caption.startswith(bed)]
        assert (windows[0].start_s, windows[-1].end_s) == (0, seconds)
        assert {event.lane for event in windows} == {BED}


def test_what_is_heard_now_and_then_is_so_to_the_end_of_a_long_story(pocket: StoryModel) -> None:
    events = [each.event for each in pocket.plan(pocket.begin("rain on a tent, thunder now and then", 320))]
    thunder = [event.start_s for event in events if event.caption == "thunder"]
    apart = [later - sooner for sooner, later in pairwise([*thunder, 320])]
    assert 15 <= min(apart[:-1]) <= max(apart) <= 45


def test_two_sounds_now_and_then_over_two_beds_are_heard_in_both_halves_of_a_long_story(pocket: StoryModel) -> None:
    text = "Rain on a tent and wind in the trees. Thunder now and then. An owl hoots occasionally."
    events = [each.event for each in pocket.plan(pocket.begin(text, 320))]
    for caption in ("Thunder", "An owl hoots"):
        starts = [event.start_s for event in events if event.caption == caption]
        assert min(starts) < 160 <= max(starts)


def test_what_happens_over_a_bed_is_soon_over(planned: list[Event]) -> None:
    lengths = {event.caption.removeprefix("a "): event.duration_s for event in planned}
    assert max(lengths[what] for what in ("door slams", "gunshot", "glass breaks", "wolf howls")) <= 8


def test_sounds_that_a_plan_has_no_room_for_are_named() -> None:
    many = "; ".join(f"at {place} seconds a {NOUNS[place % len(NOUNS)]}" for place in range(40))
    assert len(left_out(many)) == 40 - (MAX_PLANNED_EVENTS - 2)
    (remark,) = remarks_on(many)
    assert "no room for 10 sounds of the text" in remark
    assert left_out(many)[0] in remark
    assert left_out(SHEET) == []
    assert remarks_on(SHEET) == ()
