"""The released checkpoint's files make a model that tells a story: here with some thousand weights."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from diegetic.errors import Failure
from diegetic.model.audiostory import AudioStory
from diegetic.model.config import LlmConfig, ModelConfig
from diegetic.model.convert import convert
from diegetic.model.placement import Placement
from diegetic.model.release_files import find_release, fitted
from diegetic.model.released import load_network, load_storyteller, plan_encoder
from diegetic.model.special_tokens import AUDIOSTORY
from made_up import STATE, released_state
from tiny_llm import tiny_tokenizer
from tiny_release import RANK, tiny_config, tiny_model, write_release

CPU = torch.device("cpu")
FLOAT32 = Placement(CPU, CPU, torch.float32, torch.float32)
BFLOAT16 = Placement(CPU, CPU, torch.bfloat16, torch.bfloat16)


@pytest.fixture
def config() -> ModelConfig:
    return tiny_config()


@pytest.fixture
def model(config: ModelConfig) -> AudioStory:
    return tiny_model(config)


@pytest.fixture
def folder(config: ModelConfig, model: AudioStory, tmp_path: Path) -> Path:
    return write_release(tmp_path / "ckpt", config, released_state(model, RANK))


def quiet(text: str, share: float) -> None:
    assert text
    assert 0 <= share <= 1


@pytest.mark.parametrize("converted", [False, True])
def test_the_network_has_the_released_weights(
    converted: bool, config: ModelConfig, model: AudioStory, folder: Path, tmp_path: Path
) -> None:
    if converted:
        folder = convert(config, folder, tmp_path / "converted", torch.float32, quiet).folder
    network = load_network(config, find_release(folder), FLOAT32)
    model.set_null()
    for name, weight in model.state_dict().items():
        if not name.startswith("text_encoder."):
            torch.testing.assert_close(network.state_dict()[name], weight, atol=1e-5, rtol=1e-5, msg=name)
    assert network.text_encoder is None
    assert not any(weight.is_meta for weight in [*network.parameters(), *network.buffers()])
    assert network.llm.get_output_embeddings().weight is network.llm.get_input_embeddings().weight


def test_a_converted_release_is_safetensors_in_bfloat16_with_its_origin(
    config: ModelConfig, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diegetic.model.convert.SHARD_BYTES", 20_000)
    done = convert(config, folder, tmp_path / "converted", torch.bfloat16, quiet)
    names = {path.name for path in done.folder.iterdir()}
    shards = sorted(name for name in names if name.startswith("model-"))
    assert len(shards) > 2
    assert names == {*shards, "model.safetensors.index.json", "vae.safetensors", "tokenizer.json", "origin.json"}
    stored = {name: weight for shard in shards for name, weight in load_file(done.folder / shard).items()}
    assert len(stored) == done.weights
    types = {name.split(".")[0]: weight.dtype for name, weight in stored.items()}
    assert types["llm"] == torch.bfloat16
    assert types["null"] == torch.float32
    assert stored["flow.transformer.proj_out.weight"].dtype == torch.bfloat16


@pytest.mark.parametrize("placement", [FLOAT32, BFLOAT16, replace(FLOAT32, llm=torch.bfloat16)])
def test_it_plans_draws_and_sounds(placement: Placement, config: ModelConfig, folder: Path) -> None:
    teller = load_storyteller("tiny", "digest", config, folder, placement)
    assert teller.sample_rate == 100
    memory = teller.begin("a storm", 20)
    told = list(teller.plan(memory))
    assert sum(planned.event.duration_s for planned in told) == pytest.approx(20)
    event = replace(told[0].event, duration_s=3.0)
    steps: list[int] = []
    latents = teller.imagine(told[0].condition, event, 5, None, lambda done, total: steps.append(done))
    samples = teller.decode(latents, told[0].condition, event, 5)
    assert samples.shape == (300, 2)
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert samples.any()
    assert steps == list(range(config.sampler.steps + 1))


def test_all_of_the_network_is_where_it_is_placed(config: ModelConfig, folder: Path) -> None:
    """A graph of a token can't be recorded where a tensor comes from the host."""
    place = torch.device("meta")
    network = load_network(config, find_release(folder), Placement(place, place))
    assert [name for name, each in [*network.named_parameters(), *network.named_buffers()] if not each.is_meta] == []


