"""A user's own library as a bank: a folder's recordings are described, called by captions and indexed; none is copied.

    captions      a CSV (columns file, caption), or the words of file names: "Dog_Bark 01.wav" is "dog bark"
    incremental   files that are in the bank and haven't changed since are not read again; files that are gone leave it

The bank refers to the files where they are, so stories are told at the library's own quality.

Knows nothing of stories. `Caller` turns captions into what recordings are found by; the model in use provides it.
"""

import csv
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from diegetic.atomic import write_atomically
from diegetic.errors import Failure, InputError
from diegetic.model.bank.describe import FLOOR_DB, LatentSpace, describe
from diegetic.model.bank.library import INDEX, TABLE, Bank, Index, quantised, read_audio, write_index, write_table
from diegetic.settings import Settings
from diegetic.text_file import read_text

Array = NDArray[np.float32]
Caller = Callable[[Sequence[str]], Array]
"""Captions to unit vectors [captions, F]."""

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".w64", ".caf"})
LEVEL_DB = -20.0
_LONGEST_S = 600.0


@dataclass(frozen=True, slots=True)
class Step:
    """One file of a folder: taken in, or left out with the reason in `problem`."""

    done: int
    total: int
    file: Path
    seconds: float
    caption: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a bank keeps of one recording."""

    row: Mapping[str, str]
    units: NDArray[np.int8]
    gain_db: float
    channels: int
    embedding: NDArray[np.float16]


def caption_of_name(path: Path) -> str:
    """The words of a file's name: without numbers, separators and camel case."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", path.stem)
    words = re.sub(r"[\W_\d]+", " ", words).strip().lower()
    return words or path.parent.name.lower()


def read_captions(path: Path | None) -> dict[str, str]:
    """Captions by file name, from a CSV with the columns file and caption. Raises InputError."""
    if path is None:
        return {}
    try:
        lines = read_text(path).splitlines(keepends=True)
        rows = list(csv.DictReader(lines, delimiter=_delimiter(lines[0] if lines else "")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path}: can't be read as a CSV file ({error}); save it as UTF-8 with columns file,caption"
        ) from None
    if not rows or not {"file", "caption"} <= rows[0].keys():
        raise InputError(f"{path}: must have the columns file and caption in its first line; add them")
    return {_known_as(row["file"]): row["caption"] for row in rows if (row["caption"] or "").strip()}


def _delimiter(header: str) -> str:
    """What is between the columns: spreadsheets write semicolons or tabs in many a country."""
    return next((each for each in ",;\t" if each in header), ",")


def _known_as(file: str) -> str:
    """A file's name as it is compared: macOS may take letters apart, Windows has its own slashes."""
    return unicodedata.normalize("NFC", file).replace("\\", "/")


def add_folder(folder: Path, bank: Path, captions: Path | None, settings: Settings) -> Iterator[Step]:
    """Take a folder's recordings into the bank at `bank`, called by pocket's own LLM.

    Raises as `add_to_bank`, and InputError for the CSV.
    """
    from diegetic.model.loading import load_caller

    _audio_files(folder)  # refused before a model is loaded
    read = read_captions(captions)
    space, caller = load_caller("pocket", settings)
    yield from add_to_bank(folder, bank, read, space, caller)


def add_to_bank(
    folder: Path, bank: Path, captions: Mapping[str, str], space: LatentSpace, caller: Caller
) -> Iterator[Step]:
    """Take every recording of a folder (and folders in it) into a bank, a step at a time.

    captions: by file name or path within the folder. The bank is written at the end, all at once. Raises InputError
    where the folder has no audio in it, Failure where the bank can't be written.
    """
    files = _audio_files(folder)
    kept = _kept(bank)
    entries: dict[str, _Entry] = {name: entry for name, entry in kept.items() if Path(name).exists()}
    for done, path in enumerate(files, start=1):
        caption = _caption(captions, folder, path)
        name, stamp = str(path.absolute()), _stamp(path)
        known = kept.get(name)
        if known is not None and known.row["source"] == stamp and known.row["caption"] == caption:
            yield Step(done, len(files), path, float(known.row["seconds"]), caption)
            continue
        try:
            entries[name] = _entry(path, name, stamp, caption, space, caller)
        except (OSError, soundfile.SoundFileError, ValueError) as error:
            entries.pop(name, None)
            told = getattr(error, "error_string", None) or str(error)  # libsndfile's names the file once more
            yield Step(done, len(files), path, 0.0, caption, told or type(error).__name__)
            continue
        yield Step(done, len(files), path, float(entries[name].row["seconds"]), caption)
    if not entries:
        raise InputError(f"{folder}: no recording in it can be read; see the reasons above")
    _write(bank, list(entries.values()))


