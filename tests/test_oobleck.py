"""The neural codec in chunks: the same samples, the first of them early."""

import pytest
import torch

from diegetic.model.config import OobleckConfig
from diegetic.model.oobleck import Oobleck

SMALL = OobleckConfig(8, (2, 4, 4, 8, 8), (1, 1, 1, 1, 1), 4, 4, 2, 44_100)


@pytest.fixture(scope="module")
def codec() -> Oobleck:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Oobleck(SMALL).eval()


@pytest.mark.parametrize("chunk", [1, 7, 16, 40, 100])
def test_chunks_join_to_what_is_decoded_at_once(codec: Oobleck, chunk: int) -> None:
    latents = torch.randn(2, 40, 4)
    whole, chunks = codec.decode(latents), list(codec.decode_chunks(latents, chunk))
    assert len(chunks) == -(-40 // chunk)
    assert chunks[0].shape[1] == min(chunk, 40) * codec.hop
    torch.testing.assert_close(torch.cat(chunks, dim=1), whole, atol=1e-5, rtol=1e-4)


def test_no_smaller_reach_would_do(codec: Oobleck, monkeypatch: pytest.MonkeyPatch) -> None:
    assert codec.reach == 10
    latents = torch.randn(1, 40, 4)
    monkeypatch.setattr(codec, "reach", 4)
    joined = torch.cat(list(codec.decode_chunks(latents, 16)), dim=1)
    assert float((joined - codec.decode(latents)).abs().max()) > 1e-5
