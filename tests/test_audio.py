"""Files of sound, joins and level, against other people's readers and known signals."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from diegetic.audio.joins import crossfade, crossfade_concatenate, fades
from diegetic.audio.loudness import SILENCE_DB, limit, loudness_lufs, true_peak_db
from diegetic.audio.riff import Chunk, read_chunks, with_chunks
from diegetic.audio.wav import Encoding, encode_wav, read_wav, write_wav
from diegetic.errors import Failure

RATE = 48_000
Samples = NDArray[np.float32]


def noise(frames: int, seed: int = 0, level: float = 0.1) -> Samples:
    return np.random.default_rng(seed).standard_normal((frames, 2)).astype(np.float32) * np.float32(level)


def tone(hz: float, seconds: float, amplitude: float = 0.5, phase: float = 0.0) -> Samples:
    time = np.arange(int(seconds * RATE)) / RATE
    return np.repeat(amplitude * np.sin(2 * np.pi * hz * time + phase)[:, None], 2, axis=1).astype(np.float32)


@pytest.mark.parametrize(("encoding", "error"), [("PCM_24", 2**-24), ("FLOAT", 0.0)])
def test_samples_survive_a_file(tmp_path: Path, encoding: Encoding, error: float) -> None:
    samples = np.clip(noise(1000, level=0.3), -1, 1)
    write_wav(tmp_path / "a.wav", samples, RATE, encoding)
    read, rate_hz = read_wav(tmp_path / "a.wav")
    assert rate_hz == RATE
    assert np.abs(read - samples).max() <= error
    assert soundfile.info(tmp_path / "a.wav").subtype == encoding


def test_full_scale_is_clipped_and_never_wraps(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.array([[1.5], [-1.5]], np.float32), RATE)
    assert np.allclose(read_wav(tmp_path / "a.wav")[0], [[1], [-1]], atol=1e-6)


def test_the_same_samples_give_the_same_bytes_without_a_date() -> None:
    data = encode_wav(noise(100), RATE, "FLOAT")
    assert [chunk.name for chunk in read_chunks(data)] == [b"fmt ", b"fact", b"data"]


def test_a_chunk_goes_before_the_samples_and_odd_sizes_are_padded() -> None:
    data = with_chunks(encode_wav(noise(3), RATE, "PCM_24"), [Chunk(b"note", b"odd")])
    assert [(chunk.name, chunk.content) for chunk in read_chunks(data)][1] == (b"note", b"odd")
    assert len(data) == 8 + int.from_bytes(data[4:8], "little")
    assert len(data) % 2 == 0


def test_a_damaged_file_is_a_failure_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF1234")
    with pytest.raises(Failure, match="delete it and render again"):
        read_wav(tmp_path / "a.wav")
    with pytest.raises(Failure):
        read_wav(tmp_path / "none.wav")


def test_a_truncated_riff_is_refused() -> None:
    with pytest.raises(ValueError, match="must have"):
        list(read_chunks(encode_wav(noise(9), RATE, "FLOAT")[:-5]))


def test_linear_crossfade_is_the_reference_s() -> None:
    clips = [noise(100, 1), noise(80, 2), noise(120, 3)]
    joined = crossfade_concatenate(clips, 10, 3.0, "linear")
    fade = np.linspace(0, 1, 30, dtype=np.float32)[:, None]
    assert joined.shape == (100 + 80 + 120 - 60, 2)
    assert np.allclose(joined[70:100], clips[0][70:] * (1 - fade) + clips[1][:30] * fade, atol=1e-6)
    assert np.array_equal(joined[:70], clips[0][:70])
    assert np.array_equal(joined[-90:], clips[2][30:])


def test_a_clip_shorter_than_the_transition_is_joined_hard() -> None:
    assert len(crossfade_concatenate([noise(100), noise(20)], 10, 3.0, "linear")) == 120


def test_equal_power_keeps_the_power_of_unlike_sounds() -> None:
    power = (crossfade(noise(RATE, 1), noise(RATE, 2)) ** 2).reshape(10, -1).mean(axis=1)
    assert np.abs(10 * np.log10(power / 0.01)).max() < 0.3


def test_equal_power_passes_a_sound_that_goes_on_as_it_is() -> None:
    same = noise(RATE)
    assert np.allclose(crossfade(same, same), same, atol=1e-6)


def test_fades_start_and_end_at_whole_gains() -> None:
    for curve in ("equal_power", "linear"):
        out, into = fades(48, curve)
        assert np.allclose([out[0, 0], out[-1, 0], into[0, 0], into[-1, 0]], [1, 0, 0, 1], atol=1e-6)


def test_a_peak_between_samples_is_seen() -> None:
    # A quarter of the rate, sampled at 45 degrees: samples reach 0.707 of the peak (BS.1770-4, annex 2).
    between = tone(RATE / 4, 0.5, phase=np.pi / 4) * np.hanning(RATE // 2)[:, None].astype(np.float32)
    assert np.abs(between).max() == pytest.approx(0.3536, abs=1e-3)
    assert true_peak_db(between) == pytest.approx(-6.02, abs=0.1)


def test_silence_has_a_level_too() -> None:
    assert true_peak_db(np.zeros((100, 2), np.float32)) == SILENCE_DB
    assert true_peak_db(np.zeros((0, 2), np.float32)) == SILENCE_DB
    assert loudness_lufs(np.zeros((RATE, 2), np.float32), RATE) is None
    assert loudness_lufs(noise(100), RATE) is None


def test_loudness_is_that_of_the_standard() -> None:
    # EBU Tech 3341, case 1: a stereo tone of 1 kHz at -23 dBFS reads -23 LUFS.
    assert loudness_lufs(tone(1000, 5, 10 ** (-23 / 20)), RATE) == pytest.approx(-23, abs=0.1)


def test_what_is_under_the_ceiling_passes_untouched() -> None:
    samples = noise(RATE)
    limited, reduction_db = limit(samples, RATE)
    assert limited is samples
    assert reduction_db == 0


@given(seed=st.integers(0, 50), level=st.floats(0.2, 5.0))
def test_limited_sound_never_passes_the_ceiling(seed: int, level: float) -> None:
    samples = noise(RATE // 2, seed, level=0.02)
    samples[5000:5040] *= np.float32(50 * level)
    limited, reduction_db = limit(samples, RATE)
    assert true_peak_db(limited) <= -1.0
    assert limited.dtype == np.float32
    assert reduction_db >= 0


def test_the_limiter_ducks_a_peak_and_leaves_the_rest() -> None:
    samples = tone(200, 2.0, 0.3)
    samples[RATE : RATE + 20] = 3.0
    limited, reduction_db = limit(samples, RATE)
    assert reduction_db > 10
    far = np.r_[0 : RATE - 3000, RATE + 3000 : len(samples)]
    assert np.abs(limited[far] - samples[far]).max() < 0.01
    gain = limited[:, 0] / np.where(np.abs(samples[:, 0]) > 1e-3, samples[:, 0], np.nan)
    assert np.nanmax(np.abs(np.diff(gain))) < 0.01
