"""Killed at any moment: what is there is whole, the manifest is true, and the next run ends as if nobody had been."""

import hashlib
import os
import random
import shutil
import signal
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import soundfile

from diegetic.director import Output, render_story
from diegetic.folder import StoryFolder
from diegetic.generator.perform import Performer
from diegetic.generator.tasks import Bounce
from diegetic.manifest import digest_of, read_manifest
from diegetic.project.append import append_story
from diegetic.retakes import retake
from diegetic.story import Story, Told
from diegetic.story_file import read_story
from mock_model import MockModel
from story_files import without_times

OUTPUT = Output(24_000)
TOLD = Told("rain, a bell, thunder", 5.0, 3)
PAUSE_S = 0.01

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, to kill many children quickly")


@dataclass(frozen=True)
class Work:
    """Some work in a folder that may hold something already, and is done again where it was interrupted."""

    prepare: Callable[[Path], None]
    do: Callable[[Path, float], None]


def silent(progress: object) -> None:
    pass


def render(path: Path, asked: Told | Story = TOLD, pause_s: float = 0.0, output: Output = OUTPUT) -> None:
    render_story(MockModel(pause_s=pause_s), asked, StoryFolder(path), output, silent)


def render_in_storm(path: Path) -> None:
    render(path / "storm")


def tell(path: Path, pause_s: float) -> None:
    render(path / "storm", pause_s=pause_s)


def edit(path: Path, pause_s: float) -> None:
    story = read_story(path / "storm/story.toml")
    render(path / "storm", replace(story, seed=4, events=story.events[:3]), pause_s)


def bounce(path: Path, pause_s: float) -> None:
    task = Bounce(path / "storm", read_story(path / "storm/story.toml"), path / "bounced", Output(22_050, "event"))
    list(Performer(MockModel(pause_s=pause_s)).perform(task, silent))


def lay_out_again(path: Path, pause_s: float) -> None:
    asked = read_story(path / "storm/story.toml")
    render(path / "storm", asked, pause_s, Output(22_050, "lane", file_format="flac", bpm=100.0))


def retake_one(path: Path, pause_s: float) -> None:
    retake(MockModel(pause_s=pause_s), StoryFolder(path / "storm"), "3", 7, OUTPUT, silent)


def append(path: Path, pause_s: float) -> None:
    first = StoryFolder(path / "storm")
    render(first.path / "door", Told("a door slams", 3.0), pause_s)
    append_story(first, StoryFolder(first.path / "door"))


def nothing(path: Path) -> None:
    pass


WORKS = {
    "render": Work(nothing, tell),
    "edit": Work(render_in_storm, edit),
    "bounce": Work(render_in_storm, bounce),
    "layout": Work(render_in_storm, lay_out_again),
    "retake": Work(render_in_storm, retake_one),
    "append": Work(render_in_storm, append),
}


def killed_after(seconds: float, work: Work, path: Path) -> bool:
    """Work in a child and kill it. Returns whether it was still at work."""
    child = os.fork()
    if child == 0:
        try:
            work.do(path, PAUSE_S)
        finally:
            os._exit(0)
    killer = threading.Timer(seconds, os.kill, (child, signal.SIGKILL))
    killer.start()
    _, status = os.waitpid(child, 0)
    killer.cancel()
    killer.join()
    return os.WIFSIGNALED(status)


def check(path: Path) -> None:
    """Every file that has its name is whole; what a finished manifest says of the disk is so."""
    for file in path.rglob("*"):
        if file.suffix in (".wav", ".flac"):
            soundfile.read(file)
        elif file.suffix == ".dawproject":
            with zipfile.ZipFile(file) as archive:
                assert archive.testzip() is None
        elif file.suffix == ".rpp":
            assert file.read_text().endswith(">\n")
    for manifest in path.rglob("manifest.json"):
        check_story(StoryFolder(manifest.parent))


def check_story(folder: StoryFolder) -> None:
    for take in folder.takes.all():
        if (folder.takes.folder / take.file).exists():
            folder.takes.samples(take)
    if folder.story.exists():
        read_story(folder.story)
    manifest = read_manifest(folder.manifest)
    if manifest.finished_at is None:
        return
    assert {laid.path for laid in manifest.files} == set(manifest.digests)
    for name, digest in manifest.digests.items():
        assert digest_of(folder.path / name) == digest
    for name, digests in manifest.projects.items():
        assert hashlib.sha256((folder.path / name).read_bytes()).hexdigest() in digests.split()
    assert all(folder.takes.find(event.take) for event in manifest.events)
    assert manifest.timeline is not None
    for track in manifest.timeline.tracks:
        for item in track.items:
            assert all((folder.path / clip.path).is_file() for clip in item.takes)


def kill_often(tmp_path: Path, name: str, times: int) -> None:
    work, whole, before = WORKS[name], tmp_path / "whole", tmp_path / "before"
    for path in (whole, before):
        path.mkdir()
        work.prepare(path)
    began = time.monotonic()
    work.do(whole, PAUSE_S)
    took_s, expected = time.monotonic() - began, without_times(whole)
    draw, killed, enough = random.Random(f"{name} 5"), 0, times * 0.4
    for number in range(5 * times):
        if number >= times and killed >= enough:
            break
        path = tmp_path / str(number)
        shutil.copytree(before, path)
        moment_s = draw.uniform(0, 0.9 * took_s)
        if killed_after(moment_s, work, path):
            killed += 1
        else:  # the machine was busy while it was timed
            took_s = moment_s
        check(path)
        work.do(path, 0.0)
        check(path)
        assert without_times(path) == expected, f"kill {number}"
        assert not list(path.rglob("*.tmp"))
        shutil.rmtree(path)
    assert killed >= enough


@pytest.mark.parametrize("name", WORKS)
def test_work_killed_at_a_few_moments_is_completed_by_the_next_run(tmp_path: Path, name: str) -> None:
    kill_often(tmp_path, name, 2)


@pytest.mark.real
@pytest.mark.parametrize(("name", "times"), [(name, 50 if name in ("render", "bounce") else 12) for name in WORKS])
def test_work_killed_at_many_moments_is_completed_by_the_next_run(tmp_path: Path, name: str, times: int) -> None:
    kill_often(tmp_path, name, times)


def test_what_a_killed_process_left_is_cleared_and_nothing_else(tmp_path: Path) -> None:
    folder, below = StoryFolder(tmp_path), StoryFolder(tmp_path / "the-door")
    (tmp_path / "stems").mkdir()
    ours, theirs = tmp_path / "stems" / ".01-bed.wav.4711.tmp", tmp_path / "stems" / ".mine.tmp"
    ours.write_bytes(b"half")
    theirs.write_bytes(b"whole")
    with below.held():
        another_s = below.path / ".mix.wav.4712.tmp"
        another_s.write_bytes(b"being written")
        with folder.held():
            assert [path.exists() for path in (ours, theirs, another_s)] == [False, True, True]
    with below.held():
        assert not another_s.exists()
