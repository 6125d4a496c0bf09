"""Training by stages (paper.md 4): what learns, how fast, from which losses; and going on exactly where it stopped.

A step's batch is computed in parts of `micro_batch` examples, which processes share out among them. Every draw (a
step's examples, a part's noise and dropout) comes from the seed, the stage, the step's number and the part's: so two
processes learn what one would, but for the order of sums. A checkpoint is the weights, the optimiser's state and the
step's number, in one safetensors file: a training that was stopped and resumed ends in the same bits.

Knows nothing of command lines, nor of how processes talk.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from diegetic.atomic import write_atomically
from diegetic.errors import InputError
from diegetic.model.audiostory import AudioStory
from diegetic.model.config import StageConfig
from diegetic.model.training_data import Example, Shards, check_shapes, collate, draw, step_seed
from diegetic.model.training_losses import losses, weighted

_BUCKET = 50_000_000


class Peers(Protocol):
    """The processes that train one model together, seen from one of them."""

    @property
    def rank(self) -> int:
        """Which of them this is, from 0."""

    @property
    def count(self) -> int: ...

    def add_up(self, tensor: Tensor) -> Tensor:
        """The sum of all processes' tensors of this shape."""


class Alone:
    """One process by itself."""

    rank, count = 0, 1

    def add_up(self, tensor: Tensor) -> Tensor:
        """The same."""
        return tensor


class Trainer:
    """One stage of a model's training. Frozen parts stay as they are to the bit.

    precision: what matrices are multiplied in; weights stay float32. Raises InputError where the stage opens a part
    that the model lacks, or asks for examples that the data lack, or the data are of another model.
    """

    def __init__(
        self,
        model: AudioStory,
        name: str,
        stage: StageConfig,
        data: Shards,
        seed: int,
        precision: torch.dtype,
        peers: Peers | None = None,
    ) -> None:
        self.model, self.name, self.stage, self.data, self.seed = model, name, stage, data, seed
        self.peers: Peers = peers or Alone()
        self.device = model.null.device
        self.precision = precision
        self.done = 0
        if (stage.batch and not data.stories) or (stage.understanding_batch and not data.questions):
            raise InputError(
                f"stage {name}: its data lack what its batches ask for; add stories or questions, or ask 0"
            )
        check_shapes(data, model.config, model.llm.get_input_embeddings().num_embeddings)
        if data.null is not None:
            model.null.copy_(data.null)
        if stage.gradient_checkpointing:
            checkpoint_activations(model)
        groups = open_parts(model, name, stage)
        self.optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=stage.weight_decay)
        self._trained: list[nn.Parameter] = [weight for group in groups for weight in group["params"]]

    def step(self) -> dict[str, float]:
        """Learn from one batch; its losses, and `total`."""
        stage, place = self.stage, step_seed(self.seed, self.name, self.done)
        self._set_rates()
        self.model.train()
        chosen = draw(self.data.stories, stage.batch, self.done, self.seed)
        chosen += draw(self.data.questions, stage.understanding_batch, self.done, self.seed)
        parts = _parts(chosen, stage.micro_batch or -(-len(chosen) // self.peers.count))
        said = dict.fromkeys(_losses_of(stage), 0.0)
        self.optimiser.zero_grad(set_to_none=True)
        for number, part in list(enumerate(parts))[self.peers.rank :: self.peers.count]:
            generator = torch.Generator().manual_seed(place + number)
            with _dropout_from(place + number, self.device):
                with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
                    found = losses(self.model, collate(part).to(self.device), stage, generator)
                    found = {name: loss * _share(name, part, chosen) for name, loss in found.items()}
                    total = weighted(found, stage.weights)
                total.backward()  # type: ignore[no-untyped-call]
            for name, loss in (*found.items(), ("total", total)):
                said[name] += float(loss.detach())
        said = self._gather(said)
        nn.utils.clip_grad_norm_(self._trained, stage.clip_norm)
        self.optimiser.step()
        self.done += 1
        return said

    def _gather(self, said: dict[str, float]) -> dict[str, float]:
        """Add up what all processes learned, in place; their losses."""
        if self.peers.count == 1:
            return {name: loss for name, loss in said.items() if loss}
        sums = self.peers.add_up(torch.tensor(list(said.values()), dtype=torch.float32, device=self.device))
        learned = self.peers.add_up(
            torch.tensor([float(w.grad is not None) for w in self._trained], device=self.device)
        )
        taught = [weight for weight, times in zip(self._trained, learned.tolist(), strict=True) if times]
        for bucket in _buckets(taught):
            flat = torch.cat([_gradient(weight).flatten() for weight in bucket])
            summed = self.peers.add_up(flat).split([weight.numel() for weight in bucket])  # type: ignore[no-untyped-call]
            for weight, gradient in zip(bucket, summed, strict=True):
                weight.grad = gradient.view_as(weight)
        return {name: loss for name, loss in zip(said, sums.tolist(), strict=True) if loss}

    def save(self, path: Path) -> None:
        """Write a checkpoint. Raises Failure where it can't be written."""
        tensors = {f"model.{name}": tensor for name, tensor in unshared(self.model)}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{key}": value for key, value in state.items()}
        said = json.dumps({"stage": self.name, "done": self.done, "seed": self.seed, "parts": list(self.stage.rates)})
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        write_atomically(path, save(whole, {"training": said}))

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint of the same stage. Raises InputError where it isn't one."""
        said, tensors = _read(path, "optimiser.")
        if said.get("stage") != self.name:
            raise InputError(f"{path}: is of stage {said.get('stage')}, not {self.name}; start from it with --weights")
        parts = list(self.stage.rates)  # the optimiser's state is by their order
        if (trained := said.get("parts", parts)) != parts:
            told = f"trained {', '.join(trained)}, the stage now trains {', '.join(parts)}"
            raise InputError(f"{path}: {told}; start from it with --weights and another --out")
        load_weights(self.model, path)
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            number, key = name.split(".")
            state.setdefault(int(number), {})[key] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})
        self.done, self.seed = int(said["done"]), int(said["seed"])

    def _set_rates(self) -> None:
        warm = min(1.0, (self.done + 1) / self.stage.warmup_steps) if self.stage.warmup_steps else 1.0
        for group in self.optimiser.param_groups:
            group["lr"] = group["rate"] * warm


