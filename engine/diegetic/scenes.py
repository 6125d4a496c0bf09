"""One scene among many: what it asks for, where it goes, and what came of it.

A scene is a text that is told or a story that is rendered. What is in its folder already, just as it would be rendered,
is left alone.

Knows nothing of processes, command lines or clusters.
"""

import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from diegetic.bounce import Output
from diegetic.delivery import is_delivered
from diegetic.director import StoryModel, render_story
from diegetic.errors import Cancelled, DiegeticError, InputError
from diegetic.folder import StoryFolder
from diegetic.progress import Progress, share_of
from diegetic.story import Story, Told

Load: TypeAlias = Callable[[str], StoryModel]
"""Loads a model by its name. It is sent to other processes: a function of a module, or a partial of one."""
Share: TypeAlias = Callable[[float], None]
"""Told how much of a scene is done, 0..1, now and then. It may raise Cancelled to stop."""
Watch: TypeAlias = "Callable[[Mapping[Scene, float]], None]"
"""Told a few times a second how far the scenes are that are being rendered, 0..1; what it raises stops all."""


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


def check_apart(scenes: Iterable[Scene]) -> None:
    """Raise InputError where two scenes would go into one folder, be it only on disks that don't tell A from a."""
    sources: dict[str, Path] = {}
    for scene in scenes:
        other = sources.setdefault(unicodedata.normalize("NFC", str(scene.folder)).casefold(), scene.source)
        if other != scene.source:
            raise InputError(f"{scene.source}: goes into {scene.folder}, as {other} does; rename one of them")


def is_there(scene: Scene, output: Output) -> bool:
    """Whether a scene is in its folder already, whole. Raises InputError where the folder is another's, and Failure."""
    folder = StoryFolder(scene.folder)
    folder.check()
    asked = scene.asked
    story = folder.so_far(asked, scene.model) if isinstance(asked, Told) else replace(asked, model=scene.model)
    return story is not None and is_delivered(folder, story, output)


def render_scene(scene: Scene, load: Load, output: Output, share: Share) -> Result:
    """Render one scene where anything of it is missing. Whatever goes wrong is in the result, but for a stop."""
    return attempt(scene, lambda: _render(scene, load, output, share))


def look(scene: Scene, output: Output) -> Result | None:
    """What comes of a scene without any rendering: kept, or failed; None where something is missing."""
    began = time.monotonic()
    try:
        there = is_there(scene, output)
    except Exception as error:
        return failed(scene, _told(error), time.monotonic() - began)
    return Result(scene.source, scene.folder, "kept", time.monotonic() - began) if there else None


def attempt(
    scene: Scene, work: Callable[[], Literal["kept", "rendered"]], through: tuple[type[Exception], ...] = (Cancelled,)
) -> Result:
    """The result of some work on a scene: what it says, or what it raises. through: what isn't for it to answer."""
    began = time.monotonic()
    try:
        state = work()
        return Result(scene.source, scene.folder, state, time.monotonic() - began)
    except through:
        raise
    except Exception as error:
        return failed(scene, _told(error), time.monotonic() - began)


def failed(scene: Scene, problem: str, took_s: float = 0.0) -> Result:
    """The result of a scene that failed, and why."""
    return Result(scene.source, scene.folder, "failed", took_s, problem)


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, DiegeticError) else f"{type(error).__name__}: {error}"


@dataclass(slots=True)
class _Furthest:
    """Tells how far a scene is, and never that it went back."""

    seconds: float
    share: Share
    at: float = 0.0

    def __call__(self, progress: Progress) -> None:
        self.at = max(self.at, share_of(progress, self.seconds))
        self.share(self.at)


def _render(scene: Scene, load: Load, output: Output, share: Share) -> Literal["kept", "rendered"]:
    if is_there(scene, output):
        return "kept"
    asked = scene.asked if isinstance(scene.asked, Told) else replace(scene.asked, model=scene.model)
    render_story(load(scene.model), asked, StoryFolder(scene.folder), output, _Furthest(asked.seconds, share))
    return "rendered"
