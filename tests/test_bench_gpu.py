"""What the GPU's bench measures is the work that it says, seen on a CPU at a tiny shape."""

import json
from pathlib import Path

import pytest
import torch

import bench_gpu
from diegetic.model.audiostory import AudioStory
from diegetic.model.capture import Captured
from diegetic.model.reader import TokenStep
from gpu_limits import Least, denoising, drafting, step_operations
from gpu_work import Plan, Work, launches
from recorder import Recorder
from tiny_shape import tiny

CPU = torch.device("cpu")
PLAN = Plan(events=2, prompt=5, reasoning=4, written=3)


@pytest.fixture
def work() -> Work:
    with torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(0)
        return Work(tiny(), CPU, PLAN, torch.float32)


@torch.inference_mode()
def test_a_recorded_token_gives_the_states_of_an_ordinary_one(work: Work) -> None:
    growing = list(work.conditions())
    work.token = TokenStep(work.network.llm, Recorder(), room=64)
    for _ in range(2):
        for fixed, grown in zip(work.conditions(), growing, strict=True):
            torch.testing.assert_close(fixed, grown, atol=1e-5, rtol=1e-4)


@torch.inference_mode()
def test_every_way_through_a_story_draws_each_event_and_tells_of_the_first_sound_once(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    window = work.window
    monkeypatch.setattr(work, "window", lambda condition, *rest: [drawn.append(1), window(condition, *rest)][1])
    for way in (work.story, work.story_overlapped, work.story_in_reference_order):
        told: list[int] = []
        drawn.clear()
        way(lambda told=told: told.append(len(drawn)), 2)
        assert told == [1]
        assert len(drawn) == PLAN.events


@torch.inference_mode()
@pytest.mark.parametrize("part", ["conditions", "window"])
def test_a_story_in_two_threads_that_fails_in_one_of_them_ends(
    work: Work, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    def fail(*asked: object) -> None:
        raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(work, part, fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        work.story_overlapped(lambda: None, 2)


@torch.inference_mode()
def test_a_step_in_float32_is_the_step_in_bfloat16() -> None:
    work = Work(tiny(), CPU, PLAN, torch.bfloat16)
    for weight in work.network.flow.transformer.parameters():
        weight.normal_(std=0.2)
    exact, rounded = (step() for step in bench_gpu._precisions(work))
    assert (exact.dtype, rounded.dtype) == (torch.float32, torch.bfloat16)
    assert exact.shape == rounded.shape


@torch.inference_mode()
def test_tokens_are_written_behind_the_same_prompt_each_time(work: Work) -> None:
    begun = work.begun()
    first = bench_gpu.written(work, begun, False)
    work.drafting = TokenStep(work.network.llm, Recorder(), room=64)
    for recorded in (False, True):
        torch.testing.assert_close(bench_gpu.written(work, begun, recorded), first, atol=1e-5, rtol=1e-4)
    assert work.token is None


@torch.inference_mode()
def test_a_window_is_drawn_by_the_velocity_that_is_given_whatever_it_is(work: Work) -> None:
    """What torch.compile gives has no truth: it asks its module for a length."""

    class Compiled:
        def __len__(self) -> int:
            raise TypeError

        def __call__(self, latents: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(latents)

    one = next(work.conditions())
    noise = work.window(one, lambda latents, *rest: torch.zeros_like(latents), steps=2)
    torch.testing.assert_close(work.window(one, Compiled(), steps=2), noise)


@torch.inference_mode()
def test_a_codec_is_replayed_for_chunks_of_one_length(work: Work) -> None:
    recorder = Recorder()
    recorded = Captured(work.codec.autoencoder.decoder, recorder)
    for _ in range(3):
        latents = torch.randn(1, work.codec.channels, 12)
        torch.testing.assert_close(recorded(latents), work.codec.autoencoder.decoder(latents))
    assert (recorder.records, recorder.replays) == (1, 4)  # once to see that it is right


@torch.inference_mode()
def test_a_batch_in_two_passes_is_the_batch_in_one(work: Work) -> None:
    torch.testing.assert_close(work.step(work.velocity).shape, work.step(work.one_by_one).shape)
    latents, condition = work.step_inputs()
    rest = (torch.tensor([0.3, 0.6]), condition, torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(work.velocity(latents, *rest), work.one_by_one(latents, *rest))


def test_the_table_is_kept_and_gone_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny()
    monkeypatch.setattr(bench_gpu, "shape", lambda name: (config, PLAN))
    arguments = ["--shape", "small", "--device", "cpu", "--runs", "1", "--out", str(tmp_path / "bench.json")]
    assert bench_gpu.main(arguments) == 0
    said = capsys.readouterr()
    assert "query tokens of an event" in said.out
    assert "needs a GPU" in said.out
    assert said.err.splitlines()[1:3] == ["memory done", "story done"], "what counts most comes first"
    assert "most memory" not in said.out, "of a CPU nothing is claimed"
    (rows,) = json.loads((tmp_path / "bench.json").read_text()).values()
    del rows["chunks"]
    (tmp_path / "bench.json").write_text(json.dumps({bench_gpu.describe(CPU) + ", small, float32": rows}))
    assert bench_gpu.main(arguments) == 0
    assert capsys.readouterr().err == "chunks done\n"


def test_what_was_measured_is_told_where_a_row_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*asked: object) -> None:
        raise AssertionError("no such layer")

    config = tiny()
    monkeypatch.setattr(bench_gpu, "shape", lambda name: (config, PLAN))
    monkeypatch.setattr(bench_gpu, "stories", fail)
    with pytest.raises(AssertionError):
        bench_gpu.main(["--shape", "small", "--device", "cpu", "--runs", "1", "--only", "queries", "story"])
    assert "query tokens of an event" in capsys.readouterr().out


def test_single_rows_are_measured_at_a_chosen_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny()
    monkeypatch.setattr(bench_gpu, "shape", lambda name: (config, PLAN))
    arguments = ["--shape", "small", "--device", "cpu", "--precision", "bfloat16", "--runs", "1", "--warm-up", "0"]
    assert bench_gpu.main([*arguments, "--only", "queries", "story"]) == 0
    said = capsys.readouterr()
    assert said.err.split("\n") == ["ceilings done", "queries done", "story done", ""]
    assert "small, bfloat16" in said.out
    assert "ours, 12 steps" in said.out
    with pytest.raises(SystemExit, match="there is no row nothing; there are memory, story, "):
        bench_gpu.main([*arguments, "--only", "nothing"])


@torch.inference_mode()
def test_the_reference_has_the_same_weights_in_more_launches(work: Work) -> None:
    for weight in work.plain.parameters():
        weight.normal_(std=0.2)  # large enough that attention counts
    inputs = (*work.step_inputs(), torch.ones(2))
    latents, condition, seconds = inputs
    told = work.plain(latents, torch.full((2,), 0.5), condition, seconds)
    found = work.network.flow(latents, torch.full((2,), 0.5), condition, seconds)
    torch.testing.assert_close(found, told, atol=1e-5, rtol=1e-4)
    plain, fewer = (launches(lambda flow=flow: work.step(flow)) for flow in (work.plain, work.network.flow))
    assert fewer < 0.9 * plain


def test_launches_are_operations_that_make_something() -> None:
    a = torch.ones(2, 3)
    assert launches(lambda: a.T.reshape(3, 2)[1:]) == 0
    assert launches(lambda: (a + 1).mul_(2).float()) == 2


def test_operations_are_those_of_the_layers() -> None:
    config = tiny()
    window, bridge = config.transformer, config.bridge
    width, text, frames = window.heads * window.head_dim, bridge.semantic + 1, window.max_latent_frames
    tokens = text + frames

    def double(part: int) -> int:  # an MM-DiT block, of one of its two streams: modulation, attention's four, mlp
        return 6 * width * width + part * (4 + 8) * width * width

    single = 3 * width * width + tokens * (3 + 4 + 5) * width * width
    attention = 2 * tokens * tokens * width
    blocks = window.layers * (double(text) + double(frames) + attention) + window.single_layers * (single + attention)
    ends = text * bridge.feature_dim * width + 2 * frames * window.in_channels * width + 2 * width * width
    embedded = (256 + width) * width + (bridge.feature_dim + width) * width
    condition = bridge.feature_dim**2 + (config.duration.internal_dim + 1) * bridge.feature_dim
    assert step_operations(config) == 2 * 2 * (blocks + ends + embedded + condition)


def test_the_limit_that_binds_is_the_one_that_takes_longer() -> None:
    ceilings = {"tflops": 800.0, "gb_s": 4000.0}
    window, tokens = Least(48e12, 50e9), Least(100e9, 100e9)
    assert window.told(0.12, ceilings) == "operations bind: 400.00 of 800.00 TFLOP/s; at least 60.0 ms"
    assert tokens.told(0.1, ceilings) == "bytes bind: 1000 of 4000 GB/s; at least 25.0 ms"


def test_a_token_reads_every_weight_once_and_a_step_too() -> None:
    with torch.device("meta"):
        network = AudioStory(tiny())
    weights = sum(weight.numel() for weight in network.llm.parameters())
    assert drafting(network.llm.bfloat16(), 3) == Least(6 * weights, 6 * weights)
    steps = denoising(tiny(), network.flow, 2)
    assert steps.operations == 2 * step_operations(tiny())
    assert steps.read_bytes == 8 * sum(weight.numel() for weight in network.flow.parameters())
