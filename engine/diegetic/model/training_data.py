"""What a training step sees: stories and audio questions as tokens, with cached features and latents, in shards.

The text encoder, the codec and the audio encoder are frozen: what they say of an example is computed once, when its
shard is written. A folder of shards may have a null.safetensors: the text encoder's features of "" (`null` [1, S, F]).

Knows nothing of the networks that are trained.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor

from diegetic.atomic import write_atomically
from diegetic.errors import InputError
from diegetic.model.config import ModelConfig
from diegetic.model.grammar import Timed
from diegetic.model.sequence import PlanEncoder


class Kind(IntEnum):
    """What a token is, as something to predict."""

    GIVEN = 0
    MARKER = 1
    CAPTION = 2
    REASONING = 3
    ANSWER = 4


@dataclass(frozen=True, slots=True)
class Example:
    """One story, or one question about audio (without events).

    ids, kinds [N]; semantic_at, residual_at [E]: each event's first query token; targets [E, S, F]: the text encoder's
    features; latents [E, T, C]; duration_s [E]. heard [frames, width]: an audio encoder's states, for the tokens from
    heard_at on.
    """

    ids: Tensor
    kinds: Tensor
    semantic_at: Tensor
    residual_at: Tensor
    targets: Tensor
    latents: Tensor
    duration_s: Tensor
    heard: Tensor | None = None
    heard_at: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples side by side: ids, kinds [B, N], padded on the right; the events of all of them in a row.

    event_row [E]: which example an event is of. heard [n, frames, width]; heard_row, heard_at [n]: where it belongs.
    """

    ids: Tensor
    kinds: Tensor
    event_row: Tensor
    semantic_at: Tensor
    residual_at: Tensor
    targets: Tensor
    latents: Tensor
    duration_s: Tensor
    heard: Tensor | None
    heard_row: Tensor
    heard_at: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        tensors = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return replace(self, **{name: tensor.to(device) for name, tensor in tensors.items() if tensor is not None})


def story_example(
    encoder: PlanEncoder,
    instruction: str,
    seconds: float,
    reasoning: str,
    events: Sequence[Timed],
    targets: Tensor,
    latents: Tensor,
) -> Example:
    """A told story and its plan, with features [E, S, F] of its captions and latents [E, T, C] of its sounds."""
    tokens = _Tokens()
    tokens.add(encoder.prompt(instruction, seconds), Kind.GIVEN)
    tokens.add(encoder.reasoning(reasoning), Kind.REASONING)
    semantic_at, residual_at = [], []
    for event in events:
        chunk, start = encoder.event(event), len(tokens.ids)
        semantic_at.append(start + chunk.semantic.start)
        residual_at.append(start + chunk.residual.start)
        tokens.add(chunk.ids, Kind.MARKER)
        tokens.mark(start, start + chunk.semantic.start - 1, Kind.CAPTION)
        tokens.mark(start + chunk.semantic.start, start + chunk.semantic.stop, Kind.GIVEN)
        tokens.mark(start + chunk.residual.start, start + chunk.residual.stop, Kind.GIVEN)
    tokens.add([encoder.end], Kind.CAPTION)
    lengths = torch.tensor([event.end_s - event.start_s for event in events], dtype=torch.float32)
    ids, kinds = tokens.tensors()
    return Example(ids, kinds, torch.tensor(semantic_at), torch.tensor(residual_at), targets, latents, lengths)


def question_example(encoder: PlanEncoder, question: str, answer: str, heard: Tensor, tokens_heard: int) -> Example:
    """A question about audio, and its answer; the audio [frames, width] takes the place of `tokens_heard` tokens."""
    tokens = _Tokens()
    tokens.add(encoder.text("<|im_start|>user\n<aud>"), Kind.GIVEN)
    heard_at, places = len(tokens.ids), "<aud_00000>" * tokens_heard
    tokens.add(encoder.text(f"{places}</aud>{question}<|im_end|>\n<|im_start|>assistant\n"), Kind.GIVEN)
    tokens.add([*encoder.text(answer), encoder.end], Kind.ANSWER)
    ids, kinds = tokens.tensors()
    none = torch.zeros(0, dtype=torch.long)
    return Example(ids, kinds, none, none, torch.zeros(0, 0, 0), torch.zeros(0, 0, 0), torch.zeros(0), heard, heard_at)


def write_shard(path: Path, examples: Sequence[Example]) -> None:
    """Write examples to one file. Raises Failure where it can't be written."""
    tensors = {}
    for number, example in enumerate(examples):
        for name in _STORED:
            tensors[f"{number}.{name}"] = getattr(example, name).contiguous()
        if example.heard is not None:
            tensors[f"{number}.heard"] = example.heard.contiguous()
            tensors[f"{number}.heard_at"] = torch.tensor(example.heard_at)
    write_atomically(path, save(tensors))


