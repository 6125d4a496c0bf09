"""The same networks in fewer launches: the same numbers, from fewer operations."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch
from torch import Tensor, nn

from diegetic.model.audiostory import AudioStory
from diegetic.model.fewer_launches import fuse_flow, fuse_norms
from gpu_work import launches
from tiny_llm import tiny_narrator
from tiny_shape import tiny


@pytest.fixture
def network() -> AudioStory:
    """Random weights, large enough that every part counts."""
    generator = torch.Generator().manual_seed(0)
    network = AudioStory(tiny()).eval().requires_grad_(False)
    for weight in network.parameters():
        weight.normal_(std=0.2, generator=generator)
    return network


def fused(network: AudioStory) -> AudioStory:
    found = deepcopy(network)
    fuse_flow(found.flow)
    fuse_norms(found.llm)
    return found


def step(network: AudioStory) -> Callable[[], Tensor]:
    """A denoise step of windows that differ in noise, noise level, condition and length."""
    config, generator = network.config, torch.Generator().manual_seed(1)
    latents = torch.randn(2, 9, config.transformer.in_channels, generator=generator)
    condition = torch.randn(2, config.bridge.semantic, config.bridge.feature_dim, generator=generator)
    return lambda: network.flow(latents, torch.tensor([0.3, 0.9]), condition, torch.tensor([4.0, 10.0]))


@torch.inference_mode()
def test_a_denoise_step_gives_the_same(network: AudioStory) -> None:
    found, told = step(fused(network))(), step(network)()
    torch.testing.assert_close(found, told, atol=1e-5, rtol=1e-4)
    assert told.std() > 0.1


@torch.inference_mode()
def test_in_bfloat16_it_is_no_further_from_what_is_exact(network: AudioStory) -> None:
    exact = step(network)()
    network.flow.transformer.bfloat16()
    network.flow.transformer.x_embedder.float()
    apart = [float((step(each)().float() - exact).norm() / exact.norm()) for each in (network, fused(network))]
    assert apart[1] < 1.1 * apart[0] < 0.1


@torch.inference_mode()
def test_the_llm_reads_the_same() -> None:
    for llm in (tiny_narrator().llm, AudioStory(tiny()).llm.eval()):
        ids = torch.tensor([[5, 6, 7, 8]])
        for part in llm.modules():
            if type(part).__name__.endswith("RMSNorm"):
                part.weight.copy_(torch.linspace(0.5, 1.5, len(part.weight)))
        network = AudioStory(tiny(), llm=llm)
        told = network.states(ids)
        fuse_norms(llm)
        assert not [part for part in llm.modules() if type(part).__name__ in ("Qwen2RMSNorm", "LlamaRMSNorm")]
        torch.testing.assert_close(network.states(ids), told, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_there_are_fewer_of_them(network: AudioStory) -> None:
    fewer = fused(network)
    assert launches(step(fewer)) < 0.9 * launches(step(network))
    ids = torch.tensor([[5]])
    assert launches(lambda: fewer.states(ids)) < 0.85 * launches(lambda: network.states(ids))


def test_nothing_is_kept_twice(network: AudioStory) -> None:
    def size(network: nn.Module) -> int:
        return sum(weight.numel() for weight in network.parameters())

    assert size(fused(network)) == size(network)
