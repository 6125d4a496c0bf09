"""The sizes of a release of a few thousand weights, and how it is written."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

import made_up
from diegetic.model.audiostory import AudioStory, build_text_encoder
from diegetic.model.config import ModelConfig, OobleckConfig, TextEncoderConfig, read_config
from diegetic.model.grammar import PlanStyle
from tiny_llm import tiny_tokenizer

RANK = 2
T5 = {
    "d_model": 16,
    "d_kv": 4,
    "d_ff": 8,
    "num_layers": 1,
    "num_heads": 2,
    "vocab_size": 4,
    "feed_forward_proj": "gated-gelu",
}


def tiny_config() -> ModelConfig:
    """tests/tiny.toml with the paper's codec and plan, made small."""
    tiny = read_config(Path(__file__).parent / "tiny.toml")
    codec = replace(tiny.codec, kind="oobleck", oobleck=OobleckConfig(8, (4, 5), (1, 2), 8, 4, 2, 100))
    style = PlanStyle(form="duration", max_reasoning_tokens=4, max_caption_tokens=4)
    return replace(tiny, codec=codec, plan=style, text_encoder=TextEncoderConfig(config=T5))


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
