"""Takes and pictures from the command line: what they make, what they say, and what bad input leaves alone."""

import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import soundfile

from diegetic.bounce import Output
from diegetic.cli.again import laid_out_before
from diegetic.cli.app import run
from diegetic.cli.outside import Outside
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.manifest import read_manifest, write_manifest
from diegetic.targets import Targets
from mock_command import contents, known, rendered_storm
from mock_model import MockModel

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story that each test has a copy of."""
    return rendered_storm(tmp_path_factory.mktemp("rendered"))


@pytest.fixture
def diegetic(
    rendered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command beside a rendered story `storm` (9 s, 24 kHz, events e1 to e4): (exit code, stdout, stderr)."""
    shutil.copytree(rendered, tmp_path / "storm")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def command(
        *arguments: object, model: MockModel | None = None, opened: list[Path] | None = None
    ) -> tuple[int, str, str]:
        def open_file(path: Path) -> bool:
            if opened is not None:
                opened.append(path)
            return opened is not None

        outside = Outside(load=lambda name, settings: model or MockModel(), check_name=known, open_file=open_file)
        code = run([str(each) for each in arguments], outside)
        out, err = capsys.readouterr()
        return code, out, err

    return command


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def takes_of(diegetic: Run, event: str) -> list[tuple[int, bool]]:
    said = json.loads(diegetic("takes", "storm", "--json")[1])
    return [(take["number"], take["current"]) for take in said["takes"] if take["event"] == event]


def test_takes_lists_every_take_and_marks_what_is_heard(diegetic: Run) -> None:
    diegetic("retake", "storm", 3, "--seed", 7)
    code, out, err = diegetic("takes", "storm")
    assert (code, err) == (0, "")
    rows = [line for line in out.splitlines() if " e3 " in line]
    assert [row[0] for row in rows] == [" ", "*"]
    assert "take 2" in rows[1]
    assert "seed 7 " in rows[1]
    assert len(out.splitlines()) == 5


@pytest.mark.parametrize("event", ["3", "e3"])
def test_a_retake_renders_one_event_and_keeps_the_older_take(diegetic: Run, tmp_path: Path, event: str) -> None:
    before = (tmp_path / "storm/mix.wav").read_bytes()
    said = json.loads(diegetic("retake", "storm", event, "--json")[1])
    assert said["rendered"] == ["e3"]
    assert takes_of(diegetic, "e3") == [(1, False), (2, True)]
    assert (tmp_path / "storm/mix.wav").read_bytes() != before


def test_use_brings_the_older_take_back_to_the_byte_without_a_model(diegetic: Run, tmp_path: Path) -> None:
    before = soundfile.read(tmp_path / "storm/mix.wav")[0]
    diegetic("retake", "storm", 3)
    model = MockModel()
    code, out, err = diegetic("use", "storm", 3, 1, model=model)
    assert (code, model.calls) == (0, []), err
    assert out == "storm/mix.wav: event e3 is take 1\n"
    assert (soundfile.read(tmp_path / "storm/mix.wav")[0] == before).all()
    said = json.loads(diegetic("use", "storm", "e3", 2, "--json")[1])
    assert (said["event"], said["take"]) == ("e3", 2)
    assert all(Path(stem).is_file() for stem in said["stems"])


@pytest.mark.parametrize("command", [["retake", "storm", "3"], ["use", "storm", "3", "1"], ["prune", "storm", "--yes"]])
def test_the_story_keeps_the_rate_and_stems_it_had(diegetic: Run, tmp_path: Path, command: list[str]) -> None:
    stems = sorted(path.name for path in (tmp_path / "storm/stems").rglob("*"))
    assert diegetic(*command)[0] == 0
    assert soundfile.info(tmp_path / "storm/mix.wav").samplerate == 24_000
    assert sorted(path.name for path in (tmp_path / "storm/stems").rglob("*")) == stems


