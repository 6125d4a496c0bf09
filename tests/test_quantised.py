"""Weights in six bits: small, near enough, and whole or refused."""

from pathlib import Path

import pytest
import torch

from diegetic.errors import Failure
from diegetic.model import quantised
from diegetic.model.quantised import pack, read_quantised, unpack, write_quantised


def test_six_bits_keep_a_matrix_within_three_percent() -> None:
    weights = torch.randn(50, 128, generator=torch.Generator().manual_seed(0))
    packed, scales = pack(weights)
    assert packed.nbytes == weights.numel() * 3 // 4
    error = unpack(packed, scales, torch.float32) - weights
    assert error.square().mean().sqrt() < 0.03


def test_whole_numbers_in_range_come_back_exactly() -> None:
    weights = torch.arange(-31, 33).clamp(max=31).float()[None]
    assert torch.equal(unpack(*pack(weights), torch.float32), weights)


def test_a_state_comes_back_from_its_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantised, "SHARD_BYTES", 10_000)
    state = {f"{name}.weight": torch.randn(64, 128) for name in "abc"} | {"norm.weight": torch.ones(128)}
    write_quantised(state, tmp_path, "llm")
    assert len(list(tmp_path.glob("llm-*.safetensors"))) == 3
    again = read_quantised(tmp_path, "llm", torch.bfloat16)
    assert again.keys() == state.keys()
    assert torch.equal(again["norm.weight"], state["norm.weight"])
    assert again["a.weight"].dtype == torch.bfloat16


def test_missing_and_damaged_shards_are_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"llm-1\.safetensors"):
        read_quantised(tmp_path, "llm", torch.float32)
    write_quantised({"a": torch.randn(4, 64)}, tmp_path, "llm")
    path = tmp_path / "llm-1.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(Failure, match=r"llm-1\.safetensors: is damaged"):
        read_quantised(tmp_path, "llm", torch.float32)
