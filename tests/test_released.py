"""The released checkpoint's files make a model that tells a story: here with some thousand weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from diegetic.errors import Failure
from diegetic.model.audiostory import AudioStory, build_text_encoder
from diegetic.model.config import LlmConfig, ModelConfig, OobleckConfig, TextEncoderConfig, read_config
from diegetic.model.grammar import PlanStyle
from diegetic.model.oobleck import Oobleck
from diegetic.model.released import load_network, load_storyteller, plan_encoder
from diegetic.model.special_tokens import AUDIOSTORY
from tiny_llm import tiny_tokenizer

T5 = {
    "d_model": 16,
    "d_kv": 4,
    "d_ff": 8,
    "num_layers": 1,
    "num_heads": 2,
    "vocab_size": 4,
    "feed_forward_proj": "gated-gelu",
}
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


@pytest.fixture
def config() -> ModelConfig:
    tiny = read_config(Path(__file__).parent / "tiny.toml")
    codec = replace(tiny.codec, kind="oobleck", oobleck=OobleckConfig(8, (4, 5), (1, 2), 8, 4, 2, 100))
    style = PlanStyle(form="duration", max_reasoning_tokens=4, max_caption_tokens=4)
    return replace(tiny, codec=codec, plan=style, text_encoder=TextEncoderConfig(config=T5))


@pytest.fixture
def model(config: ModelConfig) -> AudioStory:
    assert config.text_encoder is not None
    model = AudioStory(config, text_encoder=build_text_encoder(config.text_encoder))
    for weight in model.flow.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    return model.eval()


@pytest.fixture
def folder(config: ModelConfig, model: AudioStory, tmp_path: Path) -> Path:
    """A folder as the release's, with one layer's LoRA apart and one norm kept twice."""
    state = {released_name(name): weight for name, weight in model.state_dict().items() if name != "null"}
    layer, norm = "seedx.llm.base_model.model.model.layers.0.mlp.up_proj", "seedx.llm.base_model.model.model.norm"
    down, up = torch.randn(2, 32), torch.randn(64, 2)
    state[f"{layer}.weight"] = state[f"{layer}.weight"] - up @ down
    state |= {f"{layer}.lora_A.default.weight": down, f"{layer}.lora_B.default.weight": up}
    state[f"{norm}.modules_to_save.default.weight"] = state.pop(f"{norm}.weight")
    state[f"{norm}.original_module.weight"] = torch.zeros(32)
    torch.save(state, tmp_path / "pytorch_model.bin")
    save_file(Oobleck(config.codec.oobleck).autoencoder.state_dict(), tmp_path / "vae.safetensors")
    tiny_tokenizer().backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def released_name(ours: str) -> str:
    start = next(start for start in OURS_TO_RELEASED if ours.startswith(start))
    return OURS_TO_RELEASED[start] + ours.removeprefix(start)


def test_the_network_has_the_released_weights(config: ModelConfig, model: AudioStory, folder: Path) -> None:
    found = load_network(config, folder).state_dict()
    for name, weight in model.state_dict().items():
        if not name.startswith(("text_encoder.", "null")):
            torch.testing.assert_close(found[name], weight, atol=1e-5, rtol=1e-5, msg=name)
    model.set_null()
    assert torch.equal(found["null"], model.null)


def test_it_plans_draws_and_sounds(config: ModelConfig, folder: Path) -> None:
    teller = load_storyteller("tiny", "digest", config, folder, torch.device("cpu"))
    assert teller.sample_rate == 100
    memory = teller.begin("a storm", 20)
    told = list(teller.plan(memory))
    assert sum(planned.event.duration_s for planned in told) == pytest.approx(20)
    event = replace(told[0].event, duration_s=3.0)
    steps: list[int] = []
    latents = teller.imagine(told[0].condition, event, 5, None, lambda done, total: steps.append(done))
    samples = teller.decode(latents, told[0].condition, event, 5)
    assert samples.shape == (300, 2)
    assert np.isfinite(samples).all()
    assert samples.any()
    assert steps == list(range(config.sampler.steps + 1))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "vae.safetensors", "tokenizer.json"])
def test_a_missing_or_damaged_file_is_named(name: str, config: ModelConfig, folder: Path) -> None:
    path = folder / name
    path.unlink()
    with pytest.raises(Failure, match=f"{name}: is missing"):
        load_storyteller("tiny", "digest", config, folder, torch.device("cpu"))
    if name != "tokenizer.json":
        path.write_bytes(b"damaged")
        with pytest.raises(Failure, match=f"{name}: is damaged"):
            load_storyteller("tiny", "digest", config, folder, torch.device("cpu"))


def test_weights_of_another_size_are_refused(config: ModelConfig, folder: Path) -> None:
    wider = replace(config, transformer=replace(config.transformer, in_channels=6))
    with pytest.raises(Failure, match="does the preset fit it"):
        load_network(wider, folder)


def test_an_output_layer_that_is_not_tied_must_be_there(config: ModelConfig, folder: Path) -> None:
    state = torch.load(folder / "pytorch_model.bin")
    torch.save({name: weight for name, weight in state.items() if "lm_head" not in name}, folder / "pytorch_model.bin")
    load_network(config, folder)
    untied = replace(config, llm=LlmConfig(config={**config.llm.config, "tie_word_embeddings": False}))
    with pytest.raises(Failure, match=r"1 weights are missing, llm\.lm_head\.weight"):
        load_network(untied, folder)


def test_the_612_tokens_are_added_where_the_vocabulary_has_room_for_them(config: ModelConfig) -> None:
    plain = tiny_tokenizer()
    known: set[str] = set(AUDIOSTORY) & set(plain.get_vocab())
    room = len(plain) + len(AUDIOSTORY)
    encoder = plan_encoder(plain, replace(config, llm=LlmConfig(vocabulary=room, config={"model_type": "qwen2"})))
    assert len(encoder.tokenizer) == room - len(known)
