"""What a story costs: time to first audio and in total, cold and warm, load time, memory, size.

    python scripts/bench.py [--model pocket] [--runs 5] [--seconds 40] [--json] [--mock]

    cold      a new process each time: from its start, with imports, loading and planning
    warm      one process with the model loaded, after one story that isn't counted
    order     warm, side by side: events rendered while later ones are planned, against the whole plan first; which of
              the two goes first alternates

Each run has its own seed and an empty folder. Figures are medians. --mock takes the tests' model, to try the script.
Other work on the machine is measured by the load before the start: where that is high, the figures are of both.
"""

import argparse
import importlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from diegetic.director import Output, Planned, Progress, StoryModel, render_story
from diegetic.folder import StoryFolder
from diegetic.protocol import Look, go_on
from diegetic.settings import resolve
from diegetic.story import Told

ROOT = Path(__file__).parents[1]
TEXT = "A storm breaks over a harbour: rain on the water, thunder, a ship's bell, then the wind dies down"
QUIET_LOAD = 0.3
"""Above this load before the start, something else was running."""
GPU_PARTS = re.compile(r"torch|nvidia-.*|cuda-.*|triton")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is measured."""

    model: str
    seconds: float
    runs: int
    mock: bool


class PlanFirst:
    """A model that plans all of a story before its first event is rendered: the reference's order."""

    def __init__(self, model: StoryModel) -> None:
        self._model = model

    def plan(self, memory: Any, look: Look = go_on) -> Iterator[Planned]:
        """The whole plan, then its events."""
        yield from list(self._model.plan(memory, look))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--mock", action="store_true")
    parser.add_argument("--child", choices=("cold", "warm"), help=argparse.SUPPRESS)
    parser.add_argument("--began", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.runs < 1:
        parser.error(f"--runs must be 1 or more, got {given.runs}")
    asked = Asked(given.model, given.seconds, given.runs, given.mock)
    if given.child:
        print(json.dumps(cold(asked, given.began, given.seed) if given.child == "cold" else warm(asked)))
        return
    figures = measure(asked)
    print(json.dumps(figures) if given.json else table(figures))


def measure(asked: Asked) -> dict[str, Any]:
    """All figures: medians of `runs`, times in seconds, sizes in MB."""
    load_before = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    colds = [in_new_process(asked, "cold", seed) for seed in range(asked.runs)]
    warms = in_new_process(asked, "warm", 0)
    return {
        "model": "mock" if asked.mock else asked.model,
        "seconds": asked.seconds,
        "runs": asked.runs,
        "cores": os.cpu_count(),
        "load_before": load_before,
        "load_s": median([each["load_s"] for each in colds]),
        "cold_first_audio_s": median([each["first_audio_s"] for each in colds]),
        "cold_total_s": median([each["total_s"] for each in colds]),
        **warms,
        "warm_real_time_factor": round(warms["warm_total_s"] / asked.seconds, 3),
        "peak_memory_mb": max(each["peak_memory_mb"] for each in [*colds, warms]),
        "install_mb": round(installed_mb(), 1),
        "presets_mb": round(folder_mb(ROOT / "presets"), 1),
    }


def cold(asked: Asked, began: float, seed: int) -> dict[str, float]:
    """One story in this new process. began: the parent's monotonic time when it started it."""
    since = time.monotonic()
    model = load(asked)
    load_s = time.monotonic() - since
    first_s, total_s = tell(model, asked, seed, began)
    return {"load_s": load_s, "first_audio_s": first_s, "total_s": total_s, "peak_memory_mb": peak_memory_mb()}


def warm(asked: Asked) -> dict[str, float]:
    """Stories in both orders, one after the other, after one that isn't counted."""
    model = load(asked)
    tell(model, asked, asked.runs, time.monotonic())
    both: dict[str, list[tuple[float, float]]] = {"warm": [], "plan_first": []}
    models = {"warm": model, "plan_first": PlanFirst(model)}
    for seed in range(asked.runs):
        for name in sorted(models, reverse=seed % 2 == 0):
            both[name].append(tell(models[name], asked, seed, time.monotonic()))
    figures = {}
    for name, times in both.items():
        figures[f"{name}_first_audio_s"] = median([first_s for first_s, _ in times])
        figures[f"{name}_total_s"] = median([total_s for _, total_s in times])
    return {**figures, "peak_memory_mb": peak_memory_mb()}


def tell(model: StoryModel, asked: Asked, seed: int, began: float) -> tuple[float, float]:
    """Render one story into an empty folder: seconds from `began` to its first take, and to its last file."""
    first_s = 0.0

    def report(progress: Progress) -> None:
        nonlocal first_s
        if progress.stage == "decode" and progress.done >= progress.total and not first_s:
            first_s = time.monotonic() - began

    with tempfile.TemporaryDirectory() as folder:
        render_story(model, Told(TEXT, asked.seconds, seed), StoryFolder(Path(folder)), Output(), report)
        return first_s, time.monotonic() - began


def load(asked: Asked) -> StoryModel:
    """The model that is measured."""
    if asked.mock:
        sys.path.insert(0, str(ROOT / "tests"))
        mock: StoryModel = importlib.import_module("mock_model").MockModel(pause_s=0.01)
        return mock
    from diegetic.model.registry import load_model

    return load_model(asked.model, resolve(os.environ, {"model": asked.model}))


def in_new_process(asked: Asked, which: str, seed: int) -> dict[str, float]:
    """The figures of one child. Ends the script where it fails."""
    command = [sys.executable, str(Path(__file__)), "--child", which, "--model", asked.model, "--runs", str(asked.runs)]
    command += ["--seconds", str(asked.seconds), "--seed", str(seed), "--began", repr(time.monotonic())]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        command + ["--mock"] * asked.mock, stdout=subprocess.PIPE, text=True, check=False, env=environment
    )
    if done.returncode:
        sys.exit(f"bench: the {which} run failed (exit {done.returncode}); see above")
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def peak_memory_mb() -> float:
    """The most memory that this process has had; 0 on Windows, which doesn't say."""
    if sys.platform == "win32":
        return 0.0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)


