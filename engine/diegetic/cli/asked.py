"""What a user asked for on the command line: a text or a story file, and the folder it goes to; checked before work.

Knows nothing of models.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from diegetic import text_file
from diegetic.cli.screen import typed
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.names import slug
from diegetic.story import MAX_TOLD_S, MIN_STORY_S, Story, Told, check_story, check_told, check_words
from diegetic.story_file import NAME, read_story
from diegetic.written_plan import Written, is_written_plan, read_written_plan


@dataclass(frozen=True, slots=True)
class Wishes:
    """The flags that say how a story shall be; None where not given."""

    seconds: float | None = None
    seed: int | None = None
    variation: float | None = None
    model: str = "pocket"


DEFAULT_SECONDS = 40.0

_NO_FOLDERS = (".wav", ".flac", ".mp3", ".ogg", ".mp4", ".mov", ".mkv", ".webm", ".avi", ".toml", ".txt", ".rpp")
"""How names end that mean one file: who gives one doesn't want a folder of that name."""


def asked_for(what: str, wishes: Wishes) -> Told | Story:
    """The text told, or the story in a file with what the flags change of it. Raises InputError."""
    if not is_planned(what):
        text = read_text(Path(what)) if is_file(what) else what
        _check_no_folder(what, text)
        text = check_text(text)
        told = Told(text, _usual_seconds(text) if wishes.seconds is None else wishes.seconds, wishes.seed or 0)
        return check_told(replace(told, variation=wishes.variation))
    written = not what.strip().lower().endswith(".toml")
    if written:
        story = read_written_plan(Written(Path(what), wishes.model, wishes.seed or 0, wishes.seconds))
    else:
        story = read_story(Path(what))
    check_text(story.instruction)
    if wishes.seconds is not None and not written:
        raise InputError(f"seconds: {what} says how long its story is; edit it there, and leave --seconds out")
    if wishes.seed is not None:
        story = replace(story, seed=wishes.seed)
    if wishes.variation is not None:
        story = replace(story, events=tuple(replace(event, variation=wishes.variation) for event in story.events))
    return check_story(story)


def _usual_seconds(text: str) -> float:
    """How long a story is where nobody says: as its text does, longer than usual where only part of it is timed."""
    from diegetic.model.timetable import told_s

    return min(MAX_TOLD_S, max(MIN_STORY_S, told_s(text, DEFAULT_SECONDS)))


def _check_no_folder(what: str, text: str) -> None:
    """Raise InputError where a folder was given for a scene: a path, or the name of another story's folder."""
    if not _is_folder(what):
        return
    story = Path(what) / NAME
    if story.is_file() and read_story(story).instruction.strip() != text.strip():
        raise InputError(
            f"{what}: is a folder, not a scene; its story is rendered with `{typed('diegetic', 'render', story)}`"
        )
    if any(slash in what for slash in "/\\"):
        raise InputError(f"{what}: is a folder; give a scene in words, or a .toml or .txt file with one")


def _is_folder(name: str) -> bool:
    try:
        return Path(name).is_dir()
    except (OSError, ValueError):  # a text that is too long for a name, or holds a null
        return False


def folder_for(what: str, output: str | None) -> StoryFolder:
    """Where it goes: -o, or the folder of a story.toml, or one named from the file or the text. Raises InputError."""
    if output is not None and not output.strip():
        raise InputError("-o: must name a folder, got nothing; leave it out for one named from the text")
    if output is not None:
        return check_folder(Path(output))
    if not is_file(what):
        return check_folder(Path(slug(what, "story")))
    file = Path(what)
    return check_folder(file.parent if file.name == NAME else file.with_suffix(""))


def check_folder(path: Path) -> StoryFolder:
    """The folder, if files can be made in it, and its name isn't a file's. Raises InputError."""
    folder, ending = StoryFolder(path), path.suffix
    try:
        folder.check()
        if ending.lower() in _NO_FOLDERS and not path.exists():
            way_out = f"leave {ending} out: mix, stems and projects go into that folder"
            raise InputError(f"{path}: must be a folder, is named as a file; {way_out}")
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{str(path)[:80]}: can't be a folder ({error}); give another one with -o") from None
    return folder


def check_story_folder(path: str, writes: bool = True) -> StoryFolder:
    """The folder of a story that was rendered, or of its story file. Raises InputError where there is none, or (writes)
    nothing can be written.
    """
    given = Path(path)
    try:
        folder = StoryFolder(given.parent if given.name == NAME and given.is_file() else given)
        there = folder.story.is_file()
    except OSError as error:
        told = f"can't be looked into ({error.strerror})"
        raise InputError(f"{path[:80]}: {told}; check the path and its permissions") from None
    if not there:
        raise InputError(f"{path}: has no {NAME} in it; render a story into it first")
    if writes and (reason := folder.unwritable()):
        raise InputError(f"{path}: {reason}; change its permissions, or copy it to where files can be written")
    return folder


def check_text(text: str) -> str:
    """The same, in plain lines. Raises InputError where a model can't be told it."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise InputError("text: must be UTF-8, got other bytes; set the terminal to UTF-8")
    check_words(text)
    return text_file.plain_lines(text)


def is_file(what: str) -> bool:
    """Whether an argument names a file: one line that ends in .toml or .txt, whether the file is there or not."""
    return "\n" not in what and what.strip().lower().endswith((".toml", ".txt"))


def is_planned(what: str) -> bool:
    """Whether an argument names a file with a plan in it: a story file, or AudioStory's own text."""
    return is_file(what) and (what.strip().lower().endswith(".toml") or is_written_plan(what))


def read_text(file: Path) -> str:
    """What is told in a text file. Raises InputError where it can't be read, or says nothing."""
    try:
        text = text_file.read_text(file).strip()
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; check the path") from None
    except OSError as error:
        raise InputError(f"{file}: can't be read ({error.strerror}); check the path and its permissions") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: must be UTF-8 text, byte {error.start} is not; save it as UTF-8") from None
    if not text:
        raise InputError(f"{file}: must say what is to be heard, got nothing; describe a scene in it")
    return text
