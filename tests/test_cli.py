"""The command line as a user meets it: what it makes, and with which exit code. The model is a mock."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import soundfile

from diegetic.cli import screen
from diegetic.errors import Cancelled
from diegetic.model.bank.library import INDEX, TABLE
from diegetic.protocol import go_on
from diegetic.story_file import read_story
from mock_command import SCENE, Run, mock_command
from mock_model import MockModel


@pytest.fixture
def diegetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in an empty folder with a mock model: (exit code, stdout, stderr)."""
    return mock_command(tmp_path, monkeypatch, capsys)


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


def test_the_time_left_does_not_count_how_long_loading_took(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now_s = 0.0
    monkeypatch.setattr(screen, "time", SimpleNamespace(monotonic=lambda: now_s))
    display = screen.PlainDisplay()
    display.stage("loading", None)
    now_s = 100.0
    display.stage("planning", 0.01)
    now_s = 104.0
    display.stage("rendering e1", 0.05)
    assert capsys.readouterr().err.endswith("rendering e1 (5% done, about 76 s left)\n")


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


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from diegetic.cli.app import run; from diegetic.cli.outside import Outside;"
        "run(['--help'], Outside()); sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_the_live_engine_and_its_generator_begin_without_scipys_filters() -> None:
    code = "import sys, diegetic.engine, diegetic.generator.process; sys.exit('scipy.signal' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT can't be sent to another process there")
def test_ctrl_c_in_a_real_process_leaves_no_half_file(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from mock_command import outside; from mock_model import MockModel; from diegetic.cli.app import run;"
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