def _caption(captions: Mapping[str, str], folder: Path, path: Path) -> str:
    names = (_known_as(path.relative_to(folder).as_posix()), _known_as(path.name))
    return next((captions[name] for name in names if name in captions), caption_of_name(path))


def _audio_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; give a folder of recordings")
    named = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and not path.name.startswith("._"))
    files = sorted(path for path in named if path.is_file())  # a Mac leaves "._NAME" beside each file on other disks
    if not files:
        raise InputError(f"{folder}: has no audio in it ({', '.join(sorted(SUFFIXES))}); give a folder of recordings")
    return files


def _entry(path: Path, name: str, stamp: str, caption: str, space: LatentSpace, caller: Caller) -> _Entry:
    samples = read_audio(path)[: int(_LONGEST_S * 48_000)]
    if not len(samples) or not np.isfinite(samples).all():
        raise ValueError("has no samples, or some that aren't numbers")
    features = describe(samples.mean(1))
    sounding = features[features[:, 0] >= FLOOR_DB + 10, 0]
    if not len(sounding):
        raise ValueError("is silent")
    loud = float(np.percentile(sounding, 95))
    gain_db = LEVEL_DB - loud
    features[:, 0] = np.maximum(features[:, 0] + gain_db, FLOOR_DB)
    row = {
        "file": name,
        "caption": caption,
        "licence": "",
        "author": "",
        "source": stamp,
        "link": "",
        "seconds": f"{len(samples) / 48_000:.2f}",
    }
    return _Entry(
        row, quantised(space.encode(features)), gain_db, samples.shape[1], caller([caption])[0].astype(np.float16)
    )


def _stamp(path: Path) -> str:
    """What tells whether a file has changed since it was read."""
    stat = path.stat()
    return hashlib.sha256(f"{stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:16]


def _kept(bank: Path) -> dict[str, _Entry]:
    """The entries of a bank so far, by file; none where it is damaged or there is none."""
    try:
        known = Bank(bank)
    except Failure:
        return {}
    index = known.index
    return {
        row["file"]: _Entry(
            row,
            index.units[index.unit_offsets[k] : index.unit_offsets[k + 1]],
            float(index.gains_db[k]),
            int(index.channels[k]),
            index.embeddings[index.captions[index.caption_offsets[k]]],
        )
        for k, row in enumerate(known.table)
    }


def _write(bank: Path, entries: Sequence[_Entry]) -> None:
    count = len(entries)
    own_files = np.full(count, -1)
    index = Index(
        units=np.concatenate([entry.units for entry in entries]),
        unit_offsets=np.cumsum([0, *(len(entry.units) for entry in entries)]),
        gains_db=np.array([entry.gain_db for entry in entries], np.float32),
        channels=np.array([entry.channels for entry in entries]),
        embeddings=np.stack([entry.embedding for entry in entries]),
        captions=np.arange(count),
        caption_offsets=np.arange(count + 1),
        shards=own_files,
        starts=own_files,
        sizes=own_files,
        typical=np.full(count, np.nan, np.float32),
        performed=np.zeros(count, np.bool_),
    )
    # The index goes last: a bank is there only when it is whole.
    write_atomically(bank / TABLE, write_table([dict(entry.row) for entry in entries]))
    write_atomically(bank / INDEX, write_index(index))
