"""The picture of a story: it is there, whatever the captions hold."""

import warnings
from pathlib import Path

import pytest

from diegetic.director import Output, render_story
from diegetic.folder import StoryFolder
from diegetic.story import Told
from mock_model import MockModel


@pytest.mark.parametrize("text", ["rain, a bell, thunder over the hills", "$x_$ 雨 🌧, a\x07b, " + "long " * 60])
def test_a_story_of_any_text_has_a_picture(tmp_path: Path, text: str) -> None:
    pytest.importorskip("matplotlib")
    from diegetic.picture import write_picture

    folder = StoryFolder(tmp_path / "storm")
    told = Told(text, 12.0)
    render_story(MockModel(), told, folder, Output(24_000), lambda progress: None)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        write_picture(folder, tmp_path / "storm.png")
    data = (tmp_path / "storm.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(data[16:20], "big") == 1540
    assert len(data) > 20_000
