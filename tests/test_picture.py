"""The picture of a story: it is there, whatever the captions hold and however events lie, and can be read."""

import itertools
import warnings
from pathlib import Path
from typing import Any

import pytest

from diegetic.director import Output, render_story
from diegetic.folder import StoryFolder
from diegetic.picture_lanes import LEAST_LANE, Sound, cut, lay_lanes, legend, wrapped
from diegetic.story import Event, Story, Told, check_story
from mock_model import MockModel

NASTY = (
    Event("e1", "a" * 300, 0, 6, "bed"),
    Event("e2", "$x_$ 雨 🌧 / \\ <b> CON", 6, 6, "bed"),
    Event("e3", "a\x07b", 1, 4),
    Event("e4", "steps", 2, 2.5),
    Event("e5", "long " * 60, 3, 9, "aux", gain_db=-60),
)
CAPTIONS = (
    "footsteps on gravel",
    "a door slams",
    "a dog barks twice",
    "glass breaks somewhere behind the old house",
)
AFTER_EACH_OTHER = tuple(Event(f"e{at}", CAPTIONS[at % 4], at, 1.0) for at in range(30))
MANY = tuple(Event(f"e{at}", CAPTIONS[at % 4], at * 0.3, 1.0, "a-name-as-long-as-a-name-may-be") for at in range(98))
TOLD: tuple[Told | Story, ...] = (
    Told("rain, a bell, thunder over the hills", 12.0),
    Told("a bell", 1.0),
    Story("🌧 $ " * 200, 12, 0, "mock", "", NASTY),
    Story("one after the other", 30, 0, "mock", "", AFTER_EACH_OTHER),
    Story("x" * 2000, 31, 0, "mock", "", MANY),
)


@pytest.mark.parametrize("told", TOLD)
def test_in_a_picture_of_any_story_no_text_lies_over_another_or_outside(tmp_path: Path, told: Told | Story) -> None:
    pytest.importorskip("matplotlib")
    from diegetic.picture import draw_picture, write_picture

    folder = _rendered(tmp_path, told)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_picture(folder, tmp_path / "storm.png")
    data = (tmp_path / "storm.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(data[16:20], "big") == 1540
    assert len(data) > 30_000
    _check_texts(draw_picture(folder))


def test_a_picture_is_of_what_was_rendered_though_the_story_was_edited_since(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from diegetic.picture import write_picture

    folder = _rendered(tmp_path, Told("rain, a bell", 6.0))
    write_picture(folder, tmp_path / "before.png")
    folder.story.write_text(folder.story.read_text().replace("seconds = 6", "seconds = 20").replace("bell", "dog"))
    write_picture(folder, tmp_path / "after.png")
    assert (tmp_path / "before.png").read_bytes() == (tmp_path / "after.png").read_bytes()


def test_sounds_of_one_lane_that_overlap_are_drawn_below_each_other() -> None:
    sounds = [Sound(number, "a", at, at + 5.0) for number, at in enumerate((0.0, 2.0, 5.0, 10.0))]
    (lane,) = lay_lanes([sounds], 20.0, len)
    half = LEAST_LANE / 2
    assert {each.sound.number: each.top for each in lane.drawn} == {0: 0, 1: half, 2: 0, 3: 0}


def test_a_caption_wider_than_its_sound_keeps_the_next_one_out_of_its_row() -> None:
    sounds = [Sound(1, "aa", 0.0, 0.5), Sound(2, "bb", 1.0, 1.5), Sound(3, "cc", 2.5, 3.0)]
    (lane,) = lay_lanes([sounds], 20.0, len)
    assert [(each.text, each.top) for each in lane.drawn] == [("aa", 0), ("cc", 0), ("bb", LEAST_LANE / 2)]


def test_a_caption_at_the_end_begins_further_left() -> None:
    (lane,) = lay_lanes([[Sound(1, "bell", 9.0, 10.0)]], 10.0, lambda text: len(text) / 2)
    assert lane.drawn[0].text_left == 8


def test_a_caption_too_long_for_its_place_is_cut_and_in_the_legend() -> None:
    lanes = lay_lanes([[Sound(7, "thunder far away", 0.0, 10.0), Sound(8, "bell", 20.0, 24.0)]], 40.0, len)
    assert [each.text for each in lanes[0].drawn] == ["7  thunde…", "bell"]
    assert [sound.number for sound in legend(lanes)] == [7]


def test_where_too_many_sound_at_once_there_are_numbers_and_a_legend() -> None:
    sounds = [Sound(number, "thunder", number / 10, number / 10 + 0.1) for number in range(1, 80)]
    (lane,) = lay_lanes([sounds], 20.0, lambda text: len(text) / 10)
    assert {each.text for each in lane.drawn} == {str(number) for number in range(1, 80)}
    assert legend([lane]) == tuple(sounds)


def test_texts_are_cut_and_wrapped_by_how_wide_they_are() -> None:
    assert (cut("thunder", 7, len), cut("thunder far away", 9, len), cut("xxx", 0.5, len)) == (
        "thunder",
        "thunder…",
        "…",
    )
    assert wrapped("rain on a roof", 7, len) == ["rain on", "a roof"]
    assert wrapped("a" * 10 + " b", 4, len) == ["aaaa", "aaaa", "aa b"]
    assert wrapped("", 4, len) == [""]


def _rendered(path: Path, told: Told | Story) -> StoryFolder:
    folder = StoryFolder(path / "storm")
    asked = check_story(told) if isinstance(told, Story) else told
    render_story(MockModel(), asked, folder, Output(8_000, stems="lane", handles_s=0.5), lambda progress: None)
    return folder


def _check_texts(figure: Any) -> None:
    """No text of a figure crosses another, or leaves it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure.canvas.draw()
        boxes = {text: text.get_window_extent() for text in _texts(figure)}
    for text, box in boxes.items():
        inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1 and box.y1 <= figure.bbox.y1
        assert inside, f"{text} is outside"
    for one, other in itertools.combinations(boxes, 2):
        assert not boxes[one].overlaps(boxes[other]), f"{one} and {other} overlap"


def _texts(figure: Any) -> list[Any]:
    """The texts that are seen: what a figure holds, but the labels of ticks outside of the axes."""
    labels = {label for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for label in _hidden_labels(axis)}
    from matplotlib.text import Text

    return [text for text in figure.findobj(Text) if text.get_text() and text.get_visible() and text not in labels]


def _hidden_labels(axis: Any) -> list[Any]:
    low, high = sorted(axis.get_view_interval())
    shown = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    all_ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
    kept = {id(tick.label1) for tick in shown if tick.label1.get_visible()}
    return [label for tick in all_ticks for label in (tick.label1, tick.label2) if id(label) not in kept]
