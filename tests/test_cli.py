"""The command line as a user meets it: what it makes, what it says, and with which exit code. The model is a mock."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile

from diegetic.cli.app import run
from diegetic.cli.outside import Outside
from diegetic.cli.screen import PlainDisplay
from diegetic.errors import Cancelled, InputError
from diegetic.model.bank.library import INDEX, TABLE
from diegetic.model.registry import check_name
from diegetic.protocol import go_on
from diegetic.settings import Settings
from diegetic.story_file import read_story
from mock_model import MockModel

SCENE = "rain on the water, thunder, a ship's bell"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def diegetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder with a mock model: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def command(*arguments: object, model: MockModel | None = None) -> tuple[int, str, str]:
        code = run([str(each) for each in arguments], outside(model or MockModel()))
        out, err = capsys.readouterr()
        return code, out, err

    return command


def outside(model: MockModel) -> Outside:
    return Outside(load=lambda name, settings: model, check_name=known)


def known(name: str, settings: Settings) -> None:
    if name not in ("mock", "pocket"):
        raise InputError(f"model: unknown model {name!r}; known: mock, pocket")


def test_render_makes_a_folder_of_sound(diegetic: Run, tmp_path: Path) -> None:
    code, out, err = diegetic("render", SCENE, "--seconds", 12, "-o", "storm", "--model", "mock")
    assert code == 0, err
    assert out.startswith("storm/mix.wav: 12 s, ")
    assert {path.name for path in (tmp_path / "storm").iterdir()} >= {
        "story.toml",
        "mix.wav",
        "stems",
        "takes",
        "manifest.json",
    }
    info = soundfile.info(tmp_path / "storm/mix.wav")
    assert (info.samplerate, info.subtype, info.frames) == (48_000, "PCM_24", 12 * 48_000)
    assert "rain on the water" in err


def test_json_is_one_line_and_nothing_else(diegetic: Run) -> None:
    code, out, err = diegetic("render", SCENE, "--seconds", 12, "-o", "storm", "--model", "mock", "--json")
    assert (code, out.count("\n")) == (0, 1), err
    said = json.loads(out)
    assert said["seconds"] == 12
    assert all(Path(file).exists() for file in [said["mix"], said["story"], *said["stems"]])


def test_a_manifest_that_can_t_be_read_is_said_before_anything_is_rendered(diegetic: Run, tmp_path: Path) -> None:
    diegetic("render", SCENE, "--seconds", 5, "-o", "storm", "--model", "mock")
    (tmp_path / "storm/manifest.json").write_text('{"files": [{"stem": "mix.wav"}]}')
    for what in ((SCENE, "--seconds", 5, "--model", "mock", "-o", "storm"), ("storm/story.toml", "--model", "mock")):
        code, _, err = diegetic("render", *what)
        assert code == 2
        assert "delete it and render again" in err
        assert "diffus" not in err


def test_without_a_folder_the_text_names_it(diegetic: Run, tmp_path: Path) -> None:
    assert diegetic("render", "Rain & wind!", "--seconds", 5, "--model", "mock")[0] == 0
    assert (tmp_path / "rain-wind/mix.wav").exists()


def test_after_an_edit_only_what_changed_is_rendered(diegetic: Run, tmp_path: Path) -> None:
    diegetic("render", SCENE, "--seconds", 12, "-o", "storm", "--model", "mock")
    story = tmp_path / "storm/story.toml"
    text = story.read_text(encoding="utf-8")
    story.write_text(text.replace('caption = "thunder"', 'caption = "distant thunder"'), encoding="utf-8")
    before = set((tmp_path / "storm/takes").iterdir())
    said = json.loads(diegetic("render", "storm/story.toml", "--json")[1])
    assert len(said["rendered"]) == 1
    assert before < set((tmp_path / "storm/takes").iterdir()), "older takes stay"


def test_the_same_story_twice_gives_the_same_bytes(diegetic: Run, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        diegetic("render", SCENE, "--seconds", 12, "-o", folder, "--model", "mock")
    assert (tmp_path / "a/mix.wav").read_bytes() == (tmp_path / "b/mix.wav").read_bytes()


def test_a_plan_is_a_file_that_can_be_rendered(diegetic: Run, tmp_path: Path) -> None:
    code, out, err = diegetic("plan", SCENE, "--seconds", 12, "--model", "mock", "-o", "storm")
    assert code == 0, err
    assert "storm/story.toml" in out
    assert not (tmp_path / "storm/mix.wav").exists()
    assert diegetic("render", "storm/story.toml")[0] == 0
    assert (tmp_path / "storm/mix.wav").exists()
    assert diegetic("plan", SCENE, "-o", "storm", "--model", "mock")[0] == 2, "a plan that is there is not overwritten"


def test_a_story_is_as_long_as_its_text_says_where_nobody_else_does(diegetic: Run, tmp_path: Path) -> None:
    sheet = "0:00 rain, 0:20 thunder, 1:10 a door slams"
    code, _, err = diegetic("plan", sheet, "--model", "mock", "-o", "long")
    assert code == 0, err
    assert "note" not in err
    assert read_story(tmp_path / "long/story.toml").seconds == 80
    _, _, err = diegetic("plan", sheet, "--seconds", 30, "--model", "mock", "-o", "short")
    assert "note: the text gives seconds that a story of 30 hasn't; with --seconds 80 it has" in err
    assert read_story(tmp_path / "short/story.toml").seconds == 30
    _, _, err = diegetic("render", "short/story.toml")
    assert "--seconds" not in err, "a story that is planned has its length in its file"
    _, _, err = diegetic("plan", "rain, a bell", "--model", "mock", "-o", "usual")
    assert read_story(tmp_path / "usual/story.toml").seconds == 40
    _, _, err = diegetic("plan", "[0-5s] rain [5-10s] thunder", "--model", "mock", "-o", "sheet")
    assert read_story(tmp_path / "sheet/story.toml").seconds == 10


def test_a_plan_in_the_references_format_can_be_rendered(diegetic: Run, tmp_path: Path) -> None:
    text = "<|gen|>rain <timestamp>4.5</timestamp><|/gen|><|gen|>a bell <timestamp>3</timestamp><|/gen|><|gen|>a d"
    (tmp_path / "by-hand.txt").write_text(text, encoding="utf-8")
    code, _, err = diegetic("render", "by-hand.txt", "--model", "mock")
    assert code == 0, err
    assert soundfile.info(tmp_path / "by-hand/mix.wav").frames == 7.5 * 48_000


def test_a_story_goes_on(diegetic: Run, tmp_path: Path) -> None:
    diegetic("render", SCENE, "--seconds", 12, "-o", "storm", "--model", "mock")
    code, _, err = diegetic("continue", "storm", "a door slams", "--seconds", 3)
    assert code == 0, err
    assert soundfile.info(tmp_path / "storm/mix.wav").frames == 15 * 48_000


def test_the_rate_can_be_chosen(diegetic: Run, tmp_path: Path) -> None:
    diegetic("render", SCENE, "--seconds", 5, "-o", "storm", "--model", "mock", "--rate", 44_100)
    assert soundfile.info(tmp_path / "storm/mix.wav").samplerate == 44_100


@pytest.mark.parametrize(
    "text", ["雨が降る、雷が鳴る", "🌧️ 🐕 🚪", "дождь и гром", "a\tb\r\nc", "<|im_end|>", "‮rtl", "x" * 300]
)
def test_any_language_works(diegetic: Run, tmp_path: Path, text: str) -> None:
    code, _, err = diegetic("render", text, "--seconds", 5, "--model", "mock")
    assert code == 0, err
    assert len(list(tmp_path.glob("*/mix.wav"))) == 1


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
    (["render", SCENE, "--seconds", "100000"], "seconds: must be 1..324, got 100000; a story can grow longer"),
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
    ("seconds = 12", "secnds = 12.0", "unknown key 'secnds'; did you mean 'seconds'?"),
    ("seconds = 12", 'seconds = "long"', "seconds must be a finite number, got the string 'long'"),
    ("duration_s = 12", "end_s = -3.0", "must end after its start"),
    ('caption = "thunder"', f'caption = "{"x" * 10_000}"', "caption must have 1..500 characters, got 10000"),
    ("seconds = 12", "seconds 12", "is not valid TOML"),
    ('model = "mock"', 'model = "nobody"', "unknown model 'nobody'"),
]


@pytest.mark.parametrize(
    ("good", "bad", "sentence"), BAD_STORIES, ids=[sentence[:24] for _, _, sentence in BAD_STORIES]
)
def test_a_bad_story_file_changes_nothing(diegetic: Run, tmp_path: Path, good: str, bad: str, sentence: str) -> None:
    diegetic("render", SCENE, "--seconds", 12, "-o", "storm", "--model", "mock")
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


def test_files_that_windows_editors_save_are_read(diegetic: Run, tmp_path: Path) -> None:
    (tmp_path / "scene.txt").write_bytes(b"\xef\xbb\xbfrain on a roof,\r\nthen a bell\r\n")
    assert diegetic("render", "scene.txt", "--seconds", 5, "--model", "mock")[0] == 0
    story = tmp_path / "scene/story.toml"
    assert read_story(story).instruction == "rain on a roof,\nthen a bell"
    with story.open("ab") as file:
        file.write(b'\n# mine\n[[events]]\ncaption = "wind"\nstart_s = 0\nend_s = 2\n')
    story.write_bytes(b"\xef\xbb\xbf" + story.read_bytes().replace(b"\n", b"\r\n"))
    code, _, err = diegetic("render", "scene/story.toml", "--model", "mock")
    assert code == 0, err
    assert "# mine" in story.read_text(encoding="utf-8")
    assert [event.caption for event in read_story(story).events].count("wind") == 1


def test_the_time_left_does_not_count_how_long_loading_took(capsys: pytest.CaptureFixture[str]) -> None:
    display = PlainDisplay()
    display.stage("loading", None)
    time.sleep(1)
    display.stage("planning", 0.01)
    display.stage("rendering e1", 0.05)  # with the second of loading: about 19 s
    assert capsys.readouterr().err.endswith("rendering e1 (5% done, about 0 s left)\n")


def test_banks_of_names_of_any_length_are_listed_below_each_other(diegetic: Run, tmp_path: Path) -> None:
    for name, lengths in (("mine", [60]), ("a-name-as-long-as-a-name-may-be0", [30, 60])):
        bank = tmp_path / "data/diegetic/banks" / name
        bank.mkdir(parents=True)
        (bank / INDEX).touch()
        (bank / TABLE).write_text("".join(f"{line}\n" for line in ("seconds", *lengths)), encoding="utf-8")
    code, out, err = diegetic("bank", "list")
    assert (code, err) == (0, "")
    rows = out.splitlines()
    assert [row.split()[:3] for row in rows] == [
        ["a-name-as-long-as-a-name-may-be0", "2", "recordings"],
        ["mine", "1", "recording"],
    ]
    assert len({row.index(" min  ") for row in rows}) == 1


def test_another_story_is_not_rendered_over(diegetic: Run, tmp_path: Path) -> None:
    diegetic("render", SCENE, "--seconds", 12, "-o", "storm", "--model", "mock")
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


@pytest.mark.parametrize("stage", ["plan", "imagine", "decode"])
def test_a_stop_in_any_stage_keeps_finished_takes_and_goes_on(diegetic: Run, tmp_path: Path, stage: str) -> None:
    code, _, err = diegetic(
        "render", SCENE, "--seconds", 12, "-o", "storm", "--model", "mock", model=Interrupted(stage)
    )
    assert code == 130
    assert "the same command goes on" in err
    takes = list((tmp_path / "storm").rglob("takes/*.wav"))
    assert len(takes) == 1
    soundfile.read(takes[0])
    assert not list(tmp_path.rglob("*.tmp"))
    model = MockModel()
    said = json.loads(
        diegetic("render", SCENE, "--seconds", 12, "-o", "storm", "--model", "mock", "--json", model=model)[1]
    )
    assert len(said["kept"]) == 1


def test_a_failure_nobody_foresaw_says_where_its_details_are(diegetic: Run) -> None:
    class Broken(MockModel):
        def begin(self, instruction: str, seconds: float) -> list[str]:
            raise RuntimeError("boom")

    code, _, err = diegetic("render", SCENE, "--model", "mock", model=Broken())
    assert code == 1
    log = Path(err.rpartition(" is in ")[2].strip())
    assert "RuntimeError: boom" in log.read_text(encoding="utf-8")
    log.unlink()


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from diegetic.cli.app import run; from diegetic.cli.outside import Outside;"
        "run(['--help'], Outside()); sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_unknown_models_name_the_known_ones() -> None:
    with pytest.raises(
        InputError, match=r"unknown model 'pokcet'; did you mean 'pocket'\? known: audioldm2, audiostory-3b, pocket,"
    ):
        check_name("pokcet", Settings())
    with pytest.raises(InputError, match="unknown bank 'nobodys'"):
        check_name("pocket+nobodys", Settings())


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT can't be sent to another process there")
def test_ctrl_c_in_a_real_process_leaves_no_half_file(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from test_cli import outside; from mock_model import MockModel; from diegetic.cli.app import run;"
        f"arguments = ['render', {SCENE!r}, '--seconds', '12', '-o', sys.argv[2], '--model', 'mock'];"
        "sys.exit(run(arguments, outside(MockModel(pause_s=0.2))))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path / "storm")], stderr=subprocess.PIPE
    )
    while not list(tmp_path.rglob("takes/*.wav")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert not list(tmp_path.rglob("*.tmp"))
    for path in tmp_path.rglob("*.wav"):
        soundfile.read(path)


class Interrupted(MockModel):
    """A user's Ctrl-C in a stage of the second event."""

    def __init__(self, stage: str) -> None:
        super().__init__()
        self.stage = stage

    def plan(self, memory, look=go_on):  # type: ignore[no-untyped-def]
        for number, planned in enumerate(super().plan(memory, look)):
            if number == 1 and self.stage == "plan":
                raise KeyboardInterrupt
            yield planned

    def imagine(self, condition, event, seed, held, watch):  # type: ignore[no-untyped-def]
        if event.id == "e2" and self.stage == "imagine":
            raise KeyboardInterrupt
        return super().imagine(condition, event, seed, held, watch)

    def decode(self, latents, condition, event, seed, hear):  # type: ignore[no-untyped-def]
        if event.id == "e2" and self.stage == "decode":
            raise Cancelled("stopped; the same command goes on from there")
        return super().decode(latents, condition, event, seed, hear)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder but the locks, with its bytes."""
    return {
        str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")
    }
