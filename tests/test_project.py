"""Project files: read by other people's parsers, and added up to the mix that they stand for."""

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
import zipfile
from dataclasses import replace
from os import environ
from pathlib import Path

import numpy as np
import pytest

from diegetic import delivery
from diegetic.manifest import read_manifest
from diegetic.project.reaper import encode_rpp, quoted
from diegetic.project.timeline import Clip, Item, Marker, Timeline, Track
from diegetic.story import Told
from diegetic.story_file import read_story
from project_player import RATE, played_by_dawproject, played_by_reaper, render, unlimited

SHARED = Path(environ.get("DIEGETIC_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.mark.parametrize("curve", ["equal_power", "linear"])
def test_what_the_projects_play_is_the_mix_before_its_limiter(tmp_path: Path, curve: str) -> None:
    told = Told("rain, a bell, thunder", 60.0)  # its bed is a chain of windows, joined
    folder = render(tmp_path / "storm", told, level=0.9, curve=curve)
    heard = unlimited(folder, curve)
    assert np.abs(heard).max() > 1
    for played in (played_by_reaper, played_by_dawproject):
        path = folder.path / ("storm.rpp" if played is played_by_reaper else "storm.dawproject")
        assert np.abs(played(path, len(heard)) - heard).max() < 1e-6


def test_the_reaper_project_says_lanes_events_and_names(tmp_path: Path) -> None:
    rpp = pytest.importorskip("rpp")
    folder = render(tmp_path / "storm")
    project = rpp.loads((folder.path / "storm.rpp").read_text(encoding="utf-8"))
    assert [track.find("NAME")[1] for track in project.findall("TRACK")] == ["bed", "foreground"]
    assert [item.find("NAME")[1] for item in project.findall(".//ITEM")] == [
        "quiet air (take 1)",
        "rain (take 1)",
        'a bell\'s "ring" (take 1)',
        "thunder (take 1)",
    ]
    markers = [row for row in project if isinstance(row, list) and row[0] == "MARKER"]
    assert [(row[2], row[3]) for row in markers if row[4] == "0"][1:3] == [("0", "rain"), ("3", 'a bell\'s "ring"')]
    assert [row[2] for row in markers if row[4] == "1"] == ["0", "9"]
    for source in project.findall(".//SOURCE"):
        assert (folder.path / source.find("FILE")[1]).is_file()


def test_other_takes_are_reaper_s_takes_and_the_current_one_is_chosen(tmp_path: Path) -> None:
    folder = render(tmp_path / "storm")
    story = read_story(folder.story)
    retake = replace(story.events[2], seed=7)
    render(folder.path, replace(story, events=(*story.events[:2], retake, story.events[3])))
    item = read_manifest(folder.manifest).timeline.tracks[1].items[1]  # type: ignore[union-attr]
    assert ([clip.take for clip in item.takes], item.current) == ([1, 2], 1)
    heard = unlimited(folder)
    assert np.abs(played_by_reaper(folder.path / "storm.rpp", len(heard)) - heard).max() < 1e-6
    render(folder.path, story)
    assert read_manifest(folder.manifest).timeline.tracks[1].items[1].current == 0  # type: ignore[union-attr]
    heard = unlimited(folder)
    assert np.abs(played_by_reaper(folder.path / "storm.rpp", len(heard)) - heard).max() < 1e-6


def test_a_project_that_was_saved_by_its_user_is_kept_with_all_it_plays(tmp_path: Path) -> None:
    folder = render(tmp_path / "storm")
    mine = (folder.path / "storm.rpp").read_text() + "\n"
    (folder.path / "storm.rpp").write_text(mine)
    clips = set((folder.path / "clips").iterdir())
    for seed in (4, 5):
        render(folder.path, replace(read_story(folder.story), seed=seed))
        assert (folder.path / "storm.rpp").read_text() == mine
        assert clips <= set((folder.path / "clips").iterdir())
    assert sorted(path.name for path in folder.path.glob("*.rpp")) == ["storm-2.rpp", "storm.rpp"]
    assert len(list(folder.path.glob("*.dawproject"))) == 1


def test_rendering_again_writes_the_same_project(tmp_path: Path) -> None:
    folder = render(tmp_path / "storm")
    names = ("storm.rpp", "storm.dawproject", "markers.mid", "markers.csv")
    before = [(folder.path / name).read_bytes() for name in names]
    render(folder.path)
    assert [(folder.path / name).read_bytes() for name in names] == before


@pytest.mark.parametrize("text", ["plain", 'a "bell"', 'a bell\'s "ring"', "`all` of 'the' \"three\"", "a\nb\x00c", ""])
def test_any_name_can_be_parsed_again(text: str) -> None:
    rpp = pytest.importorskip("rpp")
    clip = Clip("clips/a.wav", text, 1, 100, RATE, 2)
    timeline = Timeline(text, RATE, 100, (Track(text, 2, (Item(text, 0, 99, 0, 0, (clip,), 0),)),), (Marker(text, 3),))
    project = rpp.loads(encode_rpp(timeline).decode())
    name = project.find("TRACK").find("NAME")[1]
    assert name in (" ".join(text.replace("\x00", "").split()), "'all' of 'the' \"three\"")
    assert quoted(text)[0] in "\"'`"


def test_every_reference_of_the_dawproject_is_resolved(tmp_path: Path) -> None:
    folder = render(tmp_path / "storm")
    with zipfile.ZipFile(folder.path / "storm.dawproject") as archive:
        assert archive.testzip() is None
        root, names = ElementTree.fromstring(archive.read("project.xml")), set(archive.namelist())
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    references = [element.get(key) for element in root.iter() for key in ("track", "destination") if element.get(key)]
    assert len(references) == 4
    assert set(references) <= set(ids)
    assert {file.get("path") for file in root.iter("File")} == names - {"project.xml", "metadata.xml"}
    assert [track.get("name") for track in root.iter("Track")] == ["bed", "foreground", "Master"]
    assert root.find("Transport/Tempo").get("value") == "120"  # type: ignore[union-attr]
    assert [marker.get("time") for marker in root.iter("Marker")] == ["0", "0", "0", "3", "6"]


@pytest.mark.real
@pytest.mark.parametrize(("name", "schema"), [("project.xml", "Project.xsd"), ("metadata.xml", "MetaData.xsd")])
def test_the_dawproject_keeps_its_schema(tmp_path: Path, name: str, schema: str) -> None:
    xsd = SHARED / "dawproject" / schema
    if shutil.which("xmllint") is None or not xsd.exists():
        pytest.skip(f"needs xmllint and {xsd}")
    folder = render(tmp_path / "storm", handles_s=1.0, bpm=93.0, channels="mono")
    with zipfile.ZipFile(folder.path / "storm.dawproject") as archive:
        (tmp_path / name).write_bytes(archive.read(name))
    checked = subprocess.run(
        ["xmllint", "--noout", "--schema", xsd, tmp_path / name],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("rendered_before", [False, True])
def test_a_render_that_died_before_its_manifest_leaves_nothing_behind_once_it_is_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rendered_before: bool
) -> None:
    if rendered_before:
        render(tmp_path / "storm")

    def die(path: Path) -> str:
        raise OSError("died")

    looping = tuple(replace(event, loop=True) for event in read_story(render(tmp_path / "plan").story).events)
    story = replace(read_story(tmp_path / "plan/story.toml"), seed=5, events=looping)
    with monkeypatch.context() as patch, pytest.raises(OSError, match="died"):
        patch.setattr(delivery, "digest_of", die)
        render(tmp_path / "storm", story, file_format="flac")
    edited = replace(story, events=tuple(replace(event, caption=f"no {event.caption}") for event in story.events))
    folder = render(tmp_path / "storm", edited)
    there = {path.relative_to(folder.path).as_posix() for path in folder.path.rglob("*.*") if path.is_file()}
    laid = {each for each in there if each.startswith(("mix", "stems/", "loops/"))}
    assert laid == {each.path for each in read_manifest(folder.manifest).files}
    assert {each for each in there if each.endswith((".rpp", ".dawproject"))} == {"storm.rpp", "storm.dawproject"}
    assert {each for each in there if each.startswith("markers")} == {"markers.mid", "markers.csv"}