class Shards:
    """The examples of a folder; their tensors stay in their files until they are used.

    Raises InputError where the folder has no shard or one is damaged.
    """

    def __init__(self, folder: Path) -> None:
        examples: list[Example] = []
        self.null: Tensor | None = None
        for path in sorted(folder.glob("*.safetensors")):
            try:
                tensors = load_file(path)
                if path.name == "null.safetensors":
                    self.null = tensors["null"]
                else:
                    examples += _read_shard(tensors)
            except Exception as error:  # safetensors raises its own kind
                raise InputError(f"{path}: isn't a shard of training examples ({error}); write it again") from error
        if not examples:
            raise InputError(f"{folder}: has no shard of training examples; write some with cache_training.py")
        self.stories = [example for example in examples if len(example.semantic_at)]
        self.questions = [example for example in examples if not len(example.semantic_at)]


def check_shapes(data: Shards, config: ModelConfig, vocabulary: int) -> None:
    """Raise InputError where examples weren't written for a model of this shape. vocabulary: tokens its LLM knows."""
    bridge, window = config.bridge, config.transformer
    frames = data.stories[0].latents.shape[1] if data.stories else 0
    features = [bridge.semantic, bridge.feature_dim]
    found = [("null", list(data.null.shape[1:]), features)] if data.null is not None else []
    for story in data.stories:
        found.append(("targets", list(story.targets.shape[1:]), features))
        found.append(("latents", list(story.latents.shape[1:]), [frames, window.in_channels]))
    if data.questions and config.listener and data.questions[0].heard is not None:
        heard = [data.questions[0].heard.shape[0], config.listener.width]
        found += [("heard", list(each.heard.shape), heard) for each in data.questions if each.heard is not None]
    for name, shape, right in found:
        if shape != right:
            raise InputError(f"shards: {name} must be {right} for this model, got {shape}; write them by its TOML")
    most = max(int(example.ids.max()) for example in (*data.stories, *data.questions))
    if most >= vocabulary:
        raise InputError(f"shards: token {most} is beyond the LLM's {vocabulary}; write them by its own tokenizer")


def draw(examples: Sequence[Example], count: int, step: int, seed: int) -> list[Example]:
    """The `count` examples of a step: all of them once in an order by chance, then again in another.

    Depends on the step alone, so that a training goes on after a stop as if there had been none.
    """
    chosen = []
    for place in range(step * count, (step + 1) * count):
        epoch, index = divmod(place, len(examples))
        chosen.append(examples[int(_order(len(examples), seed, epoch)[index])])
    return chosen


def collate(examples: Sequence[Example]) -> Batch:
    """Put examples side by side. Their events must have latents of the same number of frames."""
    heard = [(row, example) for row, example in enumerate(examples) if example.heard is not None]
    events = [example for example in examples if len(example.semantic_at)] or list(examples[:1])
    rows = [torch.full((len(example.semantic_at),), row) for row, example in enumerate(examples)]
    states = [example.heard for _, example in heard if example.heard is not None]
    return Batch(
        ids=_padded([example.ids for example in examples]),
        kinds=_padded([example.kinds for example in examples]),
        event_row=torch.cat(rows).long(),
        semantic_at=torch.cat([example.semantic_at for example in examples]),
        residual_at=torch.cat([example.residual_at for example in examples]),
        targets=torch.cat([example.targets for example in events]),
        latents=torch.cat([example.latents for example in events]),
        duration_s=torch.cat([example.duration_s for example in events]),
        heard=torch.stack(states) if states else None,
        heard_row=torch.tensor([row for row, _ in heard], dtype=torch.long),
        heard_at=torch.tensor([example.heard_at for _, example in heard], dtype=torch.long),
    )


def step_seed(*parts: object) -> int:
    """A seed from what it is for."""
    return zlib.crc32("/".join(map(str, parts)).encode())


_STORED = ("ids", "kinds", "semantic_at", "residual_at", "targets", "latents", "duration_s")


@lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(count)


class _Tokens:
    def __init__(self) -> None:
        self.ids: list[int] = []
        self.kinds: list[int] = []

    def add(self, ids: Sequence[int], kind: Kind) -> None:
        self.ids += ids
        self.kinds += [kind] * len(ids)

    def mark(self, start: int, end: int, kind: Kind) -> None:
        self.kinds[start:end] = [kind] * (end - start)

    def tensors(self) -> tuple[Tensor, Tensor]:
        return torch.tensor(self.ids), torch.tensor(self.kinds, dtype=torch.int8)


def _read_shard(tensors: dict[str, Tensor]) -> list[Example]:
    count = 1 + max(int(name.partition(".")[0]) for name in tensors)
    examples = []
    for number in range(count):
        stored = {name: tensors[f"{number}.{name}"] for name in _STORED}
        heard = tensors.get(f"{number}.heard")
        at = int(tensors[f"{number}.heard_at"]) if heard is not None else 0
        examples.append(Example(**stored, heard=heard, heard_at=at))
    return examples


def _padded(rows: Sequence[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
