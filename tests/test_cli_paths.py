"""Paths as people give them: with spaces, misspelt, of a file where a folder is meant."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mock_command import Run, mock_command


@pytest.fixture
def diegetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder: exit code, stdout, stderr."""
    return mock_command(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("given", [["my scene.txt"], ["my scenes/a b.txt", "my scenes/c.txt"]])
def test_a_misspelt_file_with_spaces_is_no_scene_in_words(diegetic: Run, tmp_path: Path, given: list[str]) -> None:
    code, _, err = diegetic("render", *given, "--seconds", 4, "--model", "mock")
    assert code == 2 - (len(given) > 1)
    assert f"{given[0]}: no such file; check the path" in err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_spaces_is_no_scene_in_words(diegetic: Run) -> None:
    assert diegetic("render", "rain", "--seconds", 4, "--model", "mock", "-o", "my storm")[0] == 0
    code, _, err = diegetic("render", "my storm", "--seconds", 4, "--model", "mock")
    assert code == 2
    assert err.startswith("my storm: is a folder, not a scene; its story is rendered with `")


def test_a_command_that_is_told_can_be_typed_as_it_is(diegetic: Run) -> None:
    _, out, _ = diegetic("plan", "rain", "--seconds", 4, "--model", "mock", "-o", "my storm")
    told = out.splitlines()[-1].split("`")[1]
    words = shlex.split(told)
    assert words == ["diegetic", "render", "my storm/story.toml"]
    assert diegetic(*words[1:])[0] == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_result_that_can_t_be_written_is_told() -> None:
    command = [sys.executable, "-m", "diegetic", "bank", "list"]
    with Path("/dev/full").open("wb", buffering=0) as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("stdout: can't be written (no space left on device); send it elsewhere")


def test_a_story_is_found_by_its_file_too(diegetic: Run) -> None:
    assert diegetic("render", "rain", "--seconds", 4, "--model", "mock", "-o", "storm")[0] == 0
    assert diegetic("takes", "storm/story.toml") == diegetic("takes", "storm")
    assert "has no story.toml in it" in diegetic("takes", "storm/mix.wav")[2]


COMMANDS = [["render", "rain"], ["render", "a.txt", "b.txt"], ["plan", "rain", "--seconds", "4"]]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_named_as_a_file_is_refused_before_it_is_made(
    diegetic: Run, tmp_path: Path, command: list[str]
) -> None:
    code, _, err = diegetic(*command, "--model", "mock", "-o", "out.WAV")
    assert (code, list(tmp_path.iterdir())) == (2, [])
    assert err.strip().endswith(
        "out.WAV: must be a folder, is named as a file; leave .WAV out: mix, stems and projects go into that folder"
    )


def test_a_folder_with_a_dot_in_its_name_is_one(diegetic: Run, tmp_path: Path) -> None:
    (tmp_path / "old.wav").mkdir()
    for name in ("take 2.5", "old.wav"):
        assert diegetic("render", "rain", "--seconds", 4, "--model", "mock", "-o", name)[0] == 0
