"""The neural codec in chunks: the same samples, the first of them early."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from diegetic.model.codec import Drawn
from diegetic.model.config import OobleckConfig
from diegetic.model.oobleck import CHUNK_FRAMES, FIRST_FRAMES, Oobleck, OobleckCodec
from diegetic.story import Event

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


def test_on_a_gpu_it_gives_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    Oobleck(SMALL)
    assert torch.backends.cudnn.deterministic


def test_it_is_warm_for_the_chunks_of_most_events(codec: Oobleck, monkeypatch: pytest.MonkeyPatch) -> None:
    warm, later = list[int](), list[int]()
    decode = codec.decode
    for lengths in (warm, later):
        monkeypatch.setattr(
            codec, "decode", lambda part, lengths=lengths: [lengths.append(part.shape[1]), decode(part)][1]
        )
        if lengths is warm:
            codec.warm_up()
        else:
            list(codec.decode_chunks(torch.zeros(1, 645, codec.channels), CHUNK_FRAMES, FIRST_FRAMES))
    assert set(later[:-1]) <= set(warm)


def test_no_smaller_reach_would_do(codec: Oobleck, monkeypatch: pytest.MonkeyPatch) -> None:
    assert codec.reach == 10
    latents = torch.randn(1, 40, 4)
    monkeypatch.setattr(codec, "reach", 4)
    joined = torch.cat(list(codec.decode_chunks(latents, 16)), dim=1)
    assert float((joined - codec.decode(latents)).abs().max()) > 1e-5


@pytest.mark.parametrize("slower", [0.01, 0.05, 10.0])
def test_samples_are_given_early_where_the_rest_is_decoded_before_they_are_over(
    codec: Oobleck, monkeypatch: pytest.MonkeyPatch, slower: float
) -> None:
    """slower: seconds to decode a second; the clock goes on by what each chunk would take."""
    clock, decode = [0.0], codec.decode

    def decoded(latents: torch.Tensor) -> torch.Tensor:
        samples = decode(latents)
        clock[0] += slower * samples.shape[1] / codec.rate_hz
        return samples

    monkeypatch.setattr(codec, "decode", decoded)
    monkeypatch.setattr("diegetic.model.oobleck.time", SimpleNamespace(monotonic=lambda: clock[0]))
    frames = FIRST_FRAMES + 2 * CHUNK_FRAMES
    latents = np.random.default_rng(0).normal(size=(frames, 4)).astype(np.float32)
    pieces: list[NDArray[np.float32]] = []
    whole = OobleckCodec(codec).decode(
        Drawn(latents, np.zeros(0, np.float32), 0), Event("e1", "rain", 0.0, 12.0), pieces.append
    )
    assert len(whole) == frames * codec.hop
    given = [len(piece) // codec.hop for piece in pieces]
    assert given == {0.01: [FIRST_FRAMES, CHUNK_FRAMES], 0.05: [FIRST_FRAMES + CHUNK_FRAMES], 10.0: []}[slower]
    for piece, heard in zip(pieces, np.split(whole, np.cumsum([len(piece) for piece in pieces])), strict=False):
        np.testing.assert_array_equal(piece, heard)
