"""A velocity that is recorded once and replayed, with a stand-in for CUDA graphs."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from diegetic.model import capture
from diegetic.model.capture import Captured, Work, cuda_graph
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


class Cuda:
    """torch.cuda, as far as streams go: what records a graph leaves its stream only where it could."""

    def __init__(self, fails: bool) -> None:
        self.current, self.all_graphs, self.fails = object(), object(), fails

    def Stream(self) -> object:  # noqa: N802
        return SimpleNamespace(wait_stream=lambda other: None)

    def CUDAGraph(self) -> object:  # noqa: N802
        return SimpleNamespace(replay=lambda: None)

    def current_stream(self) -> object:
        return SimpleNamespace(wait_stream=lambda other: None)

    @contextmanager
    def stream(self, stream: object) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before

    @contextmanager
    def graph(self, graph: object, stream: object = None) -> Iterator[None]:
        before, self.current = self.current, stream or self.all_graphs
        yield
        if self.fails:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")
        self.current = before


def test_each_graph_is_recorded_on_a_stream_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda, streams = Cuda(fails=False), list[object]()
    monkeypatch.setattr(capture.torch, "cuda", cuda)

    def work() -> Tensor:
        streams.append(cuda.current)
        return torch.ones(1)

    for _ in range(2):
        cuda_graph(work)
    assert len({id(stream) for stream in streams}) == 2, "on one, replays of both would share what cuBLAS works in"


def test_where_none_can_be_recorded_later_work_is_on_the_stream_of_before(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda(fails=True)
    monkeypatch.setattr(capture.torch, "cuda", cuda)
    before = cuda.current
    with pytest.raises(RuntimeError, match="during capture"):
        cuda_graph(lambda: torch.ones(1))
    assert cuda.current is before
