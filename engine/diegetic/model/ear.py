"""Pocket's ear: a small encoder that says in words what a recording sounds like, and by what it would be called.

    descriptors of 80 ms, at the bank's level -> convolutions -> attention pooling -> a vector

The vector lies where the LLM's captions lie, so a recording can be compared with any caption; in words it is the
likeliest of the concepts that pocket knows. scripts/pocket/train_ear.py trains it, and says how often it is right.

Knows nothing of files' formats, stories or the LLM.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional

from diegetic.errors import Failure
from diegetic.model.bank.describe import FEATURES, FLOOR_DB, UNITS_PER_S, LatentSpace, describe
from diegetic.model.tensor_files import existing, read_tensors

Array = NDArray[np.float32]

LEVEL_DB = -20.0
"""What recordings are brought to before they are heard, as the bank's are."""
WINDOW_UNITS, HOP_UNITS = 25, 12
_SILENT_DB = FLOOR_DB + 15


@dataclass(frozen=True, slots=True)
class Concept:
    """A kind of sound. kind: `bed` or `event`; caption: how it is said."""

    name: str
    kind: str
    caption: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What sounds from start_s to end_s, and how sure that is, 0..1. called: unit vector [F] in caption space."""

    concept: Concept
    start_s: float
    end_s: float
    sure: float
    called: Array


class EarNetwork(nn.Module):
    """Descriptors [B, T, C] with a mask [B, T] of units that are there, to unit vectors [B, F] and odds [B, K].

    concepts: unit vectors [K, F], the captions of each concept on average; they are not trained.
    """

    def __init__(self, concepts: Tensor, channels: int = FEATURES, width: int = 128, heads: int = 4) -> None:
        super().__init__()
        self.register_buffer("concepts", concepts)
        self.concepts: Tensor
        self.drop = nn.Dropout(0.2)
        self.into = nn.Conv1d(channels, width, 5, padding=2)
        self.further = nn.Conv1d(width, width, 5, padding=4, dilation=2)
        self.attend = nn.Linear(width, heads)
        self.out = nn.Sequential(
            nn.Linear((heads + 2) * width, 2 * width),
            nn.GELU(),
            nn.Dropout(0.5),
            nn.Linear(2 * width, concepts.shape[1]),
        )
        self.scale = nn.Parameter(torch.tensor(2.5))
        self.bias = nn.Parameter(torch.zeros(len(concepts)))

    def forward(self, described: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Hear a batch: called [B, F], odds [B, K]."""
        x = described * there[..., None]
        x = self.drop(functional.gelu(self.into(x.transpose(1, 2))))
        x = (x + self.drop(functional.gelu(self.further(x)))).transpose(1, 2)  # (B, T, W)
        weights = self.attend(x).masked_fill(~there[..., None], -1e4).softmax(dim=1)  # (B, T, H)
        pooled = torch.einsum("bth,btw->bhw", weights, x).flatten(1)
        count = there.sum(1, keepdim=True).clamp(min=1)
        mean = (x * there[..., None]).sum(1) / count
        spread = (((x - mean[:, None]) ** 2) * there[..., None]).sum(1).div(count).add(1e-5).sqrt()
        called = functional.normalize(self.out(torch.cat([pooled, mean, spread], dim=1)), dim=1)
        return called, self.scale.exp() * called @ self.concepts.T + self.bias


