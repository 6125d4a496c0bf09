"""Takes and undo: render an event once more, go back to an older take, and clear away what isn't used.

A take is kept for good until it is pruned, and all that made it is in its sidecar: to use one again is to say in
story.toml what it was made from.

Knows nothing of command lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from diegetic.atomic import remove
from diegetic.bounce import Output
from diegetic.delivery import deliver
from diegetic.director import Rendered, Report, StoryModel, render_story
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.manifest import Laid, Level, read_manifest
from diegetic.project.clips import FOLDER as CLIPS
from diegetic.schema import unknown
from diegetic.segments import recipes
from diegetic.steps import finish
from diegetic.story import OVERLAP_S, Event, Story, check_story, event_seed, milliseconds
from diegetic.story_file import read_story, write_story
from diegetic.takes import Take


@dataclass(frozen=True, slots=True)
class Listed:
    """A take as it is listed: the place of its event in the story from 1 (0: gone from it), and whether it is heard."""

    place: int
    take: Take
    current: bool


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted: takes, clips, and how many bytes they had."""

    takes: tuple[Take, ...]
    clips: tuple[str, ...]
    size_bytes: int


def find_event(story: Story, given: str) -> Event:
    """An event by its id, or by its place in time from 1, as in the names of stems. Raises InputError."""
    for event in story.events:
        if event.id == given:
            return event
    if given.isdecimal() and 1 <= int(given) <= len(story.events):
        return story.events[int(given) - 1]
    places = f"1..{len(story.events)}"
    raise InputError(f"event {given[:40]!r}: must be {places} or an id; {unknown('id', given, _ids(story))}")


def list_takes(folder: StoryFolder) -> tuple[Listed, ...]:
    """Every take of a rendered story, in order of events, then of age. Raises InputError, Failure."""
    story = read_story(folder.story)
    current = {event.take for event in read_manifest(folder.manifest).events}
    places = {event: place for place, event in enumerate(_ids(story), start=1)}
    listed = [Listed(places.get(take.event, 0), take, take.key in current) for take in folder.takes.all()]
    return tuple(sorted(listed, key=lambda each: (each.place, each.take.event, each.take.number)))


def retake(
    model: StoryModel, folder: StoryFolder, given: str, seed: int | None, output: Output, report: Report
) -> Rendered:
    """Render an event with another seed (None: the first small one it hasn't had), and lay the story out with it.

    Only this event is rendered, and those that go on from it as the same sound. Raises as `render_story`.
    """
    story = read_story(folder.story)
    event = find_event(story, given)
    had = {take.recipe.seed for take in folder.takes.of(event.id)}
    free = next(number for number in range(1, len(had) + 2) if number not in had)
    return render_story(
        model, _with(story, replace(event, seed=free if seed is None else seed)), folder, output, report
    )


def use(folder: StoryFolder, given: str, number: int, output: Output) -> tuple[tuple[Laid, ...], Level]:
    """Go back to take `number` of an event and lay the story out with it. Nothing is rendered, no model is needed.

    Raises InputError where there is no such take or it no longer fits the story, and Failure.
    """
    with folder.held():
        story, manifest, store = read_story(folder.story), read_manifest(folder.manifest), folder.takes
        event = find_event(story, given)
        takes = {take.number: take for take in store.of(event.id)}
        if number not in takes:
            has = ", ".join(map(str, takes)) or "none"
            raise InputError(f"take {number}: of event {event.id} there is {has}; `diegetic takes` lists all")
        story = _with(story, _as_made(story, event, takes[number]))
        wanted = recipes(story, manifest.model_digest)
        if wanted[event.id].key != takes[number].key:
            raise InputError(
                f"take {number} of event {event.id}: was made by another model or goes on from another take; "
                "use that one first, or retake the event"
            )
        found = {each: store.find(recipe.key) for each, recipe in wanted.items()}
        whole = {each: take for each, take in found.items() if take is not None}
        if lacking := [each for each in found if each not in whole]:
            raise InputError(f"event {lacking[0]}: has no take that fits; render the story first, then choose")
        write_story(folder.story, story)
        return finish(deliver(folder, story, whole, manifest.model_digest, output))


def unused(folder: StoryFolder) -> tuple[Take, ...]:
    """The takes that aren't heard in the story as it was last laid out."""
    needed = {event.take for event in read_manifest(folder.manifest).events}
    return tuple(take for take in folder.takes.all() if take.key not in needed)


def prune(folder: StoryFolder, output: Output) -> Pruned:
    """Delete unused takes, and the clips that no project in the folder plays. Ask first: there is no way back.

    Raises InputError where story.toml says what isn't rendered yet, and Failure.
    Project files are written anew before clips are deleted, so that none names a file that is gone.
    """
    with folder.held():
        story, manifest, store = read_story(folder.story), read_manifest(folder.manifest), folder.takes
        gone = unused(folder)
        current = {event.event: store.find(event.take) for event in manifest.events}
        takes = {event: take for event, take in current.items() if take is not None}
        wanted = recipes(story, manifest.model_digest)
        if {event: take.key for event, take in takes.items()} != {each: made.key for each, made in wanted.items()}:
            raise InputError(f"{folder.path}: story.toml was changed since it was rendered; render it, then prune")
        paths = [path for take in gone for path in _files(store.folder, take)]
        size_bytes = sum(path.stat().st_size for path in paths)
        for path in paths:
            remove(path)
        finish(deliver(folder, story, takes, manifest.model_digest, output))
        clips = tuple(_unplayed(folder.path))
        size_bytes += sum(clip.stat().st_size for clip in clips)
        for clip in clips:
            remove(clip)
        return Pruned(gone, tuple(f"{CLIPS}/{clip.name}" for clip in clips), size_bytes)


def _as_made(story: Story, event: Event, take: Take) -> Event:
    """The event as it was when the take was rendered, at its place of now."""
    made, length_s = take.recipe, milliseconds(take.recipe.duration_s - OVERLAP_S)
    plain = replace(event, seed=None)
    seed = None if event_seed(story.seed, plain) == made.seed else made.seed
    return replace(
        event, caption=made.caption, lane=made.lane, duration_s=length_s, variation=made.variation, seed=seed
    )


def _with(story: Story, changed: Event) -> Story:
    events = tuple(changed if event.id == changed.id else event for event in story.events)
    return check_story(replace(story, events=events))


def _ids(story: Story) -> list[str]:
    return [event.id for event in story.events]


def _files(folder: Path, take: Take) -> Iterator[Path]:
    """A take's sidecar first: what is left without one isn't a take. Then its sound, and what is around it."""
    yield (folder / take.file).with_suffix(".json")
    yield folder / take.file
    yield from folder.glob(f"{Path(take.file).stem}.*.wav")


def _unplayed(folder: Path) -> Iterator[Path]:
    """Clips that no Reaper project here, below or in the folder above names (a DAWproject has its own sounds inside).

    A project is any .rpp, .RPP or .rpp-bak: Reaper writes all of them, into a folder of its own where it is told so.
    """
    pattern = "*.[rR][pP][pP]*"
    paths = (*folder.rglob(pattern), *folder.resolve().parent.glob(pattern))
    projects = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    for clip in sorted((folder / CLIPS).glob("*.wav")):
        if not any(clip.name in project for project in projects):
            yield clip
