"""What the live engine answers and plays in, on the null device or a real one.

    python scripts/bench_live.py [--model pocket] [--device null] [--cues 200] [--jobs 100] [--json FILE] [--mock]

    round trip   /diegetic/ping from another process, by UDP: while nothing is rendered, and while the generator renders
    cold cue     from go to the first sample of a cue that was not rendered ahead
    armed cue    from go, sent by OSC, to the frame that its first sample lies at
    cancel       from /diegetic/job/cancel to the job's end, while a plan is written and in the middle of the diffuser
    memory       of both processes after one job and after many
    recovery     from kill -9 of each child until it is back (the generator: with its model)

Figures are medians, where two are given with the 99th percentile or the worst. Whatever else the machine does is in
them.
"""

import argparse
import asyncio
import importlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from pythonosc.osc_message_builder import OscMessageBuilder

from diegetic.engine import Engine, LiveConfig
from diegetic.generator.process import memory_bytes
from diegetic.live.cues import Cue
from diegetic.live.jobs import Job
from diegetic.live.news import DeviceChanged, JobProgress, News, SegmentStart, Underrun
from diegetic.progress import Stage
from diegetic.protocol import StoryModel
from diegetic.settings import resolve
from diegetic_bridges.osc import OscServer
from diegetic_bridges.session import Session

STORY = "rain on the water, then thunder, then a bell"
PINGS, WARM_PINGS = 1000, 50


class Bench:
    """An engine with its OSC server, and what it told last."""

    def __init__(self, engine: Engine, port: int) -> None:
        self.engine, self.port = engine, port
        self.starts: list[SegmentStart] = []
        self.progress: dict[int, JobProgress] = {}
        self.underruns = 0
        self.device = "open"
        engine.subscribe(self._hear)

    def _hear(self, news: News) -> None:
        match news:
            case SegmentStart():
                self.starts.append(news)
            case JobProgress():
                self.progress[news.job] = news
            case Underrun():
                self.underruns = news.total
            case DeviceChanged():
                self.device = news.state

    async def done(self, job: Job) -> Job:
        ended = await self.engine.ended(job.id)
        if ended.state != "done":
            raise SystemExit(f"bench: {ended.verb} {ended.subject} failed: {ended.end and ended.end.text}")
        return ended

    async def rendering(self, body: Callable[[], Awaitable[None]]) -> None:
        """Do something while the generator is never without work."""

        async def work() -> None:
            while True:
                name = f"work-{time.monotonic_ns()}"
                await self.done(self.engine.plan(name, STORY, 20.0))
                await self.done(self.engine.render(name))

        working = asyncio.create_task(work())
        try:
            await body()
        finally:
            working.cancel()
            for job in self.engine.jobs():
                self.engine.job_cancel(job.id)
            await asyncio.wait([working])

    def is_in(self, stage: Stage, job: int) -> bool:
        """Whether a job is in the middle of a stage."""
        return job in self.progress and self.progress[job].stage == stage

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            await asyncio.sleep(0.002)


async def measure(config: LiveConfig, loader: Callable[[str], StoryModel], cues: int, jobs: int) -> dict[str, float]:
    """All figures, in milliseconds, seconds or MB as their names say."""
    found: dict[str, float] = {}
    async with Engine(config, loader) as engine:
        session = Session(engine)
        async with OscServer(session, port=0) as server:
            bench = Bench(engine, server.port)
            await bench.until(lambda: engine.status().state == "ready")
            await bench.done(engine.tell("first", STORY, 10.0))
            found |= await round_trips(bench)
            found |= await cold_cues(bench, 5)
            found |= await armed_cues(bench, cues)
            found |= await cancelling(bench)
            found["underruns"] = bench.underruns
            found |= await memory(bench, jobs)
            found |= await recovery(bench)
    return found


