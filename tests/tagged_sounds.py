"""Sounds and what is to be said of them in their files, and programs that read it."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from diegetic.audio.bwf import Tags
from diegetic.audio.cues import Mark
from diegetic.audio.meter import Loudness

RATE = 48_000
Samples = NDArray[np.float32]
LOUD = Loudness(-23.456, 7.0, -1.02, -20.5, None)
TAGS = Tags(
    note="Überfahrt 雨\nin a bay",
    project="storm",
    scene="a-storm",
    take="2",
    track="bed",
    starts_at=2**33 + 5,
    made_at="2026-01-31T12:34:56Z",
    maker="Diegetic 0.1.0",
    model="pocket",
    identity="x",
    loudness=LOUD,
)
MARKS = (Mark(0, 1200, "wind"), Mark(600, 300, "a bell, odd"))


def noise(seconds: float, seed: int = 0, level: float = 0.1) -> Samples:
    return (np.random.default_rng(seed).standard_normal((int(seconds * RATE), 2)) * level).astype(np.float32)


def run(*command: str | Path) -> str:
    if shutil.which(str(command[0])) is None:
        pytest.skip(f"needs {command[0]}")
    return subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout
