"""Loudness that was asked for, measured by another meter; stems and projects carry the same gain."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest

from diegetic.audio.loudness import true_peak_db
from diegetic.audio.wav import read_wav
from diegetic.director import Output, render_story
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.manifest import Level, read_manifest
from diegetic.story import Told
from diegetic.targets import Targets
from mock_model import MockModel

RATE = 24_000


def render(path: Path, **output: object) -> Level:
    folder = StoryFolder(path)
    told = Told("rain, a bell, thunder", 9.0, 3)
    render_story(MockModel(), told, folder, Output(RATE, **output), lambda progress: None)  # type: ignore[arg-type]
    level = read_manifest(folder.manifest).level
    assert level is not None
    return level


def lufs(path: Path) -> float:
    return float(pyloudnorm.Meter(RATE).integrated_loudness(read_wav(path)[0]))


def total(path: Path, pattern: str) -> object:
    return np.sum([read_wav(stem)[0] for stem in path.glob(pattern)], axis=0)


@pytest.mark.parametrize("target", [-23.0, -16.0])
def test_the_mix_is_as_loud_as_asked_for_and_stems_still_add_up(tmp_path: Path, target: float) -> None:
    level = render(tmp_path, targets=Targets(target))
    assert lufs(tmp_path / "mix.wav") == pytest.approx(target, abs=0.15)
    assert level.loudness_lufs == pytest.approx(target, abs=0.1)
    assert level.story_gain_db != 0
    assert level.limited_db == 0
    assert np.abs(total(tmp_path, "stems/*.wav") - read_wav(tmp_path / "mix.wav")[0]).max() < 4 * 2**-23


def test_a_target_holds_behind_the_limiter_and_under_the_ceiling(tmp_path: Path) -> None:
    level = render(tmp_path, targets=Targets(-11.0), ceiling_dbtp=-6.0)
    assert level.limited_db > 0.5
    assert lufs(tmp_path / "mix.wav") == pytest.approx(-11, abs=0.2)
    assert true_peak_db(read_wav(tmp_path / "mix.wav")[0]) <= -5.99


def test_a_lane_has_a_target_of_its_own(tmp_path: Path) -> None:
    level = render(tmp_path, targets=Targets(None, {"bed": -40.0}))
    assert lufs(tmp_path / "stems/01-bed.wav") == pytest.approx(-40, abs=0.15)
    assert list(level.lane_gains_db) == ["bed"]


def test_no_target_changes_nothing(tmp_path: Path) -> None:
    level = render(tmp_path)
    assert (level.story_gain_db, level.lane_gains_db) == (0, {})


def test_what_can_not_be_reached_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"loudness: must be -50..-5 LUFS, got 3; -23 suits film"):
        Targets(3.0)
    with pytest.raises(InputError, match="unknown lane 'bad'; did you mean 'bed'"):
        render(tmp_path, targets=Targets(None, {"bad": -20.0}))


@pytest.mark.real
def test_ffmpeg_measures_what_the_manifest_says(tmp_path: Path) -> None:
    render(tmp_path, targets=Targets(-20.0, {"bed": -35.0}))
    for laid in read_manifest(tmp_path / "manifest.json").files:
        measured = ebur128(tmp_path / laid.path)
        assert laid.loudness is not None
        assert laid.loudness.integrated_lufs == pytest.approx(measured["I"], abs=0.2), laid.path
        assert laid.loudness.true_peak_dbtp == pytest.approx(measured["Peak"], abs=0.3), laid.path


def ebur128(path: Path) -> dict[str, float]:
    """Integrated loudness and true peak of a file by ffmpeg."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg")
    command = ["ffmpeg", "-nostats", "-i", path, "-filter_complex", "ebur128=peak=true", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stderr
    summary = said[said.rindex("Summary:") :]
    return {name: float(value) for name, value in re.findall(r"(I|Peak):\s+(-?[\d.]+) ", summary)}
