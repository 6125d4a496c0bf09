"""The paper's losses of a batch (paper.md 4): semantic features, velocity, and the next token by what it is.

    semantic    mean (S - scale T)^2                       S of the semantic queries, T the text encoder's features
    flow        mean (v(x, sigma, condition) - (noise - clean))^2
    markers, captions, reasoning, answers                  cross-entropy of the tokens of that kind

The residual queries have no target: the flow loss alone teaches them.

Knows nothing of optimisers.
"""

from dataclasses import fields

import torch
from torch import Tensor
from torch.nn import functional

from diegetic.model.audiostory import AudioStory
from diegetic.model.config import LossWeights, StageConfig
from diegetic.model.flow import draw_sigma, drop_condition, flow_loss
from diegetic.model.training_data import Batch, Kind

_TEXT = {"markers": Kind.MARKER, "captions": Kind.CAPTION, "reasoning": Kind.REASONING, "answers": Kind.ANSWER}


def losses(model: AudioStory, batch: Batch, stage: StageConfig, generator: torch.Generator) -> dict[str, Tensor]:
    """The losses of a stage that the batch has something for, unweighted. generator: on the CPU, for all draws."""
    states = _states(model, batch)
    found: dict[str, Tensor] = {}
    if len(batch.event_row) and (stage.weights.semantic or stage.weights.flow):
        bridge = model.config.bridge
        semantic = _blocks(states, batch.event_row, batch.semantic_at, bridge.semantic)
        residual = _blocks(states, batch.event_row, batch.residual_at, bridge.residual)
        features = model.features(semantic, residual)
        if stage.weights.semantic:
            target = batch.targets.float() * bridge.feature_scale
            found["semantic"] = functional.mse_loss(features.semantic.float(), target)
        if stage.weights.flow:
            condition = model.fusion(features.semantic, features.residual)
            found["flow"] = _flow(model, batch, condition, stage, generator)
    return found | _text(model, batch, states, stage.weights)


def weighted(found: dict[str, Tensor], weights: LossWeights) -> Tensor:
    """Their sum, each by its weight."""
    return torch.stack([getattr(weights, name) * loss for name, loss in found.items()]).sum()


def _states(model: AudioStory, batch: Batch) -> Tensor:
    if batch.heard is None or model.listener is None:
        return model.states(batch.ids)
    heard = model.listener(batch.heard)  # (n, tokens, width)
    marked = torch.zeros_like(batch.ids, dtype=torch.bool)
    places = batch.heard_at[:, None] + torch.arange(heard.shape[1], device=heard.device)
    marked[batch.heard_row[:, None], places] = True
    return model.states(batch.ids, heard, marked)


def _blocks(states: Tensor, rows: Tensor, starts: Tensor, count: int) -> Tensor:
    """States [E, count, width] of the `count` tokens from each start on."""
    places = starts[:, None] + torch.arange(count, device=starts.device)
    return states[rows[:, None], places]


def _flow(model: AudioStory, batch: Batch, condition: Tensor, stage: StageConfig, generator: torch.Generator) -> Tensor:
    clean = batch.latents.float()
    noise = torch.randn(clean.shape, generator=generator).to(clean.device)
    sigma = draw_sigma(len(clean), stage.sigma_law, generator).to(clean.device)
    condition = drop_condition(condition, model.null, stage.condition_dropout, generator)
    return flow_loss(model.flow, clean, condition, batch.duration_s, noise, sigma)


def _text(model: AudioStory, batch: Batch, states: Tensor, weights: LossWeights) -> dict[str, Tensor]:
    """Cross-entropy by kind. Only places with a loss go through the head: it is the widest layer there is."""
    kinds = batch.kinds[:, 1:]
    wanted = [kind for name, kind in _TEXT.items() if getattr(weights, name)]
    used = torch.isin(kinds, torch.tensor(wanted, dtype=kinds.dtype, device=kinds.device))
    if not used.any():
        return {}
    scores = model.llm.get_output_embeddings()(states[:, :-1][used])
    each = functional.cross_entropy(scores.float(), batch.ids[:, 1:][used], reduction="none")
    present = kinds[used]
    return {
        loss.name: each[present == _TEXT[loss.name]].mean()
        for loss in fields(weights)
        if loss.name in _TEXT and getattr(weights, loss.name) and (present == _TEXT[loss.name]).any()
    }
