"""Compare the engine with the public reference's recorded numbers.

    python scripts/parity.py FILE.safetensors [FILE.safetensors ...]

Beside each file lies its .json: the reference's configuration and the shape of every weight. The weights are drawn from
their names, put into the engine's own classes, and everything is computed again. Prints the largest absolute difference
of each tensor; exits with 1 where one is above 1e-4, with 2 where a file can't be read.
"""

import argparse
import json
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from diegetic.audio.joins import crossfade_concatenate
from diegetic.errors import DiegeticError, InputError
from diegetic.model.audiostory import AudioStory, build_text_encoder, query_slices
from diegetic.model.checkpoint_names import load_released
from diegetic.model.config import (
    BridgeConfig,
    CodecConfig,
    DurationConfig,
    LlmConfig,
    ModelConfig,
    TextEncoderConfig,
    TransformerConfig,
)
from diegetic.model.flow import LEVELS, flow_loss, sample
from diegetic.schema import read_strict

TOLERANCE = 1e-4
EMBEDDINGS = "seedx.llm.model.embed_tokens.weight"
TIED = {"seedx.llm.lm_head.weight": EMBEDDINGS}
TIED_ALWAYS = {"tangoflux.text_encoder.encoder.embed_tokens.weight": "tangoflux.text_encoder.shared.weight"}


@dataclass(frozen=True)
class Reference:
    """One recorded run: its configuration, the shapes of its weights, its tensors."""

    config: Mapping[str, Any]
    shapes: Mapping[str, Sequence[int]]
    tensors: Mapping[str, Tensor]

    def numbered(self, name: str) -> list[Tensor]:
        """`name.0`, `name.1`, ... as far as they go."""
        numbers = range(sum(key.startswith(f"{name}.") for key in self.tensors))
        return [self.tensors[f"{name}.{number}"] for number in numbers]


@dataclass(frozen=True)
class FluxTable:
    """The reference's own table of its transformer."""

    num_layers: int
    num_single_layers: int
    in_channels: int
    attention_head_dim: int
    joint_attention_dim: int
    num_attention_heads: int
    audio_seq_len: int
    max_duration: float
    min_duration: float = 0.0
    internal_dim: int = 256
    axes_dims_rope: tuple[int, int, int] = (16, 56, 56)
    pooled_projection_dim: int = 0
    guidance_embeds: bool = False
    extra: dict[str, str] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare all files given; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.safetensors")
    files: list[Path] = parser.parse_args(arguments).files
    worst = 0.0
    for path in files:
        try:
            differences = compare(read_reference(path))
        except DiegeticError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        print(path)
        for name, difference in differences.items():
            print(f"  {name:<14}{difference:.3e}{'' if difference <= TOLERANCE else '   too far'}")
            worst = max(worst, difference if difference == difference else float("inf"))
    print(f"largest {worst:.3e}, at most {TOLERANCE:g} allowed")
    return 0 if worst <= TOLERANCE else 1


def read_reference(path: Path) -> Reference:
    """Read a recorded run. Raises InputError where either file is missing or damaged."""
    described = path.with_suffix(".json")
    for needed in (path, described):
        if not needed.is_file():
            raise InputError(f"{needed}: no such file; give a .safetensors file with its .json beside it")
    try:
        document = json.loads(described.read_text(encoding="utf-8"))
        config, shapes = document["config"], document["state_dict_shapes"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{described}: must have a config and state_dict_shapes ({error}); copy it again") from None
    try:
        tensors = load_file(path)
    except Exception as error:  # safetensors raises its own kind
        raise InputError(f"{path}: isn't a safetensors file ({error}); copy it again") from None
    return Reference(config, shapes, tensors)


@torch.inference_mode()
def compare(reference: Reference, model: AudioStory | None = None) -> dict[str, float]:
    """The largest absolute difference to each recorded tensor. model: one that was loaded from the weights' files."""
    try:
        model = build(reference) if model is None else model
        return {name: _distance(ours, theirs) for name, ours, theirs in _computed(model, reference)}
    except (KeyError, IndexError, ValueError, RuntimeError, TypeError) as error:
        if isinstance(error, DiegeticError):
            raise
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"reference: can't be computed again ({said}); is it complete?") from error


def build(reference: Reference) -> AudioStory:
    """The engine's model in the reference's size, with the reference's weights."""
    config = model_config(reference)
    assert config.text_encoder is not None
    model = AudioStory(config, text_encoder=build_text_encoder(config.text_encoder))
    load_released(model, draw_weights(reference))
    model.set_null()
    return model.eval()


def draw_weights(reference: Reference) -> dict[str, Tensor]:
    """The reference's weights by their released names."""
    salt = str(reference.config.get("salt", ""))
    tied = TIED if reference.config["qwen2"].get("tie_word_embeddings", False) else {}
    names = {name: (tied | TIED_ALWAYS).get(name, name) for name in reference.shapes}
    return {name: draw_weight(names[name], shape, salt) for name, shape in reference.shapes.items()}


