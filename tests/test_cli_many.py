"""Many files at once from the command line: what they make, what is told, and what a second run does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import soundfile

from diegetic.cli.app import run
from diegetic.cli.outside import Outside
from diegetic.settings import Settings
from mock_command import known
from mock_model import MockModel

Run = Callable[..., tuple[int, str, str]]


def load(name: str, settings: Settings) -> MockModel:
    return MockModel(name)


def load_slowly(name: str, settings: Settings) -> MockModel:
    return MockModel(name, pause_s=0.2)


@pytest.fixture
def diegetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command beside a folder `scenes` of two texts and a broken story: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    Path("scenes").mkdir()
    Path("scenes/roof.txt").write_text("rain on a roof, a dog\n")
    Path("scenes/雨 wood.txt").write_text("wind, steps")
    Path("scenes/bad.toml").write_text("seconds = ")

    def command(*arguments: object) -> tuple[int, str, str]:
        code = run([str(each) for each in arguments], Outside(load=load, check_name=known))
        out, err = capsys.readouterr()
        return code, out, err

    return command


ALL = ("scenes/roof.txt", "scenes/雨 wood.txt", "scenes/bad.toml")
FLAGS = ("--seconds", 4, "--model", "mock", "-o", "out")


def test_each_file_gets_a_folder_and_one_that_fails_does_not_stop_the_rest(diegetic: Run, tmp_path: Path) -> None:
    code, out, err = diegetic("render", *ALL, *FLAGS, "--jobs", 2)
    assert code == 1
    assert out.splitlines()[0].startswith("failed: scenes/bad.toml: is not valid TOML: invalid value")
    assert out.splitlines()[1].startswith("3 scenes: 2 rendered, 1 failed in ")
    assert "out/roof: rendered in " in err
    assert "1 of 3 scenes" in err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["roof", "雨 wood"]
    assert soundfile.info(tmp_path / "out/roof/mix.wav").frames == 4 * 48_000


def test_a_second_run_does_only_what_is_missing_and_json_tells_all(diegetic: Run) -> None:
    diegetic("render", *ALL[:2], *FLAGS)
    (Path("out/roof/stems/01-bed.wav")).unlink()
    code, out, err = diegetic("render", *ALL[:2], *FLAGS, "--json")
    said = json.loads(out)
    assert code == 0, err
    assert [(scene["source"], scene["state"], scene["problem"]) for scene in said["scenes"]] == [
        ("scenes/roof.txt", "rendered", None),
        ("scenes/雨 wood.txt", "kept", None),
    ]
    assert (said["rendered"], said["kept"], said["failed"]) == (1, 1, 0)


def test_a_scene_whose_text_was_changed_is_told_and_not_rendered_over(diegetic: Run) -> None:
    diegetic("render", *ALL[:2], *FLAGS)
    Path("scenes/roof.txt").write_text("fire")
    code, out, _ = diegetic("render", *ALL[:2], *FLAGS)
    assert code == 1
    assert out.startswith("failed: scenes/roof.txt: out/roof: holds another story")


def test_a_single_text_file_is_told_by_its_content(diegetic: Run) -> None:
    assert diegetic("render", "scenes/roof.txt", "--seconds", 4, "--model", "mock")[0] == 0
    assert 'instruction = "rain on a roof, a dog"' in Path("scenes/roof/story.toml").read_text()
    assert diegetic("plan", "scenes/雨 wood.txt", "--seconds", 4, "--model", "mock")[0] == 0
    assert 'instruction = "wind, steps"' in Path("scenes/雨 wood/story.toml").read_text()


def test_without_a_folder_each_goes_beside_its_file(diegetic: Run) -> None:
    assert diegetic("render", *ALL[:2], *FLAGS[:4], "--jobs", 1)[0] == 0
    assert Path("scenes/roof/mix.wav").is_file()


BAD = [
    (["scenes/roof.txt", "wind"], "'wind': must be a .toml or .txt file where there are several"),
    (["scenes/nothing.txt"], "scenes/nothing.txt: no such file"),
    (["scenes/roof.txt", "--jobs", "0"], "jobs: must be 1 or more, got 0"),
    (["scenes/roof.txt", "other/roof.txt", "-o", "out"], "goes into out/roof, as scenes/roof.txt does"),
    (["scenes/roof.txt", "other/roof.txt", "-o", "scenes/bad.toml"], "must be a folder, is a file"),
    ([*ALL, "--bpm", "90", "--quantise", "bar"], "--quantise: takes one story at a time"),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD, ids=[sentence[:30] for _, sentence in BAD])
def test_bad_input_is_one_sentence_and_changes_nothing(
    diegetic: Run, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    Path("other").mkdir()
    Path("other/roof.txt").write_text("snow")
    before = sorted(tmp_path.rglob("*"))
    code, out, err = diegetic("render", *arguments, "--model", "mock", "--seconds", 4)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert sentence in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture
def slow_batch(diegetic: Run, tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", list[str]]]:
    """A batch of two scenes in processes of its own, when its first take is finished; and its arguments."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path;"
        "from test_cli_many import load_slowly, known; from diegetic.cli.app import run;"
        "from diegetic.cli.outside import Outside;"
        "sys.exit(run(['render', *sys.argv[2:]], Outside(load=load_slowly, check_name=known)))"
    )
    arguments = [*(str(tmp_path / file) for file in ALL[:2]), *map(str, FLAGS[:5]), str(tmp_path / "out")]
    arguments += ["--jobs", "2"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(Path(__file__).parent), *arguments],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=Path(__file__).parents[1],
    )
    try:
        while not list(tmp_path.rglob("takes/*.wav")):
            assert process.poll() is None
            time.sleep(0.05)
        yield process, arguments
    finally:
        process.kill()
        process.communicate(timeout=60)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT can't be sent to another process there")
def test_ctrl_c_ends_all_processes_and_the_same_command_goes_on(
    diegetic: Run, tmp_path: Path, slow_batch: tuple["subprocess.Popen[str]", list[str]]
) -> None:
    process, arguments = slow_batch
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate(timeout=60)  # ends when the children have, which hold stderr too
    assert process.returncode == 130, err
    assert "stopped; 0 of 2 scenes are done, and the same command goes on from there" in err
    assert "Traceback" not in err
    assert not list(tmp_path.rglob("*.tmp"))
    assert diegetic("render", *arguments)[0] == 0


def test_when_a_batch_is_killed_its_processes_end_too_and_the_same_command_goes_on(
    diegetic: Run, slow_batch: tuple["subprocess.Popen[str]", list[str]]
) -> None:
    process, arguments = slow_batch
    process.kill()
    process.communicate(timeout=60)
    said = json.loads(diegetic("render", *arguments, "--json")[1])
    assert said["rendered"] == 2, said
