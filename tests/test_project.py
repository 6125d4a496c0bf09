"""Project files: read by other people's parsers, and added up to the mix that they stand for."""

import io
import itertools
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
import zipfile
from dataclasses import replace
from hashlib import sha256
from os import environ
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from diegetic import delivery
from diegetic.atomic import write_atomically
from diegetic.audio.wav import read_wav
from diegetic.director import Output, render_story
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.layout import lay_out, mixed
from diegetic.manifest import Appended, read_manifest
from diegetic.project import write
from diegetic.project.append import append_story, folder_to_append
from diegetic.project.clips import straightened
from diegetic.project.markers import encode_csv, encode_midi
from diegetic.project.reaper import encode_rpp, quoted
from diegetic.project.timeline import Clip, Item, Marker, Timeline, Track, joined, starts_of
from diegetic.story import Told
from diegetic.story_file import read_story
from mock_model import MockModel

RATE = 24_000
TOLD = Told('rain, a bell\'s "ring", thunder', 9.0, 3)
SHARED = Path(environ.get("DIEGETIC_SHARED", Path(__file__).parents[2] / "shared"))
Samples = NDArray[np.float32]


def render(folder: Path, told: Any = TOLD, level: float = 0.1, **output: Any) -> StoryFolder:
    rendered = StoryFolder(folder)
    render_story(MockModel(level=level), told, rendered, Output(RATE, **output), lambda progress: None)
    return rendered


def unlimited(folder: StoryFolder, curve: Any = "equal_power") -> Samples:
    """The mix before its limiter, from the takes."""
    story, store = read_story(folder.story), folder.takes
    keys = {event.event: event.take for event in read_manifest(folder.manifest).events}
    clips = {event: store.samples(take) for event, key in keys.items() if (take := store.find(key)) is not None}
    placed = lay_out(story, clips, RATE, RATE, curve)
    return mixed([placed[event.id] for event in story.events], round(story.seconds * RATE))


def play(
    total: Samples, clip: Samples, start_s: float, length_s: float, offset_s: float, fades: tuple[float, float]
) -> None:
    """Add what a program plays of an item with straight fades."""
    start, offset = round(start_s * RATE), round(offset_s * RATE)
    frames = min(int(np.ceil(length_s * RATE - 1e-6)), len(clip) - offset)
    at = np.arange(frames)[:, None] / RATE
    gain = np.ones((frames, 1))
    if fades[0]:
        gain *= np.clip(at / fades[0], 0, 1)
    if fades[1]:
        gain *= np.clip((length_s - at) / fades[1], 0, 1)
    total[start : start + frames] += clip[offset : offset + frames] * gain


def played_by_reaper(path: Path, frames: int) -> Samples:
    rpp = pytest.importorskip("rpp")
    project, total = rpp.loads(path.read_text(encoding="utf-8")), np.zeros((frames, 2))
    for item in project.findall(".//ITEM"):
        takes = list(take_groups(item))
        take = next((take for take in takes if take[0] == ["TAKE", "SEL"]), takes[0])
        source = next(child for child in take if getattr(child, "tag", "") == "SOURCE")
        values = {row[0]: row[1:] for row in itertools.chain(item, take) if isinstance(row, list)}
        assert (values["FADEIN"][0], values["FADEOUT"][0]) == ("0", "0")
        clip = read_wav(path.parent / source.find("FILE")[1])[0]
        place = (float(values[key][0]) for key in ("POSITION", "LENGTH", "SOFFS"))
        play(total, clip, *place, (float(values["FADEIN"][1]), float(values["FADEOUT"][1])))
    return total


def take_groups(item: Any) -> Any:
    """An item's rows, from one TAKE to the next."""
    group: list[Any] = []
    for row in item:
        if row == "TAKE" or (isinstance(row, list) and row[0] == "TAKE"):
            yield group
            group = []
        group.append(row)
    yield group


def played_by_dawproject(path: Path, frames: int) -> Samples:
    total = np.zeros((frames, 2))
    with zipfile.ZipFile(path) as archive:
        for clip in ElementTree.fromstring(archive.read("project.xml")).iter("Clip"):
            said = {key: float(clip.get(key, "nan")) for key in ("time", "duration", "playStart")}
            fades = float(clip.get("fadeInTime", "nan")), float(clip.get("fadeOutTime", "nan"))
            sound = archive.read(clip.find("Audio/File").get("path"))  # type: ignore[union-attr, arg-type]
            samples = read_wav(io.BytesIO(sound))[0]  # type: ignore[arg-type]
            play(total, samples, said["time"], said["duration"], said["playStart"], fades)
    return total


@pytest.mark.parametrize("curve", ["equal_power", "linear"])
def test_what_the_projects_play_is_the_mix_before_its_limiter(tmp_path: Path, curve: str) -> None:
    told = Told("rain, a bell, thunder", 60.0)  # its bed is a chain of windows, joined
    folder = render(tmp_path / "storm", told, level=0.9, curve=curve)
    heard = unlimited(folder, curve)
    assert np.abs(heard).max() > 1
    for played in (played_by_reaper, played_by_dawproject):
        path = folder.path / ("storm.rpp" if played is played_by_reaper else "storm.dawproject")
        assert np.abs(played(path, len(heard)) - heard).max() < 1e-6


def test_a_fade_taken_off_leaves_the_sound() -> None:
    from test_layout import RAIN, WIND, noise, story

    clips = {"e1": noise(WIND, 1), "e2": noise(RAIN, 2)}
    placed = lay_out(story(WIND, RAIN), clips, 8_000, 8_000)["e1"]
    straight = straightened(placed)
    assert np.array_equal(straight[100:30_000], placed.segment[100:30_000])
    assert np.abs(straight).max() <= np.abs(placed.segment).max() * 1.6
    assert np.abs(straight[-50:]).max() > 0.05


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


MOMENTS = Timeline("storm", RATE, RATE * 600, (), (Marker("all", 0, RATE * 600), Marker("雨", RATE * 7 + 1)), 93.0)


def test_the_midi_file_is_what_another_program_reads() -> None:
    mido = pytest.importorskip("mido")
    file = mido.MidiFile(file=io.BytesIO(encode_midi(MOMENTS)), charset="utf-8")
    assert file.tracks[0].name == "storm"
    at, found = 0.0, []
    for message in file:  # in seconds
        at += message.time
        if message.type == "marker":
            found.append((message.text, at))
    assert [name for name, _ in found] == ["all", "雨", "end of all"]
    assert [at for _, at in found] == pytest.approx([0, 7 + 1 / RATE, 600], abs=0.001)
    tempo = next(message.tempo for message in file.tracks[0] if message.type == "set_tempo")
    assert mido.tempo2bpm(tempo) == pytest.approx(93, abs=1e-4)


def test_the_midi_file_has_the_bytes_of_the_standard() -> None:
    data = encode_midi(Timeline("a", 10, 10, (), (Marker("b", 10),)))
    assert data[:14] == b"MThd\0\0\0\6\0\0\0\1\3\xc0"
    assert (
        data[22:]
        == b"\0\xff\3\1a"
        + b"\0\xff\x51\3\x07\xa1\x20"
        + b"\0\xff\x58\4\4\2\x18\x08"
        + b"\x8f\0\xff\6\1b"
        + b"\0\xff\x2f\0"
    )


def test_the_table_of_markers_can_be_read() -> None:
    assert encode_csv(MOMENTS).decode().splitlines() == [
        "#,Name,Start,End,Length",
        "R1,all,0.000,600.000,600.000",
        "M2,雨,7.000,,",
    ]


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
