"""Many scenes into many folders: some at a time, each process with a model of its own.

A scene is a .txt that is told or a story.toml that is rendered; its folder has its name. What is there already, just as
it would be rendered, is left alone; a scene that fails doesn't stop the rest, nor does a process that dies.

Knows nothing of command lines.

Threads: `run` works in the caller's thread; scenes render in child processes, which share nothing but the disk.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from diegetic.bounce import Output
from diegetic.delivery import is_delivered
from diegetic.director import Progress, StoryModel, render_story
from diegetic.errors import DiegeticError, InputError
from diegetic.folder import StoryFolder
from diegetic.names import slug
from diegetic.story import Story, Told, check_told
from diegetic.story_file import read_story

Load: TypeAlias = Callable[[str], StoryModel]
"""Loads a model by its name. It is sent to other processes: a function of a module, or a partial of one."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene: the file it was read from, what is asked, the model's name, and where it goes."""

    source: Path
    asked: Told | Story
    model: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a scene: kept (nothing was missing), rendered or failed (and why), and the seconds it took."""

    source: Path
    folder: Path
    state: Literal["kept", "rendered", "failed"]
    took_s: float
    problem: str = ""


def read_scenes(files: Sequence[Path], out: Path, seconds: float, seed: int, model: str) -> tuple[Scene, ...]:
    """Read every file. seconds, seed, model: for those that are told; a story.toml has its own.

    Raises InputError at the first that can't be read, and where two would go into one folder.
    """
    scenes = tuple(_read(file, out, seconds, seed, model) for file in files)
    if not scenes:
        raise InputError("scenes: must be at least one file, got none; give .txt or .toml files")
    sources: dict[Path, Path] = {}
    for scene in scenes:
        other = sources.setdefault(scene.folder, scene.source)
        if other != scene.source:
            raise InputError(f"{scene.source}: goes into {scene.folder}, as {other} does; rename one of them")
    return scenes


def run(scenes: Sequence[Scene], load: Load, output: Output, jobs: int) -> Iterator[Result]:
    """Render what is missing, `jobs` scenes at a time; results as they come. Raises InputError for jobs below 1."""
    if jobs < 1:
        raise InputError(f"jobs: must be 1 or more, got {jobs}")
    waiting = list(dict.fromkeys(scenes))
    while waiting:
        done = set[Scene]()
        for scene, result in _in_processes(waiting, load, output, jobs):
            done.add(scene)
            yield result
        waiting = [scene for scene in waiting if scene not in done]
        if waiting and jobs == 1:  # the process died at the first of them, all by itself
            dead = waiting.pop(0)
            yield Result(dead.source, dead.folder, "failed", 0.0, "its process was ended; is there enough memory?")
        jobs = 1


def render_scene(scene: Scene, load: Load, output: Output) -> Result:
    """Render one scene where anything of it is missing. Whatever goes wrong is in the result."""
    began = time.monotonic()
    try:
        folder = StoryFolder(scene.folder)
        folder.check()
        asked = scene.asked
        story = folder.so_far(asked, scene.model) if isinstance(asked, Told) else asked
        if story is not None and is_delivered(folder, story, output):
            return Result(scene.source, scene.folder, "kept", time.monotonic() - began)
        render_story(load(scene.model), asked, folder, output, _unwatched)
        return Result(scene.source, scene.folder, "rendered", time.monotonic() - began)
    except DiegeticError as error:
        return Result(scene.source, scene.folder, "failed", time.monotonic() - began, str(error))
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        return Result(scene.source, scene.folder, "failed", time.monotonic() - began, problem)


def _in_processes(scenes: Sequence[Scene], load: Load, output: Output, jobs: int) -> Iterator[tuple[Scene, Result]]:
    """Results until all are done or a process dies."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(scenes)), context, _begin, (load,)) as pool:
        futures = {pool.submit(_work, scene, output): scene for scene in scenes}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool:
                continue


_models: dict[str, StoryModel] = {}
_load: list[Load] = []


def _begin(load: Load) -> None:
    _load.append(load)


def _work(scene: Scene, output: Output) -> Result:
    return render_scene(scene, _loaded, output)


def _loaded(name: str) -> StoryModel:
    """This process's model of a name: loaded once, for all its scenes."""
    if name not in _models:
        _models[name] = _load[0](name)
    return _models[name]


def _unwatched(progress: Progress) -> None:
    pass


def _read(file: Path, out: Path, seconds: float, seed: int, model: str) -> Scene:
    if file.suffix == ".toml":
        story = read_story(file)
        name = file.parent.name if file.name == "story.toml" else file.stem
        return Scene(file, story, story.model, out / slug(name))
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: can't be read as text ({error}); check the path, and save it as UTF-8") from None
    return Scene(file, check_told(Told(text.strip(), seconds, seed)), model, out / slug(file.stem))
