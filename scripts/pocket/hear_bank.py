"""Say how much each recording of the bank sounds like what it is called, so that typical ones are drawn rather.

    python scripts/pocket/hear_bank.py --sounds SOUNDS --captions captions.json --features features.npz \
        [--minutes 3] --work heard.npz -o presets/models/pocket/bank

Five ears are trained as pocket's is (train_ear.py), each without a fifth of the recordings, all takes of one source's
name together; each hears the fifth that it doesn't know. What was heard is kept in --work, and not heard again. A
recording made of others stays as it is: it was made to be typical.
"""

import argparse
import io
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from describe_sounds import Described
from diegetic.atomic import write_atomically
from diegetic.model.bank.library import INDEX, Bank, write_index
from train_ear import concept_vectors, hear, read_called, read_names, sounds_of, train

Array = NDArray[np.float32]
FOLDS = 5


def main() -> None:
    """Train, hear, write."""
    options = _parser().parse_args()
    rows, known, number = read_called(options.captions)
    space, concepts = concept_vectors(known)
    if not options.work.exists():
        sounds = sounds_of(rows, number, Described(options.features), space)
        heard = hear_all(sounds, read_names(options.sounds), concepts, options.minutes)
        kept = io.BytesIO()
        np.savez(kept, files=np.array(list(heard)), called=np.stack(list(heard.values())))
        write_atomically(options.work, kept.getvalue())
    with np.load(options.work) as stored:
        called = dict(zip(stored["files"].tolist(), stored["called"], strict=True))
    bank, of_file = Bank(options.out), {row["file"]: number[row["concept"]] for row in rows}
    files = [row["file"] for row in bank.table]
    typical = [
        float(called[file] @ concepts[of_file[file]].numpy()) if file in called else float("nan") for file in files
    ]
    index = replace(bank.index, typical=np.round(typical, 3).astype(np.float32))
    write_atomically(options.out / INDEX, write_index(index))
    print(f"{len(files)} recordings, {np.isfinite(typical).sum()} heard, median cosine {np.nanmedian(typical):.2f}")


def hear_all(
    sounds: list[tuple[Array, int, str]], names: dict[str, str], concepts: torch.Tensor, minutes: float
) -> dict[str, Array]:
    """Where each recording lies by ears that don't know it, unit vectors [F] by file."""
    heard: dict[str, Array] = {}
    for fold in range(FOLDS):
        held = [each for each in sounds if _fold(names[each[2]]) == fold]
        taught = [each for each in sounds if _fold(names[each[2]]) != fold]
        ear = train(taught, held, concepts, minutes, seed=fold)
        heard |= {file: hear(ear, latents)[0].numpy() for latents, _, file in held}
    return heard


def _fold(name: str) -> int:
    return zlib.crc32(f"x{name}".encode()) % FOLDS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=Path, required=True, help="written by captions.py")
    parser.add_argument("--features", type=Path, required=True, help="written by describe_sounds.py")
    parser.add_argument("--sounds", type=Path, required=True, help="folder with sounds.csv")
    parser.add_argument("--minutes", type=float, default=3.0, help="of the process's own time, for each ear")
    parser.add_argument("--work", type=Path, required=True, help="what was heard, kept")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the bank")
    return parser


if __name__ == "__main__":
    main()