def model_config(reference: Reference) -> ModelConfig:
    """The engine's configuration of a reference's."""
    config, shapes = reference.config, reference.shapes
    flux = read_strict(FluxTable, config["flux"], "flux")
    features = int(shapes["multihead_attention.out_proj.weight"][0])
    return ModelConfig(
        name="reference",
        llm=LlmConfig(config={"model_type": "qwen2", **_given(config["qwen2"])}),
        bridge=BridgeConfig(
            semantic=int(config["num_semantic_tokens"]),
            residual=int(config["num_residual_tokens"]),
            feature_dim=features,
            feature_scale=float(config["t5_feature_scale"]),
            fusion_heads=int(config.get("fusion_heads", 8)),
            zero_init=False,
            legacy_double_scale=bool(config.get("legacy_double_scale", False)),
        ),
        transformer=TransformerConfig(
            layers=flux.num_layers,
            single_layers=flux.num_single_layers,
            heads=flux.num_attention_heads,
            head_dim=flux.attention_head_dim,
            in_channels=flux.in_channels,
            axes_dims_rope=flux.axes_dims_rope,
            latent_rate_hz=44_100 / 2048,
            max_latent_frames=flux.audio_seq_len,
        ),
        codec=CodecConfig("oobleck"),
        duration=DurationConfig(flux.min_duration, flux.max_duration, flux.internal_dim),
        text_encoder=TextEncoderConfig(config=_given(config["t5"])),
    )


def draw_weight(name: str, shape: Sequence[int], salt: str) -> Tensor:
    """Draw a weight from its name: the goldens' rule."""
    rng = np.random.Generator(np.random.PCG64(zlib.crc32((salt + name).encode())))
    drawn = rng.standard_normal(tuple(shape), dtype=np.float32)
    if len(shape) >= 2:
        drawn = drawn * np.float32(shape[-1] ** -0.5)
    elif name.endswith("weight"):
        drawn = 1 + np.float32(0.02) * drawn
    elif not name.endswith("weights"):
        drawn = np.float32(0.02) * drawn
    return torch.from_numpy(np.ascontiguousarray(drawn, dtype=np.float32))


def _computed(model: AudioStory, reference: Reference) -> Iterator[tuple[str, Tensor, Tensor]]:
    """Each tensor's name, the engine's value, the recorded one."""
    config, theirs = reference.config, reference.tensors
    semantic, residual = _query_states(model, reference)
    features, fused = model.features(semantic, residual), model.condition(semantic, residual)
    yield "semantic", features.semantic, theirs["semantic"]
    yield "residual", features.residual, theirs["residual"]
    yield "fused", fused, theirs["fused"]
    seconds = [float(duration) for duration in config["durations"]]
    steps, guidance = int(config["steps"]), float(config["guidance"])
    for number, latents in enumerate(reference.numbered("latents")):
        condition = fused[number : number + 1]
        ours = sample(model.flow, condition, model.null, seconds[number], theirs["noise"], steps, guidance)
        yield f"latents.{number}", ours, latents
    clean, noise = theirs["train.clean"], theirs["train.noise"]
    count, sigma = len(clean), theirs["train.timesteps"] / LEVELS
    loss = flow_loss(model.flow, clean, fused[:count], torch.tensor(seconds[:count]), noise, sigma)
    yield "train.loss", loss.reshape(1), theirs["train.loss"].reshape(1)
    clips = [clip.numpy().T for clip in reference.numbered("clip")]
    joined = crossfade_concatenate(clips, int(config["clip_rate"]), float(config["transition"]), "linear")
    yield "concatenated", torch.from_numpy(np.ascontiguousarray(joined.T)), theirs["concatenated"]


def _query_states(model: AudioStory, reference: Reference) -> tuple[Tensor, Tensor]:
    """States [E, S, width] and [E, R, width] of all events, from one pass over prompt and answer."""
    ids = torch.cat([reference.tensors["prompt_ids"], reference.tensors["generated_ids"]])
    states = model.states(ids[None])[0]
    marks, bridge = reference.config["special_ids"], model.config.bridge
    semantic = query_slices(ids.tolist(), marks["</t5>"], bridge.semantic)
    residual = query_slices(ids.tolist(), marks["</aud>"], bridge.residual)
    return torch.stack([states[block] for block in semantic]), torch.stack([states[block] for block in residual])


def _distance(ours: Tensor, theirs: Tensor) -> float:
    """The largest absolute difference; infinite where shapes differ."""
    if ours.shape != theirs.shape:
        return float("inf")
    return float((ours.double() - theirs.double()).abs().max()) if ours.numel() else 0.0


def _given(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}


if __name__ == "__main__":
    sys.exit(main())
