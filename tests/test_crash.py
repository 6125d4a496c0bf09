"""Killed at any moment: what is there is whole, the manifest is true, and the next run completes the folder."""

import hashlib
import os
import random
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from diegetic.audio.wav import read_wav
from diegetic.director import Output, render_story
from diegetic.folder import StoryFolder
from diegetic.manifest import read_manifest
from diegetic.story import Story, Told
from diegetic.story_file import read_story
from mock_model import MockModel

OUTPUT = Output(24_000)
TOLD = Told("rain, a bell, thunder", 9.0, 3)

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, to kill many children quickly")


def render(folder: StoryFolder, asked: Told | Story = TOLD, pause_s: float = 0.0) -> None:
    render_story(MockModel(pause_s=pause_s), asked, folder, OUTPUT, lambda progress: None)


def killed_after(seconds: float, folder: StoryFolder, asked: Told | Story) -> bool:
    """Render in a child and kill it. Returns whether it was still at work."""
    child = os.fork()
    if child == 0:
        try:
            render(folder, asked, pause_s=0.01)
        finally:
            os._exit(0)
    killer = threading.Timer(seconds, os.kill, (child, signal.SIGKILL))
    killer.start()
    _, status = os.waitpid(child, 0)
    killer.cancel()
    killer.join()
    return os.WIFSIGNALED(status)


def check(folder: StoryFolder) -> None:
    """Every file that has its name is whole; what a finished manifest says of the disk is so."""
    for path in folder.path.rglob("*.wav"):
        read_wav(path)
    for take in folder.takes.all():
        if (folder.takes.folder / take.file).exists():
            folder.takes.samples(take)
    if folder.story.exists():
        read_story(folder.story)
    if not folder.manifest.exists():
        return
    manifest = read_manifest(folder.manifest)
    if manifest.finished_at is not None:
        assert all((folder.path / laid.path).is_file() for laid in manifest.files)
        assert all(folder.takes.find(event.take) for event in manifest.events)
        for name, digest in manifest.projects.items():
            assert hashlib.sha256((folder.path / name).read_bytes()).hexdigest() == digest


def kill_often(tmp_path: Path, times: int) -> None:
    whole = StoryFolder(tmp_path / "whole")
    render(StoryFolder(tmp_path / "warm"))  # what is imported late is imported now
    began = time.monotonic()
    render(whole, pause_s=0.01)
    took_s = time.monotonic() - began
    again = replace(read_story(whole.story), seed=4)
    expected = {seed: rendered(tmp_path / f"expected-{seed}", replace(again, seed=seed)) for seed in (3, 4)}
    draw, killed = random.Random(5), 0
    for number in range(times):
        folder = StoryFolder(tmp_path / str(number))
        asked: Told | Story = TOLD
        if number % 2:  # half of them while a finished folder is rendered again
            render(folder)
            asked = again
        killed += killed_after(draw.uniform(0, 0.9 * took_s), folder, asked)
        check(folder)
        render(folder, asked)
        check(folder)
        assert read_manifest(folder.manifest).finished_at is not None
        assert not list(folder.path.rglob("*.tmp"))
        assert np.array_equal(read_wav(folder.path / "mix.wav")[0], expected[4 if number % 2 else 3])
    assert killed >= times * 0.4


def rendered(path: Path, story: Story) -> object:
    render(StoryFolder(path), story)
    return read_wav(path / "mix.wav")[0]


def test_a_render_killed_at_a_few_moments_is_completed_by_the_next(tmp_path: Path) -> None:
    kill_often(tmp_path, 6)


@pytest.mark.real
def test_a_render_killed_at_fifty_moments_is_completed_by_the_next(tmp_path: Path) -> None:
    kill_often(tmp_path, 50)


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
