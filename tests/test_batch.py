"""Many scenes: what fails alone, what is kept, what a second run does, and what jobs change (nothing)."""

import os
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from diegetic.audio.wav import read_wav
from diegetic.batch import Result, Scene, read_scenes, render_scene, run
from diegetic.director import Output, StoryModel
from diegetic.errors import InputError
from diegetic.story_file import read_story
from mock_model import MockModel

OUTPUT = Output(24_000)


def load(name: str, marks: Path | None = None) -> StoryModel:
    if name == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "broken":
        raise RuntimeError("weights are damaged")
    if marks is not None:
        (marks / f"{os.getpid()}").touch()
    return MockModel()


def scenes(tmp_path: Path, *texts: str, model: str = "mock") -> tuple[Scene, ...]:
    files = []
    for number, text in enumerate(texts):
        files.append(tmp_path / f"scene {number}.txt")
        files[-1].write_text(text)
    return read_scenes(files, tmp_path / "out", 4.0, 0, model)


def states(results: list[Result]) -> list[str]:
    return [result.state for result in sorted(results, key=lambda result: result.source)]


def test_a_second_run_does_only_what_is_missing(tmp_path: Path) -> None:
    given = scenes(tmp_path, "rain", "wind, a bell")
    assert states([render_scene(scene, load, OUTPUT) for scene in given]) == ["rendered", "rendered"]
    (tmp_path / "out/scene-1/stems/01-bed.wav").unlink()
    before = (tmp_path / "out/scene-0/mix.wav").stat().st_mtime_ns
    assert states([render_scene(scene, load, OUTPUT) for scene in given]) == ["kept", "rendered"]
    assert (tmp_path / "out/scene-0/mix.wav").stat().st_mtime_ns == before
    assert states([render_scene(scene, load, OUTPUT) for scene in given]) == ["kept", "kept"]
    assert states([render_scene(scene, load, Output(48_000)) for scene in given]) == ["rendered", "rendered"]


def test_what_is_kept_needs_no_model(tmp_path: Path) -> None:
    (scene,) = scenes(tmp_path, "rain")
    render_scene(scene, load, OUTPUT)
    assert render_scene(scene, partial(load, "broken"), OUTPUT).state == "kept"


def test_a_scene_that_fails_does_not_stop_the_rest_and_jobs_change_no_sample(tmp_path: Path) -> None:
    given = scenes(tmp_path, "rain", "wind, a bell", "steps")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/scene-1").write_text("in the way")
    results = list(run(given, partial(load, marks=tmp_path), OUTPUT, 2))
    assert states(results) == ["rendered", "failed", "rendered"]
    (problem,) = [result.problem for result in results if result.state == "failed"]
    assert "must be a folder, is a file" in problem
    alone = scenes(tmp_path, "rain")[0]
    here = Scene(alone.source, alone.asked, alone.model, tmp_path / "alone")
    render_scene(here, load, OUTPUT)
    assert np.array_equal(read_wav(tmp_path / "alone/mix.wav")[0], read_wav(tmp_path / "out/scene-0/mix.wav")[0])


def test_a_process_that_dies_costs_only_its_own_scene(tmp_path: Path) -> None:
    good = scenes(tmp_path, "rain", "steps")
    bad = Scene(tmp_path / "bad.txt", good[0].asked, "deadly", tmp_path / "out/bad")
    results = list(run((bad, *good), load, OUTPUT, 2))
    found = {result.source.name: result.state for result in results}
    assert found.pop("bad.txt") == "failed"
    assert len(found) == 2
    assert set(found.values()) <= {"rendered", "kept"}  # kept: finished just before the process beside it died
    assert "its process was ended" in next(result.problem for result in results if result.state == "failed")


def test_an_unexpected_error_is_told_with_its_scene(tmp_path: Path) -> None:
    (scene,) = scenes(tmp_path, "rain", model="broken")
    assert render_scene(scene, load, OUTPUT).problem == "RuntimeError: weights are damaged"


def test_stories_and_texts_can_be_mixed_and_two_of_one_name_are_refused(tmp_path: Path) -> None:
    (scene,) = scenes(tmp_path, "rain")
    render_scene(scene, load, OUTPUT)
    written = tmp_path / "out/scene-0/story.toml"
    (story,) = read_scenes([written], tmp_path / "again", 4.0, 0, "other")
    assert (story.asked, story.model, story.folder) == (read_story(written), "mock", tmp_path / "again/scene-0")
    with pytest.raises(InputError, match=r"scene-0, as .* does; rename one"):
        read_scenes([scene.source, written], tmp_path / "again", 4.0, 0, "mock")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"  "])
def test_a_scene_that_can_not_be_read_is_refused_before_anything_is_rendered(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InputError):
        read_scenes([tmp_path / "a.txt"], tmp_path, 4.0, 0, "mock")
    with pytest.raises(InputError, match="at least one file"):
        read_scenes([], tmp_path, 4.0, 0, "mock")
    with pytest.raises(InputError, match="jobs: must be 1 or more, got 0"):
        list(run([], load, OUTPUT, 0))