def test_bfloat16_draws_nearly_what_float32_draws(config: ModelConfig, folder: Path) -> None:
    files = find_release(folder)
    latents, condition = torch.randn(1, 7, 4), torch.randn(1, 3, 16)
    rest = (torch.tensor([0.98]), condition, torch.tensor([4.0]))
    exact = load_network(config, files, FLOAT32).flow(latents, *rest)
    rounded = load_network(config, files, BFLOAT16).flow(latents, *rest)
    assert float((rounded.float() - exact).abs().max()) < 0.05 * float(exact.abs().max())


@pytest.mark.parametrize("name", [STATE, "Flux_detokenizer/model.safetensors", "Qwen2.5-3B-Instruct/tokenizer.json"])
def test_a_missing_file_is_named(name: str, config: ModelConfig, folder: Path) -> None:
    (folder / name).unlink()
    with pytest.raises(Failure, match="is missing; put the model's files there"):
        load_storyteller("tiny", "digest", config, folder, FLOAT32)


@pytest.mark.parametrize("name", [STATE, "Flux_detokenizer/model.safetensors"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.999])
def test_a_file_that_was_cut_off_is_refused(name: str, kept: float, config: ModelConfig, folder: Path) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(Failure, match=r"is damaged or cut off.*copy it again"):
        load_storyteller("tiny", "digest", config, folder, FLOAT32)


def test_a_tokenizer_that_is_none_is_refused(config: ModelConfig, folder: Path) -> None:
    (folder / "Qwen2.5-3B-Instruct/tokenizer.json").write_text("{}")
    with pytest.raises(Failure, match=r"tokenizer\.json: is no tokenizer"):
        load_storyteller("tiny", "digest", config, folder, FLOAT32)


