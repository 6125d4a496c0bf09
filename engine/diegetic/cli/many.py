"""render with many files: progress over all, and a report at the end.

What can't be read fails like what can't be rendered: it is told, and the rest goes on.
"""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from diegetic.batch import run
from diegetic.bounce import Output
from diegetic.cli.asked import Wishes, asked_for, check_folder, folder_for, is_file, is_planned
from diegetic.cli.outside import Outside
from diegetic.cli.screen import Display, open_display, show
from diegetic.cli.stopping import Stopping
from diegetic.counted import counted
from diegetic.errors import Cancelled, DiegeticError, Failure, InputError
from diegetic.protocol import StoryModel
from diegetic.scenes import Load, Result, Scene, Watch, check_apart
from diegetic.settings import Settings
from diegetic.story import Story
from diegetic.story_file import NAME

Running: TypeAlias = Callable[[Sequence[Scene], Load, Output, Watch], Generator[Result]]


def render_many(
    outside: Outside,
    files: Sequence[str],
    output: str | None,
    wishes: Wishes,
    model: str | None,
    settings: Settings,
    laid: Output,
    jobs: int | None,
    ray: str | None,
    json: bool,
) -> int:
    """Render every file into a folder of its own; the exit code: 1 where one failed. Raises InputError, Cancelled.

    model: in place of the one that a story.toml names. ray: the address of a cluster to render on.
    """
    began = time.monotonic()
    scenes, unread = _read_all(outside, files, output, wishes, model, settings)
    running: Running = partial(_here, jobs=1 if jobs is None else jobs)
    if ray is not None:
        settings = replace(settings, threads=outside.threads(settings))
        running = _on_cluster(ray, settings, jobs)
    results = _watched(scenes, unread, _Loading(outside.load, settings), laid, running)
    _report(results, time.monotonic() - began, json)
    return int(any(result.state == "failed" for result in results))


@dataclass(frozen=True, slots=True)
class _Loading:
    """Loads models with this run's settings, in whatever process it is sent to."""

    load: Callable[[str, Settings], StoryModel]
    settings: Settings

    def __call__(self, name: str) -> StoryModel:
        return self.load(name, self.settings)


def _here(scenes: Sequence[Scene], load: Load, output: Output, watch: Watch, jobs: int) -> Generator[Result]:
    return run(scenes, load, output, jobs, watch)


def _on_cluster(address: str, settings: Settings, jobs: int | None) -> Running:
    if find_spec("ray") is None:
        raise Failure("--ray: needs Ray, which isn't installed; pip install 'diegetic[ray]' here and on all nodes")
    from diegetic.cluster.batch import Cluster
    from diegetic.cluster.batch import run as run_on_cluster

    cluster = Cluster(address, settings.device, settings.threads, jobs)
    return lambda scenes, load, output, watch: run_on_cluster(scenes, load, output, cluster, watch)


def _read_all(
    outside: Outside, files: Sequence[str], output: str | None, wishes: Wishes, model: str | None, settings: Settings
) -> tuple[list[Scene], list[Result]]:
    """The scenes of files, and what came of those that can't be read. Raises InputError for what is no file."""
    for file in files:
        if not is_file(file):
            raise InputError(
                f"{file[:40]!r}: must be a .toml or .txt file where there are several; put a scene in words in quotes"
            )
    out = None if output is None else check_folder(Path(output)).path
    scenes, unread = [], []
    for file in dict.fromkeys(files):
        folder = folder_for(file, None).path if out is None else out / _name(Path(file))
        try:
            told = wishes if not is_planned(file) else replace(wishes, seconds=None)
            asked = asked_for(file, told)
            name = asked.model if isinstance(asked, Story) and model is None else settings.model
            outside.check_name(name, settings)
            scenes.append(Scene(Path(file), asked, name, folder))
        except DiegeticError as error:
            unread.append(Result(Path(file), folder, "failed", 0.0, str(error)))
    check_apart(scenes)
    return scenes, unread


def _name(file: Path) -> str:
    """What a scene's folder is called: as its file, or for a story.toml as the folder that it is in."""
    return file.resolve().parent.name if file.name == NAME else file.stem


@dataclass(slots=True)
class _Counting:
    """Shows how far all scenes are."""

    display: Display
    total: int
    results: list[Result] = field(default_factory=list)

    def add(self, result: Result) -> None:
        self.results.append(result)
        self.display.line(_line(result))

    def watch(self, under_way: Mapping[Scene, float]) -> None:
        names = ", ".join(scene.folder.name for scene in under_way)
        rendered = sum(result.state == "rendered" for result in self.results)
        left = self.total - len(self.results)
        text = f"{len(self.results)} of {self.total} scenes" + (f"; rendering {names}" if names else "")
        self.display.stage(text, (rendered + sum(under_way.values())) / (rendered + left))


def _watched(
    scenes: Sequence[Scene], unread: Sequence[Result], load: Load, laid: Output, running: Running
) -> list[Result]:
    """All results, shown as they come. Raises Cancelled after a Ctrl-C."""
    with open_display() as display, Stopping():
        counting = _Counting(display, len(scenes) + len(unread))
        try:
            for result in unread:
                counting.add(result)
            with closing(running(scenes, load, laid, counting.watch)) as coming:
                for result in coming:
                    counting.add(result)
        except KeyboardInterrupt:
            done = f"{len(counting.results)} of {counting.total} scenes are done"
            raise Cancelled(f"stopped; {done}, and the same command goes on from there") from None
    order = {scene.source: place for place, scene in enumerate(scenes)}
    return sorted(counting.results, key=lambda result: order.get(result.source, len(order)))


def _report(results: Sequence[Result], total_s: float, json: bool) -> None:
    counts = {state: sum(result.state == state for result in results) for state in ("rendered", "kept", "failed")}
    summary = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    failed = [_line(result) for result in results if result.state == "failed"]
    scenes = counted(len(results), "scene")
    lines = [*failed, f"{scenes}: {summary} in {total_s:.1f} s"]
    show(lines, json, {"scenes": [_facts(result) for result in results], **counts, "total_s": round(total_s, 3)})


def _line(result: Result) -> str:
    if result.state == "failed":
        return f"failed: {result.source}: {' '.join(result.problem.removeprefix(f'{result.source}: ').split())}"
    took = f" in {result.took_s:.1f} s" if result.state == "rendered" else ", nothing is missing"
    return f"{result.folder}: {result.state}{took}"


def _facts(result: Result) -> dict[str, object]:
    return {
        "source": str(result.source),
        "folder": str(result.folder),
        "state": result.state,
        "took_s": round(result.took_s, 3),
        "problem": result.problem or None,
    }
