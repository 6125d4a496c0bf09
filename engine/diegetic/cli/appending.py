"""render --append: a story that is added to the project of another, and laid out as that one is.

Knows nothing of models.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from diegetic.bounce import Output
from diegetic.cli.again import laid_out_before
from diegetic.cli.asked import check_story_folder, is_file
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.manifest import read_manifest
from diegetic.project.append import append_story, folder_to_append
from diegetic.story import MAX_STORY_S, Story, Told
from diegetic.story_file import NAME

_ONE_FOR_ALL = {"rate_hz": "--rate", "bpm": "--bpm"}
"""What all stories of a project share, and the flag that says it."""


@dataclass(frozen=True, slots=True)
class Appending:
    """What a story is added to: the first story's folder; and at which second, None for after all that are there."""

    first: StoryFolder
    at_s: float | None

    def laid(self, laid: Output, given: Mapping[str, object]) -> Output:
        """How the story is laid out: as the first, but for what a flag says. given: by field of Output; None: no flag.

        Raises InputError where a flag says what can't be in one project.
        """
        before = laid_out_before(self.first)
        for name, flag in _ONE_FOR_ALL.items():
            ours, theirs = given[name], getattr(before, name)
            if ours is not None and ours != theirs:
                has = "none" if theirs is None else f"{theirs:g}"
                raise InputError(
                    f"{flag}: must be the same in all of a project, which has {has}, got {ours:g}; leave it out, or "
                    f"render {self.first.story} with it first"
                )
        asked = {name: getattr(laid, name) for name, flag in given.items() if flag is not None}
        plain = replace(before, targets=replace(before.targets, lanes_lufs={}))  # a lane that this story may not have
        return replace(plain, **asked)

    def folder(self, what: str, asked: Told | Story, model: str) -> StoryFolder:
        """Where the story goes, below the first one's. Raises InputError."""
        file = Path(what)
        name = (file.resolve().parent.name if file.name == NAME else file.stem) if is_file(what) else what
        return folder_to_append(self.first, name, asked, model)

    def add(self, folder: StoryFolder) -> tuple[Iterator[str], dict[str, object]]:
        """Put the rendered story into the project: lines that say so, and facts. Raises InputError, Failure."""
        start_s = append_story(self.first, folder, self.at_s)
        projects = [str(self.first.path / path) for path in read_manifest(self.first.manifest).projects]
        names = ", ".join(path for path in projects if path.endswith((".rpp", ".dawproject")))
        return iter([f"{names}: {folder.path.name} starts at {start_s:g} s"]), {
            "projects": projects,
            "starts_at_s": start_s,
        }


def check_appending(append: bool, output: str | None, at_s: float | None) -> Appending | None:
    """What the flags ask for; None where nothing is appended. Raises InputError."""
    if not append:
        if at_s is not None:
            raise InputError("--at: says where in a project an appended story starts; add --append, or leave it out")
        return None
    if output is None:
        raise InputError("--append: needs the folder of the project; give it with -o")
    if at_s is not None and not 0 <= at_s <= MAX_STORY_S:
        raise InputError(f"--at: must be 0..{MAX_STORY_S:g} s, got {at_s:g}; leave it out for after all that is there")
    return Appending(check_story_folder(output), at_s)
