"""Fetch further recordings from Debian's packages: a folder like SOUNDS (sounds.csv and audio/), for the bank.

    python scripts/pocket/debian_sounds.py --packages FOLDER -o FURTHER

Which they are, and under which licence, is debian_sounds.toml's matter. Packages that aren't in FOLDER are fetched into
it by `apt-get download`; needs apt-get and dpkg-deb. Each recording becomes mono at 48 kHz, without a constant offset,
its peak at -1 dBFS. No tagger hears them: the table's concept says what they are.

Knows nothing of the bank.
"""

import argparse
import csv
import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import soundfile
from numpy.typing import NDArray

from describe_sounds import read_mono
from diegetic.atomic import write_atomically
from diegetic.errors import InputError
from diegetic.model.bank.describe import SAMPLE_RATE
from diegetic.schema import read_strict, read_toml

TABLE = Path(__file__).with_suffix(".toml")
LICENCES = ("CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "public domain")
"""Under which what the bank takes may ship."""
COLUMNS = (
    "file", "source", "original_name", "licence", "author", "link", "may_ship", "seconds", "original_rate",
    "name_words", "tagger_guess", "concept",
)  # fmt: skip
_PEAK = 10 ** (-1 / 20)

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Package:
    """Sounds of one package that one author made. sounds: the concept of each, by its path in `folder`."""

    name: str
    folder: str
    licence: str
    author: str
    link: str
    sounds: dict[str, str]
    ends: dict[str, float] = field(default_factory=dict)  # seconds after which a recording fades

    def __post_init__(self) -> None:
        if self.licence not in LICENCES:
            raise ValueError(f"licence of {self.name} must be one of {', '.join(LICENCES)}, got {self.licence!r}")
        if unknown := self.ends.keys() - self.sounds.keys():
            raise ValueError(f"ends of {self.name} must be of its sounds, got {', '.join(sorted(unknown))}")

    def file(self, path: str) -> str:
        """What a sound is called in the folder that is written, the same always."""
        return "-".join(re.findall("[a-z0-9]+", f"{self.name} {PurePosixPath(path).stem}".lower())) + ".flac"


@dataclass(frozen=True, slots=True)
class Packages:
    """All packages that sounds are taken from."""

    packages: tuple[Package, ...]


def read_packages(path: Path = TABLE) -> tuple[Package, ...]:
    """What is taken from where. Raises InputError."""
    return read_strict(Packages, read_toml(path), str(path)).packages


def fetched(name: str, folder: Path) -> Path:
    """A package's file in a folder, fetched where it isn't there yet. Raises InputError where it can't be had."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (found := sorted(folder.glob(f"{name}_*.deb"))):
        run = subprocess.run(["apt-get", "download", name], cwd=folder, capture_output=True, text=True)
        if not (found := sorted(folder.glob(f"{name}_*.deb"))):
            raise InputError(f"{name}: apt-get can't fetch it ({run.stderr.strip()}); put its .deb into {folder}")
    return found[-1]


def files_of(package: Path, paths: frozenset[str]) -> dict[str, bytes]:
    """What lies at some paths in a package. Raises InputError where one is missing."""
    unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True).stdout
    found = dict[str, bytes]()
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as tar:
        for member in tar:
            path = member.name.removeprefix("./")
            if path in paths and (file := tar.extractfile(member)):
                found[path] = file.read()
    if missing := paths - found.keys():
        raise InputError(f"{package.name}: has no {', '.join(sorted(missing))}; it is another version than the table's")
    return found


def levelled(samples: Samples, end_s: float | None) -> Samples:
    """Mono samples until `end_s`, without a constant offset, their peak at -1 dBFS."""
    kept = samples if end_s is None else samples[: round(end_s * SAMPLE_RATE)]
    kept = kept - kept.mean()
    level: Samples = (kept * (_PEAK / np.abs(kept).max())).astype(np.float32)
    return level


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True, help="folder where .deb files are kept")
    parser.add_argument("--table", type=Path, default=TABLE, help="which sounds of which packages")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    try:
        rows = [
            row for package in read_packages(args.table) for row in _written(package, args.packages, args.out / "audio")
        ]
    except InputError as error:
        sys.exit(str(error))
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: row["file"]))
    write_atomically(args.out / "sounds.csv", table.getvalue().encode())
    print(f"{len(rows)} recordings, {sum(float(row['seconds']) for row in rows):.0f} s")


def _written(package: Package, debs: Path, audio: Path) -> Iterator[dict[str, str]]:
    """Write a package's sounds; a row of sounds.csv for each."""
    audio.mkdir(parents=True, exist_ok=True)
    paths = {f"{package.folder}/{path}": path for path in package.sounds}
    for full, data in files_of(fetched(package.name, debs), frozenset(paths)).items():
        path, file = paths[full], package.file(paths[full])
        samples = levelled(read_mono(io.BytesIO(data)), package.ends.get(path))
        soundfile.write(audio / file, samples, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
        yield {
            "file": file,
            "source": package.name,
            "original_name": full,
            "licence": package.licence,
            "author": package.author,
            "link": package.link,
            "may_ship": "yes",
            "seconds": f"{len(samples) / SAMPLE_RATE:.2f}",
            "original_rate": str(soundfile.info(io.BytesIO(data)).samplerate),
            "name_words": " ".join(re.findall("[a-z]+", PurePosixPath(path).stem.lower())),
            "tagger_guess": "",
            "concept": package.sounds[path],
        }


if __name__ == "__main__":
    main()
