"""The released checkpoint's names, and only here: from its flat state dict to AudioStory's (paper.md 3).

It is a dump of the whole training module: Qwen2.5 as wrapped by peft, projectors, TangoFlux with its text encoder,
spelling included. LoRA is merged, of layers kept twice the trained copy is taken, and what nothing uses is left out.

Knows nothing of files.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from diegetic.errors import Failure
from diegetic.model.meta import Filling

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
_LORA = re.compile(r"(?P<layer>.*)\.lora_(?P<side>[AB])(?P<rest>(?:\.default)?\.weight)")


def our_name(released: str) -> str | None:
    """Our name of a released weight; None for what is left out. Raises Failure for a name that fits no rule."""
    for pattern, ours in _COMPILED:
        if match := pattern.fullmatch(released):
            return None if ours is None else match.expand(ours)
    raise Failure(f"checkpoint: {released} is no weight of AudioStory; is it another model's?")


@dataclass(frozen=True, slots=True)
class Source:
    """Released names of a weight and, where LoRA is merged into it, of its two halves."""

    weight: str
    down: str = ""
    up: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All that must be read for it."""
        return tuple(name for name in (self.weight, self.down, self.up) if name)

    def merge(self, tensors: Mapping[str, Tensor], lora_scale: float) -> Tensor:
        """W, or W + lora_scale * B A (alpha / rank; 1 in the release) in float32."""
        weight = tensors[self.weight]
        if not self.down:
            return weight
        return weight.float() + lora_scale * (tensors[self.up].float() @ tensors[self.down].float())


def sources(released: Iterable[str]) -> dict[str, Source]:
    """Our names of all released weights and where each comes from. Raises Failure."""
    named: dict[str, str] = {}
    for name in released:
        if (ours := our_name(name)) is None:
            continue
        if ours in named:
            raise Failure(f"checkpoint: has both {named[ours]} and {name}, which are the same weight; which is right?")
        named[ours] = name
    halves = {name: named.pop(name) for name in list(named) if _LORA.fullmatch(name)}
    found = {name: Source(weight) for name, weight in named.items()}
    for name, half in halves.items():
        match = _LORA.fullmatch(name)
        assert match
        weight = f"{match['layer']}.weight"
        sides = [halves.get(f"{match['layer']}.lora_{side}{match['rest']}") for side in "AB"]
        if weight not in named or None in sides:
            raise Failure(f"checkpoint: {half} lacks its other half or its layer; it is incomplete")
        found[weight] = Source(named[weight], str(sides[0]), str(sides[1]))
    return found


def for_parts_of(model: nn.Module, found: Mapping[str, Source]) -> dict[str, Source]:
    """Leave out the parts that a model may be built without, where it is: the text encoder, the listener."""
    known = model.state_dict()
    absent = [part for part in ("text_encoder.", "listener.") if not any(name.startswith(part) for name in known)]
    return {name: source for name, source in found.items() if not name.startswith(tuple(absent))}


def from_released(state: Mapping[str, Tensor], lora_scale: float = 1.0) -> dict[str, Tensor]:
    """AudioStory's state dict, LoRA merged. Raises Failure."""
    return {
        name: source.merge(state, lora_scale).to(state[source.weight].dtype) for name, source in sources(state).items()
    }


def load_released(model: nn.Module, state: Mapping[str, Tensor], lora_scale: float = 1.0) -> None:
    """Give a model the weights of a released state dict. Raises Failure where they aren't just its own.

    The null condition isn't in it: see `AudioStory.set_null`.
    """
    known, found = model.state_dict(), for_parts_of(model, sources(state))
    shapes = {name: tuple(state[source.weight].shape) for name, source in found.items()}
    given = {name: tuple(known[name].shape) for name in ("null",) if name in known}
    filling = Filling(model, shapes | given, "checkpoint")
    merged = {name: found[name].merge(state, lora_scale) for name in filling.names if name in found}
    filling.take({name: weight.to(known[name].dtype) for name, weight in merged.items()})
