"""render --append: a second story in the project of the first, as a user meets it."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from diegetic.folder import StoryFolder
from diegetic.manifest import read_manifest
from mock_command import Run, contents, mock_command, rendered_storm

SECOND = ("render", "a door slams", "--seconds", 4, "--model", "mock", "-o", "storm", "--append")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered_storm(tmp_path_factory.mktemp("rendered"))


@pytest.fixture
def diegetic(
    rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command beside a rendered story `storm` (9 s, 24 kHz, a stem a lane): (exit code, stdout, stderr)."""
    shutil.copytree(rendered, tmp_path / "storm")
    return mock_command(tmp_path, monkeypatch, capsys)


def reaper_items(path: str = "storm/storm.rpp") -> list[tuple[float, str]]:
    rpp = pytest.importorskip("rpp")
    project: Any = rpp.loads(Path(path).read_text(encoding="utf-8"))
    for source in project.findall(".//SOURCE"):
        assert (Path(path).parent / source.find("FILE")[1]).is_file()
    return [(float(item.find("POSITION")[1]), item.find("NAME")[1]) for item in project.findall(".//ITEM")]


def test_the_second_story_comes_after_the_first_in_every_project_file(diegetic: Run, tmp_path: Path) -> None:
    before = contents(tmp_path / "storm")
    code, out, err = diegetic(*SECOND)
    assert code == 0, err
    assert out.splitlines()[0].startswith("storm/a-door-slams/mix.wav: 4 s, ")
    assert out.splitlines()[-1] == "storm/storm.rpp, storm/storm.dawproject: a-door-slams starts at 9 s"
    assert sorted(reaper_items()) == [
        (0, "quiet air (take 1)"),
        (0, "rain (take 1)"),
        (3, "a bell (take 1)"),
        (6, "thunder (take 1)"),
        (9, "a door slams (take 1)"),
        (9, "quiet air (take 1)"),
    ]
    with zipfile.ZipFile("storm/storm.dawproject") as archive:
        root = ElementTree.fromstring(archive.read("project.xml"))
        assert {file.get("path") for file in root.iter("File")} <= set(archive.namelist())
    assert [marker.get("name") for marker in root.iter("Marker")][-1] == "a door slams"
    assert "R6,a door slams,9.000,13.000,4.000" in Path("storm/markers.csv").read_text()
    projects = {f"{tmp_path}/storm/{name}" for name in ("storm.rpp", "storm.dawproject", "markers.mid", "markers.csv")}
    kept = {path: data for path, data in contents(tmp_path / "storm").items() if path in before}
    assert {path for path, data in kept.items() if data != before[path]} == {
        *projects,
        f"{tmp_path}/storm/manifest.json",
    }


def test_it_is_laid_out_as_the_first_and_the_same_command_changes_nothing(diegetic: Run, tmp_path: Path) -> None:
    diegetic(*SECOND)
    second = StoryFolder(Path("storm/a-door-slams"))
    assert read_manifest(second.manifest).output == read_manifest(StoryFolder(Path("storm")).manifest).output
    before = {path: data for path, data in contents(tmp_path).items() if not path.endswith(".json")}
    said = json.loads(diegetic(*SECOND, "--json")[1])
    assert (said["rendered"], said["starts_at_s"], said["projects"][0]) == ([], 9.0, "storm/storm.rpp")
    assert {path: data for path, data in contents(tmp_path).items() if not path.endswith(".json")} == before


def test_it_can_be_put_anywhere_and_its_retakes_are_heard_in_the_project_of_all(diegetic: Run) -> None:
    diegetic(*SECOND, "--at", 2.5)
    assert (2.5, "a door slams (take 1)") in reaper_items()
    assert diegetic("retake", "storm/a-door-slams", 2)[0] == 0
    assert '"a door slams (take 2)"' in Path("storm/storm.rpp").read_text()
    diegetic("render", "a dog", "--seconds", 4, "--model", "mock", "-o", "storm", "--append")
    assert (9, "a dog (take 1)") in reaper_items()
    diegetic("continue", "storm", "silence", "--seconds", 3, "--rate", 24_000)
    assert {(2.5, "a door slams (take 1)"), (12, "a dog (take 1)")} <= set(reaper_items())


def test_with_a_tempo_it_starts_on_a_bar(diegetic: Run) -> None:
    diegetic("render", "storm/story.toml", "--rate", 24_000, "--bpm", 100)
    code, _, err = diegetic(*SECOND, "--quantise", "beat")
    assert code == 0, err
    assert (9.6, "a door slams (take 1)") in reaper_items()


def test_a_story_file_can_be_appended(diegetic: Run) -> None:
    diegetic("plan", "a dog", "--seconds", 4, "--model", "mock", "-o", "my dog.toml")
    assert diegetic("render", "my dog.toml", "-o", "storm", "--append")[0] == 0
    assert Path("storm/my-dog/mix.wav").is_file()


BAD = [
    ([*SECOND[:6], "--append"], "--append: needs the folder of the project; give it with -o"),
    ([*SECOND[:6], "-o", "gate", "--append"], "gate: has no story.toml in it; render a story into it first"),
    ([*SECOND[:8], "--at", 3], "--at: says where in a project an appended story starts; add --append"),
    ([*SECOND, "--at", "-1"], "--at: must be 0..3600 s, got -1"),
    ([*SECOND, "--at", "nan"], "--at: must be 0..3600 s, got nan"),
    ([*SECOND, "--rate", 48_000], "--rate: must be the same in all of a project, which has 24000, got 48000; leave"),
    ([*SECOND, "--bpm", 90], "--bpm: must be the same in all of a project, which has none, got 90"),
    ([*SECOND, "--quantise", "bar"], "--quantise: needs a tempo, got none"),
    ([*SECOND, "--jobs", 2], "--append: takes one story at a time"),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD, ids=[sentence[:40] for _, sentence in BAD])
def test_bad_input_is_one_sentence_and_changes_nothing(
    diegetic: Run, tmp_path: Path, arguments: list[object], sentence: str
) -> None:
    before = contents(tmp_path)
    code, out, err = diegetic(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert sentence in err
    assert contents(tmp_path) == before
