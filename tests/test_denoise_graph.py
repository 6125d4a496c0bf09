"""A velocity that is recorded once and replayed, with a stand-in for CUDA graphs."""

import logging
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from diegetic.model.capture import Captured, Work
from recorder import Recorder


def velocity(latents: Tensor, sigma: Tensor, condition: Tensor, duration_s: Tensor) -> Tensor:
    return latents * sigma[:, None, None] + condition.mean() * duration_s[:, None, None]


def call(seed: int, frames: int = 6) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(2, frames, 3, generator=generator),
        torch.rand(2, generator=generator),
        torch.randn(2, 4, 5, generator=generator),
        torch.rand(2, generator=generator),
    )


def test_each_later_call_is_replayed_and_gives_the_same() -> None:
    recorder = Recorder()
    captured = Captured(velocity, recorder)
    found = [captured(*call(seed)) for seed in range(4)]
    for seed, each in enumerate(found):
        assert torch.equal(each, velocity(*call(seed))), "a later call must not change what an earlier one gave"
    assert captured.is_recorded
    assert (recorder.records, recorder.replays) == (1, 5)  # once to see that it is right


def test_calls_of_two_shapes_are_recorded_and_others_go_the_ordinary_way() -> None:
    recorder = Recorder()
    captured = Captured(velocity, recorder)
    for seed, frames in enumerate((6, 9, 12, 6, 9, 12)):
        assert torch.equal(captured(*call(seed, frames)), velocity(*call(seed, frames)))
    assert (recorder.records, recorder.replays) == (2, 6)  # each once more to see that it is right


def test_what_cannot_be_recorded_is_computed_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    tried = []

    def refuse(work: Work) -> tuple[Callable[[], None], Tensor]:
        tried.append(work)
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    captured = Captured(velocity, refuse)
    with caplog.at_level(logging.WARNING):
        for seed in range(3):
            assert torch.equal(captured(*call(seed)), velocity(*call(seed)))
    assert len(tried) == 1
    assert not captured.is_recorded
    assert caplog.text.count("can't be recorded (CUDA error") == 1


def test_what_is_replayed_wrongly_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(off=0.1)
    captured = Captured(velocity, recorder)
    with caplog.at_level(logging.WARNING):
        assert all(torch.equal(captured(*call(seed)), velocity(*call(seed))) for seed in range(3))
    assert recorder.replays == 1
    assert not captured.is_recorded
    assert "replayed it is 10 % off" in caplog.text