class Trap:
    """What a pickle does when it is opened carelessly."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (Path("sprung"),)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"weight": Trap()}, "holds more than weights, so it isn't opened"),
        ({"module": {"a": torch.zeros(2)}}, "must be a flat state dict of tensors, got 'module' with a dict"),
        ([torch.zeros(2)], "must be a flat state dict of tensors, got a list"),
        ({}, "must be a flat state dict of tensors, got none"),
        ({"unet.conv_in.weight": torch.zeros(2)}, "unet.conv_in.weight is no weight of AudioStory"),
    ],
)
def test_a_pickle_that_is_not_weights_is_refused(
    content: object, said: str, config: ModelConfig, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    torch.save(content, folder / STATE)
    with pytest.raises(Failure, match=said):
        load_network(config, find_release(folder), FLOAT32)
    assert not (folder / "sprung").exists()


def test_a_plain_pickle_is_refused(config: ModelConfig, folder: Path) -> None:
    (folder / STATE).write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(
        Failure, match=r"no checkpoint that torch saved since its version 1\.6 \(it is no zip archive\); copy"
    ):
        load_network(config, find_release(folder), FLOAT32)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("seedx.projector.0.weight"), r"1 weights are missing, semantic\.0\.weight"),
        (lambda state: state.pop("tangoflux.fc.0.bias"), r"1 weights are missing, flow\.fc\.0\.bias"),
        (lambda state: state.pop(next(k for k in state if "lora_B" in k)), "lacks its other half or its layer"),
        (lambda state: state.update({"seedx.projector.4.weight": torch.zeros(2)}), r"unexpected, semantic\.4\.weight"),
        (lambda state: state.update({"multihead_attention.out_proj.bias": torch.zeros(3)}), "does the preset fit it"),
        (
            lambda state: state.update({"seedx.llm.model.norm.weight": torch.zeros(32)}),
            "which are the same weight",
        ),
        (lambda state: [state.pop(k) for k in list(state) if "text_encoder" in k], "has no text encoder"),
    ],
)
def test_a_missing_or_unexpected_weight_is_named(
    change: Callable[[dict[str, Any]], object], said: str, config: ModelConfig, model: AudioStory, tmp_path: Path
) -> None:
    state = released_state(model, RANK)
    change(state)
    folder = write_release(tmp_path / "ckpt", config, state)
    with pytest.raises(Failure, match=said):
        load_network(config, find_release(folder), FLOAT32)


def test_a_shard_that_its_index_names_must_be_there_and_whole(
    config: ModelConfig, folder: Path, tmp_path: Path
) -> None:
    converted = convert(config, folder, tmp_path / "converted", torch.bfloat16, quiet).folder
    shard = next(converted.glob("model-*.safetensors"))
    whole = load_file(shard)
    save_file({name: weight for name, weight in whole.items() if name != "null"}, shard)
    with pytest.raises(Failure, match="lacks null, which its index names"):
        load_network(config, find_release(converted), FLOAT32)
    shard.unlink()
    with pytest.raises(Failure, match=f"{shard.name}: is missing"):
        load_network(config, find_release(converted), FLOAT32)


def test_a_text_encoder_of_its_own_is_taken_where_the_state_dict_has_none(
    config: ModelConfig, model: AudioStory, tmp_path: Path
) -> None:
    state = {name: weight for name, weight in released_state(model, RANK).items() if "text_encoder" not in name}
    folder = write_release(tmp_path / "ckpt", config, state)
    model.text_encoder.save_pretrained(folder / "flan-t5-large")
    model.set_null()
    torch.testing.assert_close(load_network(config, find_release(folder), FLOAT32).null, model.null)


def test_numbers_that_only_the_release_knows_count_over_the_preset(
    config: ModelConfig, folder: Path, tmp_path: Path
) -> None:
    text = (folder / "audiostory-3B/config.yaml").read_text()
    (folder / "audiostory-3B/config.yaml").write_text(
        text.replace("num_aud_out_tokens: 2", "num_aud_out_tokens: 5") + "agent_model:\n  t5_feature_scale: 7\n"
    )
    assert fitted(config, find_release(folder)).bridge == replace(config.bridge, residual=5, feature_scale=7.0)
    converted = convert(config, folder, tmp_path / "converted", torch.bfloat16, quiet).folder
    assert fitted(config, find_release(converted)).bridge == replace(config.bridge, residual=5, feature_scale=7.0)


def test_an_output_layer_that_is_not_tied_must_be_there(config: ModelConfig, folder: Path) -> None:
    state = torch.load(folder / STATE)
    torch.save({name: weight for name, weight in state.items() if "lm_head" not in name}, folder / STATE)
    load_network(config, find_release(folder), FLOAT32)
    untied = replace(config, llm=LlmConfig(config={**config.llm.config, "tie_word_embeddings": False}))
    with pytest.raises(Failure, match=r"1 weights are missing, llm\.lm_head\.weight"):
        load_network(untied, find_release(folder), FLOAT32)


def test_the_612_tokens_are_added_where_the_vocabulary_has_room_for_them(config: ModelConfig) -> None:
    plain = tiny_tokenizer()
    known: set[str] = set(AUDIOSTORY) & set(plain.get_vocab())
    room = len(plain) + len(AUDIOSTORY)
    encoder = plan_encoder(plain, replace(config, llm=LlmConfig(vocabulary=room, config={"model_type": "qwen2"})))
    assert len(encoder.tokenizer) == room - len(known)


def test_folders_that_are_linked_to_are_looked_into(config: ModelConfig, folder: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    for part in folder.iterdir():
        (linked / part.name).symlink_to(part)
    (linked / "itself").symlink_to(linked)
    assert find_release(linked).weights == linked / STATE
    load_network(config, find_release(linked), FLOAT32)


@pytest.mark.parametrize("name", ["pytorch_model.bin.index.json", "model.safetensors.index.json"])
def test_a_checkpoint_in_parts_is_told(name: str, config: ModelConfig, folder: Path, tmp_path: Path) -> None:
    (folder / STATE).rename(folder / STATE.replace("model.bin", "model-00001-of-00001.bin"))
    (folder / STATE).with_name(name).write_text("{}")
    with pytest.raises(Failure, match=f"{name}: is of a checkpoint in parts; put it together as one file"):
        find_release(folder)
    if name.startswith("model"):
        for other in ("vae.safetensors", "tokenizer.json"):
            (folder / "audiostory-3B" / other).touch()
        with pytest.raises(Failure, match="is of a checkpoint in parts"):
            convert(config, folder / "audiostory-3B", tmp_path / "converted", torch.bfloat16, quiet)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no num_t5_out_tokens; copy it again"),
        ("num_t5_out_tokens: 3", "has no num_aud_out_tokens"),
        ("num_t5_out_tokens: 0\nnum_aud_out_tokens: 2", r"must be a whole number, 1\.\.1000, got 0"),
        ("num_t5_out_tokens: 2.5\nnum_aud_out_tokens: 2", r"got 2\.5"),
        ("num_t5_out_tokens: .inf\nnum_aud_out_tokens: 2", "got inf"),
        ("num_t5_out_tokens: 3\nnum_aud_out_tokens: 2\nt5_feature_scale: 0", "must be a number above 0, got 0"),
        ("a: &a [*a]", "holds itself"),
    ],
)
def test_numbers_that_cannot_be_a_releases_are_refused(text: str, said: str, config: ModelConfig, folder: Path) -> None:
    (folder / "audiostory-3B/config.yaml").write_text(text)
    with pytest.raises(Failure, match=said):
        fitted(config, find_release(folder))


LAYER = "seedx.llm.base_model.model.model.layers.0.self_attn.q_proj"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({1: torch.zeros(2)}, "got the name 1"),
        ({"multihead_attention.out_proj.bias": torch.zeros(16).to_sparse()}, "with a torch.sparse_coo cpu tensor"),
        ({"multihead_attention.out_proj.bias": torch.zeros(16, device="meta")}, "with a torch.strided meta tensor"),
        ({"multihead_attention.out_proj.bias": torch.zeros(16, dtype=torch.int8)}, r"floating point, got torch\.int8"),
        ({f"{LAYER}.lora_A.default.weight": torch.zeros(3, 32)}, r"must be \[4, 32\] .* got \[3, 32\] and \[32, 4\]"),
        ({f"{LAYER}.weight": torch.zeros(32)}, r"must be \[4, 0\]"),
    ],
)
def test_a_weight_of_another_kind_is_named(
    change: dict[str, Any], said: str, config: ModelConfig, model: AudioStory, tmp_path: Path
) -> None:
    folder = write_release(tmp_path / "ckpt", config, released_state(model, RANK) | change)
    with pytest.raises(Failure, match=said):
        load_network(config, find_release(folder), FLOAT32)


def test_a_quantised_release_is_refused(config: ModelConfig, folder: Path) -> None:
    eighths = {name: weight.to(torch.float8_e4m3fn) for name, weight in torch.load(folder / STATE).items()}
    save_file(eighths, (folder / STATE).with_name("model.safetensors"))
    (folder / STATE).unlink()
    with pytest.raises(Failure, match="is of type F8_E4M3; give a release that isn't quantised"):
        load_network(config, find_release(folder), FLOAT32)


@pytest.mark.parametrize("value", [float("nan"), 3.4e38])
def test_weights_that_are_no_numbers_are_not_converted(
    value: float, config: ModelConfig, folder: Path, tmp_path: Path
) -> None:
    state = torch.load(folder / STATE)
    state[f"{LAYER}.weight"][0, 0] = value
    torch.save(state, folder / STATE)
    with pytest.raises(Failure, match=r"q_proj\.weight has values that aren't finite in torch\.bfloat16"):
        convert(config, folder, tmp_path / "converted", torch.bfloat16, quiet)
    assert not (tmp_path / "converted/model.safetensors.index.json").exists()


def test_a_codec_of_no_numbers_is_not_converted(config: ModelConfig, folder: Path, tmp_path: Path) -> None:
    path = folder / "Flux_detokenizer/model.safetensors"
    save_file({name: weight * torch.nan for name, weight in load_file(path).items()}, path)
    with pytest.raises(Failure, match=r"model\.safetensors: .* has values that aren't finite"):
        convert(config, folder, tmp_path / "converted", torch.bfloat16, quiet)
