"""Build the bank that ships with pocket: recordings whose licence allows it, cut, encoded, described and called.

    python scripts/pocket/build_bank.py --sounds SOUNDS --captions captions.json --features features.npz \
        --text-encoder MINILM_FOLDER --space RUN/latents.safetensors -o presets/models/pocket/bank

Which they are is pieces.py's matter. Licence, author and source of each go into recordings.csv beside the audio.

    python scripts/pocket/build_bank.py --captions-only --captions captions.json --text-encoder MINILM_FOLDER \
        -o presets/models/pocket/bank

calls the recordings of a bank anew, where concepts.toml has other wordings: its audio stays as it is.

    ... --add

adds the kinds of concepts.toml that a bank doesn't have yet, and what is made of others, in audio files of their own.

    ... --join --sounds FURTHER --captions captions.json further.json

adds all recordings of a further folder (debian_sounds.py), to kinds that are there, too; what was left out of other
folders stays out. captions.json of every folder that the bank has recordings of must be given.
"""

import argparse
import csv
import io
import json
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from captions import Concept, Row, found_by, read_concepts, read_recordings
from describe_sounds import Described
from diegetic.atomic import write_atomically
from diegetic.model.bank.describe import SAMPLE_RATE, LatentSpace
from diegetic.model.bank.library import CAPTIONS, INDEX, TABLE, Bank, Index, quantised, write_index, write_table
from diegetic.model.loading import read_space
from performances import play_all
from pieces import MADE, Piece, choose
from procedural import make_all
from text_encoder import FEATURES, TextEncoder

SHARD_BYTES = 40_000_000
EMBEDDING_STEP = 1 / 1024
"""Of embeddings: a quarter of their bytes is saved, and no cosine moves by 1e-4."""
OWN = {
    "source": "Diegetic",
    "original_name": "scripts/pocket/procedural.py",
    "licence": "CC0-1.0",
    "author": "Diegetic",
    "link": "",
}
"""Where recordings come from that are made of nothing."""


@dataclass(frozen=True, slots=True)
class Audio:
    """Encoded pieces one after another in shards; places: shard, start and size in bytes of each."""

    shards: list[bytearray] = field(default_factory=lambda: [bytearray()])
    places: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, data: bytes) -> None:
        """Append one encoded piece, in a new shard where the last would grow beyond `SHARD_BYTES`."""
        if len(self.shards[-1]) + len(data) > SHARD_BYTES:
            self.shards.append(bytearray())
        self.places.append((len(self.shards) - 1, len(self.shards[-1]), len(data)))
        self.shards[-1].extend(data)


def encode(samples: NDArray[np.float32], level: float) -> bytes:
    """Mono samples at 48 kHz as Opus in Ogg."""
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, SAMPLE_RATE, format="OGG", subtype="OPUS", compression_level=level)
    return encoded.getvalue()


def main() -> None:
    args = _arguments()
    rows: list[Row] = [row for path in args.captions for row in json.loads(path.read_text(encoding="utf-8"))]
    text_encoder, kinds = TextEncoder(args.text_encoder), read_concepts().concepts
    if args.captions_only:
        call_anew(args.out, rows, kinds, text_encoder)
        return
    with (args.sounds / "sounds.csv").open(encoding="utf-8", newline="") as file:
        origin = {row["file"]: row for row in csv.DictReader(file)}
    known = Bank(args.out) if args.add or args.join else None
    table_there = known.table if known else ()
    captions = list(captions_of_table(table_there, rows, kinds))
    pieces = list(_chosen(args, rows, kinds, table_there, origin))
    audio, table = Audio(), []
    for piece in pieces:
        samples = piece.samples(args.sounds / "audio")
        audio.add(encode(samples, args.compression))
        table.append(_table_row(piece, origin, len(samples) / SAMPLE_RATE))
    index, first = _index(pieces, read_space(args.space), audio), 0
    if known:
        first = int(known.index.shards.max()) + 1
        index = joined(known.index, replace(index, shards=index.shards + first))
    index, texts = called([*captions, *(piece.captions for piece in pieces)], index, text_encoder)
    for number, shard in enumerate(audio.shards, start=first):
        write_atomically(args.out / f"audio-{number}.bin", bytes(shard))
    write_atomically(args.out / TABLE, write_table([*table_there, *table]))
    _write_called(args.out, index, texts)
    seconds = sum(float(row["seconds"]) for row in table)
    print(f"{len(pieces)} recordings, {seconds / 60:.0f} min, {sum(map(len, audio.shards)) / 1e6:.1f} MB")


