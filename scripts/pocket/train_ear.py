"""Train pocket's ear: from the descriptors of a recording to where its captions lie, and to a concept's name.

    python scripts/pocket/train_ear.py --sounds SOUNDS --captions captions.json --features features.npz \
        --soundfont FluidR3_GM.sf2 [--minutes 10] -o presets/models/pocket

An eighth of the recordings are held out, all takes of one source's name together, and say how often the ear is right.
What recipes make is taught as the bank has it, and music in further keys and tempi; how often variants of both that
weren't taught are named is said apart, for they are much alike. The LLM in the box says where captions lie.
"""

import argparse
import json
import re
import time
import tomllib
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from captions import CONCEPTS, Row
from describe_sounds import Described
from diegetic.atomic import write_atomically
from diegetic.model.bank.describe import LatentSpace, describe
from diegetic.model.ear import EarNetwork, levelled, sounding, white
from diegetic.model.loading import EAR, load_caller
from diegetic.settings import Settings
from performances import play_all, read_tunes
from procedural import VARIANTS, Made, made_by_recipes
from recipes import RECIPES

Array = NDArray[np.float32]
UNITS, BATCH, SAID = 50, 96, 5
HEARD_UNITS = 250


def main() -> None:
    """Train, tell how good it is, write."""
    options = _parser().parse_args()
    rows, known, number = read_called(options.captions)
    names = read_names(options.sounds)
    space, concepts = concept_vectors(known)
    sounds = sounds_of(rows, number, Described(options.features), space)
    held = [each for each in sounds if is_held_out(names[each[2]])]
    taught = [each for each in sounds if not is_held_out(names[each[2]])]
    made, unheard = (
        made_sounds(variants(range(first, first + VARIANTS), options.soundfont), number, space)
        for first in (0, VARIANTS)
    )
    print(f"{len(taught)} recordings and {len(made)} made to learn from, {len(held)} held out, {len(known)} concepts")
    network = train(taught + made, held, concepts, options.minutes, options.seed)
    for line in report(network, held, known):
        print(line)
    for what, kinds in (("recipes", RECIPES), ("tunes", {tune.concept for tune in read_tunes()})):
        further = [each for each in unheard if known[each[1]]["name"] in kinds]
        print(f"of {len(further)} further variants of {what}: right {right(network, further):.1%}")
    described_concepts = [
        {"name": each["name"], "kind": each["kind"], "caption": each["captions"][0]} for each in known
    ]
    stored = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(options.out / EAR, save(stored, {"concepts": json.dumps(described_concepts)}))


def read_called(captions: Path) -> tuple[list[Row], list[dict[str, Any]], dict[str, int]]:
    """Rows of captions.json that are called something, all concepts, and a concept's number among them by its name."""
    rows = [row for row in json.loads(captions.read_text(encoding="utf-8")) if row["captions"]]
    known = tomllib.loads(CONCEPTS.read_text(encoding="utf-8"))["concepts"]
    return rows, known, {concept["name"]: place for place, concept in enumerate(known)}


def concept_vectors(known: Sequence[Mapping[str, Any]]) -> tuple[LatentSpace, Tensor]:
    """The space of descriptors, and where the captions of each concept lie on average, unit vectors [K, F]."""
    space, call = load_caller("pocket", Settings())
    return space, torch.from_numpy(np.stack([_mean(call(concept["captions"][:SAID])) for concept in known]))


def sounds_of(
    rows: Sequence[Mapping[str, Any]], number: Mapping[str, int], described: Described, space: LatentSpace
) -> list[tuple[Array, int, str]]:
    """What is heard of each recording that isn't silent [units, channels], the number of its concept, its file."""
    return [(latents, number[row["concept"]], row["file"]) for row in rows
            if (latents := _latents(described[row["file"]], space)) is not None]  # fmt: skip


def variants(numbers: Sequence[int], soundfont: Path) -> Iterator[Made]:
    """What recipes make, and tunes as they are played, in variants of these numbers."""
    yield from made_by_recipes(numbers)
    for variant in numbers:
        yield from play_all(soundfont, variant)


def made_sounds(made: Iterable[Made], number: Mapping[str, int], space: LatentSpace) -> list[tuple[Array, int, str]]:
    """What is heard of what was made, as `sounds_of`; none is silent."""
    return [(latents, number[each.concept], each.name) for each in made
            if (latents := _latents(describe(each.samples), space)) is not None]  # fmt: skip


def read_names(sounds: Path) -> dict[str, str]:
    """What takes of one sound share, by file: source, and name without numbers."""
    import csv

    with (sounds / "sounds.csv").open(encoding="utf-8", newline="") as file:
        return {
            row["file"]: row["source"] + re.sub(r"[\d_]+", "", row["original_name"].rpartition(".")[0])
            for row in csv.DictReader(file)
        }


