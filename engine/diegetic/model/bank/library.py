"""A bank of recordings: their units described, their captions embedded, their audio at hand.

A bank is a folder:

    index.npz        what is known of each recording and of its units (see `Index`)
    recordings.csv   file, caption, licence, author, source, link, seconds: a row a recording, in the index's order
    captions.txt     the captions that are embedded, a line each; where there is none, they are the table's
    audio-N.bin      encoded recordings one after another (a bank that ships); where there is none, `file` is a path

Knows nothing of how recordings are found by words or how units are chosen.
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from diegetic.errors import Failure
from diegetic.model.bank.describe import SAMPLE_RATE
from diegetic.model.bank.words import Vocabulary, Words

Samples = NDArray[np.float32]
INDEX, TABLE, CAPTIONS = "index.npz", "recordings.csv", "captions.txt"
COLUMNS = ("file", "caption", "licence", "author", "source", "link", "seconds")
_WORDS_SHARE = 0.5
_SHARPNESS = 3.0
"""How little stories may differ to keep to other recordings: with a cosine of 0.9 they have little in common."""
_BEST = 3
"""Captions of a recording that say how near it is: one alone is near by chance, where it shares but a word."""


@dataclass(frozen=True, slots=True)
class Index:
    """N recordings with U units, K captions in all, E embeddings of width F.

    units: int8 [U, channels], latents in steps of `step`; unit_offsets: [N + 1]; gains_db: [N], brings a recording to
    the bank's level; channels: [N], of the audio; embeddings: float16 [E, F], unit length; captions: [K], an embedding
    for each caption; caption_offsets: [N + 1]; shards, starts, sizes: [N], where the encoded audio lies (shard -1: in a
    file of its own); typical: [N], how much a recording sounds like what it is called, as the cosine of what an ear
    hears and its caption; nan where none has heard it; performed: bool [N], whether it is music that somebody plays,
    which is heard from its beginning to its end.
    """

    units: NDArray[np.int8]
    unit_offsets: NDArray[np.int64]
    gains_db: NDArray[np.float32]
    channels: NDArray[np.int64]
    embeddings: NDArray[np.float16]
    captions: NDArray[np.int64]
    caption_offsets: NDArray[np.int64]
    shards: NDArray[np.int64]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    typical: NDArray[np.float32]
    performed: NDArray[np.bool_]

    step = 1 / 20

    @property
    def recordings(self) -> int:
        return len(self.gains_db)


class Bank:
    """A bank, read from its folder.

    Raises Failure where its index can't be read. vocabulary: what words mean the like; None: only the same ones do.
    """

    def __init__(self, folder: Path, vocabulary: Vocabulary | None = None) -> None:
        self.folder = folder
        try:
            with np.load(io.BytesIO((folder / INDEX).read_bytes()), allow_pickle=False) as stored:
                self.index = _read_index(stored)
            self.table = read_table(folder / TABLE)
            self.captions = self._captions()
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise Failure(f"{folder}: isn't a bank ({error}); add the recordings again, or reinstall") from error
        if len(self.table) != self.index.recordings:
            raise Failure(
                f"{folder / TABLE}: has {len(self.table)} recordings, its index {self.index.recordings}; add them again"
            )
        if len(self.captions) != len(self.index.embeddings):
            said = f"{len(self.captions)} captions, its index {len(self.index.embeddings)}"
            raise Failure(f"{folder}: isn't a bank (it has {said}); add the recordings again, or reinstall")
        self._embeddings = self.index.embeddings.astype(np.float32)
        self._words = Words(self.captions, vocabulary, kinds_told(self.index))
        self._called = _padded(self.index)
        self._axes: NDArray[np.float32] | None = None
        heard = np.isfinite(self.index.typical)
        usual = np.median(self.index.typical[heard]) if heard.any() else 0.0
        self.typical = np.where(heard, self.index.typical - usual, 0.0).astype(np.float32)
        """How much more than others each recording sounds like what it is called, [N]; 0 where none has heard it."""

    def scores(self, query: NDArray[np.float32], caption: str) -> NDArray[np.float32]:
        """How near each recording is to a query [F] and the caption it stands for, [N].

        Of each of its captions the cosine of the meaning and a share of the nearness of the words; of these the mean of
        the best few.
        """
        near = self._embeddings @ (query / (np.linalg.norm(query) + 1e-9))
        near += _WORDS_SHARE * self._words.nearness(caption)
        of_each = np.append(near, -np.inf).astype(np.float32)[self._called]
        best = -np.sort(-of_each, axis=1)[:, :_BEST]
        mean: NDArray[np.float32] = best.mean(1, where=np.isfinite(best))
        return mean

    def lie(self, direction: NDArray[np.float32]) -> NDArray[np.float32]:
        """How much each recording is of a story with this direction, a unit vector, -1..1, [N].

        A cosine along an axis of the recording's own, drawn by its name alone (random Fourier features: Rahimi and
        Recht, 2007): stories that lie near each other keep to the same recordings, others to any.
        """
        if self._axes is None or self._axes.shape[1] != len(direction) + 1:
            drawn = [
                np.random.default_rng(zlib.crc32(row["file"].encode())).standard_normal(len(direction) + 1)
                for row in self.table
            ]
            self._axes = np.array(drawn, np.float32).reshape(-1, len(direction) + 1)
        lies: NDArray[np.float32] = np.cos(_SHARPNESS * (self._axes[:, :-1] @ direction) + np.pi * self._axes[:, -1])
        return lies

    def _captions(self) -> list[str]:
        """The text of each embedding. Raises OSError."""
        if (path := self.folder / CAPTIONS).exists():
            return path.read_text(encoding="utf-8").splitlines()
        return [row["caption"] for row in self.table]

    def units(self, recording: int) -> NDArray[np.float32]:
        """Latents of a recording's units, [units, channels]."""
        rows = self.index.units[self.index.unit_offsets[recording] : self.index.unit_offsets[recording + 1]]
        latents: NDArray[np.float32] = rows.astype(np.float32) * np.float32(Index.step)
        return latents

    def length(self, recording: int) -> int:
        """How many units a recording has."""
        return int(self.index.unit_offsets[recording + 1] - self.index.unit_offsets[recording])

    def audio(self, recording: int) -> Samples:
        """Samples [frames, channels] of a recording at the bank's level, 48 kHz. Raises Failure if unreadable."""
        index, where = self.index, self.folder / self.table[recording]["file"]
        try:
            source: Path | io.BytesIO = where
            if (shard := int(index.shards[recording])) >= 0:
                where = self.folder / f"audio-{shard}.bin"
                with where.open("rb") as file:
                    file.seek(int(index.starts[recording]))
                    source = io.BytesIO(file.read(int(index.sizes[recording])))
            samples = read_audio(source)
        except (OSError, soundfile.SoundFileError) as error:
            raise Failure(
                f"{where}: can't be read ({error}); put it back, or add the folder to the bank again"
            ) from error
        return samples * np.float32(10 ** (index.gains_db[recording] / 20))


