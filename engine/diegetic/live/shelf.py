"""The stories of a project: each in a folder of its own name, known by it, found again at the next start.

What a client may name lies inside the project: nothing outside is read or written, whatever a path says.

A story's file may be edited while the engine runs: it is read again before its story is changed, laid out or saved.

Threads: all in the event loop's; files are small, and read in it at the start only.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diegetic.atomic import nearest
from diegetic.counted import counted
from diegetic.errors import DiegeticError
from diegetic.folder import OWN_FOLDERS, StoryFolder
from diegetic.live.cues import check_name
from diegetic.live.jobs import Refused
from diegetic.live.stamp import Stamp, stamp_of
from diegetic.names import free_path
from diegetic.remembered import with_room
from diegetic.story import Story
from diegetic.story_file import read_story, write_story

_LONGEST_NAME = 200

_log = logging.getLogger(__name__)


class Shelf:
    """Stories by name. lock: held by whoever changes a story or a folder, so that changes come one after the other."""

    def __init__(self, project: Path) -> None:
        self.project = project
        self._stories: dict[str, Story] = {}
        self._seen: dict[str, Stamp | None] = {}
        self._laid_out: dict[Path, str] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def open(self) -> None:
        """Make the project's folder, and take up the stories in it, but for those that a bounce laid out once more.

        One that can't be read is left, and said so.
        """
        self.project.mkdir(parents=True, exist_ok=True)
        for file in sorted(self.project.glob("*/story.toml")):
            try:
                if (story := StoryFolder(file.parent).bounce_of()) is not None:
                    self._laid_out[file.parent.resolve()] = story
                else:
                    self.set(check_name("story", file.parent.name), read_story(file))
            except DiegeticError as error:
                _log.warning("%s", error)

    def lock(self, name: str) -> asyncio.Lock:
        return self._locks[name]

    def folder(self, name: str) -> Path:
        """Where a story is. Raises Refused (422) for a name that can't be one, or a link that leads elsewhere; (409)
        where the disk takes it for another story's.
        """
        path = self.inside(check_name("story", name))
        twin = next((each for each in self._stories if each != name and each.lower() == name.lower()), None)
        if twin is not None and path.exists() and path.samefile(self.inside(twin)):
            raise Refused(409, f"story {name}: is {twin} to this disk, which takes A for a; give another name")
        return path

    def get(self, name: str) -> Story:
        """A story. Raises Refused (404)."""
        story = self.find(name)
        if story is None:
            known = ", ".join(list(self._stories)[:8]) or "none yet"
            raise Refused(404, f"story {name}: isn't known; tell or plan it first (there are: {known})")
        return story

    def find(self, name: str) -> Story | None:
        """A story, or None where there is none of that name. Raises Refused (422) for what can't be one."""
        return self._stories.get(check_name("story", name))

    def set(self, name: str, story: Story) -> None:
        """A story as it is from now on, and as its file has it."""
        self._stories[name] = story
        self._seen[name] = stamp_of(StoryFolder(self.folder(name)).story)

    def all(self) -> tuple[tuple[str, Story], ...]:
        return tuple(self._stories.items())

    async def fresh(self, name: str) -> Story:
        """A story as its file has it, where somebody has edited that. The caller has its lock.

        Raises Refused (404), InputError for a file that can't be read: it isn't written over.
        """
        story, file = self.get(name), StoryFolder(self.folder(name)).story
        seen = stamp_of(file)
        if seen is not None and seen != self._seen[name]:
            story = await asyncio.to_thread(read_story, file)
            self._stories[name], self._seen[name] = story, seen
            _log.info("story %s: was edited, and is read again", name)
        return story

    async def write(self, name: str, story: Story) -> None:
        """Change a story in memory and in its folder. The caller has its lock. Raises Failure."""
        file = StoryFolder(self.folder(name)).story
        await asyncio.to_thread(write_story, file, story)
        self.set(name, story)

    async def with_room(self, name: str, seconds: float) -> Story:
        """A story with room for so many seconds more. The caller has its lock. Raises as `fresh`, and Failure.

        One that would be too long goes on from its last events; all of it is kept beside it, as story-1.toml and so on.
        """
        story = await self.fresh(name)
        if (shorter := with_room(story, seconds)) is not story:
            file = StoryFolder(self.folder(name)).story
            aside = free_path(file, 1)
            await asyncio.to_thread(write_story, aside, story)
            await self.write(name, shorter)
            told = f"is as long as a story may be; it goes on from its last {counted(len(shorter.events), 'event')}"
            _log.warning("story %s: %s, and all of it is in %s", name, told, aside.name)
        return shorter

    def place_for(self, story: str, given: str) -> Path:
        """A folder inside the project that a story may be laid out in. Raises Refused: 422, 409 for another story's."""
        path = self.inside(given)
        for name in OWN_FOLDERS:
            self.inside(f"{given}/{name}")  # one that is there already may be a link
        if why := _unfit(path, Path(given)):
            raise Refused(422, f"folder {given[:80]!r}: {why}; give another name")
        other = next((name for name in self._stories if name != story and self.folder(name) == path), None)
        if other is not None:
            raise Refused(409, f"folder {given[:80]!r}: is where story {other} lies; give another name")
        self._check_laid_out(story, path)
        return path

    @contextmanager
    def laid_out(self, story: str, path: Path) -> Iterator[None]:
        """A story is laid out in a folder, which is no other's from then on. Raises Refused (409)."""
        self._check_laid_out(story, path)
        known = path in self._laid_out
        self._laid_out[path] = story
        try:
            yield
        except BaseException:
            if not known:
                self._laid_out.pop(path, None)
            raise

    def _check_laid_out(self, story: str, path: Path) -> None:
        """Stories that were told in the same words can't be told apart by what is in the folder."""
        other = self._laid_out.get(path, story)
        if other != story:
            raise Refused(409, f"folder {path.name[:80]!r}: is where story {other} is laid out; give another name")

    def file(self, given: str) -> Path:
        """A file inside the project. Raises Refused (422)."""
        path = self.inside(given)
        if path.is_dir():
            raise Refused(422, f"file {given[:80]!r}: is a folder; give another name")
        return path

    def inside(self, given: str) -> Path:
        """A path inside the project. Raises Refused (422) for what leaves it: absolute, "..", or by a link."""
        root = self.project.resolve()
        parts = Path(given).parts
        bad = not given.isprintable() or not given or "\\" in given or Path(given).is_absolute() or ".." in parts
        bad = bad or any(len(part.encode()) > _LONGEST_NAME for part in parts)
        try:
            path = root if bad else (root / given).resolve()
        except (OSError, RuntimeError, ValueError):  # a loop of links, a name no system takes
            bad, path = True, root
        if bad or path == root or not path.is_relative_to(root):
            raise Refused(422, f"path {given[:80]!r}: must lie inside the project folder; give a plain, short name")
        return path


def _unfit(path: Path, given: Path) -> str | None:
    """Why nothing can be laid out in a folder; None where it can."""
    try:
        existing = nearest(path)
    except PermissionError:
        return "can't be looked into"
    if not existing.is_dir():
        return "is a file" if existing == path else f"{existing.name} is a file"
    if own := next((part for part in given.parts[1:] if part in OWN_FOLDERS), None):
        return f"{own} is for what belongs to one story"
    return StoryFolder(path).unwritable()