def is_held_out(name: str) -> bool:
    """Whether a sound is one that nothing is learned from."""
    return zlib.crc32(name.encode()) % 8 == 0


def train(
    taught: Sequence[tuple[Array, int, str]],
    held: Sequence[tuple[Array, int, str]],
    concepts: Tensor,
    minutes: float,
    seed: int,
) -> EarNetwork:
    """Learn for so many minutes of this process's own time."""
    torch.manual_seed(seed)
    network = EarNetwork(concepts)
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=0.05)
    began = time.process_time()
    for step, (described, there, labels) in enumerate(batches(taught, np.random.default_rng(seed)), start=1):
        share = (time.process_time() - began) / (60 * minutes)
        if share >= 1:
            return network.eval()
        optimizer.param_groups[0]["lr"] = 2e-3 * min(1.0, step / 100) * (1 - share)
        # Two sounds at once are heard as both, by how much of each there is.
        share_of = float(np.random.default_rng(step).beta(0.4, 0.4))
        order = torch.randperm(len(labels))
        called, odds = network(share_of * described + (1 - share_of) * described[order], there | there[order])
        loss = torch.zeros(())
        for part, names in ((share_of, labels), (1 - share_of, labels[order])):
            named = functional.cross_entropy(odds, names, label_smoothing=0.1)
            loss = loss + part * (named + 0.5 * (1 - (called * concepts[names]).sum(1)).mean())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % 300 == 0:
            print(f"step {step}  loss {loss.item():.3f}  held out {right(network.eval(), held):.3f}", flush=True)
            network.train()
    raise AssertionError("batches never end")


def batches(
    sounds: Sequence[tuple[Array, int, str]], rng: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Crops of up to 4 s, rare concepts as often as the square root of how many there are; levels and tilts vary."""
    count = Counter(label for _, label, _ in sounds)
    odds = np.array([count[label] ** -0.5 for _, label, _ in sounds])
    odds /= odds.sum()
    while True:
        chosen = rng.choice(len(sounds), BATCH, p=odds)
        latents = torch.zeros(BATCH, UNITS, sounds[0][0].shape[1])
        there = torch.zeros(BATCH, UNITS, dtype=torch.bool)
        for row, index in enumerate(chosen):
            whole = sounds[index][0]
            start = int(rng.integers(0, max(1, len(whole) - UNITS + 1)))
            crop = whole[start : start + UNITS]
            if len(crop) > 8 and rng.random() < 0.5:
                crop = crop[: int(rng.integers(8, len(crop) + 1))]
            varied = crop + rng.normal(0, 0.15, (1, crop.shape[1])) + rng.normal(0, 0.1, crop.shape)
            latents[row, : len(crop)] = torch.from_numpy(varied.astype(np.float32))
            there[row, : len(crop)] = True
        yield latents, there, torch.tensor([sounds[index][1] for index in chosen])


@torch.inference_mode()
def right(network: EarNetwork, sounds: Sequence[tuple[Array, int, str]], among: int = 1) -> float:
    """The share of recordings whose concept is among the likeliest so many."""
    hits = sum(label in hear(network, latents)[1].topk(among).indices.tolist() for latents, label, _ in sounds)
    return hits / len(sounds)


@torch.inference_mode()
def hear(network: EarNetwork, latents: Array) -> tuple[Tensor, Tensor]:
    """Where a recording of latents [units, channels] lies [F], and the odds of each concept [K], by its first 20 s."""
    units = torch.from_numpy(latents[:HEARD_UNITS])[None]
    called, odds = network(units, torch.ones(units.shape[:2], dtype=torch.bool))
    return called[0], odds[0]


def report(
    network: EarNetwork, held: Sequence[tuple[Array, int, str]], known: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """How often it is right, and what chance and the most frequent concept would be."""
    count = Counter(label for _, label, _ in held)
    yield f"right {right(network, held):.1%}, among the first three {right(network, held, 3):.1%}"
    frequent, times = count.most_common(1)[0]
    yield f"always {known[frequent]['name']!r}: {times / len(held):.1%}; by chance {1 / len(known):.1%}"


def _latents(features: Array, space: LatentSpace) -> Array | None:
    heard = levelled(features)
    return None if heard is None else white(heard[slice(*sounding(heard))], space)


def _mean(vectors: Array) -> Array:
    mean = vectors.mean(0)
    unit: Array = (mean / np.linalg.norm(mean)).astype(np.float32)
    return unit


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=Path, required=True, help="written by captions.py")
    parser.add_argument("--features", type=Path, required=True, help="written by describe_sounds.py")
    parser.add_argument("--sounds", type=Path, required=True, help="folder with sounds.csv")
    parser.add_argument("--soundfont", type=Path, required=True, help="FluidR3_GM.sf2, which plays")
    parser.add_argument("--minutes", type=float, default=10.0, help="of the process's own time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, required=True)
    return parser


if __name__ == "__main__":
    main()
