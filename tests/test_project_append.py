"""Several stories in one project: where each starts, what is shared, and what is taken away again."""

import shutil
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from diegetic.atomic import write_atomically
from diegetic.director import Output, render_story
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.manifest import Appended, read_manifest
from diegetic.project import write
from diegetic.project.append import append_story, folder_to_append
from diegetic.project.timeline import Clip, Item, Marker, Timeline, Track, joined, starts_of
from diegetic.story import Told
from diegetic.story_file import read_story
from mock_model import MockModel
from project_player import RATE, TOLD, played_by_dawproject, played_by_reaper, render, unlimited


def test_joined_stories_share_tracks_and_keep_their_places() -> None:
    clip = Clip("clips/a.wav", "a", 1, 100, RATE, 2)
    item = Item("a", 10, 99, 0, 0, (clip,), 0)
    one = Timeline("one", RATE, 100, (Track("bed", 1, (item,)),), (Marker("one", 0, 100),))
    two = Timeline("two", RATE, 50, (Track("bed", 2, (item,)), Track("fx", 1, (item,))), (Marker("x", 5),), 90.0)
    both = joined(one, [(two, 100)])
    assert [(track.name, track.channels, [item.start for item in track.items]) for track in both.tracks] == [
        ("bed", 2, [10, 110]),
        ("fx", 1, [110]),
    ]
    assert both.markers == (Marker("one", 0, 100), Marker("x", 105))
    assert (both.name, both.frames, both.bpm) == ("one", 150, None)


def test_a_sound_that_two_stories_share_is_in_a_dawproject_once(tmp_path: Path) -> None:
    first = render(tmp_path / "storm")
    second = StoryFolder(Path(shutil.copytree(first.path, tmp_path / "again")).rename(first.path / "again"))
    append_story(first, second)
    with zipfile.ZipFile(first.path / "storm.dawproject") as archive:
        names = archive.namelist()
    assert len(names) == len(set(names))


def test_a_second_story_is_added_to_the_project_and_stays_when_the_first_is_rendered_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, told = render(tmp_path / "storm"), Told("a door slams", 4.0)
    second = render(folder_to_append(first, "a door slams", told, "mock").path, told)
    assert append_story(first, second) == 9.0
    heard = np.concatenate([unlimited(first), unlimited(second)])
    assert np.abs(played_by_reaper(first.path / "storm.rpp", len(heard)) - heard).max() < 1e-6
    assert np.abs(played_by_dawproject(first.path / "storm.dawproject", len(heard)) - heard).max() < 1e-6
    append_story(first, second)
    render(first.path, replace(read_story(first.story), seed=4))
    heard = np.concatenate([unlimited(first), unlimited(second)])
    assert np.abs(played_by_reaper(first.path / "storm.rpp", len(heard)) - heard).max() < 1e-6
    assert sorted(path.name for path in first.path.glob("*.rpp")) == ["storm.rpp"]
    assert read_manifest(first.manifest).appended == (Appended("a-door-slams"),)
    shutil.rmtree(second.path)
    caplog.clear()
    for _ in range(2):
        render(first.path, read_story(first.story))
    assert caplog.messages == [f"{second.path}: is gone, and so left out of the project from now on"]
    assert read_manifest(first.manifest).appended == ()
    heard = unlimited(first)
    assert np.abs(played_by_reaper(first.path / "storm.rpp", len(heard)) - heard).max() < 1e-6


def test_each_story_starts_behind_all_before_it_on_a_bar_or_where_it_was_put() -> None:
    first = Timeline("one", 1000, 2500, (), ())
    assert starts_of(first, (100, 200, 50), (None, None, None)) == (2500, 2600, 2800)
    assert starts_of(first, (5000, 200), (1000, None)) == (1000, 6000)
    on_bars = replace(first, bpm=120.0)  # a bar is 2000 frames
    assert starts_of(on_bars, (1999, 2010, 1), (None, None, None)) == (4000, 6000, 10000)
    assert starts_of(replace(on_bars, frames=4001), (1,), (None,)) == (4001 - 1,)  # a rounded millisecond late


def test_an_appended_story_that_is_rendered_again_is_heard_in_the_project_of_all(tmp_path: Path) -> None:
    first, told = render(tmp_path / "storm"), Told("a door slams", 4.0)
    second = render(folder_to_append(first, "a door", told, "mock").path, told)
    append_story(first, second, 2.0)
    render(second.path, replace(read_story(second.story), seed=9))
    heard = unlimited(first)
    heard[2 * RATE : 6 * RATE] += unlimited(second)
    assert np.abs(played_by_reaper(first.path / "storm.rpp", len(heard)) - heard).max() < 1e-6
    assert append_story(first, second) == 2.0
    assert np.abs(played_by_dawproject(first.path / "storm.dawproject", len(heard)) - heard).max() < 1e-6


@pytest.mark.parametrize("written", range(4))
def test_an_append_that_is_stopped_leaves_projects_that_the_next_takes_for_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    first, told = render(tmp_path / "storm"), Told("a door slams", 4.0)
    second = render(folder_to_append(first, "a door", told, "mock").path, told)
    before, left = sorted(path.name for path in first.path.iterdir()), iter(range(written))

    def stop(path: Path, data: bytes) -> None:
        if next(left, None) is None:
            raise OSError("stopped")
        write_atomically(path, data)

    with monkeypatch.context() as patch, pytest.raises(OSError, match="stopped"):
        patch.setattr(write, "write_atomically", stop)
        append_story(first, second)
    assert append_story(first, second, 2.0) == 2.0
    assert sorted(path.name for path in first.path.iterdir()) == before
    digests = read_manifest(first.manifest).projects
    assert digests == {name: sha256((first.path / name).read_bytes()).hexdigest() for name in digests}


def test_an_appended_story_gets_a_folder_of_its_own(tmp_path: Path) -> None:
    first = render(tmp_path / "storm")
    door = Told("a door", 2.0)

    def name(text: str, told: Told) -> str:
        return folder_to_append(first, text, told, "mock").path.name

    assert [name(text, door) for text in ("a door", "Stems", "takes", "雨", "con")] == [
        "a-door",
        "stems-2",
        "takes-2",
        "story",
        "con-story",
    ]
    render(first.path / "a-door", door)
    assert name("a door", door) == "a-door"
    assert name("a door", replace(door, seed=1)) == "a-door-2"
    (first.path / "a-door-2").mkdir()  # a user's own
    assert name("a door", replace(door, seed=1)) == "a-door-3"


def test_what_does_not_fit_is_not_appended(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no story to append to"):
        folder_to_append(StoryFolder(tmp_path), "x", TOLD, "mock")
    first = render(tmp_path / "storm")
    before = (first.path / "storm.rpp").read_bytes(), first.manifest.read_bytes()
    with pytest.raises(InputError, match="isn't rendered yet"):
        append_story(first, StoryFolder(first.path / "none"))
    other = StoryFolder(first.path / "other")
    render_story(MockModel(), Told("x", 2.0), other, Output(48_000), lambda progress: None)
    with pytest.raises(InputError, match="must have the project's rate of 24000 Hz, got 48000; render it with --rate"):
        append_story(first, other)
    assert read_manifest(first.manifest).appended == ()
    assert ((first.path / "storm.rpp").read_bytes(), first.manifest.read_bytes()) == before
