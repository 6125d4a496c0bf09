"""What the command line does not do, and the one sentence that says why. The model is a mock."""

import shutil
from pathlib import Path

import pytest
import soundfile

from diegetic.errors import InputError
from diegetic.model.registry import check_name
from diegetic.settings import Settings
from mock_command import SCENE, Run, contents, mock_command, rendered_storm
from mock_model import MockModel


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A story of 9 s to take a copy of."""
    return rendered_storm(tmp_path_factory.mktemp("rendered"))


@pytest.fixture
def diegetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder with a mock model: (exit code, stdout, stderr)."""
    return mock_command(tmp_path, monkeypatch, capsys)


def test_a_manifest_that_can_t_be_read_is_said_before_anything_is_rendered(diegetic: Run, tmp_path: Path) -> None:
    diegetic("render", SCENE, "--seconds", 5, "-o", "storm", "--model", "mock")
    (tmp_path / "storm/manifest.json").write_text('{"files": [{"stem": "mix.wav"}]}')
    for what in ((SCENE, "--seconds", 5, "--model", "mock", "-o", "storm"), ("storm/story.toml", "--model", "mock")):
        code, _, err = diegetic("render", *what)
        assert code == 2
        assert "delete it and render again" in err
        assert "diffus" not in err


BAD_OPTIONS = [
    (["render", ""], "text: must say what is to be heard"),
    (["render", "  \n "], "text: must say what is to be heard"),
    (["render", "... !?"], "text: must say what is to be heard, got no word in"),
    (["render", "/"], "/: is a folder; give a scene in words, or a .toml or .txt file"),
    (["render", "x" * 5_000], "text: must have at most 4000 characters, got 5000"),
    (["render", SCENE, "--seconds", "0"], "seconds: must be 1..324, got 0; say how long it is to last"),
    (["render", SCENE, "--seconds", "-3"], "seconds: must be 1..324, got -3"),
    (["render", SCENE, "--seconds", "nan"], "seconds: must be 1..324, got nan"),
    (["render", SCENE, "--seconds", "inf"], "seconds: must be 1..324, got inf"),
    (["render", SCENE, "--seconds", "100000"], "seconds: must be 1..324, got 100000; tell the beginning, then go on"),
    (["render", SCENE, "--seconds", "soon"], "Invalid value for '--seconds'"),
    (["render", SCENE, "--model", "pockt"], "unknown model 'pockt'; known: mock, pocket"),
    (["render", SCENE, "--rate", "7"], "--rate: must be 8000..192000, got 7"),
    (["render", SCENE, "--stems", "all"], "--stems: must be one of event, lane, both"),
    (["render", SCENE, "--variation", "2"], "variation: must be 0..1, got 2"),
    (["render", SCENE, "--seed", "-1"], "seed: must be a whole number from 0"),
    (["render", SCENE, "--sceonds", "3"], "--sceonds"),
    (["render", "nowhere.toml"], "nowhere.toml: no such file"),
    (["plan", ""], "text: must say what is to be heard"),
    (["continue", "nowhere", "a door"], "has no story.toml in it"),
    (["bank", "remove", "nobody"], "there is no 'nobody'"),
    (["bank", "add", "nowhere"], "nowhere: is no folder"),
    (["bank", "add", ".", "--name", "Not A Name"], "name must be lower-case letters"),
]


