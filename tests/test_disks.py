"""Disks that are full or read-only, and folders that another engine holds: one clear sentence each, nothing broken."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from diegetic.director import Output
from diegetic.folder import StoryFolder
from diegetic.retakes import retake
from disks import mount
from mock_command import Run, contents, mock_command, rendered_storm
from mock_model import MockModel


@pytest.fixture
def diegetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command: (exit code, stdout, the last line of stderr)."""
    command = mock_command(tmp_path, monkeypatch, capsys)

    def in_a_line(*arguments: object) -> tuple[int, str, str]:
        code, out, err = command(*arguments)
        return code, out, err.strip().rpartition("\n")[2]

    return in_a_line


@pytest.fixture(scope="module")
def retaken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered story with a retake of its third event, to take a copy of."""
    storm = rendered_storm(tmp_path_factory.mktemp("rendered"))
    retake(MockModel(), StoryFolder(storm), "3", 7, Output(24_000, "lane"), lambda progress: None)
    return storm


@pytest.fixture
def storm_read_only(retaken: Path, small_disk: Path) -> Iterator[Path]:
    """It, on a disk that has become read-only."""
    shutil.copytree(retaken, small_disk / "storm")
    mount("-o", "remount,ro", small_disk)
    yield small_disk / "storm"
    mount("-o", "remount,rw", small_disk)


WRITING = [
    ["render", "STORM/story.toml"],
    ["render", "wind", "-o", "STORM/new", "--model", "mock"],
    ["render", "wind", "-o", "STORM", "--append", "--model", "mock"],
    ["plan", "wind", "-o", "STORM/new", "--model", "mock"],
    ["continue", "STORM", "a dog"],
    ["retake", "STORM", "3"],
    ["use", "STORM", "3", "1"],
    ["prune", "STORM", "--yes"],
    ["show", "STORM"],
]


@pytest.mark.parametrize("command", WRITING, ids=[" ".join(command[:3]) for command in WRITING])
def test_on_a_read_only_disk_every_command_that_writes_says_so_at_once(
    diegetic: Run, storm_read_only: Path, command: list[str]
) -> None:
    before = contents(storm_read_only)
    code, out, err = diegetic(*(word.replace("STORM", str(storm_read_only)) for word in command))
    assert (code, out) == (2, "")
    assert "can't be written to, it is on a read-only disk; " in err
    assert contents(storm_read_only) == before


def test_on_a_read_only_disk_what_only_reads_works(diegetic: Run, storm_read_only: Path, tmp_path: Path) -> None:
    assert len(diegetic("takes", storm_read_only)[1].splitlines()) == 5
    pytest.importorskip("matplotlib")
    assert diegetic("show", storm_read_only, "-o", tmp_path / "a.png")[0] == 0


def fill(disk: Path) -> Path:
    """Leave no byte of a disk free."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


@pytest.mark.parametrize("command", [["retake", "STORM", "3", "--seed", "9"], ["use", "STORM", "3", "1"]])
def test_on_a_full_disk_a_command_fails_in_one_sentence_and_can_be_run_again(
    diegetic: Run, retaken: Path, small_disk: Path, command: list[str]
) -> None:
    storm = shutil.copytree(retaken, small_disk / "storm")
    filler = fill(small_disk)
    words = [word.replace("STORM", str(storm)) for word in command]
    code, out, err = diegetic(*words)
    assert (code, out) == (1, "")
    assert "can't be written, the disk is full (" in err
    assert "free some space and run the same command again" in err
    for path in storm.rglob("*.wav"):
        soundfile.read(path)
    assert not list(storm.rglob("*.tmp"))
    filler.unlink()
    assert diegetic(*words)[0] == 0
    assert json.loads((storm / "manifest.json").read_text())["finished_at"]


def test_on_a_full_disk_unused_takes_can_be_cleared_away(diegetic: Run, retaken: Path, small_disk: Path) -> None:
    shutil.copytree(retaken, small_disk / "storm")
    fill(small_disk)
    code, out, err = diegetic("prune", small_disk / "storm", "--yes")
    assert code == 0, err
    assert "1 take and " in out


HOLDER = (
    "import sys; from pathlib import Path; from diegetic.folder import StoryFolder\n"
    "with StoryFolder(Path(sys.argv[1])).held(): print('held', flush=True); sys.stdin.read()"
)


def test_the_second_engine_on_a_folder_is_told_who_holds_it(diegetic: Run, retaken: Path, tmp_path: Path) -> None:
    shutil.copytree(retaken, tmp_path / "storm")
    before = contents(tmp_path / "storm")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path / "storm"],
        cwd=Path(__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout and holder.stdin
    assert holder.stdout.readline() == b"held\n"
    for command in (["render", "storm/story.toml"], ["retake", "storm", 3], ["use", "storm", 3, 1], ["prune", "storm"]):
        code, out, err = diegetic(*command, *(["--yes"] if command[0] == "prune" else []))
        assert (code, out) == (1, "")
        assert err.startswith(f"storm: is being worked on by process {holder.pid} on ")
        assert err.endswith("; wait until it is done, or choose another folder")
    assert contents(tmp_path / "storm") == before
    holder.communicate()
    assert diegetic("retake", "storm", 3)[0] == 0
    with StoryFolder(tmp_path / "storm").held():
        assert (tmp_path / "storm/.diegetic.holder").exists()


def test_what_a_living_process_is_writing_is_not_cleared_away(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for writer in (os.getpid(), os.getppid(), dead.pid):
        (tmp_path / f".story.toml.{writer}.tmp").write_text("half")
    with StoryFolder(tmp_path).held():
        left = {path.name for path in tmp_path.glob("*.tmp")} | {path.name for path in tmp_path.glob(".*.tmp")}
    assert left == {f".story.toml.{writer}.tmp" for writer in (os.getpid(), os.getppid())}