def load_weights(model: AudioStory, path: Path) -> None:
    """Take the weights of a checkpoint, or of a file of weights; parts it lacks stay. Raises InputError."""
    said, weights = _read(path, "model.")
    if not said:
        _, weights = _read(path, "")
    known = model.state_dict()
    for name, tensor in weights.items():
        if name not in known or known[name].shape != tensor.shape:
            raise InputError(f"{path}: its {name} {list(tensor.shape)} doesn't fit the model; is it of this preset?")
    model.load_state_dict(weights, strict=False)


def part_of(name: str, embeddings: set[int], parameter: nn.Parameter) -> str:
    """Which part of a model (config.PARTS) a parameter is of."""
    part = name.partition(".")[0]
    if part == "flow":
        return "transformer"
    if part != "llm":
        return part
    if id(parameter) in embeddings:
        return "embeddings"
    if ".lora_" in name:
        return "lora"
    return "norms" if "norm" in name.split(".")[-2] else "llm"


def checkpoint_activations(model: AudioStory) -> None:
    """Keep only the inputs of layers, and compute the rest again where it is needed: less memory, a third more time."""
    again = {"use_reentrant": False}
    # transformers renames it in 5.24, and drops the old name in 6.
    if hasattr(model.llm, "activation_checkpointing_enable"):
        model.llm.activation_checkpointing_enable(again)
    else:
        model.llm.gradient_checkpointing_enable(again)
    model.flow.transformer.enable_gradient_checkpointing()


def open_parts(model: AudioStory, name: str, stage: StageConfig) -> list[dict[str, Any]]:
    """Freeze all but the stage's parts; parameter groups with their rates."""
    embeddings = {id(layer.weight) for layer in (model.llm.get_input_embeddings(), model.llm.get_output_embeddings())}
    opened: dict[str, list[nn.Parameter]] = {part: [] for part in stage.rates}
    for parameter_name, parameter in model.named_parameters():
        part = part_of(parameter_name, embeddings, parameter)
        if part not in stage.rates and part in ("embeddings", "lora", "norms"):
            part = "llm"
        parameter.requires_grad_(part in opened)
        if part in opened:
            opened[part].append(parameter)
    for part, parameters in opened.items():
        if not parameters:
            raise InputError(f"stage {name}: trains {part}, but the model has none; add its section or drop its rate")
    return [{"params": parameters, "rate": stage.rates[part]} for part, parameters in opened.items()]


def _losses_of(stage: StageConfig) -> list[str]:
    return [*(loss.name for loss in fields(stage.weights) if getattr(stage.weights, loss.name)), "total"]


def _gradient(weight: nn.Parameter) -> Tensor:
    return torch.zeros_like(weight) if weight.grad is None else weight.grad


def _buckets(weights: list[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Weights in groups that are sent at once."""
    bucket: list[nn.Parameter] = []
    for weight in weights:
        if bucket and sum(each.numel() for each in bucket) + weight.numel() > _BUCKET:
            yield bucket
            bucket = []
        bucket.append(weight)
    if bucket:
        yield bucket


def _share(loss: str, part: list[Example], chosen: list[Example]) -> float:
    """How much of a batch's loss is a part's: by its questions for answers, by its stories for all others."""
    asked, of = ([bool(len(e.semantic_at)) != (loss == "answers") for e in some] for some in (part, chosen))
    return sum(asked) / sum(of)


def _parts(chosen: list[Example], size: int) -> list[list[Example]]:
    return [chosen[start : start + size] for start in range(0, len(chosen), size)]


@contextmanager
def _dropout_from(seed: int, device: torch.device) -> Iterator[None]:
    """torch's dropout only knows the global generator: it is seeded for a step, and given back as it was."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def unshared(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The model's weights, those that are tied only once; the text encoder is frozen and left out."""
    seen: set[int] = set()
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen and not name.startswith("text_encoder."):
            seen.add(tensor.data_ptr())
            yield name, tensor


def _read(path: Path, prefix: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a checkpoint says of itself (nothing, if it is weights only), and its tensors whose names begin so."""
    try:
        with safe_open(path, "pt") as file:
            said: dict[str, Any] = json.loads((file.metadata() or {}).get("training", "{}"))
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            return said, {name.removeprefix(prefix): file.get_tensor(name) for name in names}
    except Exception as error:  # safetensors raises its own kind
        raise InputError(f"{path}: isn't a checkpoint of a training ({error}); check the path") from error
