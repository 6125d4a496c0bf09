"""What each step towards speed brings at a model's full shape, with random weights: one table, each step on and off.

    python scripts/bench_gpu.py [--shape full|small] [--device cuda|cpu] [--runs 5] [--out bench.json] [--compile]
        [--precision bfloat16|float32] [--warm-up 1] [--only story queries ...]

Beside it the reference's order of work on the same weights in the same run: the whole plan token by token, then each
event in 50 steps, decoded whole. Figures are medians of `runs` after a warm-up, in milliseconds. Rows that --out has
already for this machine and shape aren't measured again, so a run that was cut off goes on.

`small` shows the same ratios on a CPU; what a CPU can't show is said in its row. With OMP_NUM_THREADS=1 its own time
counts there, not what else the machine does. The full shape takes a CPU hours: `--runs 1 --warm-up 0`, and `--only`
the rows that matter.

Needs torch, transformers, diffusers, safetensors and numpy, and the engine on PYTHONPATH.
"""

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from diegetic.model.capture import Captured
from diegetic.model.config import LlmConfig, ModelConfig, OobleckConfig, read_config
from diegetic.model.fewer_launches import fuse_flow
from diegetic.model.flow import Velocity
from diegetic.model.oobleck import CHUNK_FRAMES, FIRST_FRAMES
from diegetic.model.transformer import FlowTransformer
from gpu_limits import Least, denoising, drafting
from gpu_table import Results, table
from gpu_work import Plan, Work, as_diffusers_has_it, launches

PRESET = Path(__file__).parents[1] / "presets" / "models" / "audiostory-3b.toml"
Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Runs:
    """How often something is timed, and how often it is done before that."""

    counted: int
    warm_up: int = 1


@dataclass(frozen=True, slots=True)
class Pair:
    """A step off and on.

    least: what `on` can't do without. threads: it is the clock that counts. counted: whether its launches are.
    """

    key: str
    what: str
    off: Run
    on: Run
    least: Least | None = None
    needs_gpu: bool = False
    threads: bool = False
    counted: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what isn't there yet, print the table; the exit code."""
    options = _parser().parse_args(arguments)
    device = torch.device(options.device)
    config, plan = shape(options.shape)
    precision = options.precision or ("bfloat16" if device.type == "cuda" else "float32")
    results = Results(options.out, f"{describe(device)}, {options.shape}, {precision}")
    runs = Runs(options.runs, options.warm_up)
    with torch.inference_mode():
        work = Work(config, device, plan, getattr(torch, precision))
        results.keep("ceilings", lambda: ceilings(work))
        rows: dict[str, Callable[[], dict[str, Any]]] = {
            "memory": lambda: memory(work),
            "story": lambda: stories(work, runs),
        }
        steps = pairs(work) + (compiled(work) if options.compile else [])
        rows |= {pair.key: partial(measure, pair, work, runs, results.rows["ceilings"]) for pair in steps}
        if unknown := set(options.only or ()) - set(rows):
            raise SystemExit(f"--only: there is no row {', '.join(sorted(unknown))}; there are {', '.join(rows)}")
        try:
            for key in options.only or rows:
                results.keep(key, rows[key])
        finally:  # what was measured before something failed is told all the same
            print(table(results))
    return 0


