"""What the command line is told of files: format, width, handles, loudness, loops; and what it says of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyloudnorm
import pytest
import soundfile

from diegetic.audio.loudness import true_peak_db
from diegetic.audio.wav import read_wav
from diegetic.cli.app import run
from diegetic.cli.outside import Outside
from mock_command import known
from mock_model import MockModel

SCENE = ("rain, a bell, thunder", "--seconds", 9, "--rate", 24_000, "-o", "storm", "--model", "mock", "--json")

Json = Callable[..., dict[str, Any]]
Fails = Callable[..., str]


@pytest.fixture
def diegetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Json:
    """Run a command in an empty folder: its JSON; {"error", "code"} where it fails."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def command(*arguments: object) -> dict[str, Any]:
        outside = Outside(load=lambda name, settings: MockModel(), check_name=known)
        code = run([str(each) for each in arguments], outside)
        out, err = capsys.readouterr()
        return json.loads(out) if code == 0 else {"code": code, "error": err}

    return command


def manifest() -> dict[str, Any]:
    said: dict[str, Any] = json.loads(Path("storm/manifest.json").read_text(encoding="utf-8"))
    return said


def test_format_and_width_are_those_asked_for(diegetic: Json) -> None:
    said = diegetic("render", *SCENE, "--format", "flac", "--channels", "mono")
    assert said["mix"] == "storm/mix.flac"
    assert {Path(stem).suffix for stem in said["stems"]} == {".flac"}
    assert soundfile.info(said["mix"]).channels == 1
    assert diegetic("show", "storm", "--json")["picture"] == "storm/story.png"
    said = diegetic("use", "storm", 1, 1, "--json")
    assert Path(said["mix"]) == Path("storm/mix.flac")


def test_format_can_be_set_for_good(diegetic: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIEGETIC_FILE_FORMAT", "wav32f")
    diegetic("render", *SCENE)
    assert soundfile.info("storm/mix.wav").subtype == "FLOAT"


def test_handles_are_rendered_and_kept_by_a_retake_and_a_continuation(diegetic: Json) -> None:
    diegetic("render", *SCENE, "--handles", 1)
    diegetic("retake", "storm", 2, "--json")
    diegetic("continue", "storm", "a door slams", "--seconds", 3, "--json")
    items = [item for track in manifest()["timeline"]["tracks"] for item in track["items"]]
    assert len(items) == 6
    assert {clip["offset"] for item in items for clip in item["takes"]} == {24_000}
    assert manifest()["rate_hz"] == 24_000


def test_lanes_and_the_true_peak_are_what_is_asked_for_and_the_manifest_says_so(diegetic: Json) -> None:
    options = ("--lane-loudness", "bed=-30", "--lane-loudness", "foreground=-20", "--true-peak", -6)
    diegetic("render", *SCENE, *options)
    level, files = manifest()["level"], manifest()["files"]
    assert level["lane_targets_lufs"] == {"bed": -30, "foreground": -20}
    assert level["ceiling_dbtp"] == -6
    measured = {laid["path"]: laid["loudness"]["integrated_lufs"] for laid in files}
    for path, lufs in (("stems/01-bed.wav", -30), ("stems/02-foreground.wav", -20)):
        assert measured[path] == pytest.approx(lufs + level["stems_gain_db"], abs=0.1)
    for path in ("mix.wav", "stems/01-bed.wav", "stems/02-foreground.wav"):
        samples, rate_hz = read_wav(Path("storm", path))
        other = pyloudnorm.Meter(rate_hz).integrated_loudness(samples)
        assert measured[path] == pytest.approx(other, abs=0.15)
        said = next(laid["loudness"]["true_peak_dbtp"] for laid in files if laid["path"] == path)
        assert said == pytest.approx(true_peak_db(samples), abs=0.01)
        assert said <= -6


def test_a_loop_is_told_of_beside_the_stems(diegetic: Json, tmp_path: Path) -> None:
    assert diegetic("render", *SCENE)["loops"] == []
    story = tmp_path / "storm/story.toml"
    text = story.read_text(encoding="utf-8")
    story.write_text(text.replace('lane = "bed"', 'lane = "bed"\nloop = true', 1), encoding="utf-8")
    said = diegetic("render", "storm/story.toml", "--rate", 24_000, "--json")
    assert said["loops"] == ["storm/loops/01-bed_quiet-air.wav"]
    assert not set(said["loops"]) & set(said["stems"])


BAD = [
    (("--format", "mp3"), "--format: must be one of wav24, wav32f, flac, got 'mp3'"),
    (("--channels", "5.1"), "--channels: must be one of mono, stereo, got '5.1'"),
    (("--handles", "-1"), "handles: must be 0, or 0.05..10 seconds, got -1"),
    (("--lane-loudness", "bed"), "--lane-loudness: must be LANE=LUFS, got 'bed'; for instance bed=-30"),
    (("--lane-loudness", "bed=loud"), "--lane-loudness: must be LANE=LUFS, got 'bed=loud'"),
    (("--lane-loudness", "bed=3"), "bed: must be -50..-5 LUFS, got 3"),
    (("--true-peak", "3"), "true peak: must be -20..0 dBTP, got 3"),
    (("--true-peak", "nan"), "true peak: must be -20..0 dBTP, got nan"),
]


@pytest.mark.parametrize(("options", "sentence"), BAD, ids=[" ".join(options) for options, _ in BAD])
def test_what_can_not_be_is_refused_before_anything_is_made(
    diegetic: Json, tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    failed = diegetic("render", *SCENE[:-1], *options)
    assert failed["code"] == 2
    assert sentence in failed["error"]
    assert not (tmp_path / "storm").exists()


def test_a_lane_that_a_story_has_not_is_refused_before_it_is_rendered(diegetic: Json) -> None:
    diegetic("plan", "rain, a bell", "--seconds", 9, "-o", "storm", "--model", "mock", "--json")
    failed = diegetic("render", "storm/story.toml", "--lane-loudness", "bad=-30")
    assert failed["code"] == 2
    assert "loudness: unknown lane 'bad'; did you mean 'bed'?" in failed["error"]
    assert not Path("storm/takes").exists()
