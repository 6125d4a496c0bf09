"""A release with made-up weights in AudioStory's own layout (paper.md 3), in any size: what loading is tested with.

Knows the released names the other way round than diegetic.model.checkpoint_names, so that each checks the other.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from diegetic.model.audiostory import AudioStory
from diegetic.model.config import ModelConfig
from diegetic.model.oobleck import Oobleck

OURS_TO_RELEASED = {
    "llm.": "seedx.llm.base_model.model.",
    "semantic.": "seedx.projector.",
    "residual.": "seedx.audio_projector.",
    "listener.project.": "seedx.whisper_resampler_llava.aud_projector.",
    "fusion.attention.": "multihead_attention.",
    "flow.duration.frequencies": "tangoflux.duration_emebdder.time_positional_embedding.0.weights",
    "flow.duration.project.": "tangoflux.duration_emebdder.time_positional_embedding.1.",
    "flow.": "tangoflux.",
    "text_encoder.": "tangoflux.text_encoder.",
}
WRAPPED = OURS_TO_RELEASED["llm."]
PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
STATE, CODEC = "audiostory-3B/pytorch_model.bin", "Flux_detokenizer/model.safetensors"
TOKENIZER = "Qwen2.5-3B-Instruct/tokenizer.json"


def released_name(ours: str) -> str:
    """The released name of one of our weights."""
    start = next(start for start in OURS_TO_RELEASED if ours.startswith(start))
    return OURS_TO_RELEASED[start] + ours.removeprefix(start)


def released_state(model: AudioStory, rank: int) -> dict[str, Tensor]:
    """A model's state dict as the released checkpoint has it: its names, peft's copies, vestiges."""
    state = {released_name(name): weight for name, weight in model.state_dict().items() if name != "null"}
    vestiges = {"seedx.input_resampler.query": torch.zeros(2, 2), "seedx.patch_pos": torch.zeros(2)}
    return as_peft_leaves_it(state, rank) | vestiges


def as_peft_leaves_it(state: Mapping[str, Tensor], rank: int) -> dict[str, Tensor]:
    """The same, with the LLM as peft 0.4 saves it: a LoRA beside every projection, every norm kept twice.

    Merged, it is what it was before.
    """
    wrapped: dict[str, Tensor] = {}
    for name, weight in state.items():
        if not name.startswith("seedx.llm."):
            wrapped[name] = weight
            continue
        released = WRAPPED + name.removeprefix(WRAPPED).removeprefix("seedx.llm.")
        stem, layer = released.removesuffix(".weight"), released.split(".")[-2]
        if "norm" in layer:
            wrapped[f"{stem}.original_module.weight"] = torch.zeros_like(weight)
            wrapped[f"{stem}.modules_to_save.default.weight"] = weight
        elif layer in PROJECTIONS and released.endswith(".weight"):
            down = torch.randn(rank, weight.shape[1], device=weight.device) / 8
            up = torch.randn(weight.shape[0], rank, device=weight.device) / 8
            wrapped[released] = weight - up @ down
            wrapped |= {f"{stem}.lora_A.default.weight": down, f"{stem}.lora_B.default.weight": up}
        else:
            wrapped[released] = weight
    return wrapped


def write_release(folder: Path, config: ModelConfig, state: Mapping[str, Tensor], tokenizer: Any) -> Path:
    """Write a folder as paper.md 3 lists it, without the text encoder's own. tokenizer: of the tokenizers package."""
    for name in (STATE, CODEC, TOKENIZER):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state), folder / STATE)
    (folder / STATE).with_name("config.yaml").write_text(
        "_target_: src.models.AudioStory\nllm_model: null\ntrain_dataset:\n  datapipes:\n"
        f"  - num_t5_out_tokens: {config.bridge.semantic}\n    num_aud_out_tokens: {config.bridge.residual}\n"
    )
    save_file(Oobleck(config.codec.oobleck).autoencoder.state_dict(), folder / CODEC)
    (folder / CODEC).with_name("config.json").write_text("{}")
    tokenizer.save(str(folder / TOKENIZER))
    return folder