def test_prune_shows_what_goes_and_deletes_it_when_told_yes(diegetic: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    diegetic("retake", "storm", 3)
    answer(monkeypatch, "y\n")
    code, out, err = diegetic("prune", "storm")
    assert code == 0
    assert "e3    take 1 " in err
    assert "delete 1 take, and clips" in err
    assert out.startswith("storm: 1 take and ")
    assert takes_of(diegetic, "e3") == [(2, True)]


@pytest.mark.parametrize(("text", "expected"), [("n\n", 0), ("\n", 0), ("", 2)])
def test_prune_without_a_yes_deletes_nothing(
    diegetic: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: int
) -> None:
    diegetic("retake", "storm", 3)
    before = contents(tmp_path)
    answer(monkeypatch, text)
    assert diegetic("prune", "storm")[0] == expected
    assert contents(tmp_path) == before


def test_prune_with_json_never_asks(diegetic: Run, tmp_path: Path) -> None:
    diegetic("retake", "storm", 3)
    before = contents(tmp_path)
    code, out, _ = diegetic("prune", "storm", "--json")
    assert (code, json.loads(out)["exit_code"]) == (2, 2)
    assert contents(tmp_path) == before
    said = json.loads(diegetic("prune", "storm", "--json", "--yes")[1])
    assert len(said["takes"]) == 1
    assert said["size_bytes"] > 0
    assert not any(Path(file).exists() for file in [*said["takes"], *said["clips"]])


def test_show_draws_a_picture_and_opens_it(diegetic: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    opened: list[Path] = []
    code, out, err = diegetic("show", "storm", "--open", opened=opened)
    assert (code, out, err) == (0, "storm/story.png\n", "")
    assert (tmp_path / "storm/story.png").read_bytes().startswith(b"\x89PNG")
    assert opened == [Path("storm/story.png")]
    code, out, err = diegetic("show", "storm", "-o", "a.png", "--open", "--json")
    assert json.loads(out)["picture"] == "a.png"
    assert "no viewer could be started" in err


def test_show_says_how_to_install_what_draws(diegetic: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diegetic.cli.pictures.find_spec", lambda name: None)
    before = contents(tmp_path)
    code, out, err = diegetic("show", "storm")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "pip install matplotlib" in err
    assert "extra `evaluate`" in err
    assert contents(tmp_path) == before


BAD = [
    (["takes", "nowhere"], "nowhere: has no story.toml in it"),
    (["retake", "nowhere", "1"], "nowhere: has no story.toml in it"),
    (["retake", "storm", "9"], "event '9': must be 1..4 or an id"),
    (["retake", "storm", "0"], "event '0': must be 1..4 or an id"),
    (["retake", "storm", "e33"], "did you mean 'e3'?"),
    (["retake", "storm", "3", "--seed", "-1"], "event e3: seed: must be a whole number from 0"),
    (["retake", "storm", "3", "--seed", "x"], "Invalid value for '--seed'"),
    (["use", "storm", "3", "5"], "take 5: of event e3 there is 1;"),
    (["use", "storm", "9", "1"], "event '9': must be 1..4 or an id"),
    (["use", "storm", "3", "first"], "Invalid value for 'TAKE'"),
    (["use", "nowhere", "3", "1"], "nowhere: has no story.toml in it"),
    (["prune", "nowhere", "--yes"], "nowhere: has no story.toml in it"),
    (["show", "nowhere"], "nowhere: has no story.toml in it"),
    (["show", "storm", "-o", "a.jpg"], "-o: must be a file that ends in .png, got 'a.jpg'"),
    (["show", "storm", "-o", "/proc/a.png"], "can't be written to"),
    (["takes"], "Missing argument 'DIR'"),
]


def test_a_folder_that_can_t_be_entered_is_said_to_be_one(diegetic: Run, tmp_path: Path) -> None:
    closed = tmp_path / ("x" * 300)  # a name that no system looks up, as root may enter any folder
    assert diegetic("takes", closed.name) == (
        2,
        "",
        f"{closed.name[:80]}: can't be looked into (File name too long); check the path and its permissions\n",
    )


@pytest.mark.parametrize(("arguments", "sentence"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_is_one_sentence_and_changes_nothing(
    diegetic: Run, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    before = contents(tmp_path)
    code, out, err = diegetic(*arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert len([line for line in err.splitlines() if not line.startswith("writing")]) == 1
    assert contents(tmp_path) == before
    code, out, _ = diegetic(*arguments, "--json")
    assert code == 2
    assert json.loads(out)["exit_code"] == 2


@pytest.mark.parametrize(
    "command", [["takes"], ["retake", "1"], ["use", "1", "1"], ["prune", "--yes"], ["show"]], ids=lambda each: each[0]
)
def test_a_story_that_is_only_planned_is_to_be_rendered_first(
    diegetic: Run, tmp_path: Path, command: list[str]
) -> None:
    diegetic("plan", "rain", "--seconds", 5, "-o", "rain", "--model", "mock")
    before = contents(tmp_path)
    code, _, err = diegetic(command[0], "rain", *command[1:])
    assert code == 2
    assert err == "rain: isn't rendered yet; run `diegetic render rain/story.toml` first\n"
    assert contents(tmp_path) == before


def test_a_stopped_retake_leaves_the_story_as_it_was(diegetic: Run, tmp_path: Path) -> None:
    class Interrupted(MockModel):
        def imagine(self, *arguments: object) -> None:  # type: ignore[override]
            raise KeyboardInterrupt

    before = contents(tmp_path)
    code, _, err = diegetic("retake", "storm", 3, model=Interrupted())
    assert code == 130
    assert "the story is as it was; run the same command again" in err
    assert contents(tmp_path) == before


@pytest.mark.parametrize("output", [{"bmp": 3}, {"rate_hz": "24000"}, {"targets": {"lanes_lufs": {"bed": 0}}}])
def test_a_damaged_layout_in_the_manifest_is_refused(diegetic: Run, output: dict[str, object]) -> None:
    folder = StoryFolder(Path("storm"))
    write_manifest(folder.manifest, replace(read_manifest(folder.manifest), output=output))
    with pytest.raises(InputError, match=r"manifest\.json, output|bed: must be -50"):
        laid_out_before(folder)


def test_every_layout_is_read_back_from_the_manifest(diegetic: Run) -> None:
    folder = StoryFolder(Path("storm"))
    targets = Targets(-23.0, {"bed": -30.0})
    output = Output(44_100, "event", "linear", targets, -2.0, 120.0, "flac", "mono", 1.5)
    write_manifest(folder.manifest, replace(read_manifest(folder.manifest), output=asdict(output)))
    assert laid_out_before(folder) == output


def test_render_reaches_a_loudness_and_a_retake_keeps_it(diegetic: Run) -> None:
    said = json.loads(diegetic("render", "storm/story.toml", "--loudness", -23, "--json")[1])
    assert said["level"]["loudness_lufs"] == pytest.approx(-23, abs=0.1)
    said = json.loads(diegetic("retake", "storm", 3, "--json")[1])
    assert said["level"]["loudness_lufs"] == pytest.approx(-23, abs=0.1)


def test_stems_that_are_turned_down_are_said_to_be(diegetic: Run) -> None:
    _, out, _ = diegetic("render", "storm/story.toml", "--loudness", -6)
    assert " dB down so that none clips; edit storm/story.toml" in out
    _, out, _ = diegetic("render", "storm/story.toml", "--loudness", -6, "--format", "wav32f")
    assert "down" not in out


@pytest.mark.parametrize(("unit", "step_s"), [("bar", 2.4), ("beat", 0.6)])
def test_events_of_a_text_or_a_story_start_on_the_beat(diegetic: Run, unit: str, step_s: float) -> None:
    grid = ("--bpm", 100, "--quantise", unit, "--json")
    told = ("render", "wind, a gate, steps, a dog", "--seconds", 11, "-o", "gate", "--model", "mock")
    for what in (told, ("render", "storm/story.toml")):
        code, out, err = diegetic(*what, *grid)
        assert code == 0, err
        for event in json.loads(out)["events"]:
            assert event["start_s"] / step_s == pytest.approx(round(event["start_s"] / step_s), abs=0.01)
    timeline = read_manifest(StoryFolder(Path("gate")).manifest).timeline
    assert timeline is not None
    assert timeline.bpm == 100


def test_a_stop_on_the_beat_says_how_to_go_on_with_a_story_that_grew(diegetic: Run) -> None:
    class Interrupted(MockModel):
        def imagine(self, condition, event, seed, held, watch):  # type: ignore[no-untyped-def]
            if event.id == "e3":
                raise KeyboardInterrupt
            return super().imagine(condition, event, seed, held, watch)

    grid = ("--bpm", 60, "--quantise", "bar")
    told = ("render", "wind, a gate, steps", "--seconds", 10, "-o", "gate", "--model", "mock")
    code, _, err = diegetic(*told, *grid, model=Interrupted())
    assert code == 130
    assert "go on with `diegetic render gate/story.toml` and the same --bpm and --quantise" in err
    said = json.loads(diegetic("render", "gate/story.toml", *grid, "--json")[1])
    assert said["seconds"] > 10
    assert len(said["kept"]) == 2


def test_a_tempo_alone_moves_nothing(diegetic: Run) -> None:
    before = Path("storm/story.toml").read_bytes()
    assert diegetic("render", "storm/story.toml", "--bpm", 97)[0] == 0
    assert Path("storm/story.toml").read_bytes() == before
    assert laid_out_before(StoryFolder(Path("storm"))).bpm == 97


BAD_GRIDS = [
    (["--loudness", "-3"], "loudness: must be -50..-5 LUFS, got -3"),
    (["--loudness", "nan"], "loudness: must be -50..-5 LUFS, got nan"),
    (["--bpm", "0"], "bpm: must be 20..400, got 0"),
    (["--quantise", "bar"], "--quantise: needs a tempo, got none"),
    (["--bpm", "120", "--quantise", "bars"], "did you mean 'bar'?"),
]


@pytest.mark.parametrize(("flags", "sentence"), BAD_GRIDS, ids=[" ".join(flags) for flags, _ in BAD_GRIDS])
def test_a_loudness_or_tempo_out_of_range_changes_nothing(
    diegetic: Run, tmp_path: Path, flags: list[str], sentence: str
) -> None:
    before = contents(tmp_path)
    code, out, err = diegetic("render", "storm/story.toml", *flags)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert sentence in err
    assert contents(tmp_path) == before
