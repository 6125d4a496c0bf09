"""Dubbing: what is to be heard in each scene of a video, as a file to write or edit, and as a story.

    # kitchen.dub.toml
    text = "a cat chases a mouse through a kitchen"      what it is all about, for the model to know
    [[scenes]]
    start_s = 0.0
    end_s = 4.2
    caption = "small feet running on tiles"              "" for a scene without a sound of its own

A captioner may write the captions: anything that is called with a video and its scenes and gives as many texts.

Knows nothing of how videos are read or written.
"""

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import tomlkit

from diegetic.atomic import write_atomically
from diegetic.errors import Failure, InputError
from diegetic.heard_story import story_of_heard
from diegetic.protocol import Heard
from diegetic.schema import read_strict, read_toml
from diegetic.story import (
    FOREGROUND,
    GAIN_RANGE_DB,
    MAX_CAPTION_CHARACTERS,
    MAX_STORY_S,
    MIN_EVENT_S,
    Story,
    check_lane,
    check_story,
)
from diegetic.video import Span, Video

Captioner = Callable[[Path, Sequence[Span]], Sequence[str]]
"""A video and its scenes to what is to be heard in each of them; "" for nothing."""

SUFFIX = ".dub.toml"
_HEADER = """\
# What is to be heard in a video. Write a caption for each scene, then: diegetic dub VIDEO THIS_FILE
# text       what it is all about
# [[scenes]] from start_s to end_s seconds: caption, what sounds ("" for nothing); lane, a row of the timeline; gain_db
"""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is to be heard from start_s to end_s."""

    start_s: float
    end_s: float
    caption: str = ""
    lane: str = FOREGROUND
    gain_db: float = 0.0

    def __post_init__(self) -> None:
        if self.start_s < 0:
            raise ValueError(f"start_s must be 0 or more, got {self.start_s:g}")
        if self.end_s <= self.start_s:
            raise ValueError(f"end_s must be after start_s, got {self.start_s:g} to {self.end_s:g}")
        if len(self.caption) > MAX_CAPTION_CHARACTERS:
            raise ValueError(f"caption must have at most {MAX_CAPTION_CHARACTERS} characters, got {len(self.caption)}")
        check_lane(f"scene at {self.start_s:g} s", self.lane)
        low, high = GAIN_RANGE_DB
        if not low <= self.gain_db <= high:
            raise ValueError(f"gain_db must be {low:g}..{high:g}, got {self.gain_db:g}")


@dataclass(frozen=True, slots=True)
class DubPlan:
    """A video's scenes with their captions. text: what it is all about."""

    scenes: tuple[Scene, ...]
    text: str = ""


def read_plan(path: Path) -> DubPlan:
    """A plan file. Raises InputError."""
    return read_strict(DubPlan, read_toml(path), str(path))


def write_plan(path: Path, plan: DubPlan) -> None:
    """Write a plan file. Raises Failure."""
    document = tomlkit.document()
    document["text"] = plan.text
    scenes = tomlkit.aot()
    for scene in plan.scenes:
        table = tomlkit.table()
        table["start_s"], table["end_s"], table["caption"] = scene.start_s, scene.end_s, scene.caption
        if scene.lane != FOREGROUND:
            table["lane"] = scene.lane
        if scene.gain_db:
            table["gain_db"] = scene.gain_db
        scenes.append(table)
    document["scenes"] = scenes
    write_atomically(path, (_HEADER + "\n" + tomlkit.dumps(document)).encode())


def plan_of(spans: Sequence[Span], captions: Sequence[str] | None = None) -> DubPlan:
    """A plan of a video's scenes; without captions it is one to fill in. Raises Failure where they aren't as many."""
    if captions is not None and len(captions) != len(spans):
        raise Failure(f"captioner: must give {len(spans)} captions, one a scene, got {len(captions)}; correct it")
    said = [""] * len(spans) if captions is None else captions
    pairs = zip(spans, said, strict=True)
    return DubPlan(tuple(Scene(span.start_s, span.end_s, text[:MAX_CAPTION_CHARACTERS]) for span, text in pairs))


def find_captioner(name: str) -> Captioner:
    """The captioner that "module:function" names, a module beside the video's command or installed. Raises InputError.

    What goes wrong in it is a Failure that names it.
    """
    module, _, function = name.partition(":")
    try:
        with _working_folder_first():
            found: Captioner = getattr(importlib.import_module(module), function)
    except Exception as error:  # whatever a user's module raises when it is imported
        told = f"{type(error).__name__}: {error}"[:200]
        raise InputError(f"captioner: {name[:60]!r} must be module:function that can be imported ({told})") from error

    def caption(video: Path, spans: Sequence[Span]) -> list[str]:
        try:
            said = found(video, spans)
            texts = [said] if isinstance(said, str) else list(said)
        except Exception as error:  # a user's own code, or a model's
            told = f"{type(error).__name__}: {error}"[:200]
            raise Failure(f"captioner: {name[:60]} failed ({told}); correct it, or write the plan yourself") from error
        if odd := [text for text in texts if not isinstance(text, str)]:
            raise Failure(f"captioner: {name[:60]} must give texts, got {odd[0]!r:.60}; correct it")
        return texts

    return caption


@contextmanager
def _working_folder_first() -> Iterator[None]:
    """Import from the folder that the command is given in, too: where it is installed, Python looks only beside it."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)


def story_of_plan(plan: DubPlan, video: Video, model: str, seed: int, where: str = "plan") -> Story:
    """The story of a plan: an event for each caption, as long as the video. Raises InputError, of the plan `where`."""
    if video.seconds > MAX_STORY_S:
        raise InputError(f"{video.path}: must last {MAX_STORY_S:g} s at most, got {video.seconds:.0f} s; cut it first")
    heard = [
        Heard(scene.caption.strip(), scene.lane, scene.start_s, scene.end_s, 1.0, scene.gain_db)
        for scene in plan.scenes
        if scene.caption.strip()
    ]
    if not heard:
        raise InputError(f"{where}: no scene has a caption; say what is to be heard in one at least")
    if late := next((each for each in heard if each.start_s >= video.seconds), None):
        told = f"the scene at {late.start_s:g} s is after the end of the video ({video.seconds:.2f} s)"
        raise InputError(f"{where}: {told}; is it another video's plan?")
    # A sound lasts a second at least: one at the very end begins with its scene, and the video cuts it off.
    seconds = max(video.seconds, *(each.start_s + MIN_EVENT_S for each in heard))
    story = story_of_heard(sorted(heard, key=lambda each: each.start_s), seconds, model)
    # The same words for the same video, whatever its captions say: an edited plan is the same story, changed.
    return check_story(replace(story, seed=seed, instruction=plan.text.strip() or f"the sound of {video.path.name}"))
