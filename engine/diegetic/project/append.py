"""Several stories as one project: each in its own folder, one after the other on the timeline of the first.

    storm/            the first story, and the project of all
    storm/the-door/   a story that was appended, with a project of its own

Nothing is copied: the project of all plays the clips where they are.

Knows nothing of models.
"""

import logging
from dataclasses import replace
from pathlib import Path

from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.manifest import read_manifest, write_manifest
from diegetic.names import slug
from diegetic.project.timeline import Timeline, Track, in_a_row
from diegetic.project.write import write_project

_log = logging.getLogger(__name__)


def folder_to_append(first: StoryFolder, text: str) -> StoryFolder:
    """Where a story that is appended goes. Raises InputError where there is no story to append it to."""
    if not first.manifest.exists():
        raise InputError(f"{first.path}: holds no story to append to; render one there first, without --append")
    return StoryFolder(first.path / slug(text, "story"))


def append_story(first: StoryFolder, added: StoryFolder) -> Timeline:
    """Put a rendered story behind all that are in `first`'s project, or, where it is there, write that anew.

    added: a folder below `first`. Raises InputError where rates differ or one isn't laid out, and Failure.
    """
    with first.held():
        manifest, name = read_manifest(first.manifest), added.path.relative_to(first.path).as_posix()
        names = tuple(dict.fromkeys((*manifest.appended, name)))
        timeline = _all(first, names)
        projects = write_project(timeline, first.path, manifest.projects)
        write_manifest(first.manifest, replace(manifest, appended=names, projects=projects))
        return timeline


def with_appended(timeline: Timeline, folder: Path, names: tuple[str, ...]) -> Timeline:
    """The timeline of a story with those that were appended to it; one that is gone or fits no more is left out."""
    fitting = [timeline]
    for name in names:
        try:
            fitting.append(_fitting(timeline, folder, name))
        except InputError as error:
            _log.warning("left out of the project: %s", error)
    return in_a_row(fitting)


def _all(first: StoryFolder, names: tuple[str, ...]) -> Timeline:
    timeline = _timeline(first)
    return in_a_row([timeline, *(_fitting(timeline, first.path, name) for name in names)])


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
