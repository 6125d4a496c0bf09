"""Handles: real sound around every event's clip, which no mix hears and every project leaves out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
from numpy.typing import NDArray

from diegetic.audio.loudness import true_peak_db
from diegetic.audio.wav import read_wav
from diegetic.delivery import is_delivered
from diegetic.director import Output, render_story
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.handles import Handles, check_handles, with_handles
from diegetic.manifest import read_manifest
from diegetic.retakes import prune, retake, use
from diegetic.story import Told
from diegetic.story_file import read_story
from mock_model import MockModel
from project_player import played_by_dawproject, played_by_reaper, unlimited

RATE = 24_000
TOLD = Told("rain, a bell, thunder", 9.0, 3)
HELD = Output(RATE, handles_s=1.0)
Samples = NDArray[np.float32]


def render(folder: Path, output: Output = HELD, told: Told = TOLD, model: MockModel | None = None) -> StoryFolder:
    rendered = StoryFolder(folder)
    render_story(model or MockModel(), told, rendered, output, lambda progress: None)
    return rendered


def clips(folder: StoryFolder) -> list[tuple[Samples, int, int]]:
    """The samples of each current clip, its first frame that plays, and how many do."""
    timeline = read_manifest(folder.manifest).timeline
    assert timeline is not None
    items = [item for track in timeline.tracks for item in track.items]
    return [(read_wav(folder.path / item.clip.path)[0], item.clip.offset, item.frames + 1) for item in items]


def test_every_clip_has_a_second_of_sound_before_and_after_its_event(tmp_path: Path) -> None:
    for samples, offset, frames in clips(render(tmp_path / "storm")):
        assert (offset, len(samples) - offset - frames) == (RATE, RATE)
        for second in (samples[:RATE], samples[-RATE:]):
            tenths = np.square(second).mean(axis=1).reshape(10, -1).mean(axis=1)
            assert tenths.min() > 1e-5, "sound, not silence"


def test_the_mix_and_the_stems_are_the_same_with_handles_and_without(tmp_path: Path) -> None:
    plain, held = (render(tmp_path / name, output) for name, output in (("a", Output(RATE)), ("b", HELD)))
    for laid in read_manifest(plain.manifest).files:
        assert (plain.path / laid.path).read_bytes() == (held.path / laid.path).read_bytes()
    for (without, _, _), (samples, offset, frames) in zip(clips(plain), clips(held), strict=True):
        assert np.array_equal(samples[offset : offset + frames], without)


@pytest.mark.parametrize(("curve", "channels"), [("equal_power", "stereo"), ("linear", "mono")])
def test_what_the_projects_play_is_still_the_mix_before_its_limiter(tmp_path: Path, curve: str, channels: str) -> None:
    output = replace(HELD, curve=curve, channels=channels)  # type: ignore[arg-type]
    folder = render(tmp_path / "storm", output, Told("rain, a bell", 28.0))
    heard = unlimited(folder, curve)
    for played, name in ((played_by_reaper, "storm.rpp"), (played_by_dawproject, "storm.dawproject")):
        assert np.abs(played(folder.path / name, len(heard)) - heard).max() < 1e-6


def test_a_clip_says_how_loud_it_is_and_where_it_begins_even_before_the_story(tmp_path: Path) -> None:
    wavinfo = pytest.importorskip("wavinfo")
    folder = render(tmp_path / "storm")
    timeline = read_manifest(folder.manifest).timeline
    assert timeline is not None
    for item in (item for track in timeline.tracks for item in track.items):
        read = wavinfo.WavInfoReader(str(folder.path / item.clip.path))
        at = item.start - item.clip.offset
        assert read.bext.time_reference == (at if at >= 0 else 24 * 3600 * RATE + at)
        assert [cue.sample_offset for cue in read.cues.cues] == [RATE]
        samples = read_wav(folder.path / item.clip.path)[0]
        assert read.bext.loudness_value == pytest.approx(pyloudnorm.Meter(RATE).integrated_loudness(samples), abs=0.15)
        assert read.bext.max_true_peak == pytest.approx(true_peak_db(samples), abs=0.01)


def test_handles_are_rendered_once_and_found_again(tmp_path: Path) -> None:
    folder = render(tmp_path / "storm", Output(RATE))
    model = MockModel()
    render(folder.path, HELD, model=model)
    assert len([call for call in model.calls if call.startswith("decode")]) == 2 * len(read_story(folder.story).events)
    model = MockModel()
    render(folder.path, HELD, model=model)
    assert not [call for call in model.calls if call.startswith(("decode", "imagine"))]


def test_a_retake_has_handles_too_and_they_go_with_a_take_that_is_pruned(tmp_path: Path) -> None:
    folder = render(tmp_path / "storm")
    retake(MockModel(), folder, "2", 7, HELD, lambda progress: None)
    takes = len(read_story(folder.story).events) + 1
    assert len(list(folder.takes.folder.glob("*.around-1000ms.wav"))) == takes
    prune(folder, HELD)
    assert len(list(folder.takes.folder.glob("*.around-1000ms.wav"))) == takes - 1
    assert len(list(folder.takes.all())) == takes - 1


def test_a_take_without_handles_plays_from_its_own_start(tmp_path: Path) -> None:
    folder = render(tmp_path / "storm", Output(RATE))
    retake(MockModel(), folder, "2", 7, HELD, lambda progress: None)
    timeline = read_manifest(folder.manifest).timeline
    assert timeline is not None
    offsets = [[clip.offset for clip in item.takes] for track in timeline.tracks for item in track.items]
    assert [RATE] in offsets
    assert [0, RATE] in offsets
    use(folder, "2", 1, HELD)
    heard = unlimited(folder)
    assert np.abs(played_by_reaper(folder.path / "storm.rpp", len(heard)) - heard).max() < 1e-6
    assert not is_delivered(folder, read_story(folder.story), HELD), "its handles are still to be rendered"


def test_a_sound_meets_its_handles_without_a_step_and_stays_as_it_is() -> None:
    noise = np.random.default_rng(0).standard_normal((3 * RATE, 1)).astype(np.float32)
    smooth = np.apply_along_axis(np.convolve, 0, noise, np.hanning(200) / 10, mode="same").astype(np.float32)
    handles, sound = Handles(smooth[:RATE], smooth[-RATE:]), smooth[RATE + 99 : 2 * RATE - 77]
    around = with_handles(sound, handles, RATE)
    assert np.array_equal(around[RATE : RATE + len(sound)], sound)
    assert np.array_equal(around[: RATE - 500], handles.before[:-500])
    steps = np.abs(np.diff(around, axis=0))[:, 0]
    usual = np.abs(np.diff(smooth, axis=0)).max()
    assert max(steps[RATE - 1], steps[RATE + len(sound) - 1]) <= usual
    cut = np.concatenate([handles.before, sound])
    assert np.abs(np.diff(cut, axis=0))[RATE - 1, 0] > usual


def test_handles_of_any_length_but_an_absurd_one() -> None:
    assert check_handles(0.0) == 0
    assert check_handles(1.2345) == 1.234
    for wrong in (-1.0, 0.01, 11.0, float("nan")):
        with pytest.raises(InputError, match=r"handles: must be 0, or 0\.05\.\.10 seconds"):
            check_handles(wrong)
