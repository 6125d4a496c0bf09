"""What a stage of training takes of a device's memory, worked out on the meta device: nothing is allocated.

    weights        float32, of all parts
    gradients      of what the stage trains; AdamW keeps two more numbers of each
    activations    what autograd keeps of one example: counted where it keeps them, at real shapes

Knows nothing of data.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diegetic.model.audiostory import AudioStory
from diegetic.model.config import ModelConfig, StageConfig
from diegetic.model.flow import flow_loss
from diegetic.model.lora import add_lora
from diegetic.model.training import checkpoint_activations, open_parts, part_of


@dataclass(frozen=True, slots=True)
class Shape:
    """An example's shape: tokens of its text and plan, events with their latents."""

    tokens: int = 1024
    events: int = 4


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes by what they are for, and weights by part: (all, trained)."""

    weights: int
    gradients: int
    optimiser: int
    activations: int
    parts: dict[str, tuple[int, int]]

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.gradients + self.optimiser + self.activations


def plan_memory(config: ModelConfig, name: str, shape: Shape, folder: Path = Path()) -> MemoryPlan:
    """What a stage takes on each device. folder: of the model's TOML.

    Raises InputError where the stage opens a part that the model lacks, or a folder isn't there.
    """
    stage = config.training[name]
    with torch.device("meta"):
        model = AudioStory(config, folder=folder)
        if config.lora:
            add_lora(model.llm, config.lora)
    groups = open_parts(model, name, stage)
    trained = sum(weight.numel() for group in groups for weight in group["params"])
    parts = _parts(model)
    counted = sum(count for count, _ in parts.values())
    if stage.gradient_checkpointing:
        checkpoint_activations(model.train())
    kept = _kept(model.train(), stage, shape)
    return MemoryPlan(4 * counted, 4 * trained, 8 * trained, kept, parts)


def _parts(model: AudioStory) -> dict[str, tuple[int, int]]:
    embeddings = {id(layer.weight) for layer in (model.llm.get_input_embeddings(), model.llm.get_output_embeddings())}
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for name, weight in model.named_parameters():
        part = part_of(name, embeddings, weight)
        all_of, trained = found[part]
        found[part] = (all_of + weight.numel(), trained + weight.numel() * weight.requires_grad)
    return dict(found)


def _kept(model: AudioStory, stage: StageConfig, shape: Shape) -> int:
    """Bytes that autograd keeps for one example's losses, in float32; the weights themselves don't count."""
    config, window = model.config, model.config.transformer
    own = {weight.data_ptr() if weight.device.type != "meta" else id(weight) for weight in model.parameters()}
    with _Counting(own) as counting, torch.device("meta"):
        embeddings = model.llm.get_input_embeddings()(torch.zeros(1, shape.tokens, dtype=torch.long))
        mask = _mask(model.llm, shape.tokens)
        states = model.llm.get_decoder()(inputs_embeds=embeddings, attention_mask=mask, use_cache=False)[0]
        total = states.float().sum()
        if stage.weights.flow or stage.weights.semantic:
            semantic = states[:, : config.bridge.semantic].expand(shape.events, -1, -1)
            residual = states[:, : config.bridge.residual].expand(shape.events, -1, -1)
            features = model.features(semantic, residual)
            total = total + features.semantic.sum()
        if stage.weights.flow:
            clean = torch.zeros(shape.events, window.max_latent_frames, window.in_channels)
            some = torch.ones(shape.events)
            total = total + flow_loss(model.flow, clean, model.fusion(*features), some, torch.zeros_like(clean), some)
        if any(getattr(stage.weights, loss) for loss in ("markers", "captions", "reasoning", "answers")):
            scores = model.llm.get_output_embeddings()(states)
            total = total + torch.nn.functional.cross_entropy(
                scores[0].float(), torch.zeros(shape.tokens, dtype=torch.long)
            )
        total.backward()
    return counting.total


def _mask(llm: Any, tokens: int) -> Any:
    """A causal mask that is given: making one looks at values, and there are none.

    LLMs whose layers differ take one by the kind of layer, with none for the plain causal one; others a whole one.
    """
    if getattr(llm.config, "layer_types", None):
        return {"full_attention": None}
    return torch.ones(1, 1, tokens, tokens, dtype=torch.bool).tril()


class _Counting:
    """A context that counts the bytes of tensors that autograd keeps, each storage once."""

    def __init__(self, own: set[int]) -> None:
        self._own, self._seen = own, set[int]()
        self._alive: list[Any] = []
        self.total = 0
        self._hooks = torch.autograd.graph.saved_tensors_hooks(self._keep, lambda tensor: tensor)

    def __enter__(self) -> "_Counting":
        self._hooks.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._hooks.__exit__(*error)
        self._alive.clear()

    def _keep(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if id(tensor) not in self._own and not isinstance(tensor, torch.nn.Parameter) and key not in self._seen:
            self._seen.add(key)
            self._alive.append(storage)  # so that its address isn't another's later
            self.total += storage.nbytes()
        return tensor


def describe(config: ModelConfig, name: str, plan: MemoryPlan, shape: Shape, processes: int) -> list[str]:
    """The plan for people."""
    stage = config.training[name]
    trained = sum(part for _, part in plan.parts.values())
    counted = sum(part for part, _ in plan.parts.values())
    each = -(-(stage.batch + stage.understanding_batch) // processes)
    activations = f"activations of one example ({shape.tokens} tokens, {shape.events} events)"
    if stage.gradient_checkpointing:
        activations += ", checkpointed"
    lines = [f"stage {name}: {trained / 1e6:.0f} of {counted / 1e6:.0f} M weights are trained"]
    for part, (all_of, opened) in sorted(plan.parts.items(), key=lambda item: -item[1][0]):
        lines.append(f"  {part:<14}{all_of / 1e6:10.1f} M  {'trained' if opened else 'frozen'}")
    for text, size in (
        ("weights, float32", plan.weights),
        ("gradients", plan.gradients),
        ("AdamW", plan.optimiser),
        (f"{activations}, float32: at most", plan.activations),
        ("together, a device", plan.total),
    ):
        lines.append(f"  {size / 1e9:7.2f} GB  {text}")
    micro = stage.micro_batch or each
    sharing = "1 process" if processes == 1 else f"{processes} processes"
    lines.append(
        f"  {sharing}: {each} examples each in a step, {min(micro, each)} at once; "
        "in bfloat16 activations take about half"
    )
    return lines
