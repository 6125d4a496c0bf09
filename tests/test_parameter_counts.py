"""The paper's size is the paper's size: counted on the meta device, which allocates nothing."""

from pathlib import Path

import pytest
import torch
from torch import nn

from diegetic.errors import InputError
from diegetic.model.audiostory import AudioStory, build_text_encoder
from diegetic.model.config import ModelConfig, read_config
from diegetic.model.oobleck import Oobleck

PRESET = Path(__file__).parents[1] / "presets" / "models" / "audiostory-3b.toml"


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    return read_config(PRESET)


@pytest.fixture(scope="module")
def model(config: ModelConfig) -> AudioStory:
    with torch.device("meta"):
        return AudioStory(config)


def count(module: nn.Module | None) -> int:
    assert module is not None
    return sum(parameter.numel() for parameter in module.parameters())


def test_transformer_with_pooling_and_duration_has_518_009_536_parameters(model: AudioStory) -> None:
    assert count(model.flow) == 518_009_536
    assert count(model.flow.transformer) == 516_695_616
    assert count(model.flow.fc) == 1_049_600
    assert count(model.flow.duration) == 264_320


def test_bridge_has_the_parameters_of_the_reference(model: AudioStory) -> None:
    assert count(model.fusion) == 4_198_400
    assert count(model.semantic) == count(model.residual) == 3_147_776


def test_llm_with_the_added_tokens_has_3_086_637_056_parameters(model: AudioStory) -> None:
    assert count(model.llm) == 3_086_637_056
    assert model.llm.get_input_embeddings().weight.numel() == 311_863_296


def test_listener_has_6_819_840_parameters(model: AudioStory) -> None:
    assert count(model.listener) == 6_819_840


def test_codec_has_156_112_514_parameters_and_a_hop_of_2048(config: ModelConfig) -> None:
    with torch.device("meta"):
        codec = Oobleck(config.codec.oobleck)
    assert count(codec) == 156_112_514
    assert (codec.hop, codec.rate_hz) == (2048, 44_100)


def test_text_encoder_has_341_231_104_parameters(config: ModelConfig) -> None:
    assert config.text_encoder is not None
    with torch.device("meta"):
        assert count(build_text_encoder(config.text_encoder)) == 341_231_104


def test_a_misspelt_key_of_a_preset_is_refused_with_the_right_one(tmp_path: Path) -> None:
    written = tmp_path / "model.toml"
    written.write_text(PRESET.read_text(encoding="utf-8").replace("fusion_heads", "fusion_head"), encoding="utf-8")
    with pytest.raises(InputError, match="did you mean 'fusion_heads'"):
        read_config(written)


def test_a_training_rate_for_a_part_that_is_not_there_is_refused(tmp_path: Path) -> None:
    written = tmp_path / "model.toml"
    text = PRESET.read_text(encoding="utf-8").replace(
        "rates = { lora = 1e-3, semantic", "rates = { loras = 1e-3, semantic"
    )
    written.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="no part 'loras'"):
        read_config(written)