async def round_trips(bench: Bench) -> dict[str, float]:
    found: dict[str, float] = {}

    async def ping(name: str) -> None:
        arguments = [sys.executable, __file__, "--ping", str(bench.port)]
        process = await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE)
        out, _ = await process.communicate()
        times = sorted(json.loads(out))
        found[f"osc_{name}_p50_ms"] = 1e3 * times[len(times) // 2]
        found[f"osc_{name}_p99_ms"] = 1e3 * times[len(times) * 99 // 100]

    await ping("idle")
    await bench.rendering(lambda: ping("rendering"))
    return found


async def cold_cues(bench: Bench, count: int) -> dict[str, float]:
    times = []
    for number in range(count):
        name = f"cold-{number}"
        await bench.done(bench.engine.cue_define(Cue(name, "first", f"a door slams {number + 1} times")))
        asked_s, heard = time.monotonic(), len(bench.starts)
        await bench.done(bench.engine.cue_go(name))
        times.append(bench.starts[heard].at_s - asked_s)
        await bench.done(bench.engine.cue_stop(name))
    return {"cold_cue_s": statistics.median(times), "cold_cue_worst_s": max(times)}


async def armed_cues(bench: Bench, count: int) -> dict[str, float]:
    await bench.done(bench.engine.cue_define(Cue("armed", "first", "a single knock")))
    await bench.done(bench.engine.cue_arm("armed"))
    found: dict[str, float] = {}

    async def fire(name: str) -> None:
        times = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for _ in range(count):
                heard = len(bench.starts)
                asked_s = time.monotonic()
                client.sendto(_message("/diegetic/cue/armed", 1.0), ("127.0.0.1", bench.port))
                await bench.until(lambda heard=heard: len(bench.starts) > heard)  # type: ignore[misc]
                times.append(bench.starts[heard].at_s - asked_s)
                await bench.done(bench.engine.cue_stop("armed"))
                await asyncio.sleep(0.05)
        found[f"armed_cue_{name}_ms"] = 1e3 * statistics.median(times)
        found[f"armed_cue_{name}_worst_ms"] = 1e3 * max(times)

    await fire("idle")
    await bench.rendering(lambda: fire("rendering"))
    return found


async def cancelling(bench: Bench) -> dict[str, float]:
    found = {}
    stages: tuple[Stage, ...] = ("plan", "diffuse")
    for stage in stages:
        times = []
        for number in range(10):
            job = bench.engine.tell(f"cancelled-{number}", f"{STORY}, {number} crows", 20.0)
            await bench.until(partial(bench.is_in, stage, job.id))
            asked_s = time.monotonic()
            bench.engine.job_cancel(job.id)
            await bench.engine.ended(job.id)
            times.append(time.monotonic() - asked_s)
            bench.engine.panic()
        found[f"cancel_{stage}_ms"] = 1e3 * statistics.median(times)
        found[f"cancel_{stage}_worst_ms"] = 1e3 * max(times)
    return found


async def memory(bench: Bench, jobs: int) -> dict[str, float]:
    """Of director and generator, after a cue of a story and after many more of the same story."""
    found: dict[str, float] = {}
    for number in range(1, jobs + 1):
        await bench.done(bench.engine.continue_("first", f"a knock, {number}"))
        if number in (1, jobs):
            found[f"memory_{number}_jobs_mb"] = (memory_bytes() + bench.engine.status().memory_bytes) / 1e6
    return found


async def recovery(bench: Bench) -> dict[str, float]:
    engine, found = bench.engine, {}
    bench.engine.panic()
    await bench.until(lambda: engine.status().state == "ready")
    for child in ("generator", "player"):
        killed_s, pid = time.monotonic(), engine.pids()[child]
        os.kill(pid, signal.SIGKILL)
        await bench.until(lambda child=child, pid=pid: engine.pids()[child] != pid)  # type: ignore[misc]
        await bench.until(lambda: engine.status().state == "ready" and bench.device != "lost")
        found[f"recovery_{child}_s"] = time.monotonic() - killed_s
    return found


def ping(port: int) -> list[float]:
    """Round trips in seconds; one waits for the other."""
    times = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        for number in range(PINGS + WARM_PINGS):
            sent_s = time.monotonic()
            client.sendto(_message("/diegetic/ping", float(number)), ("127.0.0.1", port))
            client.recv(4096)
            times.append(time.monotonic() - sent_s)
            time.sleep(0.002)
    return times[WARM_PINGS:]


def _message(address: str, value: float) -> bytes:
    builder = OscMessageBuilder(address)
    builder.add_arg(value)
    return bytes(builder.build().dgram)


def _load(name: str) -> StoryModel:
    from diegetic.model.registry import load_model

    return load_model(name, resolve(os.environ, {}))


def _mock(name: str) -> StoryModel:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    model: StoryModel = importlib.import_module("mock_model").MockModel(name=name, pause_s=0.02)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--device", default="null")
    parser.add_argument("--cues", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--mock", action="store_true")
    parser.add_argument("--ping", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.ping:
        print(json.dumps(ping(args.ping)))
        return
    loader = _mock if args.mock else _load
    with tempfile.TemporaryDirectory() as folder:
        config = LiveConfig(Path(folder), args.model, args.device, queue=256)
        print(f"load before the start: {os.getloadavg()[0]:.1f}", flush=True)
        found = asyncio.run(measure(config, partial(loader), args.cues, args.jobs))
    for name, value in found.items():
        print(f"{name:28}{value:10.2f}")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
