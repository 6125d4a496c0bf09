"""Every stage of the paper's training, on a model of some thousand weights."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from diegetic.model.audiostory import AudioStory
from diegetic.model.config import LlmConfig, LoraConfig, read_config
from diegetic.model.lora import add_lora, merge_lora
from diegetic.model.quantised import write_quantised
from diegetic.model.training import Trainer
from diegetic.model.training_data import Kind, Shards, collate, draw
from tiny_training import ENCODER, TINY, question, story, trainer, write_shards
from train import build_model, main


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A folder with four stories and two questions."""
    return write_shards(tmp_path / "data")


@pytest.mark.parametrize("stage", ["warm", "whole", "understanding", "long"])
def test_every_loss_of_a_stage_falls(stage: str, shards: Path) -> None:
    training = trainer(stage, shards)
    history = [training.step() for _ in range(training.stage.steps)]
    for name in history[0]:
        first, last = (sum(said[name] for said in some) / 5 for some in (history[:5], history[-5:]))
        assert last < 0.97 * first, f"{name} went from {first:.3f} to {last:.3f}"


@pytest.mark.parametrize(
    ("stage", "open_parts"),
    [("warm", {"lora", "semantic"}), ("understanding", {"lora", "semantic", "listener", "embed_tokens"})],
)
def test_a_stage_changes_its_own_parts_and_no_other_bit(stage: str, open_parts: set[str], shards: Path) -> None:
    training = trainer(stage, shards)
    before = {name: weight.clone() for name, weight in training.model.named_parameters()}
    for _ in range(2):
        training.step()
    for name, weight in training.model.named_parameters():
        is_open = any(part in name for part in open_parts)
        assert torch.equal(weight, before[name]) != is_open, name
        assert is_open or weight.grad is None, name


@pytest.mark.parametrize("flow", [0.2, 0.0])
def test_residual_queries_are_taught_by_the_flow_alone(flow: float, shards: Path) -> None:
    training = trainer("whole", shards)
    training.stage = replace(training.stage, weights=replace(training.stage.weights, flow=flow))
    transformer = training.model.flow.transformer
    for start in (transformer.proj_out, transformer.norm_out.linear, training.model.fusion.attention.out_proj):
        nn.init.normal_(start.weight)
    training.step()
    gradients = [weight.grad for weight in training.model.residual.parameters()]
    assert all(gradient is not None and gradient.any() for gradient in gradients) == (flow > 0)


@pytest.mark.parametrize("stage", ["whole", "understanding"])
def test_a_resumed_training_ends_in_the_same_bits(stage: str, shards: Path, tmp_path: Path) -> None:
    straight, stopped = trainer(stage, shards), trainer(stage, shards)
    for _ in range(5):
        straight.step()
    for _ in range(3):
        stopped.step()
    stopped.save(tmp_path / "stopped.safetensors")
    torch.manual_seed(77)
    resumed = trainer(stage, shards, seed=5)
    resumed.resume(tmp_path / "stopped.safetensors")
    for _ in range(2):
        resumed.step()
    for name, weight in straight.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], weight), name


def test_micro_batches_learn_what_the_batch_learns(shards: Path) -> None:
    config = read_config(TINY)
    gradients = []
    for micro in (0, 1):
        model = build_model(config, TINY.parent, None, 0)
        for part in model.llm.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
        stage = replace(config.training["understanding"], micro_batch=micro, clip_norm=1e9)
        training = Trainer(model, "understanding", stage, Shards(shards), 0, torch.float32)
        training.step()
        gradients.append([weight.grad for weight in model.semantic.parameters()])
    torch.testing.assert_close(gradients[0], gradients[1], atol=1e-5, rtol=1e-3)


