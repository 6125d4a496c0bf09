"""Training by stages (paper.md 4): what learns, how fast, from which losses; and going on exactly where it stopped.

Every draw of a step (its examples, noise, dropout) comes from the seed, the stage and the step's number. A checkpoint
is the weights, the optimiser's state and that number, in one safetensors file: a training that was stopped and resumed
ends in the same bits.

Knows nothing of command lines.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn

from diegetic.atomic import write_atomically
from diegetic.errors import InputError
from diegetic.model.audiostory import AudioStory
from diegetic.model.config import StageConfig
from diegetic.model.training_data import Example, Shards, collate, draw, step_seed
from diegetic.model.training_losses import losses, weighted


class Trainer:
    """One stage of a model's training. Frozen parts stay as they are to the bit.

    precision: what matrices are multiplied in; weights stay float32. Raises InputError where the stage opens a part
    that the model lacks, or asks for examples that the data lack.
    """

    def __init__(
        self, model: AudioStory, name: str, stage: StageConfig, data: Shards, seed: int, precision: torch.dtype
    ) -> None:
        self.model, self.name, self.stage, self.data, self.seed = model, name, stage, data, seed
        self.device = model.null.device
        self.precision = precision
        self.done = 0
        if (stage.batch and not data.stories) or (stage.understanding_batch and not data.questions):
            raise InputError(
                f"stage {name}: its data lack what its batches ask for; add stories or questions, or ask 0"
            )
        if data.null is not None:
            model.null.copy_(data.null)
        groups = _open_parts(model, name, stage)
        self.optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=stage.weight_decay)
        self._trained: list[nn.Parameter] = [weight for group in groups for weight in group["params"]]

    def step(self) -> dict[str, float]:
        """Learn from one batch; its losses, and `total`."""
        stage, place = self.stage, step_seed(self.seed, self.name, self.done)
        self._set_rates()
        self.model.train()
        chosen = draw(self.data.stories, stage.batch, self.done, self.seed)
        chosen += draw(self.data.questions, stage.understanding_batch, self.done, self.seed)
        generator = torch.Generator().manual_seed(place)
        said: dict[str, float] = defaultdict(float)
        self.optimiser.zero_grad(set_to_none=True)
        with _dropout_from(place, self.device):
            for part in _parts(chosen, stage.micro_batch or len(chosen)):
                with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
                    found = losses(self.model, collate(part).to(self.device), stage, generator)
                    found = {name: loss * _share(name, part, chosen) for name, loss in found.items()}
                    total = weighted(found, stage.weights)
                total.backward()  # type: ignore[no-untyped-call]
                for name, loss in (*found.items(), ("total", total)):
                    said[name] += float(loss.detach())
        nn.utils.clip_grad_norm_(self._trained, stage.clip_norm)
        self.optimiser.step()
        self.done += 1
        return dict(said)

    def save(self, path: Path) -> None:
        """Write a checkpoint. Raises Failure where it can't be written."""
        tensors = {f"model.{name}": tensor for name, tensor in unshared(self.model)}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{key}": value for key, value in state.items()}
        said = json.dumps({"stage": self.name, "done": self.done, "seed": self.seed})
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        write_atomically(path, save(whole, {"training": said}))

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint of the same stage. Raises InputError where it isn't one."""
        said, tensors = _read(path, "optimiser.")
        if said.get("stage") != self.name:
            raise InputError(f"{path}: is of stage {said.get('stage')}, not {self.name}; start from it with --weights")
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


def _open_parts(model: AudioStory, name: str, stage: StageConfig) -> list[dict[str, Any]]:
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
