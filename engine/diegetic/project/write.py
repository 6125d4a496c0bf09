"""The project files of a story's folder, written so that nothing a user has made of them is lost.

A project that was saved in its program since it was written here stays as it is; the new one gets the next free name
(storm-2.rpp). The digests of what was written, by path, are kept in the manifest.

Knows nothing of what the formats are made of.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path

from diegetic.atomic import write_atomically
from diegetic.project.dawproject import encode_dawproject
from diegetic.project.markers import encode_csv, encode_midi
from diegetic.project.reaper import encode_rpp
from diegetic.project.timeline import Timeline


def write_project(
    timeline: Timeline, folder: Path, written: Mapping[str, str], tell: Callable[[dict[str, str]], None]
) -> dict[str, str]:
    """Write all project files of a timeline whose clips are under `folder`.

    written: what earlier calls returned. tell: is given, before anything is written, what may be there until all is:
    of each file both digests, old and new. Returns the digest, as it was written, of every project file that
    is there, by path. Raises Failure.
    """
    digests = {path: digest for path, digest in written.items() if (folder / path).exists()}
    files = {
        next(name for name in _names(stem, suffix) if _is_free(folder / name, digests.get(name, ""), data)): data
        for stem, suffix, data in _files(timeline, folder)
    }
    changed = {path: _digest(data) for path, data in files.items()}
    tell(digests | {path: f"{digests.get(path, '')} {digest}" for path, digest in changed.items()})
    for path, data in files.items():
        write_atomically(folder / path, data)
    return digests | changed


def _files(timeline: Timeline, folder: Path) -> Iterator[tuple[str, str, bytes]]:
    yield timeline.name, ".rpp", encode_rpp(timeline)
    yield timeline.name, ".dawproject", encode_dawproject(timeline, folder)
    yield "markers", ".mid", encode_midi(timeline)
    yield "markers", ".csv", encode_csv(timeline)


def _names(stem: str, suffix: str) -> Iterator[str]:
    yield stem + suffix
    yield from (f"{stem}-{number}{suffix}" for number in count(2))


def _is_free(path: Path, digests: str, data: bytes) -> bool:
    """Whether a name is still to be used, or holds what was written here, or what is about to be."""
    if not path.exists():
        return True
    return _digest(path.read_bytes()) in (*digests.split(), _digest(data))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
