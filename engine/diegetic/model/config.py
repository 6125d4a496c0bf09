"""A model's configuration: one TOML file for each size, read strictly.

presets/models/audiostory-3b.toml has every section.

Knows nothing of torch; the parts are built from these values.
"""

from dataclasses import dataclass, field, fields
from pathlib import Path
from string import Formatter
from typing import Literal

from diegetic.model.grammar import PlanStyle
from diegetic.schema import read_strict, read_toml
from diegetic.story import OVERLAP_S

Table = dict[str, bool | int | float | str]

PARTS = ("llm", "embeddings", "norms", "lora", "semantic", "residual", "fusion", "transformer", "listener")
"""Parts of a model that a training stage may open. `llm` is all of the LLM; the three after it are parts of it."""


@dataclass(frozen=True, slots=True)
class LlmConfig:
    """The LLM. vocabulary: rows after the added tokens, 0 for as many as there are; one of:

    folder: a Hugging Face folder with config and tokenizer, relative to the preset; config: a Hugging Face config as a
    table, with its `model_type`.
    """

    vocabulary: int = 0
    folder: str = ""
    config: Table = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.folder and "model_type" not in self.config:
            raise ValueError("llm must have a folder, or a config with a model_type; add one")


@dataclass(frozen=True, slots=True)
class LoraConfig:
    """Low-rank adapters on every linear layer of the LLM with one of these names."""

    rank: int = 32
    alpha: float = 32.0
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class BridgeConfig:
    """From LLM to transformer. semantic, residual: query tokens of an event; feature_dim: width F of the condition.

    feature_scale: semantic features are trained to be the text encoder's times this; fused ones are divided by it.
    zero_init: the fusion starts as none. legacy_double_scale: divide before it too, as released training code does.
    """

    semantic: int
    residual: int
    feature_dim: int
    feature_scale: float = 10.0
    fusion_heads: int = 8
    zero_init: bool = True
    legacy_double_scale: bool = False


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """The Flux transformer and its latents.

    layers: double-stream blocks; single_layers: single-stream ones; width is heads * head_dim. axes_dims_rope adds up
    to head_dim. latent_rate_hz: frames a second; max_latent_frames: longest event.
    """

    layers: int
    single_layers: int
    heads: int
    head_dim: int
    in_channels: int
    axes_dims_rope: tuple[int, int, int]
    latent_rate_hz: float
    max_latent_frames: int

    def __post_init__(self) -> None:
        if sum(self.axes_dims_rope) != self.head_dim or any(axis % 2 for axis in self.axes_dims_rope):
            rule = f"even numbers that add up to head_dim {self.head_dim}"
            raise ValueError(f"axes_dims_rope must be {rule}, got {list(self.axes_dims_rope)}")


@dataclass(frozen=True, slots=True)
class DurationConfig:
    """The duration token: seconds it can tell apart, and the width of its sines and cosines."""

    min_s: float = 0.0
    max_s: float = 30.0
    internal_dim: int = 256


@dataclass(frozen=True, slots=True)
class SamplerConfig:
    """How latents are drawn. guidance: 1 or less for none; seed_policy `shared`: one noise for all events.

    guided_above: the noise level, 0..1, from which on guidance is left out, for half a step's cost. solver: `euler` as
    the reference's, or `adams_bashforth`, which needs fewer steps. whole_window: draw the longest event whatever is
    asked for.
    """

    steps: int = 50
    guidance: float = 4.0
    guided_above: float = 0.0
    seed_policy: Literal["fresh", "shared"] = "fresh"
    whole_window: bool = False
    solver: Literal["euler", "adams_bashforth"] = "euler"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if not 0 <= self.guided_above <= 1:
            raise ValueError(f"guided_above must be 0..1, got {self.guided_above:g}")


@dataclass(frozen=True, slots=True)
class TextEncoderConfig:
    """Whose features the semantic ones are trained to be; needed for training, and once for the null condition.

    kind `t5`: its encoder, padded to as many tokens as there are semantic queries. folder, config: as of the LLM.
    """

    kind: Literal["t5"] = "t5"
    folder: str = ""
    config: Table = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OobleckConfig:
    """diffusers' AutoencoderOobleck; the defaults are those of AudioStory's."""

    encoder_hidden_size: int = 128
    downsampling_ratios: tuple[int, ...] = (2, 4, 4, 8, 8)
    channel_multiples: tuple[int, ...] = (1, 2, 4, 8, 16)
    decoder_channels: int = 128
    decoder_input_channels: int = 64
    audio_channels: int = 2
    sampling_rate: int = 44_100


@dataclass(frozen=True, slots=True)
class BankConfig:
    """Recordings to build sound from. folder: relative to the preset; variation: how freely they are mixed, 0 to 1."""

    folder: str = "bank"
    variation: float = 0.4


@dataclass(frozen=True, slots=True)
class CodecConfig:
    """How latents become samples: a neural codec, or a bank of recordings; the table of the kind is used."""

    kind: Literal["oobleck", "bank"]
    oobleck: OobleckConfig = OobleckConfig()
    bank: BankConfig = BankConfig()


