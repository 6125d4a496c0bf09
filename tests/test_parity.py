"""The engine computes the public reference's numbers; and says so when it doesn't."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from diegetic.errors import Failure
from diegetic.model.checkpoint_names import from_released, our_name
from diegetic.model.convert import convert
from diegetic.model.placement import Placement
from diegetic.model.release_files import find_release
from diegetic.model.released import load_network
from made_up import as_peft_leaves_it
from parity import compare, draw_weight, draw_weights, main, model_config, read_reference
from raw_reference import write_run
from tiny_release import RANK, tiny_config, write_release

CPU = torch.device("cpu")
SHARED = Path(os.environ.get("DIEGETIC_SHARED", Path(__file__).parents[2] / "shared"))
GOLDEN = SHARED / "goldens" / "reference_a.safetensors"


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """A copy of the recorded run, to damage."""
    if not GOLDEN.is_file():
        pytest.skip(f"needs the reference's numbers at {GOLDEN}; set DIEGETIC_SHARED")
    for path in (GOLDEN, GOLDEN.with_suffix(".json")):
        shutil.copyfile(path, tmp_path / path.name)
    return tmp_path / GOLDEN.name


def test_every_recorded_tensor_is_computed_again(golden: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(golden)]) == 0
    said = capsys.readouterr().out
    names = ["semantic", "residual", "fused", "latents.0", "latents.1", "latents.2", "train.loss", "concatenated"]
    assert all(f"  {name} " in said for name in names)


def test_the_recorded_weights_in_the_released_files_give_the_recorded_numbers(golden: Path, tmp_path: Path) -> None:
    reference = read_reference(golden)
    config = replace(model_config(reference), codec=tiny_config().codec)
    state = as_peft_leaves_it(draw_weights(reference), RANK)
    assert sum("lora_A.default" in name for name in state) == 14
    folder = write_release(tmp_path / "ckpt", config, state)
    converted = convert(config, folder, tmp_path / "converted", torch.float32, lambda text, share: None).folder
    for place in (folder, converted):
        network = load_network(config, find_release(place), Placement(CPU, CPU, torch.float32, torch.float32))
        assert max(compare(reference, network).values()) <= 1e-4


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"segments": 1, "num_residual_tokens": 1, "guidance": 1.0, "steps": 1, "salt": "other"},
        {"segments": 3, "durations": [0.0, 30.0, 4.2], "guidance": 7.5, "steps": 20, "t5_feature_scale": 1.0},
        {"guidance": 0.5, "qwen2": {"tie_word_embeddings": False, "num_hidden_layers": 3, "num_key_value_heads": 2}},
        {
            "flux": {"num_layers": 2, "num_attention_heads": 2, "audio_seq_len": 20, "max_duration": 20},
            "transition": 0.5,
        },
    ],
)
def test_any_size_is_computed_as_by_the_raw_networks(changed: dict[str, Any], tmp_path: Path) -> None:
    assert main([str(write_run(tmp_path / "run.safetensors", **changed))]) == 0


@pytest.mark.parametrize("name", ["semantic", "residual", "fused", "latents.1", "train.loss", "concatenated"])
def test_a_number_that_is_off_is_found(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run(tmp_path / "run.safetensors")
    tensors = load_file(run)
    tensors[name].view(-1)[-1] += 3e-4
    save_file(tensors, run)
    assert main([str(run)]) == 1
    assert capsys.readouterr().out.count("too far") == 1


@pytest.mark.parametrize("name", ["noise", "generated_ids", "train.timesteps"])
def test_a_run_that_lacks_a_tensor_is_one_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(tmp_path / "run.safetensors")
    tensors = load_file(run)
    del tensors[name]
    save_file(tensors, run)
    assert main([str(run)]) == 2
    error = capsys.readouterr().err
    assert name in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.safetensors", None, "no such file"),
        ("a.safetensors", b"not tensors", "isn't a safetensors file"),
        ("b.json", b"{", "must have a config"),
    ],
)
def test_a_missing_or_damaged_file_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None, said: str
) -> None:
    path = (tmp_path / name).with_suffix(".safetensors")
    if content is not None:
        path.write_bytes(b"")
        path.with_suffix(".json").write_text(json.dumps({"config": {}, "state_dict_shapes": {}}))
        (tmp_path / name).write_bytes(content)
    assert main([str(path)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_names_of_the_released_checkpoint_find_their_place() -> None:
    expected = {
        "seedx.llm.base_model.model.model.layers.3.mlp.up_proj.weight": "llm.model.layers.3.mlp.up_proj.weight",
        "seedx.llm.base_model.model.model.norm.modules_to_save.default.weight": "llm.model.norm.weight",
        "seedx.llm.base_model.model.model.norm.original_module.weight": None,
        "seedx.llm.base_model.model.lm_head.weight": "llm.lm_head.weight",
        "seedx.projector.0.weight": "semantic.0.weight",
        "seedx.audio_projector.2.bias": "residual.2.bias",
        "seedx.whisper_resampler_llava.aud_projector.2.weight": "listener.project.2.weight",
        "seedx.input_resampler.query": None,
        "multihead_attention.in_proj_weight": "fusion.attention.in_proj_weight",
        "tangoflux.duration_emebdder.time_positional_embedding.0.weights": "flow.duration.frequencies",
        "tangoflux.duration_emebdder.time_positional_embedding.1.bias": "flow.duration.project.bias",
        "tangoflux.fc.0.weight": "flow.fc.0.weight",
    }
    assert {name: our_name(name) for name in expected} == expected
    with pytest.raises(Failure, match="another model"):
        our_name("unet.conv_in.weight")


def test_lora_of_the_released_checkpoint_is_merged() -> None:
    layer = "seedx.llm.base_model.model.model.layers.0.mlp.up_proj"
    weight, down, up = torch.randn(6, 4), torch.randn(2, 4), torch.randn(6, 2)
    state = {f"{layer}.weight": weight, f"{layer}.lora_A.default.weight": down, f"{layer}.lora_B.default.weight": up}
    merged = from_released(state, lora_scale=0.5)
    assert list(merged) == ["llm.model.layers.0.mlp.up_proj.weight"]
    torch.testing.assert_close(merged["llm.model.layers.0.mlp.up_proj.weight"], weight + 0.5 * up @ down)
    del state[f"{layer}.lora_B.default.weight"]
    with pytest.raises(Failure, match="incomplete"):
        from_released(state)


def test_weights_are_drawn_by_the_rule_of_the_goldens() -> None:
    assert abs(float(draw_weight("a.weight", [200, 50], "").std()) - 50**-0.5) < 0.01
    assert abs(float(draw_weight("norm.weight", [500], "").mean()) - 1) < 0.01
    assert abs(float(draw_weight("x.weights", [500], "").std()) - 1) < 0.1
    assert abs(float(draw_weight("x.bias", [500], "").std()) - 0.02) < 0.005
    assert not torch.equal(draw_weight("x.bias", [5], ""), draw_weight("x.bias", [5], "salt"))
