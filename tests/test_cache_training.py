"""Caching what frozen networks say of training examples: with the real codec, small, and stand-ins for the encoders."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from cache_training import Frozen, cache, latents_of, main, read_audio, read_lines
from diegetic.errors import InputError
from diegetic.model.config import OobleckConfig, read_config
from diegetic.model.grammar import PlanStyle
from diegetic.model.oobleck import Oobleck
from diegetic.model.sequence import PlanEncoder
from diegetic.model.training_data import Shards
from tiny_llm import RESIDUAL, SEMANTIC, tiny_tokenizer

TINY = Path(__file__).parent / "tiny.toml"
TOKENIZER: Any = tiny_tokenizer()
ENCODER = PlanEncoder(TOKENIZER, PlanStyle(), SEMANTIC, RESIDUAL)
OOBLECK = OobleckConfig(8, (2, 4), (1, 2), 8, 4, 2, 100)


def write_examples(folder: Path) -> Path:
    """Two stories of one event and a question, with their recordings."""
    soundfile.write(folder / "rain.wav", np.zeros((60, 1), np.float32), 100)
    event = {"caption": "rain", "start_s": 0, "end_s": 4, "audio": "rain.wav"}
    told = {"instruction": "a night", "seconds": 4, "reasoning": "one sound", "events": [event]}
    lines = [told, {"question": "What?", "answer": "rain", "audio": "rain.wav"}, told]
    (folder / "examples.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return folder / "examples.jsonl"


def test_cached_examples_are_those_that_were_written(tmp_path: Path) -> None:
    config = read_config(TINY)
    config = replace(config, codec=replace(config.codec, oobleck=OOBLECK))
    codec = Oobleck(OOBLECK).eval()
    frozen = Frozen(
        features=lambda captions: torch.ones(len(captions), 3, 16),
        latents=lambda path: latents_of(codec, path, config),
        heard=lambda path: read_audio(path, 100, 1)[:9].expand(-1, 6),
    )
    cache(write_examples(tmp_path), tmp_path / "shards", config, ENCODER, frozen, size=2)
    assert len(list((tmp_path / "shards").iterdir())) == 2
    cached = Shards(tmp_path / "shards")
    assert (len(cached.stories), len(cached.questions)) == (2, 1)
    assert cached.stories[0].latents.shape == (1, config.transformer.max_latent_frames, 4)
    assert torch.equal(cached.stories[0].latents, cached.stories[1].latents)
    assert cached.stories[0].duration_s.tolist() == [4.0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 1: isn't JSON"),
        ("[]", "must be a table"),
        ('{"instruction": "x", "second": 3}', "did you mean"),
        ('{"instruction": "x", "seconds": 3, "events": []}', "line 1: events must have at least one"),
        (
            '{"instruction": "x", "seconds": 3, "events": [{"caption": "a", "audio": "a", "start_s": 2, "end_s": 2}]}',
            "event 1: start_s must be 0 or more and before end_s",
        ),
    ],
)
def test_a_line_that_is_no_example_is_named(line: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "examples.jsonl").write_text(line)
    with pytest.raises(InputError, match=said):
        list(read_lines(tmp_path / "examples.jsonl"))


@pytest.mark.parametrize("samples", [np.zeros((0, 1)), np.full((50, 1), np.nan)])
def test_a_recording_without_sound_is_named(samples: Any, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.wav", samples, 100, subtype="FLOAT")
    with pytest.raises(InputError, match=r"none\.wav: has no samples, or some that are no numbers"):
        read_audio(tmp_path / "none.wav", 100, 2)


def test_what_caching_lacks_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [part for name in ("--tokenizer", "--text-encoder", "--codec") for part in (name, str(tmp_path))]
    common = [str(TINY), str(write_examples(tmp_path)), "--out", str(tmp_path / "shards")]
    assert main([*common, *folders, "--audio-encoder", str(tmp_path / "no")]) == 2
    assert "no: is no folder" in capsys.readouterr().err
    assert main([*common, *folders]) == 2
    assert "cache: a network can't be read" in capsys.readouterr().err
    (tmp_path / "shards").mkdir(exist_ok=True)
    (tmp_path / "shards/00003.safetensors").touch()
    assert main([*common, *folders]) == 2
    assert "has shards already" in capsys.readouterr().err


def test_codec_turns_samples_into_latents_and_back() -> None:
    codec = Oobleck(OOBLECK).eval()
    samples = torch.randn(1, 61, 2)
    latents = codec.encode(samples)
    assert latents.shape == (1, 8, 4)
    assert torch.equal(codec.encode(samples), latents)
    assert codec.decode(latents).shape == (1, 64, 2)
    assert codec.decode(latents, duration_s=0.61).shape == (1, 61, 2)