def test_one_stage_goes_on_from_the_weights_of_another(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    common = ["--data", str(shards), "--out", str(out), "--device", "cpu"]
    assert main([str(TINY), "--stage", "warm", *common]) == 0
    assert main([str(TINY), "--stage", "understanding", *common, "--weights", str(out / "warm.safetensors")]) == 0
    assert "understanding 30/30  semantic" in capsys.readouterr().out
    network = load_file(out / "weights.safetensors")
    assert not any("lora" in name for name in network)
    model = AudioStory(read_config(TINY))
    missing, unexpected = model.load_state_dict(network, strict=False)
    assert missing == ["llm.lm_head.weight"]  # tied
    assert not unexpected
    assert main([str(TINY), "--stage", "whole", *common, "--weights", str(out / "weights.safetensors")]) == 0


def test_the_null_condition_comes_with_the_data(shards: Path) -> None:
    save_file({"null": torch.full((1, 3, 16), 0.5)}, shards / "null.safetensors")
    assert bool((trainer("warm", shards).model.null == 0.5).all())


def test_tokens_are_what_they_are_called() -> None:
    example = story(1)
    said = {kind: ENCODER.tokenizer.decode(example.ids[example.kinds == kind].tolist()) for kind in Kind}
    assert said[Kind.REASONING] == "two sounds<|/think|>"
    assert said[Kind.MARKER] == "<t5></t5><aud></aud><|/gen|>" * 2
    assert "<|gen|>rain 1<timestamp>bed 0-6</timestamp><|gen|>a bell" in said[Kind.CAPTION]
    assert said[Kind.CAPTION].endswith("</timestamp><|im_end|>")
    assert said[Kind.GIVEN].endswith("<t5_00000><t5_00001><t5_00002><aud_00000><aud_00001>")
    for start in example.semantic_at.tolist():
        assert ENCODER.tokenizer.decode(example.ids[start : start + 3].tolist()) == "<t5_00000><t5_00001><t5_00002>"


def test_an_example_is_the_same_from_its_shard(shards: Path) -> None:
    read = Shards(shards)
    assert (len(read.stories), len(read.questions)) == (4, 2)
    assert torch.equal(read.stories[2].latents, story(2).latents)
    heard = read.questions[1].heard
    assert heard is not None
    assert torch.equal(heard, torch.ones(9, 6))


def test_each_epoch_draws_every_example_once() -> None:
    examples = [story(number) for number in range(5)]
    drawn = [int(example.targets[0, 0, 0] * 1e6) for step in range(5) for example in draw(examples, 2, step, seed=3)]
    assert sorted(drawn[:5]) == sorted(drawn[5:])
    assert len(set(drawn)) == 5
    assert drawn[:5] != drawn[5:]


def test_events_of_a_batch_know_their_story() -> None:
    batch = collate([question(0), story(1), story(2)])
    assert batch.event_row.tolist() == [1, 1, 2, 2]
    assert batch.targets.shape == (4, 3, 16)
    assert batch.heard_row.tolist() == [0]


def test_lora_starts_as_nothing_and_merges_into_the_same_layer() -> None:
    net = nn.Sequential()
    net.add_module("q_proj", nn.Linear(6, 5))
    x = torch.randn(3, 6)
    before = net(x)
    assert add_lora(net, LoraConfig(rank=2, alpha=1.0, dropout=0.0)) == 1
    torch.testing.assert_close(net(x), before)
    nn.init.normal_(net.q_proj.lora_B.weight)  # type: ignore[union-attr, arg-type]
    learned = net(x)
    assert not torch.allclose(learned, before)
    merge_lora(net)
    torch.testing.assert_close(net(x), learned)
    assert set(net.state_dict()) == {"q_proj.weight", "q_proj.bias"}


def test_training_starts_from_the_llm_in_the_box(tmp_path: Path) -> None:
    config = read_config(TINY)
    boxed = AudioStory(config).llm
    boxed.config.save_pretrained(tmp_path / "box")
    weights = {name: weight for name, weight in boxed.state_dict().items() if name != "lm_head.weight"}  # tied
    write_quantised(weights, tmp_path / "box", "llm")
    model = build_model(replace(config, lora=None, llm=LlmConfig(folder="box")), tmp_path, None, seed=3)
    for name, weight in boxed.state_dict().items():
        assert torch.allclose(model.llm.state_dict()[name], weight, atol=0.02), name


def test_activations_that_are_computed_again_teach_the_same(shards: Path) -> None:
    kept, again = trainer("whole", shards), trainer("whole", shards)
    stage = replace(again.stage, gradient_checkpointing=True)
    again = Trainer(again.model, "whole", stage, Shards(shards), 0, torch.float32)
    for _ in range(3):
        assert kept.step() == pytest.approx(again.step(), rel=1e-5)
    for (name, weight), other in zip(kept.model.named_parameters(), again.model.parameters(), strict=True):
        torch.testing.assert_close(weight, other, atol=1e-5, rtol=1e-4, msg=name)
    assert again.model.llm.get_decoder().gradient_checkpointing or any(
        getattr(layer, "gradient_checkpointing", False) for layer in again.model.llm.modules()
    )


@pytest.mark.real
def test_two_real_processes_learn_what_one_does(shards: Path, tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    config = tmp_path / "tiny.toml"
    text = TINY.read_text().replace(
        "[training.long]\nsteps = 40\nbatch = 4", "[training.long]\nsteps = 6\nbatch = 4\nmicro_batch = 2"
    )
    config.write_text(text)
    script = Path(__file__).parents[1] / "scripts" / "train.py"
    said = {}
    for count in (1, 2):
        out = tmp_path / str(count)
        launched = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count), "--standalone"]
        command = [*launched, str(script), str(config), "--stage", "long", "--data", str(shards), "--out", str(out)]
        done = subprocess.run(
            [*command, "--device", "cpu", "--losses", str(out / "log.csv"), "--save-every", "3"],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        said[count] = (out / "log.csv").read_text().splitlines()
        assert done.stdout.count("long 6/6") == 1
        assert ("long on 2 processes" in done.stdout) == (count == 2)
    losses = {count: [float(line.rpartition(",")[2]) for line in lines] for count, lines in said.items()}
    assert losses[2] == pytest.approx(losses[1], rel=1e-4)
    one, two = (load_file(tmp_path / str(count) / "weights.safetensors") for count in (1, 2))
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, atol=1e-5, rtol=1e-4, msg=name)
