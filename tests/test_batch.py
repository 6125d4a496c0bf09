"""Many scenes: what fails alone, what is kept, what a second run does, and what jobs change (nothing)."""

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from diegetic.audio.wav import read_wav
from diegetic.batch import run
from diegetic.director import Output, StoryModel
from diegetic.errors import InputError
from diegetic.scenes import Load, Result, Scene, check_apart, render_scene
from diegetic.story import Story, Told
from diegetic.story_file import read_story
from killing import KILL
from mock_model import MockModel

OUTPUT = Output(24_000)


def load(name: str, marks: Path | None = None) -> StoryModel:
    if name == "deadly":
        os.kill(os.getpid(), KILL)
    if name == "slow":
        return MockModel(name, pause_s=0.3)
    if name == "broken":
        raise RuntimeError("weights are damaged")
    if marks is not None:
        (marks / f"{os.getpid()}").touch()
    return MockModel()


def scenes(tmp_path: Path, *texts: str, model: str = "mock") -> tuple[Scene, ...]:
    return tuple(
        Scene(Path(f"scene-{number}.txt"), Told(text, 4.0), model, tmp_path / f"out/scene-{number}")
        for number, text in enumerate(texts)
    )


def render(scene: Scene, load: Load = load, output: Output = OUTPUT) -> Result:
    return render_scene(scene, load, output, lambda share: None)


def run_all(given: tuple[Scene, ...], load: Load, jobs: int) -> list[Result]:
    return list(run(given, load, OUTPUT, jobs, lambda under_way: None))


def states(results: list[Result]) -> list[str]:
    return [result.state for result in sorted(results, key=lambda result: result.source)]


def test_a_second_run_does_only_what_is_missing(tmp_path: Path) -> None:
    given = scenes(tmp_path, "rain", "wind, a bell")
    assert states([render(scene) for scene in given]) == ["rendered", "rendered"]
    (tmp_path / "out/scene-1/stems/01-bed.wav").unlink()
    before = (tmp_path / "out/scene-0/mix.wav").stat().st_mtime_ns
    assert states([render(scene) for scene in given]) == ["kept", "rendered"]
    assert (tmp_path / "out/scene-0/mix.wav").stat().st_mtime_ns == before
    assert states([render(scene) for scene in given]) == ["kept", "kept"]
    stem = tmp_path / "out/scene-1/stems/01-bed.wav"
    whole = stem.read_bytes()
    stem.write_bytes(whole[:-3] + b"abc")
    assert states([render(scene) for scene in given]) == ["kept", "rendered"]
    assert stem.read_bytes() == whole
    assert states([render(scene, output=Output(48_000)) for scene in given]) == ["rendered", "rendered"]


def test_what_is_kept_needs_no_model(tmp_path: Path) -> None:
    (scene,) = scenes(tmp_path, "rain")
    render(scene)
    assert render(scene, partial(load, "broken")).state == "kept"


def test_a_scene_that_fails_does_not_stop_the_rest_and_jobs_change_no_sample(tmp_path: Path) -> None:
    given = scenes(tmp_path, "rain", "wind, a bell", "steps")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/scene-1").write_text("in the way")
    results = run_all(given, partial(load, marks=tmp_path), 2)
    assert states(results) == ["rendered", "failed", "rendered"]
    (problem,) = [result.problem for result in results if result.state == "failed"]
    assert "must be a folder, is a file" in problem
    alone = scenes(tmp_path, "rain")[0]
    here = Scene(alone.source, alone.asked, alone.model, tmp_path / "alone")
    render(here)
    assert np.array_equal(read_wav(tmp_path / "alone/mix.wav")[0], read_wav(tmp_path / "out/scene-0/mix.wav")[0])


def test_a_process_that_dies_costs_only_its_own_scene(tmp_path: Path) -> None:
    good = scenes(tmp_path, "rain", "steps")
    bad = Scene(tmp_path / "bad.txt", good[0].asked, "deadly", tmp_path / "out/bad")
    results = run_all((bad, *good), load, 2)
    found = {result.source.name: result.state for result in results}
    assert found.pop("bad.txt") == "failed"
    assert len(found) == 2
    assert set(found.values()) <= {"rendered", "kept"}  # kept: finished just before the process beside it died
    assert "its process was ended" in next(result.problem for result in results if result.state == "failed")


def test_an_unexpected_error_is_told_with_its_scene(tmp_path: Path) -> None:
    (scene,) = scenes(tmp_path, "rain", model="broken")
    assert render(scene).problem == "RuntimeError: weights are damaged"


def test_a_story_is_rendered_by_the_model_that_is_asked_for(tmp_path: Path) -> None:
    (scene,) = scenes(tmp_path, "rain")
    render(scene)
    again = Scene(tmp_path / "x", story_of(scene), "other", tmp_path / "again")
    assert states([render(again, lambda name: MockModel(name))]) == ["rendered"]
    assert story_of(again).model == "other"
    assert states([render(again, lambda name: MockModel(name))]) == ["kept"]


def test_two_scenes_for_one_folder_are_refused(tmp_path: Path) -> None:
    (scene,) = scenes(tmp_path, "rain")
    check_apart([scene, scene])
    with pytest.raises(InputError, match=r"b\.txt: goes into .*scene-0, as scene-0\.txt does; rename one"):
        check_apart([scene, replace(scene, source=Path("b.txt"))])


def test_less_than_one_job_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="jobs: must be 1 or more, got 0"):
        run_all((), load, 0)


def test_how_far_all_are_is_told_and_a_stop_ends_with_the_next_step(tmp_path: Path) -> None:
    given = scenes(tmp_path, "rain, a bell", "wind", "steps", model="slow")
    seen: list[float] = []

    def watch(under_way: Mapping[Scene, float]) -> None:
        seen.extend(under_way.values())
        if max(seen, default=0.0) > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run(given, load, OUTPUT, 2, watch))
    assert not (tmp_path / "out/scene-2").exists()
    assert not list(tmp_path.rglob("mix.wav"))
    assert not list(tmp_path.rglob("*.tmp"))
    assert states(run_all(given, load, 2)) == ["rendered"] * 3


def story_of(scene: Scene) -> Story:
    return read_story(scene.folder / "story.toml")
