"""A recorded run like the goldens', written by raw transformers, diffusers and torch, without the engine.

It stands in for the public reference where its numbers aren't there, and in sizes of which there are none. Follows
paper.md 1.5 to 1.11 and 2.5; only the rule by which weights are drawn is shared with what it tests.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import Qwen2Config, Qwen2ForCausalLM, T5Config, T5EncoderModel

from parity import draw_weight

FEATURES = 32
EMBEDDINGS, SHARED = "seedx.llm.model.embed_tokens.weight", "tangoflux.text_encoder.shared.weight"
CONFIG: dict[str, Any] = {
    "salt": "", "t5_feature_scale": 10.0, "num_semantic_tokens": 6, "num_residual_tokens": 3, "segments": 2,
    "durations": [7.5, 31.0], "steps": 3, "guidance": 4.0, "clip_lengths": [40, 50, 9, 60], "clip_rate": 10,
    "transition": 3.0,
    "special_ids": {"</t5>": 50, "</aud>": 51},
    "qwen2": {
        "vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "rope_theta": 1e6, "tie_word_embeddings": True, "rms_norm_eps": 1e-6,
    },
    "t5": {"d_model": FEATURES, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2, "vocab_size": 8,
           "feed_forward_proj": "gated-gelu"},
    "flux": {
        "num_layers": 1, "num_single_layers": 1, "in_channels": 4, "attention_head_dim": 128,
        "joint_attention_dim": FEATURES, "num_attention_heads": 1, "audio_seq_len": 9, "max_duration": 30,
    },
}  # fmt: skip


class Frequencies(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(128))

    def forward(self, x: Tensor) -> Tensor:
        angle = x * self.weights * 2 * math.pi
        return torch.cat([x, angle.sin(), angle.cos()], dim=-1)


class RawReference(nn.Module):
    """The released module tree, by its names."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        width, flux = config["qwen2"]["hidden_size"], dict(config["flux"])
        self.longest = flux.pop("max_duration")
        flux.pop("audio_seq_len")
        raw: Any = {"llm": Qwen2ForCausalLM, "flux": FluxTransformer2DModel}
        self.seedx, self.tangoflux, embedder = nn.Module(), nn.Module(), nn.Module()
        self.seedx.llm = raw["llm"](Qwen2Config(**config["qwen2"]))
        for name in ("projector", "audio_projector"):
            layers = nn.Linear(width, FEATURES), nn.GELU(), nn.Linear(FEATURES, FEATURES)
            self.seedx.add_module(name, nn.Sequential(*layers))
        self.multihead_attention = nn.MultiheadAttention(FEATURES, 8)
        self.tangoflux.text_encoder = T5EncoderModel(T5Config(**config["t5"]))
        self.tangoflux.transformer = raw["flux"](**flux, pooled_projection_dim=FEATURES)
        self.tangoflux.fc = nn.Sequential(nn.Linear(FEATURES, FEATURES), nn.ReLU())
        embedder.time_positional_embedding = nn.Sequential(Frequencies(), nn.Linear(257, FEATURES))
        self.tangoflux.duration_emebdder = embedder

    def velocity(self, latents: Tensor, time: Tensor, condition: Tensor, seconds: Tensor) -> Tensor:
        flow: Any = self.tangoflux
        share = (seconds.clamp(0, self.longest) / self.longest)[:, None]
        duration = flow.duration_emebdder.time_positional_embedding(share)[:, None]
        found: Tensor = flow.transformer(
            hidden_states=latents,
            timestep=time,
            pooled_projections=flow.fc(condition.nanmean(dim=1)),
            encoder_hidden_states=torch.cat([condition, duration], dim=1),
            txt_ids=torch.zeros(condition.shape[1] + 1, 3),
            img_ids=torch.arange(latents.shape[1])[:, None].repeat(1, 3),
        ).sample
        return found


@torch.no_grad()
def write_run(path: Path, **changed: Any) -> Path:
    """Write a run whose configuration is CONFIG with changes, to PATH and its .json."""
    config = {
        key: {**value, **changed.pop(key, {})} if isinstance(value, dict) else value for key, value in CONFIG.items()
    }
    config |= changed
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = RawReference(config).eval()
        tied = {"seedx.llm.lm_head.weight": EMBEDDINGS} if config["qwen2"]["tie_word_embeddings"] else {}
        tied["tangoflux.text_encoder.encoder.embed_tokens.weight"] = SHARED
        shapes = {name: list(weight.shape) for name, weight in model.state_dict().items()}
        model.load_state_dict(
            {name: draw_weight(tied.get(name, name), shape, config["salt"]) for name, shape in shapes.items()}
        )
        tensors = {**_bridged(model, config), **_clips(config)}
        tensors |= _drawn(model, config, tensors["fused"]) | _trained(model, config, tensors["fused"])
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    path.with_suffix(".json").write_text(json.dumps({"config": config, "state_dict_shapes": shapes}))
    return path


