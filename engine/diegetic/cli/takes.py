"""takes, retake, use and prune: an event rendered once more, an older take again, and what isn't heard cleared away.

What is laid out again keeps the rate, stems, curve and loudness it had.
"""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diegetic.cli.options import Device, Json
from diegetic.cli.outside import Outside
from diegetic.cli.screen import open_display, show, typed
from diegetic.cli.stopping import Stopping
from diegetic.cli.stories import Folder
from diegetic.counted import counted
from diegetic.errors import InputError
from diegetic.settings import resolve

if TYPE_CHECKING:
    from diegetic.folder import StoryFolder
    from diegetic.retakes import Listed
    from diegetic.story import Story

Event = Annotated[str, typer.Argument(metavar="EVENT", help="Its number in order of time, or its id.")]
Number = Annotated[int, typer.Argument(metavar="TAKE", help="A number from `diegetic takes`.")]
NewSeed = Annotated[
    int | None, typer.Option("--seed", help="The first small one it hasn't had, where left out.", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", help="Delete without asking.")]


def takes(folder: Folder, json: Json = False) -> None:
    """List every take of a rendered story; * is heard."""
    from diegetic.cli.again import laid_out_before
    from diegetic.cli.asked import check_story_folder
    from diegetic.retakes import list_takes

    place = check_story_folder(folder, writes=False)
    laid_out_before(place)
    listed = list_takes(place)
    facts = [{"place": each.place, "current": each.current, **asdict(each.take)} for each in listed]
    show(map(_line, listed), json, {"folder": str(place.path), "takes": facts})


def retake(
    context: typer.Context, folder: Folder, event: Event, seed: NewSeed = None, device: Device = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Render one event again with another seed; older takes stay."""
    from diegetic import retakes
    from diegetic.cli.again import laid_out_before
    from diegetic.cli.asked import check_story_folder
    from diegetic.cli.report import rendered_facts, rendered_lines
    from diegetic.cli.work import Work
    from diegetic.story_file import read_story

    outside: Outside = context.obj
    settings = resolve(outside.environment, {"device": device})
    place = check_story_folder(folder)
    output, story = laid_out_before(place), read_story(place.story)
    _check_retake(story, event, seed)
    outside.check_name(story.model, settings)
    with Work(story.seconds, lambda: _as_it_was_or_changed(place, story)) as work:
        loaded, load_s = work.load(story.model, lambda: outside.load(story.model, settings))
        done = retakes.retake(loaded, place, event, seed, output, work.report)
    show(rendered_lines(place, done, load_s), json, rendered_facts(place, done, load_s))


def use(folder: Folder, event: Event, take: Number, json: Json = False) -> None:
    """Go back to an older take of an event; nothing is rendered."""
    from diegetic import retakes
    from diegetic.cli.again import laid_out_before
    from diegetic.cli.asked import check_story_folder
    from diegetic.manifest import MIX, mix_of
    from diegetic.story_file import read_story

    place = check_story_folder(folder)
    output = laid_out_before(place)
    found = retakes.find_event(read_story(place.story), event)
    with open_display() as display, Stopping() as stopping:
        stopping.busy = True
        display.stage("writing stems and mix", None)
        files, level = retakes.use(place, found.id, take, output)
    lines = [f"{place.path / mix_of(files)}: event {found.id} is take {take}"]
    facts = {
        "folder": str(place.path),
        "mix": str(place.path / mix_of(files)),
        "stems": [str(place.path / laid.path) for laid in files if laid.kind != MIX],
        "event": found.id,
        "take": take,
        "level": asdict(level),
    }
    show(lines, json, facts)


def prune(folder: Folder, yes: Yes = False, json: Json = False) -> None:
    """Delete takes that aren't heard, and unplayed clips; asks first."""
    from diegetic import retakes
    from diegetic.cli.again import laid_out_before
    from diegetic.cli.asked import check_story_folder

    if json and not yes:
        raise InputError("prune: can't ask with --json, and there is no way back; add --yes to delete")
    place = check_story_folder(folder)
    output = laid_out_before(place)
    if not yes and not _agreed(place):
        show([f"{place.path}: nothing was deleted"], json, {})
        return
    with open_display() as display, Stopping() as stopping:
        stopping.busy = True
        display.stage("writing stems and mix", None)
        done = retakes.prune(place, output)
    deleted = f"{counted(len(done.takes), 'take')} and {counted(len(done.clips), 'clip')} deleted"
    lines = [f"{place.path}: {deleted}, {done.size_bytes / 1e6:.1f} MB"]
    files = [str(place.takes.folder / take.file) for take in done.takes]
    clips = [str(Path(place.path, clip)) for clip in done.clips]
    show(lines, json, {"folder": str(place.path), "takes": files, "clips": clips, "size_bytes": done.size_bytes})


def _line(listed: "Listed") -> str:
    from diegetic.story import OVERLAP_S

    take = listed.take
    heard, place = "*" if listed.current else " ", str(listed.place or ("gone" if take.event else "cue"))
    return (
        f"{heard} {place:<5}{take.event:<5} take {take.number:<3} seed {take.recipe.seed:<20} "
        f"{take.recipe.duration_s - OVERLAP_S:5.1f} s  {take.made.at}  {take.recipe.caption}"
    )


def _check_retake(story: "Story", event: str, seed: int | None) -> None:
    """Raise InputError where a retake can't be asked for: before a model is loaded."""
    from dataclasses import replace

    from diegetic.retakes import find_event
    from diegetic.story import check_event

    check_event(replace(find_event(story, event), seed=seed))


def _as_it_was_or_changed(folder: "StoryFolder", before: "Story") -> str:
    """How a retake goes on that was stopped: once its seed is in story.toml, it must not be asked for again."""
    from diegetic.story_file import read_story

    if read_story(folder.story) == before:
        return "the story is as it was; run the same command again"
    return f"the story has the new seed already; go on with `{typed('diegetic', 'render', folder.story)}`"


def _agreed(folder: "StoryFolder") -> bool:
    """Show what would be deleted and ask, on stderr. Raises InputError where nobody answers."""
    from diegetic.retakes import list_takes, unused

    gone = {take.key for take in unused(folder)}
    for listed in list_takes(folder):
        if listed.take.key in gone:
            print(_line(listed), file=sys.stderr)
    question = f"delete {counted(len(gone), 'take')}, and clips that no project plays, for good? [y/N] "
    print(question, end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        print(file=sys.stderr)
        raise InputError("prune: nobody is there to answer; add --yes to delete without being asked")
    return answer.strip().lower() in ("y", "yes")
