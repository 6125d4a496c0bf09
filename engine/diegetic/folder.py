"""The folder of one story: what lies where, whose story it is, and who works on it.

    story.toml  mix.wav  stems/  takes/  manifest.json  memory.bin  (and .diegetic.lock while an engine works on it)

Knows nothing of models or samples.

Threads: a folder is held by one engine at a time, by a lock that the operating system gives back when its holder dies.
"""

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import filelock

from diegetic import manifest, story_file, takes
from diegetic.atomic import clear_leftovers, nearest, write_atomically
from diegetic.clock import now
from diegetic.errors import Failure, InputError
from diegetic.story import Story, Told

OWN_FOLDERS = ("stems", "takes", "clips", "loops")
"""What a story has below its folder: no other story may be there."""

_AWAY = "give another folder with -o, or move this one away"
_LOCK, _HOLDER = ".diegetic.lock", ".diegetic.holder"


@dataclass(frozen=True, slots=True)
class StoryFolder:
    """Where the files of a story are."""

    path: Path

    @property
    def name(self) -> str:
        """What the story's project is called."""
        return self.path.resolve().name or "story"

    @property
    def story(self) -> Path:
        return self.path / story_file.NAME

    @property
    def takes(self) -> takes.TakeStore:
        return takes.TakeStore(self.path / takes.FOLDER)

    @property
    def manifest(self) -> Path:
        return self.path / manifest.NAME

    @property
    def memory(self) -> Path:
        return self.path / "memory.bin"

    def bounce_of(self) -> str | None:
        """The live story that is laid out here as a bounce; None for a story's own folder. Raises InputError."""
        return manifest.read_manifest(self.manifest).bounce_of if self.manifest.exists() else None

    def check(self, flag: str = "-o") -> None:
        """Raise InputError where nothing can be written here. Makes nothing. flag: what names another folder."""
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"{self.path}: must be a folder, is a file; give another one with {flag}")
        if reason := self.unwritable():
            raise InputError(f"{self.path}: {reason}; give another folder with {flag}, or change its permissions")

    def unwritable(self) -> str | None:
        """Why nothing can be written here; None where it can. Makes nothing."""
        try:
            existing = nearest(self.path)
        except Failure:
            return "is on a drive that isn't there"
        if existing.is_dir() and os.access(existing, os.W_OK) and not _is_virtual(existing):
            return None
        read_only = hasattr(os, "statvfs") and os.statvfs(existing).f_flag & os.ST_RDONLY
        return "can't be written to, it is on a read-only disk" if read_only else "can't be written to"

    def so_far(self, told: Told, model: str) -> Story | None:
        """The story in this folder, if it is the one told; None if it is yet to be planned.

        Raises InputError where the folder holds another story, or sound that no story here made, or can't be read.
        """
        if self.manifest.exists():
            manifest.read_manifest(self.manifest)
        if self.story.exists():
            story = story_file.read_story(self.story)
            self._check_same(told, model, story.instruction, story.seconds, story.seed, story.model)
            return story
        if self.manifest.exists():
            begun = manifest.read_manifest(self.manifest)
            self._check_same(told, model, begun.instruction, begun.seconds, begun.seed, begun.model)
        else:
            self._check_silent()
        return None

    def accept(self, story: Story) -> None:
        """Raise InputError where the folder holds a story that was told with other words, or sound, or can't be read.

        What else of the story is another is an edit.
        """
        begun = manifest.read_manifest(self.manifest) if self.manifest.exists() else None
        if self.story.exists():
            self._check_words(story, story_file.read_story(self.story).instruction)
        elif begun is not None:
            self._check_words(story, begun.instruction)
        else:
            self._check_silent()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder; jobs of one engine that take turns may hold it together.

        Raises Failure where another engine does, naming it; a dead one's hold has ended with it.
        """
        lock = self._acquire()
        try:
            clear_leftovers(self.path, _LOCK)
            with suppress(Failure):  # on a disk that is full, clearing away must still be possible
                write_atomically(self.path / _HOLDER, _describe_holder(), is_lasting=False)
            yield
        finally:
            with suppress(OSError):  # a folder that was taken away or made read-only: what went wrong is told already
                if lock.lock_counter == 1:
                    (self.path / _HOLDER).unlink(missing_ok=True)
            lock.release()

    def _acquire(self) -> filelock.BaseFileLock:
        lock = filelock.FileLock(self.path / _LOCK, timeout=0, is_singleton=True)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except filelock.Timeout:
            raise Failure(
                f"{self.path}: is being worked on by {self._holder()}; wait until it is done, or choose another folder"
            ) from None
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise Failure(
                f"{self.path}: can't be written to ({reason}); choose another folder with -o, or change its permissions"
            ) from error
        return lock

    def _check_same(self, told: Told, model: str, instruction: str, seconds: float, seed: int, other: str) -> None:
        self._check_words(told, instruction)
        for name, ours, theirs in (
            ("seconds", told.seconds, seconds),
            ("seed", told.seed, seed),
            ("model", model, other),
        ):
            if ours != theirs:
                raise InputError(
                    f"{self.path}: holds this story with {name} = {theirs}, got {ours}; "
                    f"edit {story_file.NAME} there and render it, or give another folder with -o"
                )

    def _check_words(self, asked: Told | Story, instruction: str) -> None:
        if instruction.strip() != asked.instruction.strip():
            raise InputError(f"{self.path}: holds another story ({_quote(instruction)}); {_AWAY}")

    def _check_silent(self) -> None:
        """Raise InputError where there is sound that no story here made."""
        if any((self.path / name).exists() for name in ("mix.wav", "stems", takes.FOLDER)):
            raise InputError(f"{self.path}: has sound in it that isn't this story's; give another folder with -o")

    def _holder(self) -> str:
        try:
            holder = json.loads((self.path / _HOLDER).read_text(encoding="utf-8"))
            return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another engine"


def _describe_holder() -> bytes:
    return json.dumps({"pid": os.getpid(), "host": platform.node(), "since": now()}).encode()


def _is_virtual(path: Path) -> bool:
    """Whether a path lies where Linux shows the kernel: root may write there, but makes no files."""
    return any(path.absolute().is_relative_to(kernel) for kernel in ("/proc", "/sys"))


def _quote(text: str) -> str:
    line = " ".join(text.split())
    return f'"{line}"' if len(line) <= 60 else f'"{line[:57]}..."'