def read_audio(source: Path | io.BytesIO) -> Samples:
    """Samples [frames, 1 or 2] at 48 kHz. Raises OSError or SoundFileError."""
    samples, rate_hz = soundfile.read(source, dtype="float32", always_2d=True)
    samples = samples[:, :2]
    if rate_hz != SAMPLE_RATE:
        samples = soxr.resample(samples, rate_hz, SAMPLE_RATE)
    read: Samples = samples
    return read


def _read_index(stored: Mapping[str, NDArray[Any]]) -> Index:
    """An index as it is stored; one from before ears listened, or music was played, has none of it. Raises KeyError."""
    count = len(stored["gains_db"])
    later: dict[str, NDArray[Any]] = {"typical": np.full(count, np.nan, np.float32), "performed": np.zeros(count, bool)}
    names = [field.name for field in fields(Index)]
    return Index(**{name: stored[name] if name in stored else later[name] for name in names})


def kinds_told(index: Index) -> list[int] | None:
    """The kind of sound that each caption tells of, [E]: those of recordings that share captions are of one kind.

    None where each recording has a caption of its own, as in banks of users: nothing there tells of kinds.
    """
    if len(index.captions) == index.recordings:
        return None
    of_recording = np.repeat(np.arange(index.recordings), np.diff(index.caption_offsets))
    first = np.full(len(index.embeddings), index.recordings)  # recording that has a caption
    np.minimum.at(first, index.captions, of_recording)
    kind = np.full(index.recordings, index.recordings)
    np.minimum.at(kind, of_recording, first[index.captions])
    return [int(each) for each in np.append(kind, index.recordings)[first]]


def _padded(index: Index) -> NDArray[np.int64]:
    """The captions of each recording, [N, most that one has]; -1 where it has fewer."""
    counts = np.diff(index.caption_offsets)
    padded = np.full((len(counts), max(1, int(counts.max(initial=0)))), -1, np.int64)
    padded[np.arange(padded.shape[1]) < counts[:, None]] = index.captions
    return padded


def quantised(latents: NDArray[np.float32]) -> NDArray[np.int8]:
    """Latents in steps of `Index.step`, as an index keeps them."""
    return np.clip(np.round(latents / Index.step), -127, 127).astype(np.int8)


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of recordings.csv."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_table(rows: Sequence[dict[str, str]]) -> bytes:
    """recordings.csv of these rows."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def write_index(index: Index) -> bytes:
    """index.npz of an index."""
    stored = io.BytesIO()
    np.savez_compressed(stored, **{field.name: getattr(index, field.name) for field in fields(Index)})
    return stored.getvalue()