def _bridged(model: Any, config: dict[str, Any]) -> dict[str, Tensor]:
    count, more = config["num_semantic_tokens"], config["num_residual_tokens"]
    prompt, blocks = torch.randint(5, 40, (7,)), []
    for _ in range(config["segments"]):
        queries = torch.randint(5, 40, (count,)), torch.tensor([50]), torch.randint(5, 40, (more,)), torch.tensor([51])
        blocks.append(torch.cat([torch.randint(5, 40, (4,)), *queries]))
    answer = torch.cat(blocks)
    states = model.seedx.llm(torch.cat([prompt, answer])[None], output_hidden_states=True).hidden_states[-1][0]
    events = states[len(prompt) :].view(config["segments"], -1, states.shape[-1])[:, 4:]
    semantic = model.seedx.projector(events[:, :count])
    residual = model.seedx.audio_projector(events[:, count + 1 : count + 1 + more])
    keys = residual.transpose(0, 1)
    added = model.multihead_attention(semantic.transpose(0, 1), keys, keys)[0].transpose(0, 1)
    fused = (semantic + added) / config["t5_feature_scale"]
    return {"prompt_ids": prompt, "generated_ids": answer, "semantic": semantic, "residual": residual, "fused": fused}


def _drawn(model: Any, config: dict[str, Any], fused: Tensor) -> dict[str, Tensor]:
    guidance, steps = config["guidance"], config["steps"]
    tensors = {"noise": torch.randn(1, config["flux"]["audio_seq_len"], config["flux"]["in_channels"])}
    ids = torch.zeros(1, config["num_semantic_tokens"], dtype=torch.long)
    ids[0, 0] = 1
    null = model.tangoflux.text_encoder(input_ids=ids, attention_mask=ids).last_hidden_state
    for number in range(config["segments"]):
        scheduler: Any = FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000)
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps))
        latents, condition = tensors["noise"], fused[number : number + 1]
        for time in scheduler.timesteps:
            both = torch.cat([null, condition]) if guidance > 1 else condition
            seconds = torch.full((len(both),), float(config["durations"][number]))
            velocity = model.velocity(latents.expand(len(both), -1, -1), time[None] / 1000, both, seconds)
            if guidance > 1:
                without, with_ = velocity.chunk(2)
                velocity = without + guidance * (with_ - without)
            latents = scheduler.step(velocity, time, latents).prev_sample
        tensors[f"latents.{number}"] = latents
    return tensors


def _trained(model: Any, config: dict[str, Any], fused: Tensor) -> dict[str, Tensor]:
    some = fused[:2]
    clean, noise = torch.randn(2, len(some), config["flux"]["audio_seq_len"], config["flux"]["in_channels"])
    times = torch.randint(1, 1001, (len(some),)).float()
    sigma = (times / 1000)[:, None, None]
    seconds = torch.tensor(config["durations"][: len(some)]).float()
    velocity = model.velocity((1 - sigma) * clean + sigma * noise, times / 1000, some, seconds)
    loss = ((velocity - (noise - clean)) ** 2).mean()
    return {"train.clean": clean, "train.noise": noise, "train.timesteps": times, "train.loss": loss[None]}


def _clips(config: dict[str, Any]) -> dict[str, Tensor]:
    clips = [torch.randn(2, length) for length in config["clip_lengths"]]
    frames, joined = int(config["transition"] * config["clip_rate"]), clips[0]
    fade = torch.linspace(0, 1, frames)
    for clip in clips[1:]:
        if min(joined.shape[1], clip.shape[1]) < frames:
            joined = torch.cat([joined, clip], dim=1)
        else:
            middle = joined[:, -frames:] * fade.flip(0) + clip[:, :frames] * fade
            joined = torch.cat([joined[:, :-frames], middle, clip[:, frames:]], dim=1)
    return {f"clip.{number}": clip for number, clip in enumerate(clips)} | {"concatenated": joined}
