"""The sizes of a release of a few thousand weights, and how it is written."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

import made_up
from diegetic.model.audiostory import AudioStory, build_text_encoder
from diegetic.model.config import ModelConfig
from diegetic.schema import read_strict
from tiny_llm import tiny_tokenizer

RANK = 4


PRESET = (
    (Path(__file__).parent / "tiny.toml")
    .read_text(encoding="utf-8")
    .replace(
        '[codec]\nkind = "bank"\n',
        """[codec]
kind = "oobleck"

[codec.oobleck]
encoder_hidden_size = 8
downsampling_ratios = [4, 5]
channel_multiples = [1, 2]
decoder_channels = 8
decoder_input_channels = 4
audio_channels = 2
sampling_rate = 100

[plan]
form = "duration"
max_reasoning_tokens = 4
max_caption_tokens = 4

[text_encoder.config]
d_model = 16
d_kv = 4
d_ff = 8
num_layers = 1
num_heads = 2
vocab_size = 4
feed_forward_proj = "gated-gelu"

[release]
notice = "not for sale"

[[release.sources]]
repo = "somebody/audiostory-tiny"
files = ["*.yaml", "*.bin", "*.safetensors"]
licence = "for research"

[[release.sources]]
repo = "somebody/Qwen-tiny"
files = ["tokenizer.json"]
licence = "free"
""",
    )
)


def tiny_config() -> ModelConfig:
    """tests/tiny.toml with the paper's codec and plan, made small."""
    return read_strict(ModelConfig, tomllib.loads(PRESET), "tiny")


def tiny_model(config: ModelConfig) -> AudioStory:
    """A model of that size, with random weights in all its parts."""
    assert config.text_encoder is not None
    model = AudioStory(config, text_encoder=build_text_encoder(config.text_encoder))
    for weight in model.flow.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    return model.eval()


def write_release(folder: Path, config: ModelConfig, state: Mapping[str, Tensor]) -> Path:
    """Write a release with the tests' tokenizer."""
    return made_up.write_release(folder, config, state, tiny_tokenizer().backend_tokenizer)