@pytest.mark.parametrize(
    ("arguments", "sentence"), BAD_OPTIONS, ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else ""
)
def test_bad_input_is_one_sentence_and_changes_nothing(
    diegetic: Run, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    code, out, err = diegetic(*arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert len([line for line in err.splitlines() if not line.startswith("loading")]) == 1
    assert not list(tmp_path.iterdir())


BAD_STORIES = [
    ("seconds = 9", "secnds = 9.0", "unknown key 'secnds'; did you mean 'seconds'?"),
    ("seconds = 9", 'seconds = "long"', "seconds must be a finite number, got the string 'long'"),
    ("duration_s = 9", "end_s = -3.0", "must end after its start"),
    ('caption = "thunder"', f'caption = "{"x" * 10_000}"', "caption must have 1..500 characters, got 10000"),
    ("seconds = 9", "seconds 9", "is not valid TOML"),
    ('model = "mock"', 'model = "nobody"', "unknown model 'nobody'"),
]


@pytest.mark.parametrize(
    ("good", "bad", "sentence"), BAD_STORIES, ids=[sentence[:24] for _, _, sentence in BAD_STORIES]
)
def test_a_bad_story_file_changes_nothing(
    diegetic: Run, rendered: Path, tmp_path: Path, good: str, bad: str, sentence: str
) -> None:
    shutil.copytree(rendered, tmp_path / "storm")
    story = tmp_path / "storm/story.toml"
    text = story.read_text(encoding="utf-8")
    assert good in text
    story.write_text(text.replace(good, bad, 1), encoding="utf-8")
    before = contents(tmp_path)
    code, out, err = diegetic("render", "storm/story.toml")
    assert (code, out) == (2, "")
    assert sentence in err
    assert contents(tmp_path) == before


def test_a_folder_that_is_a_file_is_refused(diegetic: Run, tmp_path: Path) -> None:
    (tmp_path / "storm").write_text("mine", encoding="utf-8")
    code, _, err = diegetic("render", SCENE, "-o", "storm", "--model", "mock")
    assert code == 2
    assert "storm: must be a folder, is a file" in err
    assert (tmp_path / "storm").read_text(encoding="utf-8") == "mine"


def test_a_folder_that_cannot_be_written_is_refused(diegetic: Run) -> None:
    code, _, err = diegetic("render", SCENE, "-o", "/proc/storm", "--model", "mock")
    assert code == 2
    assert "can't be written to" in err


def test_a_story_s_folder_in_place_of_a_scene_is_told_how_it_is_rendered(diegetic: Run, tmp_path: Path) -> None:
    diegetic("render", "rain", "--seconds", 5, "--model", "mock")
    diegetic("render", SCENE, "--seconds", 5, "-o", "storm", "--model", "mock")
    code, _, err = diegetic("render", "storm", "--model", "mock")
    assert (code, err) == (
        2,
        "storm: is a folder, not a scene; its story is rendered with `diegetic render storm/story.toml`\n",
    )
    assert (
        diegetic("render", "rain", "--seconds", 5, "--model", "mock")[0] == 0
    )  # the text that the folder is named from


def test_another_story_is_not_rendered_over(diegetic: Run, rendered: Path, tmp_path: Path) -> None:
    shutil.copytree(rendered, tmp_path / "storm")
    before = contents(tmp_path)
    code, _, err = diegetic("render", "fire", "--seconds", 12, "-o", "storm", "--model", "mock")
    assert code == 2
    assert "holds another story" in err
    assert contents(tmp_path) == before


def test_a_full_disk_is_a_failure_without_half_a_file(diegetic: Run, full_disk: Path) -> None:
    code, _, err = diegetic("render", SCENE, "--seconds", 12, "-o", full_disk / "storm", "--model", "mock")
    assert code == 1
    assert "the disk is full" in err
    for path in full_disk.rglob("*.wav"):
        soundfile.read(path)
    assert not list(full_disk.rglob("*.tmp"))


def test_a_failure_nobody_foresaw_says_where_its_details_are(diegetic: Run) -> None:
    class Broken(MockModel):
        def begin(self, instruction: str, seconds: float) -> list[str]:
            raise RuntimeError("boom")

    code, _, err = diegetic("render", SCENE, "--model", "mock", model=Broken())
    assert code == 1
    log = Path(err.rpartition(" is in ")[2].strip())
    assert "RuntimeError: boom" in log.read_text(encoding="utf-8")
    log.unlink()


def test_unknown_models_name_the_known_ones() -> None:
    with pytest.raises(
        InputError, match=r"unknown model 'pokcet'; did you mean 'pocket'\? known: audioldm2, audiostory-3b, pocket,"
    ):
        check_name("pokcet", Settings())
    with pytest.raises(InputError, match="unknown bank 'nobodys'"):
        check_name("pocket+nobodys", Settings())
