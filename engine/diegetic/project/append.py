"""Several stories as one project: each in its own folder, one after the other on the timeline of the first.

    storm/            the first story, and the project of all
    storm/the-door/   a story that was appended, with a project of its own

Nothing is copied: the project of all plays the clips where they are, and is written anew whenever one of its stories
is laid out again.

Knows nothing of models.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

from diegetic.errors import DiegeticError, InputError
from diegetic.folder import OWN_FOLDERS, StoryFolder
from diegetic.manifest import Appended, read_manifest, write_manifest
from diegetic.names import slug
from diegetic.project.timeline import Timeline, Track, joined, starts_of
from diegetic.project.write import write_project
from diegetic.story import Story, Told

_log = logging.getLogger(__name__)


def folder_to_append(first: StoryFolder, name: str, asked: Told | Story, model: str) -> StoryFolder:
    """Where a story that is appended goes: its own folder, if it is there already, or the next free one of its name.

    Raises InputError where there is no story to append it to.
    """
    if not first.manifest.exists():
        raise InputError(f"{first.path}: holds no story to append to; render one there first, without --append")
    stem = slug(name, "story")
    folders = (StoryFolder(first.path / each) for each in _names(stem) if each not in OWN_FOLDERS)
    return next(folder for folder in folders if _is_for(folder, asked, model))


def append_story(first: StoryFolder, added: StoryFolder, at_s: float | None = None) -> float:
    """Put a rendered story into `first`'s project, behind all that are there, or at a time; the seconds it starts at.

    added: a folder below `first`. One that is in the project stays where it is, unless told otherwise; another that
    fits no more is left out. Raises InputError where rates differ or one isn't laid out, and Failure.
    """
    with first.held():
        manifest, name = read_manifest(first.manifest), added.path.relative_to(first.path).as_posix()
        known = {each.folder: each for each in still_there(manifest.appended, first.path)}
        known[name] = Appended(name, at_s) if at_s is not None or name not in known else known[name]
        timeline, appended = _timeline(first), tuple(known.values())
        _fitting(timeline, first.path, name)
        others = _all_fitting(timeline, first.path, appended)
        placed = _placed(timeline, others)
        projects = write_project(
            joined(timeline, placed),
            first.path,
            manifest.projects,
            lambda either: write_manifest(first.manifest, replace(manifest, projects=either)),
        )
        write_manifest(first.manifest, replace(manifest, appended=appended, projects=projects))
        return timeline.seconds(placed[[each.folder for each, _ in others].index(name)][1])


def still_there(appended: Sequence[Appended], folder: Path) -> tuple[Appended, ...]:
    """Those whose folders are there: who deletes one takes its story out of the project, which is told once."""
    there = tuple(each for each in appended if (folder / each.folder).is_dir())
    for gone in {each.folder for each in appended} - {each.folder for each in there}:
        _log.warning("%s: is gone, and so left out of the project from now on", folder / gone)
    return there


def with_appended(timeline: Timeline, folder: Path, appended: Sequence[Appended]) -> Timeline:
    """The timeline of a story with those that were appended to it; one that fits no more is left out."""
    return joined(timeline, _placed(timeline, _all_fitting(timeline, folder, appended)))


def refresh_above(folder: StoryFolder) -> None:
    """Where a story was appended to another, write the project of all anew; what is in the way is only told."""
    path = folder.path.resolve()
    first = StoryFolder(path.parent)
    try:
        if first.manifest.exists() and path.name in [each.folder for each in read_manifest(first.manifest).appended]:
            append_story(first, StoryFolder(path))
    except DiegeticError as error:
        _log.warning("the project in %s is as it was: %s", first.path, error)


def _names(stem: str) -> Iterator[str]:
    yield stem
    yield from (f"{stem}-{number}" for number in count(2))


def _is_for(folder: StoryFolder, asked: Told | Story, model: str) -> bool:
    """Whether a folder is free, or holds just what is asked."""
    if not folder.path.exists():
        return True
    if not (folder.story.exists() or folder.manifest.exists()):
        return False
    try:
        if isinstance(asked, Told):
            folder.so_far(asked, model)
        else:
            folder.accept(asked)
    except InputError:
        return False
    return True


def _placed(timeline: Timeline, others: Sequence[tuple[Appended, Timeline]]) -> list[tuple[Timeline, int]]:
    given = [None if each.at_s is None else round(each.at_s * timeline.rate_hz) for each, _ in others]
    starts = starts_of(timeline, [other.frames for _, other in others], given)
    return [(other, start) for (_, other), start in zip(others, starts, strict=True)]


def _all_fitting(timeline: Timeline, folder: Path, appended: Sequence[Appended]) -> list[tuple[Appended, Timeline]]:
    """Those that fit; of the others it is only told."""
    fitting = list[tuple[Appended, Timeline]]()
    for each in appended:
        try:
            fitting.append((each, _fitting(timeline, folder, each.folder)))
        except InputError as error:
            _log.warning("left out of the project: %s", error)
    return fitting


def _fitting(timeline: Timeline, folder: Path, name: str) -> Timeline:
    """The timeline of an appended story. Raises InputError where it isn't there or has another rate."""
    other = _timeline(StoryFolder(folder / name))
    if other.rate_hz != timeline.rate_hz:
        raise InputError(
            f"{folder / name}: must have the project's rate of {timeline.rate_hz} Hz, got {other.rate_hz}; "
            f"render it with --rate {timeline.rate_hz}"
        )
    return _below(other, name)


def _timeline(folder: StoryFolder) -> Timeline:
    timeline = read_manifest(folder.manifest).timeline if folder.manifest.exists() else None
    if timeline is None:
        raise InputError(f"{folder.path}: isn't rendered yet; render it, then append")
    return timeline


def _below(timeline: Timeline, name: str) -> Timeline:
    """The same, its clips found from the folder above."""
    tracks = []
    for track in timeline.tracks:
        items = [
            replace(item, takes=tuple(replace(clip, path=f"{name}/{clip.path}") for clip in item.takes))
            for item in track.items
        ]
        tracks.append(Track(track.name, track.channels, tuple(items)))
    return replace(timeline, tracks=tuple(tracks))