def installed_mb() -> float:
    """All that is installed with Diegetic, its own code and presets with it, without torch and its GPU parts."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = folder_mb(ROOT / "engine") + folder_mb(ROOT / "bridges") + folder_mb(ROOT / "presets")
    names = set(closure(project["dependencies"], set()))
    return own + sum(distribution_mb(name) for name in names)


def closure(requirements: Sequence[str], seen: set[str]) -> Iterator[str]:
    """The distributions that these requirements bring along, torch and what only it needs left out."""
    for text in requirements:
        requirement = Requirement(text)
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if not applies or name in seen or GPU_PARTS.fullmatch(name):
            continue
        seen.add(name)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        yield name
        yield from closure(found.requires or [], seen)


def distribution_mb(name: str) -> float:
    """The files of an installed distribution."""
    paths = [Path(str(file.locate())) for file in distribution(name).files or []]
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def folder_mb(folder: Path) -> float:
    """The files of a folder, compiled Python left out."""
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return sum(path.stat().st_size for path in files) / 1e6


def median(values: Sequence[float]) -> float:
    return round(statistics.median(values), 3)


def table(figures: dict[str, Any]) -> str:
    """The figures for people."""
    told = f"{figures['model']}, a story of {figures['seconds']:g} s, {figures['cores']} cores"
    if (figures["load_before"] or 0) > QUIET_LOAD:
        told = f"NOT A QUIET MACHINE (load {figures['load_before']} before the start): these times are too long\n{told}"
    return f"""{told}, medians of {figures["runs"]}

                            first audio      total
    cold                    {figures["cold_first_audio_s"]:9.2f} s {figures["cold_total_s"]:8.2f} s
    warm                    {figures["warm_first_audio_s"]:9.2f} s {figures["warm_total_s"]:8.2f} s
    warm, whole plan first  {figures["plan_first_first_audio_s"]:9.2f} s {figures["plan_first_total_s"]:8.2f} s

    wall / audio, warm      {figures["warm_real_time_factor"]:9.3f}
    load time               {figures["load_s"]:9.2f} s
    peak memory             {figures["peak_memory_mb"]:9.0f} MB
    installed, no torch     {figures["install_mb"]:9.0f} MB (of it {figures["presets_mb"]:.0f} MB presets)"""


if __name__ == "__main__":
    main()
