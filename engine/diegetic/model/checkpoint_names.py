"""The released checkpoint's names, and only here: from its flat state dict to AudioStory's (paper.md 3).

It is a dump of the whole training module: Qwen2.5 as wrapped by peft, projectors, TangoFlux with its text encoder,
spelling included. LoRA is merged, of layers kept twice the trained copy is taken, and what nothing uses is left out.

Knows nothing of files.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from diegetic.errors import Failure

# (pattern of a released name, ours); the first that matches wins, None leaves out.
_RULES: tuple[tuple[str, str | None], ...] = (
    (r"seedx\.llm\..*\.original_module\..*", None),
    (r"seedx\.llm\.(?:base_model\.model\.)?(.*?)\.modules_to_save\.default\.(.*)", r"llm.\1.\2"),
    (r"seedx\.llm\.(?:base_model\.model\.)?(.*?)\.base_layer\.(.*)", r"llm.\1.\2"),
    (r"seedx\.llm\..*\.rotary_emb\.inv_freq", None),
    (r"seedx\.llm\.(?:base_model\.model\.)?(.*)", r"llm.\1"),
    (r"seedx\.projector\.(.*)", r"semantic.\1"),
    (r"seedx\.audio_projector\.(.*)", r"residual.\1"),
    (r"seedx\.whisper_resampler_llava\.aud_projector\.(.*)", r"listener.project.\1"),
    (r"seedx\..*", None),  # input_resampler, output_resampler, ...: vestiges
    (r"multihead_attention\.(.*)", r"fusion.attention.\1"),
    (r"tangoflux\.duration_emebdder\.time_positional_embedding\.0\.weights", "flow.duration.frequencies"),
    (r"tangoflux\.duration_emebdder\.time_positional_embedding\.1\.(.*)", r"flow.duration.project.\1"),
    (r"tangoflux\.(transformer|fc)\.(.*)", r"flow.\1.\2"),
    (r"tangoflux\.text_encoder\.(.*)", r"text_encoder.\1"),
)
_COMPILED = tuple((re.compile(pattern), ours) for pattern, ours in _RULES)
_LORA = re.compile(r"(?P<layer>.*)\.lora_(?P<side>[AB])(?:\.default)?\.weight")


def our_name(released: str) -> str | None:
    """Our name of a released weight; None for what is left out. Raises Failure for a name that fits no rule."""
    for pattern, ours in _COMPILED:
        if match := pattern.fullmatch(released):
            return None if ours is None else match.expand(ours)
    raise Failure(f"checkpoint: {released} is no weight of AudioStory; is it another model's?")


def from_released(state: Mapping[str, Tensor], lora_scale: float = 1.0) -> dict[str, Tensor]:
    """AudioStory's state dict, LoRA merged: W + lora_scale * B A (alpha / rank; 1 in the release). Raises Failure."""
    named = {ours: tensor for released, tensor in state.items() if (ours := our_name(released)) is not None}
    adapters = [match for name in named if (match := _LORA.fullmatch(name)) and match["side"] == "A"]
    for match in adapters:
        layer, down = match["layer"], named.pop(match.string)
        up = named.pop(match.string.replace(".lora_A", ".lora_B"), None)
        weight = named.get(f"{layer}.weight")
        if up is None or weight is None:
            raise Failure(f"checkpoint: {match.string} lacks its other half or its layer; it is incomplete")
        merged = weight.float() + lora_scale * (up.float() @ down.float())
        named[f"{layer}.weight"] = merged.to(weight.dtype)
    return named


def load_released(model: torch.nn.Module, state: Mapping[str, Tensor], lora_scale: float = 1.0) -> None:
    """Fill a model from a released state dict. Raises Failure where weights are missing.

    Parts that the model lacks are left out. The null condition isn't in it: see `AudioStory.set_null`.
    """
    ours = from_released(state, lora_scale)
    known = model.state_dict()
    given = {
        tensor.data_ptr() for name, tensor in known.items() if name in ours
    }  # tied weights are given by either name
    missing = [name for name in known.keys() - ours.keys() - {"null"} if known[name].data_ptr() not in given]
    if missing:
        raise Failure(f"checkpoint: {len(missing)} weights are missing, {min(missing)} for one; it is incomplete")
    for name in known.keys() & ours.keys():
        if known[name].shape != ours[name].shape:
            got, needed = list(ours[name].shape), list(known[name].shape)
            raise Failure(f"checkpoint: {name} must be {needed}, got {got}; does the preset fit it?")
    model.load_state_dict({name: ours[name] for name in known.keys() & ours.keys()}, strict=False)
