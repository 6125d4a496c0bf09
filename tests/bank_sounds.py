"""Sounds made here, and banks of them."""

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from diegetic.model.bank.add import add_to_bank
from diegetic.model.bank.describe import FLOOR_DB, SAMPLE_RATE, LatentSpace, describe
from diegetic.model.bank.library import Bank, Index

Array = NDArray[np.float32]
SECOND = SAMPLE_RATE


def hiss(seconds: float, level: float = 0.1, seed: int = 0) -> Array:
    return (np.random.default_rng(seed).standard_normal(round(seconds * SECOND)) * level).astype(np.float32)


def tone(seconds: float, pitch_hz: float, level: float = 0.1) -> Array:
    return (np.sin(2 * np.pi * pitch_hz * np.arange(round(seconds * SECOND)) / SECOND) * level * 2**0.5).astype(
        np.float32
    )


def latent_space() -> LatentSpace:
    """The space of levels of hiss and of tones."""
    sounds = [hiss(2, level) for level in (0.01, 0.1, 0.5)] + [tone(2, pitch) for pitch in (110, 440, 3000)]
    return LatentSpace.fit(np.concatenate([describe(sound) for sound in sounds]), 12)


def silent(space: LatentSpace) -> Array:
    features = np.zeros((1, 56), np.float32)
    features[0, 0] = FLOOR_DB
    return space.encode(features)[0]


def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    soundfile.write(folder / "bell.wav", tone(2, 440), SAMPLE_RATE)
    soundfile.write(folder / "wind.wav", hiss(3), 44_100)
    return folder


def by_first_letter(captions: list[str]) -> Array:
    """A stand-in for the LLM: captions are alike when they begin alike."""
    return np.eye(26, dtype=np.float32)[[ord(caption[0]) - ord("a") for caption in captions]]


def index_of(folder: Path, space: LatentSpace, recordings: int) -> Index:
    """The index of a bank of hiss."""
    for number in range(recordings):
        soundfile.write(folder / f"hiss{number}.wav", hiss(1, seed=number), SAMPLE_RATE)
    list(add_to_bank(folder, folder / "bank", {}, space, by_first_letter))
    return Bank(folder / "bank").index