def to_add(rows: Sequence[Row], files: Collection[str], kinds: Collection[str], join: bool) -> list[Row]:
    """Rows that recordings are chosen from for a bank that has these files and kinds.

    Of a kind that is there none is chosen anew. join: all that aren't there themselves, whatever their kind.
    """
    return [row for row in rows if (row["file"] not in files if join else row["concept"] not in kinds)]


def _chosen(
    args: argparse.Namespace,
    rows: Sequence[Row],
    kinds: Sequence[Concept],
    table: Sequence[Mapping[str, str]],
    origin: Mapping[str, Mapping[str, str]],
) -> Iterator[Piece]:
    """What goes into a bank, or is added to that of a table; origin: rows of sounds.csv by file."""
    there, has = {row["file"] for row in table}, kinds_of_table(table, rows, kinds)
    ours = [row for row in rows if row["file"] in origin]
    made = [] if args.join else list(make_all(ours, origin, args.sounds / "audio"))
    if args.soundfont and not args.join:
        made += play_all(args.soundfont)
    guesses = {recording.file: recording.guesses for recording in read_recordings(args.sounds)}
    return choose(
        to_add(ours, there, has, args.join), guesses, Described(args.features), {kind.name: kind for kind in kinds},
        [each for each in made if f"{MADE}{each.name}" not in there], random.Random(args.seed),
    )  # fmt: skip


def call_anew(bank: Path, rows: Sequence[Row], concepts: Sequence[Concept], text_encoder: TextEncoder) -> None:
    """Write what a bank's recordings are found by, as a bank built anew would have it; rows: of captions.json."""
    known = Bank(bank)
    captions = list(captions_of_table(known.table, rows, concepts))
    index, texts = called(captions, known.index, text_encoder)
    _write_called(bank, index, texts)
    print(f"{len(captions)} recordings, {len(texts)} captions, {(bank / INDEX).stat().st_size / 1e6:.1f} MB")


def joined(one: Index, other: Index) -> Index:
    """The recordings of one index, then those of another, which nothing finds yet."""
    names = ("units", "gains_db", "channels", "shards", "starts", "sizes", "typical", "performed")
    both = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in names}
    offsets = np.concatenate([one.unit_offsets, other.unit_offsets[1:] + one.unit_offsets[-1]])
    nothing = np.zeros(one.recordings + other.recordings + 1, np.int64)
    return replace(other, **both, unit_offsets=offsets, caption_offsets=nothing)


def kinds_of_table(
    table: Sequence[Mapping[str, str]], rows: Sequence[Row], concepts: Sequence[Concept]
) -> frozenset[str]:
    """The concepts that a bank's table has recordings of."""
    return frozenset(concept.name for concept, _ in _told_of_table(table, rows, concepts))


def captions_of_table(
    table: Sequence[Mapping[str, str]], rows: Sequence[Row], concepts: Sequence[Concept]
) -> Iterator[tuple[str, ...]]:
    """What each recording of a bank's table is found by."""
    return (found_by(told, concept) for concept, told in _told_of_table(table, rows, concepts))


def _told_of_table(
    table: Sequence[Mapping[str, str]], rows: Sequence[Row], concepts: Sequence[Concept]
) -> Iterator[tuple[Concept, Sequence[str]]]:
    """The concept of each recording, and what is told of it. Made ones are told by their concept's first caption."""
    named = {concept.name: concept for concept in concepts}
    first = {concept.captions[0]: concept for concept in concepts}
    of_file = {row["file"]: row for row in rows}
    for each in table:
        if each["file"].startswith(MADE):
            yield first[each["caption"]], ()
        else:
            row = of_file[each["file"]]
            yield named[row["concept"]], row["captions"]