class Ear:
    """An ear, read from its file."""

    def __init__(self, network: EarNetwork, concepts: Sequence[Concept], space: LatentSpace) -> None:
        self._network, self._concepts, self._space = network.eval(), tuple(concepts), space

    @classmethod
    def read(cls, path: Path, space: LatentSpace) -> "Ear":
        """The ear of a file. Raises Failure where it is missing or damaged."""
        tensors = read_tensors(existing(path))
        try:
            with safe_open(path, framework="pt") as opened:
                concepts = [Concept(**each) for each in json.loads(opened.metadata()["concepts"])]
            width, channels, _ = tensors["into.weight"].shape
            network = EarNetwork(tensors["concepts"].float(), channels, width)
            network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise Failure(f"{path}: is no ear ({str(error).splitlines()[0][:80]}); reinstall the model") from error
        return cls(network, concepts, space)

    def hear(self, samples: Array) -> Heard | None:
        """What mono samples [frames] at 48 kHz sound like as a whole, less the silence around; None if silent."""
        features = levelled(describe(samples))
        if features is None:
            return None
        first, last = sounding(features)
        return self._heard(white(features[first:last], self._space), 0.0, len(samples) / 48_000)

    def hear_in_time(self, samples: Array) -> list[Heard]:
        """What sounds when: windows of 2 s, neighbours that sound alike joined, silence left out."""
        features = levelled(describe(samples))
        if features is None:
            return []
        described, found = white(features, self._space), []
        seconds = len(samples) / 48_000
        for start in range(0, max(1, len(described) - WINDOW_UNITS // 2), HOP_UNITS):
            end = min(start + WINDOW_UNITS, len(described))
            first, last = (start + place for place in sounding(features[start:end]))
            if last > first:
                found.append(self._heard(described[first:last], first / UNITS_PER_S, min(last / UNITS_PER_S, seconds)))
        return joined(found)

    def nearness(self, samples: Array, called: Array) -> float:
        """Cosine between what samples [frames] sound like and a caption's vector [F]."""
        heard = self.hear(samples)
        return float(heard.called @ called / (np.linalg.norm(called) + 1e-9)) if heard else -1.0

    @torch.inference_mode()
    def _heard(self, described: Array, start_s: float, end_s: float) -> Heard:
        units = torch.from_numpy(described)[None]
        called, odds = self._network(units, torch.ones(units.shape[:2], dtype=torch.bool))
        sure = odds[0].softmax(0)
        best = int(sure.argmax())
        return Heard(self._concepts[best], start_s, end_s, float(sure[best]), cast(Array, called[0].numpy()))


def levelled(features: Array) -> Array | None:
    """Features [units, FEATURES] at the bank's level; None where they are silent."""
    loud = loudness_db(features)
    if loud is None:
        return None
    features = features.copy()
    features[:, 0] = np.maximum(features[:, 0] + LEVEL_DB - loud, FLOOR_DB)
    return features


def loudness_db(features: Array) -> float | None:
    """How loud what sounds is, however much silence is around it; None where nothing does."""
    levels = features[features[:, 0] >= FLOOR_DB + 10, 0]
    return float(np.percentile(levels, 95)) if len(levels) else None


def sounding(features: Array) -> tuple[int, int]:
    """The unit that sounds first, and the one behind the last; (0, 0) where none does."""
    (audible,) = (features[:, 0] > _SILENT_DB).nonzero()
    return (int(audible[0]), int(audible[-1]) + 1) if len(audible) else (0, 0)


def white(features: Array, space: LatentSpace) -> Array:
    """Features [units, FEATURES] with about zero mean and unit spread."""
    scaled: Array = ((features - space.mean) / space.scale).astype(np.float32)
    return np.clip(scaled, -6.0, 6.0)


def joined(heard: Sequence[Heard]) -> list[Heard]:
    """Windows that sound alike and touch, as one; of two that differ, the earlier ends midway through the overlap."""
    found: list[Heard] = []
    for each in heard:
        before = found[-1] if found else None
        if before is not None and before.concept == each.concept and each.start_s <= before.end_s + 1e-6:
            surer = before if before.sure >= each.sure else each
            found[-1] = Heard(each.concept, before.start_s, each.end_s, surer.sure, surer.called)
            continue
        if before is not None and each.start_s < before.end_s:
            middle = (each.start_s + before.end_s) / 2
            found[-1] = Heard(before.concept, before.start_s, middle, before.sure, before.called)
            each = Heard(each.concept, middle, each.end_s, each.sure, each.called)
        found.append(each)
    return found
