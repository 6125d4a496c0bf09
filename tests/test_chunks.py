"""Chunks of tokens in float32: as near to the exact product as bfloat16 is, and nothing else changed."""

import pytest
import torch
from torch import nn

from diegetic.model import chunks
from diegetic.model.chunks import FEWEST, ChunkedLinear, read_in_chunks


@pytest.fixture(autouse=True)
def no_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "has_bfloat16", lambda: False)


def llm(dtype: torch.dtype) -> nn.Sequential:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(64, 96, bias=False), nn.SiLU(), nn.Linear(96, 64)).to(dtype)


@pytest.mark.parametrize("tokens", [1, FEWEST - 1, FEWEST, 40])
@torch.inference_mode()
def test_a_chunk_comes_out_as_it_would_in_bfloat16(tokens: int) -> None:
    layers = llm(torch.bfloat16)
    inputs = torch.randn(1, tokens, 64).bfloat16()
    before = layers(inputs)
    read_in_chunks(layers)
    assert isinstance(layers[0], ChunkedLinear) and isinstance(layers[2], ChunkedLinear)
    after = layers(inputs)
    assert after.dtype == torch.bfloat16
    torch.testing.assert_close(after, before, rtol=0.02, atol=0.01)


@torch.inference_mode()
def test_a_chunk_is_as_exact_as_its_rounding() -> None:
    layers = llm(torch.bfloat16)
    read_in_chunks(layers)
    inputs = torch.randn(1, 40, 64).bfloat16()
    exact = nn.functional.linear(inputs.double(), layers[0].weight.double())
    torch.testing.assert_close(layers[0](inputs).double(), exact.bfloat16().double(), rtol=2**-7, atol=1e-6)


def test_a_cpu_with_bfloat16_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "has_bfloat16", lambda: True)
    layers = llm(torch.bfloat16)
    read_in_chunks(layers)
    assert type(layers[0]) is nn.Linear


def test_layers_in_float32_are_left_alone() -> None:
    layers = llm(torch.float32)
    read_in_chunks(layers)
    assert type(layers[0]) is nn.Linear


@torch.inference_mode()
def test_one_token_needs_no_chunk_around_it() -> None:
    layers = llm(torch.bfloat16)
    token = torch.randn(64).bfloat16()
    before = layers(token)
    read_in_chunks(layers)
    assert torch.equal(layers(token), before)