def called(captions: Sequence[tuple[str, ...]], index: Index, text_encoder: TextEncoder) -> tuple[Index, Sequence[str]]:
    """An index with these captions of its recordings, and the texts that it has embeddings of, each once."""
    texts = sorted({caption for each in captions for caption in each})
    number = {text: k for k, text in enumerate(texts)}
    embeddings = text_encoder.targets(texts, 2)[:, 0].numpy() / FEATURES**0.5
    found = replace(
        index,
        embeddings=(np.round(embeddings / EMBEDDING_STEP) * EMBEDDING_STEP).astype(np.float16),
        captions=np.array([number[caption] for each in captions for caption in each]),
        caption_offsets=np.cumsum([0, *(len(each) for each in captions)]),
    )
    return found, texts


def _write_called(bank: Path, index: Index, texts: Sequence[str]) -> None:
    write_atomically(bank / CAPTIONS, "".join(f"{text}\n" for text in texts).encode())
    write_atomically(bank / INDEX, write_index(index))


def _table_row(piece: Piece, origin: Mapping[str, Mapping[str, str]], seconds: float) -> dict[str, str]:
    """The row of recordings.csv; origin: rows of sounds.csv by file."""
    files = piece.made.files if piece.made else (piece.file,)
    own = (piece.made and piece.made.origin) or OWN
    said = origin[files[0]] if files else own
    names = "; ".join(dict.fromkeys(origin[file]["original_name"] for file in files)) or said["original_name"]
    return {
        "file": piece.file,
        "caption": piece.captions[0],
        "licence": said["licence"],
        "author": said["author"],
        "source": f"{said['source']}: {names}",
        "link": "; ".join(dict.fromkeys(origin[file]["link"] for file in files if origin[file]["link"])) or own["link"],
        "seconds": f"{seconds:.2f}",
    }


def _index(pieces: Sequence[Piece], space: LatentSpace, audio: Audio) -> Index:
    """An index of pieces that nothing finds yet."""
    places = np.array(audio.places)
    return Index(
        units=quantised(space.encode(np.concatenate([piece.features for piece in pieces]))),
        unit_offsets=np.cumsum([0, *(len(piece.features) for piece in pieces)]),
        gains_db=np.array([piece.gain_db for piece in pieces], np.float32),
        channels=np.ones(len(pieces), np.int64),
        embeddings=np.zeros((0, FEATURES), np.float16),
        captions=np.zeros(0, np.int64),
        caption_offsets=np.zeros(len(pieces) + 1, np.int64),
        shards=places[:, 0],
        starts=places[:, 1],
        sizes=places[:, 2],
        typical=np.full(len(pieces), np.nan, np.float32),
        performed=np.array([piece.performed for piece in pieces]),
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sounds", type=Path, help="folder with sounds.csv and audio/")
    parser.add_argument("--captions", type=Path, required=True, nargs="+", help="of each folder")
    parser.add_argument("--features", type=Path)
    parser.add_argument("--text-encoder", type=Path, required=True)
    parser.add_argument("--space", type=Path)
    parser.add_argument("--soundfont", type=Path, help="FluidR3_GM.sf2, which plays; without it there is no music")
    parser.add_argument("--captions-only", action="store_true", help="call a bank's recordings anew, nothing else")
    parser.add_argument("--add", action="store_true", help="add the kinds that a bank doesn't have, nothing else")
    parser.add_argument("--join", action="store_true", help="add a folder's recordings, also to kinds that are there")
    parser.add_argument("--compression", type=float, default=0.8, help="0 to 1: 256 to 6 kbit/s")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    if not args.captions_only and None in (args.sounds, args.features, args.space):
        parser.error("a bank needs --sounds, --features and --space; --captions-only goes without them")
    return args


if __name__ == "__main__":
    main()