@dataclass(frozen=True, slots=True)
class ListenerConfig:
    """Audio input: states [frames, width] of a frozen audio encoder, pooled to `tokens` embeddings of the LLM."""

    tokens: int = 64
    width: int = 1280


@dataclass(frozen=True, slots=True)
class LossWeights:
    """What each loss counts; 0 leaves it out.

    semantic: MSE of the semantic features; flow: the velocity's. The rest is next-token cross-entropy: markers: start
    and end of query blocks; captions, with their times; reasoning; answers: what is said about audio.
    """

    semantic: float = 0.0
    flow: float = 0.0
    markers: float = 0.0
    captions: float = 0.0
    reasoning: float = 0.0
    answers: float = 0.0


@dataclass(frozen=True, slots=True)
class StageConfig:
    """One training stage. rates: learning rate of each part that is trained; a part not named is frozen.

    batch, understanding_batch: stories and audio questions in a step; micro_batch: how many are computed at once
    (0: all of a process's). gradient_checkpointing: less memory for a third more time. condition_dropout: how often the
    condition is the null one. sigma_law: `logit_normal` as the reference's, `uniform` as the paper's.
    """

    steps: int
    rates: dict[str, float]
    weights: LossWeights
    batch: int = 8
    understanding_batch: int = 0
    micro_batch: int = 0
    warmup_steps: int = 0
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    condition_dropout: float = 0.1
    sigma_law: Literal["logit_normal", "uniform"] = "logit_normal"
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        for part in self.rates:
            if part not in PARTS:
                raise ValueError(f"rates: no part {part!r}; known: {', '.join(PARTS)}")
        if not any(getattr(self.weights, loss.name) for loss in fields(self.weights)):
            raise ValueError("weights must have a loss above 0; add one")
        if self.understanding_batch and not self.weights.answers:
            raise ValueError("understanding_batch needs a weight for answers; add it, or set the batch to 0")


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """Files of one repository of the Hugging Face hub. files: names or patterns; licence: what its owner allows."""

    repo: str
    files: tuple[str, ...]
    licence: str
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class ReleaseConfig:
    """Where a model's weights come from. notice: what to know before they are used."""

    sources: tuple[SourceConfig, ...]
    notice: str = ""


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """One size of AudioStory. training: its stages by name, in order."""

    name: str
    llm: LlmConfig
    bridge: BridgeConfig
    transformer: TransformerConfig
    codec: CodecConfig
    description: str = ""
    lora: LoraConfig | None = None
    duration: DurationConfig = DurationConfig()
    sampler: SamplerConfig = SamplerConfig()
    plan: PlanStyle = field(default_factory=PlanStyle)
    text_encoder: TextEncoderConfig | None = None
    listener: ListenerConfig | None = None
    release: ReleaseConfig | None = None
    training: dict[str, StageConfig] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """A text-to-audio pipeline of diffusers that renders what another model plans.

    class_name, inpaint_class: diffusers' names; the second one, where there is, holds a sound that goes on. seconds_as:
    the argument that takes the duration; longest_s: the most it may be, what is longer is drawn in windows. guidance,
    steps, arguments: what the pipeline is called with. parts: what is of another class of transformers than its
    files say. planner: the model that writes plans. prompt: has {caption} in it.
    """

    class_name: str
    seconds_as: str
    steps: int
    guidance: float
    longest_s: float
    inpaint_class: str = ""
    planner: str = "pocket"
    prompt: str = "{caption}"
    arguments: Table = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if self.longest_s <= OVERLAP_S:
            raise ValueError(f"longest_s must be above {OVERLAP_S:g}, which windows share, got {self.longest_s:g}")
        if _fields(self.prompt) != {"caption"}:
            raise ValueError(f"prompt must have {{caption}} in it, and no other braces, got {self.prompt!r}")


@dataclass(frozen=True, slots=True)
class PipelinePreset:
    """A model that is a pipeline: its files, in diffusers' layout, are in the user's models folder."""

    name: str
    pipeline: PipelineConfig
    description: str = ""
    release: ReleaseConfig | None = None


Preset = ModelConfig | PipelinePreset


def read_preset(path: Path) -> Preset:
    """Read a model's TOML, of either kind. Raises InputError where it is missing or breaks a rule."""
    table = read_toml(path)
    if "pipeline" in table:
        return read_strict(PipelinePreset, table, str(path))
    return read_strict(ModelConfig, table, str(path))


def _fields(prompt: str) -> set[str]:
    """What is in braces; nothing where they don't match."""
    try:
        return {name for _, name, _, _ in Formatter().parse(prompt) if name is not None}
    except ValueError:
        return set()


def read_config(path: Path) -> ModelConfig:
    """Read the TOML of an AudioStory of any size. Raises InputError where it is missing or breaks a rule."""
    return read_strict(ModelConfig, read_toml(path), str(path))
