"""Describe every recording once: features of all of them in one file, for training and for the bank.

    python scripts/pocket/describe_sounds.py --sounds SOUNDS_FOLDER -o features.npz

Writes `files` (names), `offsets` [recordings + 1] and `features` [units, FEATURES] float16 of the recordings as they
are.
"""

import argparse
import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from diegetic.model.bank.describe import SAMPLE_RATE, describe

Array = NDArray[np.float32]


def read_mono(path: Path | io.BytesIO) -> Array:
    """Samples [frames] at 48 kHz, the mean of all channels."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono: Array = samples.mean(1)
    return mono if rate_hz == SAMPLE_RATE else soxr.resample(mono, rate_hz, SAMPLE_RATE)


class Described:
    """Features by file name, as written by this script."""

    def __init__(self, path: Path) -> None:
        stored = np.load(path)
        self._features, self._offsets = stored["features"], stored["offsets"]
        self._index = {str(name): index for index, name in enumerate(stored["files"])}

    def __getitem__(self, file: str) -> Array:
        """Features [units, FEATURES] of a file. Raises KeyError."""
        index = self._index[file]
        features: Array = self._features[self._offsets[index] : self._offsets[index + 1]].astype(np.float32)
        return features


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sounds", type=Path, required=True, help="folder with sounds.csv and audio/")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    with (args.sounds / "sounds.csv").open(encoding="utf-8", newline="") as file:
        files = [row["file"] for row in csv.DictReader(file)]
    features = list(_describe_all(args.sounds / "audio", files))
    offsets = np.cumsum([0, *map(len, features)])
    np.savez(args.out, files=np.array(files), offsets=offsets, features=np.concatenate(features).astype(np.float16))


def _describe_all(folder: Path, files: list[str]) -> Iterator[Array]:
    for number, name in enumerate(files, start=1):
        yield describe(read_mono(folder / name))
        if number % 500 == 0:
            print(f"{number} of {len(files)} recordings described", flush=True)


if __name__ == "__main__":
    main()
