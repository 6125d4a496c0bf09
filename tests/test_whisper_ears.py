"""The paper's way to listen, with an encoder of a few thousand weights: the sound is in the prompt, and in latents."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

from diegetic.errors import Failure
from diegetic.model.config import ListenerConfig, ModelConfig
from diegetic.model.convert import convert
from diegetic.model.placement import Placement
from diegetic.model.released import load_storyteller
from diegetic.model.storyteller import Storyteller
from diegetic.story import Event
from made_up import released_state
from tiny_release import RANK, tiny_config, tiny_model, write_release

CPU = torch.device("cpu")
FLOAT32 = Placement(CPU, CPU, torch.float32, torch.float32)
WIDTH, TOKENS, RATE = 8, 4, 100


@pytest.fixture(scope="module")
def config() -> ModelConfig:
    return replace(tiny_config(), listener=ListenerConfig(TOKENS, WIDTH))


@pytest.fixture(scope="module")
def folder(config: ModelConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release with a tiny Whisper beside it."""
    folder = tmp_path_factory.mktemp("release")
    write_release(folder, config, released_state(tiny_model(config), RANK))
    shape = WhisperConfig(
        d_model=WIDTH, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=8, decoder_layers=1,
        decoder_attention_heads=2, decoder_ffn_dim=8, num_mel_bins=8, vocab_size=16, pad_token_id=0, bos_token_id=1,
        eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    WhisperModel(shape).save_pretrained(folder / "whisper-tiny")
    WhisperFeatureExtractor(feature_size=8).save_pretrained(folder / "whisper-tiny")
    return folder


@pytest.fixture
def teller(config: ModelConfig, folder: Path) -> Storyteller:
    return load_storyteller("tiny", "digest", config, folder, FLOAT32)


def noise(seconds: float, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal((round(seconds * RATE), 2)).astype(np.float32)


def test_a_question_is_answered_in_words_with_the_sound_in_the_prompt(teller: Storyteller) -> None:
    prompts: list[torch.Tensor] = []
    llm = teller._network.llm
    generate = llm.generate

    def seen(inputs_embeds: torch.Tensor, **rest: Any) -> Any:
        prompts.append(inputs_embeds)
        return generate(inputs_embeds=inputs_embeds, **rest)

    llm.generate = seen
    answers = [teller.ask(noise(5.0, seed), "What is heard?") for seed in (0, 1)]
    assert all(isinstance(answer, str) for answer in answers)
    differs = (prompts[0] - prompts[1]).abs().sum(-1)[0] > 0
    assert int(differs.sum()) == TOKENS
    places = differs.nonzero()[:, 0]
    assert places.tolist() == list(range(int(places[0]), int(places[0]) + TOKENS))


def test_a_long_recording_is_described_every_30_s(teller: Storyteller) -> None:
    heard = teller.hear(noise(61.5))
    assert [(each.start_s, each.end_s) for each in heard] == [(0.0, 30.0), (30.0, 60.0), (60.0, 61.5)]
    assert all(each.caption for each in heard)
    assert teller.hear_whole(noise(4.0)).end_s == 4.0
    assert isinstance(teller.what_follows(noise(4.0)), str)


def test_a_recordings_latents_are_the_codecs_and_are_held_at_the_start_of_what_follows(teller: Storyteller) -> None:
    samples, event = noise(4.0), Event("e1", "noise", 0.0, 3.2)
    memory = teller.begin("noise", 3.2)
    (condition,) = teller.recall(memory, "", [event])
    latents = teller.listen(samples, condition, event, 7)
    assert latents.latents.shape == (20, 4)  # 4 s at 5 Hz
    following = teller.imagine(condition, replace(event, duration_s=3.0), 8, latents, lambda done, total: None)
    np.testing.assert_allclose(following.latents[:4], latents.latents[-4:], atol=1e-6)  # 0.8 s
    mono = teller.listen(samples[:, :1], condition, event, 7)
    assert mono.latents.shape == (20, 4)


def test_what_is_converted_can_listen_too(config: ModelConfig, folder: Path, tmp_path: Path) -> None:
    place = convert(config, folder, tmp_path / "converted", torch.float32, lambda text, share: None).folder
    assert load_storyteller("tiny", "digest", config, place, FLOAT32).hear_whole(noise(2.0)).caption


def test_without_an_encoder_it_says_what_is_missing(config: ModelConfig, tmp_path: Path) -> None:
    folder = write_release(tmp_path / "ckpt", config, released_state(tiny_model(config), RANK))
    deaf = load_storyteller("tiny", "digest", config, folder, FLOAT32)
    with pytest.raises(Failure, match="no audio encoder among its files; put the folder whisper-large-v3 beside them"):
        deaf.hear_whole(noise(2.0))
