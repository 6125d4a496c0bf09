"""Where the live engine writes: inside the project, over nothing that is another thing."""

import os
import sys
from pathlib import Path

import pytest

from diegetic.director import Output, render_story
from diegetic.folder import StoryFolder
from diegetic.live.jobs import Refused
from diegetic.live.laying import Laying
from diegetic.live.news import SegmentReady
from diegetic.story import Told
from diegetic.story_file import read_story
from live_engine import RATE, TEXT, Live, live, story
from mock_model import MockModel


def test_a_lane_that_a_story_has_not_is_found_before_it_is_rendered(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await live.done(live.engine.plan("storm", TEXT, 3.0))
        ended = await live.end(live.engine.bounce("storm", "out", Laying(lane_loudness="beds=-30")))
        assert ended.end is not None
        assert ended.end.text == "loudness: unknown lane 'beds'; did you mean 'bed'?"
        assert live.of(SegmentReady) == []

    live(body, tmp_path)


def test_nothing_that_is_another_thing_is_written_over(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        engine = live.engine
        await story(live)
        await live.done(engine.plan("other", "wind", 4.0))
        with pytest.raises(Refused, match="folder 'other': is where story other lies"):
            engine.bounce("storm", "other")
        for folder, why in (
            ("storm/story.toml", "is a file"),
            ("storm/story.toml/out", "story.toml is a file"),
            ("storm/takes", "takes is for what belongs to one story"),
            ("out/stems/again", "stems is for what belongs to one story"),
        ):
            with pytest.raises(Refused, match=f"folder '{folder}': {why}; give another name") as refused:
                engine.bounce("storm", folder)
            assert refused.value.code == 422
        with pytest.raises(Refused, match="file 'storm': is a folder"):
            engine.state_save("storm", "storm")
        ended = await live.end(engine.state_save("storm", "storm/story.toml"))
        assert ended.end is not None
        assert ended.end.text == "story.toml: is there, and is no saved state; give another name"
        read_story(tmp_path / "storm" / "story.toml")
        for _ in range(2):
            await live.done(engine.state_save("storm", "state"))

    live(body, tmp_path)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="who is root may write anywhere")
def test_a_folder_that_can_not_be_written_to_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(0o500)

    async def body(live: Live) -> None:
        await live.done(live.engine.plan("storm", TEXT, 3.0))
        with pytest.raises(Refused, match="folder 'theirs/out': can't be written to; give another name"):
            live.engine.bounce("storm", "theirs/out")

    live(body, tmp_path)


def test_nothing_is_written_outside_the_project(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "link").symlink_to(tmp_path)
    (project / "within").mkdir()
    (project / "within" / "clips").symlink_to(tmp_path)

    async def body(live: Live) -> None:
        await live.done(live.engine.plan("storm", TEXT, 3.0))
        with pytest.raises(Refused, match="path 'within/clips': must lie inside the project"):
            live.engine.bounce("storm", "within")
        for path in ("../out", "/tmp/out", "", ".", "a/../../b", "out\\..\\..", "link/out", "a\0b", "a\nb", "x" * 5000):
            for ask in (live.engine.bounce, live.engine.state_save, live.engine.state_load):
                with pytest.raises(Refused, match="must lie inside the project") as refused:
                    ask("storm", path)
                assert refused.value.code == 422

    live(body, project)


def test_two_stories_are_not_laid_out_in_one_folder(tmp_path: Path) -> None:
    def kept() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in (tmp_path / "laid" / "out").rglob("*") if path.is_file()}

    async def body(live: Live) -> None:
        engine = live.engine
        for name, text in (("storm", TEXT), ("same", TEXT), ("snow", "snow, a dog")):
            await live.done(engine.plan(name, text, 3.0))
        storm, same = engine.bounce("storm", "laid/out"), engine.bounce("same", "laid/out")
        await live.done(storm)
        before, ended = kept(), (await live.end(same)).end
        assert ended is not None
        assert (ended.code, ended.text) == (409, "folder 'out': is where story storm is laid out; give another name")
        with pytest.raises(Refused, match="is where story storm is laid out"):
            engine.bounce("snow", "laid/out")
        assert kept() == before
        await live.done(engine.bounce("storm", "laid/out"))

    async def again(live: Live) -> None:
        before, ended = kept(), (await live.end(live.engine.bounce("snow", "laid/out"))).end
        assert ended is not None
        assert "holds another story" in ended.text
        assert kept() == before
        assert not (tmp_path / "snow" / "takes").exists()  # refused before anything was rendered
        await live.done(live.engine.bounce("snow", "new"))

    live(body, tmp_path)
    live(again, tmp_path)


def test_a_bounce_in_the_project_is_no_story_at_the_next_start(tmp_path: Path) -> None:
    async def first(live: Live) -> None:
        for name in ("storm", "same"):
            await live.done(live.engine.plan(name, TEXT, 3.0))
        await live.done(live.engine.bounce("storm", "out"))
        await live.done(live.engine.bounce("same", "same"))

    async def again(live: Live) -> None:
        assert [name for name, _ in live.engine.dump().stories] == ["rendered", "same", "storm"]
        with pytest.raises(Refused, match="is where story storm is laid out"):
            live.engine.bounce("same", "out")
        await live.done(live.engine.bounce("storm", "out"))
        await live.done(live.engine.bounce("rendered", "rendered"))

    live(first, tmp_path)
    output = Output(rate_hz=RATE)
    render_story(MockModel(), Told(TEXT, 3.0), StoryFolder(tmp_path / "rendered"), output, lambda progress: None)
    live(again, tmp_path)
    live(again, tmp_path)


def test_a_story_told_into_the_folder_of_a_bounce_is_there_at_the_next_start(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await story(live)
        await live.done(live.engine.bounce("storm", "out"))
        await story(live, "out")

    async def again(live: Live) -> None:
        assert [name for name, _ in live.engine.dump().stories] == ["out", "storm"]

    live(body, tmp_path)
    live(again, tmp_path)
