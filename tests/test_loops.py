"""Loops: the end meets the start, measured as joins are."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from diegetic.audio.riff import read_chunks
from diegetic.audio.seams import level_jump_db, spectrum_jump_db
from diegetic.audio.wav import read_wav
from diegetic.director import Output, render_story
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.loops import looped, write_loop
from diegetic.manifest import read_manifest
from diegetic.story import OVERLAP_S, Told
from mock_model import MockModel

RATE = 24_000
Samples = NDArray[np.float32]


def wind(seconds: float, seed: int) -> Samples:
    """Noise that grows by 12 dB, so that a plain cut would be heard."""
    frames = round(seconds * RATE)
    noise = np.random.default_rng(seed).standard_normal((frames, 2)) * np.geomspace(0.05, 0.2, frames)[:, None]
    return noise.astype(np.float32)


def test_seams_jump_less_than_the_sound_does_by_itself_at_the_median() -> None:
    """Over eight noises: one alone jumps at its seam as anywhere, half of the time above the median."""
    for jump in (level_jump_db, spectrum_jump_db):
        seams, insides = [], []
        for seed in range(8):
            loop = looped(wind(6 + OVERLAP_S, seed), RATE)
            twice, seam = np.concatenate([loop, loop]).mean(axis=1), len(loop) / RATE
            seams.append(jump(twice, RATE, seam))
            insides += [jump(twice, RATE, at) for at in np.arange(0.5 + OVERLAP_S, seam - 0.5, 0.05)]
        assert np.median(seams) < np.median(insides)
    cut = wind(6, 1)
    assert level_jump_db(np.concatenate([cut, cut]).mean(axis=1), RATE, 6) > 6


def test_the_end_goes_on_at_the_start_sample_by_sample() -> None:
    frames = round((3 + OVERLAP_S) * RATE)
    tone = np.sin(2 * np.pi * 100.3 * np.arange(frames) / RATE).astype(np.float32)[:, None]
    loop = looped(tone, RATE)
    assert len(loop) == 3 * RATE
    twice = np.concatenate([loop, loop])[:, 0]
    step = np.abs(np.diff(twice))
    assert step[len(loop) - 1] <= np.abs(np.diff(tone[:, 0])).max() * 1.01


def test_a_loop_is_written_with_its_loop_points(tmp_path: Path) -> None:
    folder = StoryFolder(tmp_path / "storm")
    render_story(MockModel(), Told("rain, a bell", 8.0), folder, Output(RATE), lambda progress: None)
    path = write_loop(folder, "1", Output(48_000))
    assert path.name == "01-bed_quiet-air.wav"
    assert read_wav(path)[0].shape == (8 * 48_000, 2)
    (smpl,) = [chunk.content for chunk in read_chunks(path.read_bytes()) if chunk.name == b"smpl"]
    assert [int.from_bytes(smpl[at : at + 4], "little") for at in (44, 48)] == [0, 8 * 48_000 - 1]
    assert read_manifest(folder.manifest).finished_at is not None
    with pytest.raises(InputError, match=r"event '9': must be 1\.\.3"):
        write_loop(folder, "9", Output(RATE))