def shape(name: str) -> tuple[ModelConfig, Plan]:
    """The paper's, or one small enough for two cores that keeps its proportions."""
    config = read_config(PRESET)
    if name == "full":
        return config, Plan()
    llm = {**config.llm.config, "hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 6}
    llm |= {"num_attention_heads": 4, "num_key_value_heads": 1}
    small = replace(
        config,
        llm=LlmConfig(vocabulary=8192, config=llm),
        bridge=replace(config.bridge, feature_dim=128, fusion_heads=4),
        transformer=replace(
            config.transformer, layers=1, single_layers=2, heads=2, head_dim=64, axes_dims_rope=(8, 28, 28),
            max_latent_frames=100, in_channels=16,
        ),
        codec=replace(config.codec, oobleck=OobleckConfig(16, (2, 4, 4, 8, 8), (1, 1, 1, 2, 2), 8, 16)),
    )  # fmt: skip
    return small, Plan(events=3, prompt=30, reasoning=20, written=16, seconds=0.9)


def pairs(work: Work) -> list[Pair]:
    """Every step that is measured, with all others as the engine has them."""
    flow: Velocity = work.network.flow
    one = next(work.conditions())
    several = one.expand(work.plan.events, -1, -1)
    latents = work.window(one, steps=1)
    many = work.plan.events
    decoder: Any = work.codec.autoencoder.decoder
    recorded = Captured(decoder, what="the codec")
    drawn: Velocity = work.recorded if work.device.type == "cuda" else flow
    begun = work.begun()

    def replayed() -> Tensor:
        found = work.window(one, work.recorded)
        if not work.recorded.is_recorded:
            raise RuntimeError("the denoise step can't be recorded")
        return found

    def math() -> Tensor:
        with sdpa_kernel(SDPBackend.MATH):
            return work.step(flow)

    def block(parallel: bool) -> Tensor:
        cache, state = work.begun()
        return work.read(cache, work.block) if parallel else work.write(cache, work.block, state)

    return [
        Pair("queries", "query tokens of an event: one by one / in one pass", lambda: block(False),
             lambda: block(True)),
        Pair("token", "16 tokens of a plan: launched / as a CUDA graph", partial(written, work, begun, False),
             partial(written, work, begun, True), drafting(work.network.llm, 16), needs_gpu=True),
        Pair("guidance", "guidance, one step: two passes / one batch", lambda: work.step(work.one_by_one),
             lambda: work.step(flow), denoising(work.config, work.network.flow, 1)),
        Pair("batch", f"{many} events, one step: each by itself / in one batch",
             lambda: [work.window(one, steps=1) for _ in range(many)], lambda: work.window(several, steps=1)),
        Pair("attention", "attention, one step: plain / fused", math, lambda: work.step(flow)),
        Pair("launches", "one step: as diffusers has it / in fewer launches", lambda: work.step(work.plain),
             lambda: work.step(flow), counted=True),
        Pair("precision", "one step: float32 / bfloat16", *_precisions(work), needs_gpu=True),
        Pair("graph", "a window of 50 steps: launched / replayed as a CUDA graph", lambda: work.window(one), replayed,
             denoising(work.config, work.network.flow, 50), needs_gpu=True),
        Pair("chunks", f"first sound: all decoded / the first of {FIRST_FRAMES} frames",
             lambda: work.codec.decode(latents), lambda: work.first_sound(latents)),
        Pair("codec_graph", f"{CHUNK_FRAMES} frames of sound: launched / replayed as a CUDA graph",
             lambda: work.chunk(decoder), lambda: work.chunk(recorded), needs_gpu=True),
        Pair("all_chunks", "all sound: at once / in chunks of 128", lambda: work.codec.decode(latents),
             lambda: list(work.sounds(latents))),
        Pair("event", "an event: its whole window decoded, then cut / its own latents",
             lambda: work.codec.decode(latents), lambda: work.event_sound(latents)),
        Pair("steps_25", "a window: 50 steps / 25", lambda: work.window(one, drawn),
             lambda: work.window(one, drawn, steps=25)),
        Pair("steps_12", "a window: 50 steps / 12 of the better solver", lambda: work.window(one, drawn),
             lambda: work.window(one, drawn, 12, "adams_bashforth")),
        Pair("steps_8", "a window: 50 steps / 8 of the better solver", lambda: work.window(one, drawn),
             lambda: work.window(one, drawn, 8, "adams_bashforth")),
        Pair("guided_half", "a window: guidance in all of 50 steps / in the first half",
             lambda: work.window(one, drawn), lambda: work.window(one, drawn, guided_above=0.5)),
        Pair("overlap", "a story: planned in between / planned in another thread",
             lambda: as_the_engine(work, work.story), lambda: as_the_engine(work, work.story_overlapped), threads=True),
    ]  # fmt: skip


def compiled(work: Work) -> list[Pair]:
    """The denoise step and the codec as torch's compiler has them."""
    decoder: Any = work.codec.autoencoder.decoder
    flow, faster = torch.compile(work.network.flow), torch.compile(decoder)
    one = next(work.conditions())
    return [
        Pair("compile", "a window: as it is / torch.compile", lambda: work.window(one), lambda: work.window(one, flow)),
        Pair("codec_compile", f"{CHUNK_FRAMES} frames of sound: as it is / torch.compile",
             lambda: work.chunk(decoder), lambda: work.chunk(faster)),
    ]  # fmt: skip


def written(work: Work, begun: tuple[Any, Tensor], recorded: bool) -> Tensor:
    """Sixteen tokens of a plan behind its prompt, of which a cache and the last state are given."""
    cache, state = begun
    if recorded and work.drafting is None:
        raise RuntimeError("a token can't be recorded")
    work.token = work.drafting if recorded else None
    try:
        return work.write(cache, 16, state)
    finally:
        if work.token is None:
            cache.crop(-16)
        work.token = None


def as_the_engine(work: Work, story: Callable[[Callable[[], None], int], None]) -> None:
    """A story in 12 steps, with what the engine has recorded."""
    with work.as_the_engine():
        story(_nothing, 12)


def _precisions(work: Work) -> tuple[Run, Run]:
    """One step in float32, and in bfloat16 as the engine has it on a GPU."""
    exact: list[FlowTransformer] = []

    def in_float32() -> Tensor:
        if not exact:
            exact.append(as_diffusers_has_it(work.network, torch.float32).float())
            fuse_flow(exact[0])
        return work.step(exact[0])

    return in_float32, lambda: work.step(work.network.flow)


def measure(pair: Pair, work: Work, runs: Runs, ceiling: dict[str, float]) -> dict[str, Any]:
    """A step's row."""
    row: dict[str, Any] = {"what": pair.what}
    if pair.needs_gpu and work.device.type != "cuda":
        return row | {"remark": "needs a GPU: a CPU can't show it"}
    try:
        off, on = (timed(run, work, runs, pair.threads) for run in (pair.off, pair.on))
    except (RuntimeError, ImportError) as error:
        return row | {"remark": f"not on this machine: {str(error).splitlines()[0][:80]}"}
    row |= {"off_ms": 1e3 * off, "on_ms": 1e3 * on, "ratio": off / on}
    if pair.counted:
        row["remark"] = f"{launches(pair.off)} launches and {launches(pair.on)}"
    if pair.least:
        row["remark"] = pair.least.told(on, ceiling)
    return row


def stories(work: Work, runs: Runs) -> dict[str, Any]:
    """First sound and total of a story, in the reference's order and in ours, one after the other in each run."""
    ways: dict[str, Callable[[Callable[[], None]], None]] = {
        "reference": lambda told: work.story_in_reference_order(told, 50),
        "ours_50": lambda told: work.story(told, 50),
        "ours_12": lambda told: work.story(told, 12, "adams_bashforth"),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for run in range(-runs.warm_up, runs.counted):
        for name, way in ways.items():
            with nullcontext() if name == "reference" else work.as_the_engine():
                first, total = _timed_story(way, work)
            if run >= 0:
                times[name].append((first, total))
    row: dict[str, Any] = {"events": work.plan.events}
    for name, found in times.items():
        row[f"{name}_first_ms"] = 1e3 * statistics.median(first for first, _ in found)
        row[f"{name}_total_ms"] = 1e3 * statistics.median(total for _, total in found)
    return row


def _timed_story(way: Callable[[Callable[[], None]], None], work: Work) -> tuple[float, float]:
    first: list[float] = []
    clock = _clock(work)
    _wait(work)
    began = clock()
    way(lambda: first.append(clock() - began))
    _wait(work)
    return first[0], clock() - began


def ceilings(work: Work) -> dict[str, float]:
    """What this machine reaches: operations a second in a matrix product, bytes a second in a copy."""
    side = 8192 if work.device.type == "cuda" else 1024
    a, b = (torch.randn(side, side, device=work.device, dtype=work.type) for _ in range(2))
    big = torch.empty(64 * side * side, dtype=torch.uint8, device=work.device)
    other = torch.empty_like(big)
    product, copy = (timed(run, work, Runs(5)) for run in (lambda: a @ b, lambda: other.copy_(big)))
    return {"tflops": 2 * side**3 / product / 1e12, "gb_s": 2 * big.numel() / copy / 1e9}


def memory(work: Work) -> dict[str, Any]:
    """What a story takes at most, and the least time of a token: the LLM's bytes at the rate of a copy."""
    size = sum(weight.numel() * weight.element_size() for weight in work.network.llm.parameters())
    row: dict[str, Any] = {"llm_gb": size / 1e9}
    with work.as_the_engine():
        if work.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            work.story(_nothing, 2)
            row["peak_gb"] = (torch.cuda.max_memory_reserved() + _beside_tensors()) / 1e9
        cache, state = work.begun()
        row["token_ms"] = 1e3 * timed(lambda: work.write(cache, 8, state), work, Runs(5)) / 8
    return row


def _beside_tensors() -> int:
    """Bytes of a GPU that are taken for something else than tensors: its context, libraries, other programs."""
    free, total = torch.cuda.mem_get_info()
    return total - free - torch.cuda.memory_reserved()


def timed(run: Run, work: Work, runs: Runs, threads: bool = False) -> float:
    """The median in seconds of those that count."""
    times, clock = [], time.perf_counter if threads else _clock(work)
    for number in range(-runs.warm_up, runs.counted):
        _wait(work)
        began = clock()
        run()
        _wait(work)
        if number >= 0:
            times.append(clock() - began)
    return statistics.median(times)


def _clock(work: Work) -> Callable[[], float]:
    """Seconds; on a CPU with one thread the process's own, so that other work on the machine doesn't count."""
    alone = work.device.type == "cpu" and torch.get_num_threads() == 1
    return time.process_time if alone else time.perf_counter


def describe(device: torch.device) -> str:
    """The machine and what runs on it."""
    name = torch.cuda.get_device_name() if device.type == "cuda" else f"{platform.machine()} CPU"
    threads = "" if device.type == "cuda" else f", {torch.get_num_threads()} threads"
    return f"{name}{threads}, torch {torch.__version__}, diffusers {version('diffusers')}"


def _wait(work: Work) -> None:
    if work.device.type == "cuda":
        torch.cuda.synchronize()


def _nothing() -> None:
    pass


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    there = torch.cuda.is_available()
    parser.add_argument("--shape", choices=("full", "small"), default="full" if there else "small")
    parser.add_argument("--device", default="cuda" if there else "cpu")
    parser.add_argument("--precision", choices=("bfloat16", "float32"), help="of LLM and transformer")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=1, help="runs before those, which don't count")
    parser.add_argument("--only", nargs="+", metavar="ROW", help="rows of the table, in this order")
    parser.add_argument("--out", type=Path, help="JSON, which a later run goes on from")
    parser.add_argument("--compile", action="store_true", help="also torch.compile, which takes minutes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
