"""What a training takes before it begins, and what it does not begin with."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from diegetic.errors import InputError
from diegetic.model.audiostory import build_llm, build_text_encoder
from diegetic.model.config import LlmConfig, TextEncoderConfig, read_config
from diegetic.model.memory_plan import Shape, plan_memory
from diegetic.model.training import Trainer
from diegetic.model.training_data import Shards, write_shard
from tiny_training import TINY, question, story, trainer, write_shards
from train import main


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder with four stories and two questions."""
    return write_shards(tmp_path / "data")


def test_what_cannot_be_trained_is_one_sentence(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = [str(TINY), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main([*common, "--stage", "wram", "--data", str(shards)]) == 2
    assert "did you mean 'warm'" in capsys.readouterr().err
    assert main([*common, "--stage", "warm", "--data", str(tmp_path / "none")]) == 2
    assert "has no shard" in capsys.readouterr().err
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(b"?")
    assert main([*common, "--stage", "warm", "--data", str(shards), "--weights", str(damaged)]) == 2
    assert "isn't a checkpoint" in capsys.readouterr().err


def test_a_stage_without_its_examples_is_refused(tmp_path: Path) -> None:
    write_shard(tmp_path / "0.safetensors", [story(0)])
    with pytest.raises(InputError, match="add stories or questions"):
        trainer("understanding", tmp_path)


def test_a_checkpoint_of_another_stage_is_no_place_to_go_on_from(shards: Path, tmp_path: Path) -> None:
    trainer("warm", shards).save(tmp_path / "warm.safetensors")
    with pytest.raises(InputError, match="is of stage warm, not long"):
        trainer("long", shards).resume(tmp_path / "warm.safetensors")


def test_a_dry_run_says_what_a_stage_takes_without_taking_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(
            [
                "--preset",
                "audiostory-3b",
                "--stage",
                "whole",
                "--dry-run",
                "--processes",
                "16",
                "--tokens",
                "64",
                "--events",
                "1",
            ]
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "stage whole: 900 of 3682 M weights are trained" in said
    assert "   14.73 GB  weights, float32" in said
    assert "    3.60 GB  gradients" in said
    assert "    7.20 GB  AdamW" in said
    assert "16 processes: 16 examples each in a step, 8 at once" in said
    assert main(["--preset", "audiostory-3b", "--stage", "whol", "--dry-run"]) == 2
    assert "did you mean 'whole'" in capsys.readouterr().err


def test_checkpointing_keeps_less(tmp_path: Path) -> None:
    config = read_config(TINY)
    again = replace(config.training["whole"], gradient_checkpointing=True)
    sparing = replace(config, training={"whole": again})
    shape = Shape(tokens=40, events=2)
    kept, less = plan_memory(config, "whole", shape), plan_memory(sparing, "whole", shape)
    assert 0 < less.activations < 0.7 * kept.activations
    assert less.weights == kept.weights == 4 * sum(count for count, _ in kept.parts.values())
    assert kept.total == kept.weights + kept.gradients + kept.optimiser + kept.activations


def test_a_dry_run_of_the_model_in_the_box_finds_its_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--preset", "pocket", "--dry-run", "--tokens", "64", "--events", "1"]) == 0
    assert "1 process: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "train: which model?"),
        (["--preset", "nothing", "--stage", "a", "--dry-run"], "unknown preset 'nothing'; known: audioldm2, "),
        ([str(TINY)], "train: which stage? give --stage; known: "),
        ([str(TINY), "--stage", "long"], "train: needs --data and --out"),
        ([str(TINY), "--dry-run", "--processes", "0"], "--processes: must be 1 or more, got 0"),
    ],
)
def test_a_training_that_lacks_something_is_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_folder_of_an_llm_that_is_missing_is_looked_for_on_no_hub(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere: no such folder"):
        build_llm(LlmConfig(folder="nowhere"), tmp_path)
    with pytest.raises(InputError, match="nowhere: no such folder"):
        build_text_encoder(TextEncoderConfig(folder="nowhere"), tmp_path)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"targets": torch.zeros(2, 3, 8)}, r"targets must be \[3, 16\] for this model, got \[3, 8\]"),
        ({"latents": torch.zeros(2, 10, 7)}, r"latents must be \[10, 4\] for this model, got \[10, 7\]"),
        ({"latents": torch.zeros(2, 12, 4)}, r"latents must be \[10, 4\] for this model, got \[12, 4\]"),
        ({"ids": story(0).ids + 5_000}, "is beyond the LLM's 320"),
    ],
)
def test_shards_of_another_model_are_one_sentence(wrong: dict[str, Any], said: str, shards: Path) -> None:
    write_shard(shards / "9.safetensors", [replace(story(4), **wrong)])
    with pytest.raises(InputError, match=said):
        trainer("whole", shards)


@pytest.mark.parametrize("heard", [torch.zeros(9, 8), torch.zeros(7, 6)])
def test_recordings_heard_by_another_encoder_are_one_sentence(heard: Any, shards: Path) -> None:
    write_shard(shards / "9.safetensors", [replace(question(0), heard=heard)])
    with pytest.raises(InputError, match=r"heard must be \[9, 6\] for this model"):
        trainer("understanding", shards)


def test_a_null_condition_of_another_text_encoder_is_one_sentence(shards: Path) -> None:
    save_file({"null": torch.zeros(1, 3, 8)}, shards / "null.safetensors")
    with pytest.raises(InputError, match=r"null must be \[3, 16\]"):
        trainer("warm", shards)


def test_a_checkpoint_of_other_parts_is_no_place_to_go_on_from(shards: Path, tmp_path: Path) -> None:
    first = trainer("whole", shards)
    first.step()
    first.save(tmp_path / "whole.safetensors")
    rates = first.stage.rates
    for other in ({**rates, "listener": 1e-3}, dict(reversed(rates.items()))):
        stage = replace(first.stage, rates=other)
        again = Trainer(first.model, "whole", stage, Shards(shards), 0, torch.float32)
        with pytest.raises(InputError, match="trained lora, norms"):
            again.resume(tmp_path / "whole.safetensors")
