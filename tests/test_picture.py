"""The picture of a story: it is there, whatever the captions hold and however events lie."""

import warnings
from pathlib import Path

import pytest

from diegetic.director import Output, render_story
from diegetic.folder import StoryFolder
from diegetic.project.timeline import Clip, Item, Track
from diegetic.story import Event, Story, Told, check_story
from mock_model import MockModel

pytest.importorskip("matplotlib")

from diegetic.picture import _cut, _rows, write_picture

NASTY = (
    Event("e1", "a" * 300, 0, 6, "bed"),
    Event("e2", "$x_$ 雨 🌧 / \\ <b> CON", 6, 6, "bed"),
    Event("e3", "a\x07b", 1, 4),
    Event("e4", "steps", 2, 2.5),
    Event("e5", "long " * 60, 3, 9, "aux", gain_db=-60),
)


@pytest.mark.parametrize(
    "told", [Told("rain, a bell, thunder over the hills", 12.0), Story("🌧 $ " * 200, 12, 0, "mock", "", NASTY)]
)
def test_a_story_of_any_text_has_a_picture(tmp_path: Path, told: Told | Story) -> None:
    folder = StoryFolder(tmp_path / "storm")
    asked = check_story(told) if isinstance(told, Story) else told
    render_story(MockModel(), asked, folder, Output(24_000, stems="lane", handles_s=0.5), lambda progress: None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_picture(folder, tmp_path / "storm.png")
    data = (tmp_path / "storm.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(data[16:20], "big") == 1540
    assert len(data) > 40_000


def test_sounds_of_one_lane_that_overlap_are_drawn_below_each_other() -> None:
    clip = Clip("clips/a.wav", "a", 1, 100, 24_000, 1)
    items = tuple(Item("a", start, 99, 5, 10, (clip,), 0) for start in (0, 50, 89, 200))
    assert _rows(Track("fx", 1, items)) == [(0.0, 0.5), (0.5, 0.5), (0.0, 0.5), (0.0, 0.5)]


def test_captions_are_cut_to_their_room() -> None:
    assert (_cut("thunder", 7), _cut("thunder\nfar away", 9), _cut("x" * 300, 4)) == ("thunder", "thunder…", "xxx…")
