"""Tasks on a story, as iterators: each `next` is one step, and gives its outcome.

What a model remembers of a story is kept as the bytes it saves, under a hash of the story: a step that is cancelled, or
an event that is rendered ahead and never sounds, leaves the story's memory as it was.

Knows nothing of processes. Raises InputError, Failure, Cancelled (from `report`), and whatever a model does.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from diegetic.atomic import rename, write_atomically
from diegetic.clock import now
from diegetic.counted import counted
from diegetic.director import begin, memory_of, plan_after, plan_told, read_again, recall, render_steps, story_of
from diegetic.errors import Cancelled, InputError
from diegetic.folder import StoryFolder
from diegetic.generator.hearing import Early, Hearing
from diegetic.generator.latest import Latest
from diegetic.generator.tasks import (
    Bounce,
    Continue,
    Finished,
    LoadState,
    Outcome,
    PlannedEvent,
    ReadyEvent,
    Render,
    SaveState,
    Task,
    Tell,
)
from diegetic.manifest import Manifest, read_manifest, write_manifest
from diegetic.memory_file import read_memory, write_memory
from diegetic.names import free_path
from diegetic.progress import Report
from diegetic.protocol import Hear, Latents, Memory, Planned, StoryModel, unheard
from diegetic.schema import read_strict
from diegetic.segments import Segments, recipes
from diegetic.story import Event, Story, Told, check_story, check_told, continues, last_events, milliseconds, open_beds
from diegetic.story_file import read_story, write_story

_STATES_KEPT, _LATENTS_KEPT = 4, 64
_STATE_BEGINS = b'{"model": "'


class Performer:
    """A model, and what it remembers of the last stories."""

    def __init__(self, model: StoryModel) -> None:
        self.model = model
        self._states: Latest[bytes] = Latest(_STATES_KEPT)
        self._latents: Latest[Latents] = Latest(_LATENTS_KEPT)

    def warm_up(self) -> None:
        """Read an event and take the first step of drawing it: what is slow only at first is done before a cue."""

        def once(done: int, total: int) -> None:
            if done > 0:
                raise Cancelled("warm")

        event = Event("e1", "rain", 0.0, 1.0)
        (condition,) = self.model.recall(self.model.begin("rain", 1.0), "", [event])
        with contextlib.suppress(Cancelled):
            self.model.imagine(condition, event, 0, None, once)

    def perform(self, task: Task, report: Report, early: Early = unheard) -> Iterator[Outcome]:
        """Do a task, step by step. `report` is called within steps, and may raise Cancelled.

        early: called within a step with an event that can be heard before it is whole.
        """
        match task:
            case Tell():
                return self._tell(task, report, early)
            case Render():
                return self._render(task, report, early)
            case Continue():
                return self._continue(task, report, early)
            case Bounce():
                return self._bounce(task, report)
            case SaveState():
                return self._save(task)
            case LoadState():
                return self._load(task)

    def _tell(self, task: Tell, report: Report, early: Early) -> Iterator[Outcome]:
        told, folder = check_told(task.told), StoryFolder(task.folder)
        with folder.held():
            _begin_manifest(folder, told, self.model)
            memory = begin(self.model, told)
            segments = Segments(self.model, told.seed, folder.takes, report, latents=self._latents, ahead=not task.keep)
            hearing = Hearing(told.seconds, self.model.sample_rate, task.rate_hz, early)
            heard: list[Planned] = []
            for planned in _in_lane(task.lane, plan_told(self.model, memory, told, report)):
                heard.append(planned)
                yield PlannedEvent(planned.event)
                if task.render:
                    yield from _rendered(segments, hearing, planned.event, planned.condition)
            story = story_of(told, self.model.name, heard)
            self._remember(story, self.model.save(memory))
            if task.keep:
                _set_aside(folder, story)
                self._keep(folder, story, memory)
        yield Finished(story, f"{counted(len(story.events), 'event')} in {story.seconds:g} s")

    def _render(self, task: Render, report: Report, early: Early, keep: bool = True) -> Iterator[Outcome]:
        folder, story = StoryFolder(task.folder), check_story(task.story)
        with folder.held():
            memory = begin(self.model, story)
            segments = Segments(self.model, story.seed, folder.takes, report, latents=self._latents)
            hearing = Hearing(story.seconds, self.model.sample_rate, task.rate_hz, early)
            for planned in recall(self.model, memory, story):
                yield from _rendered(segments, hearing, planned.event, planned.condition)
            if keep:
                self._keep(folder, story, memory)
        yield Finished(story, f"{counted(len(segments.rendered), 'event')} rendered, {len(segments.kept())} kept")

    def _continue(self, task: Continue, report: Report, early: Early) -> Iterator[Outcome]:
        """What comes next, from what is remembered; the memory itself moves on only where the story does."""
        if task.story is None:
            told = Told(task.text, task.seconds, task.seed)
            yield from self._tell(Tell(task.folder, told, True, task.rate_hz, task.keep, task.lane), report, early)
            return
        told, folder, story = check_told(Told(task.text, task.seconds)), StoryFolder(task.folder), task.story
        longer = replace(story, seconds=milliseconds(story.seconds + told.seconds))
        with folder.held():
            memory = self._memory(folder, story)
            hearing = Hearing(longer.seconds, self.model.sample_rate, task.rate_hz, early)
            segments = Segments(
                self.model, story.seed, folder.takes, report,
                recall=lambda: read_again(self.model, story)[1], latents=self._latents, ahead=not task.keep,
            )  # fmt: skip
            for event in _last_windows(story):
                segments.follow(event)
            added: list[Event] = []
            beds = open_beds(story) if task.keep and not task.lane else ()  # a cue is only what it says
            continued = plan_after(self.model, memory, story, told, beds, report)
            for planned in _in_lane(task.lane, continued):
                added.append(planned.event)
                yield PlannedEvent(planned.event)
                yield from _rendered(segments, hearing, planned.event, planned.condition)
            end_s = max([longer.seconds, *(event.end_s for event in added)])
            grown = check_story(replace(longer, seconds=end_s, events=(*story.events, *added)))
            self._remember(grown, self.model.save(memory))
            if task.keep:
                self._keep(folder, grown, memory)
        yield Finished(grown, f"{counted(len(added), 'event')} more, {grown.seconds:g} s in all")

    def _bounce(self, task: Bounce, report: Report) -> Iterator[Outcome]:
        """Segment by segment, and then file by file, so that others come between."""
        source, target = StoryFolder(task.folder), StoryFolder(task.target)
        target.accept(task.story)  # before anything is rendered
        for outcome in self._render(Render(task.folder, task.story, 0), report, unheard, keep=False):
            if not isinstance(outcome, Finished):
                yield outcome
        if task.target != task.folder:
            with source.held(), target.held():
                target.accept(task.story)
                _begin_manifest(target, task.story, self.model, source.name)  # first: it says whose the takes are
                _copy_takes(task.story, self.model.digest, source, target)
        rendered = yield from render_steps(self.model, task.story, target, task.output, report)
        yield Finished(task.story, f"{counted(len(rendered.files), 'file')} in {task.target}")

    def _save(self, task: SaveState) -> Iterator[Outcome]:
        if task.file.exists() and not is_state(task.file):
            raise InputError(f"{task.file.name}: is there, and is no saved state; give another name")
        folder = StoryFolder(task.folder)
        with folder.held():
            memory = self._memory(folder, task.story)
        header = json.dumps({"model": self.model.digest, "story": asdict(task.story)}).encode()
        write_atomically(task.file, header + b"\n" + self.model.save(memory))
        yield Finished(task.story, f"saved to {task.file.name}")

    def _load(self, task: LoadState) -> Iterator[Outcome]:
        story, state = read_state(task.file, self.model.digest)
        folder = StoryFolder(task.folder)
        with folder.held():
            _begin_manifest(folder, Told(story.instruction, story.seconds, story.seed), self.model)
            _set_aside(folder, story)
            write_story(folder.story, story)
            write_memory(folder.memory, state, self.model.digest, story)
        self._remember(story, state)
        yield Finished(story, f"{counted(len(story.events), 'event')} in {story.seconds:g} s")

    def _memory(self, folder: StoryFolder, story: Story) -> Memory:
        """A memory of exactly this story that may be written on: kept here, kept in its folder, or read again."""
        state = self._states.get(_fingerprint(story)) or read_memory(folder.memory, self.model.digest, story)
        return memory_of(self.model, story, state)

    def _keep(self, folder: StoryFolder, story: Story, memory: Memory) -> None:
        """Write the story and its memory to its folder."""
        state = self.model.save(memory)
        self._remember(story, state)
        write_story(folder.story, story)
        write_memory(folder.memory, state, self.model.digest, story)

    def _remember(self, story: Story, state: bytes) -> None:
        self._states[_fingerprint(story)] = state


def is_state(file: Path) -> bool:
    """Whether a file begins as one that a state was saved to."""
    with file.open("rb") as opened:
        return opened.read(len(_STATE_BEGINS)) == _STATE_BEGINS


def read_state(file: Path, digest: str) -> tuple[Story, bytes]:
    """A story and what a model of this digest remembers of it. Raises InputError."""
    try:
        header, _, state = file.read_bytes().partition(b"\n")
        kept = json.loads(header)
        model, values = kept["model"], kept["story"]
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise InputError(f"{file.name}: can't be read ({why}); save a state by state/save first") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file.name}: is no saved state; give a file that state/save wrote") from error
    if model != digest:
        raise InputError(f"{file.name}: was saved by another model; load that one, or tell the story again")
    return check_story(read_strict(Story, values, file.name)), state


def _rendered(segments: Segments, hearing: Hearing, event: Event, condition: object) -> Iterator[ReadyEvent]:
    """Render one event, with its samples where there is a rate; its take is kept in the next step, or when all ends.

    So no disk, which may be busy with a DAW's recording, is between an event and its sound.
    """
    hear: Hear = partial(hearing.begin, event) if hearing.rate_hz else unheard
    rendering = segments.render(event, condition, hear)
    try:
        if hearing.rate_hz:
            yield hearing.add(event, segments.samples(rendering))
        else:
            yield ReadyEvent(event, None, None)
    finally:
        segments.keep(rendering)


def _begin_manifest(folder: StoryFolder, told: Told | Story, model: StoryModel, bounce_of: str | None = None) -> None:
    """Say whose a folder is, where nothing does yet; a story that is told into a bounce's folder makes it its own."""
    if not folder.manifest.exists():
        whose = (told.instruction, told.seconds, told.seed, model.name, model.digest)
        write_manifest(folder.manifest, Manifest(*whose, now(), bounce_of=bounce_of))
    elif bounce_of is None and folder.bounce_of() is not None:
        write_manifest(folder.manifest, replace(read_manifest(folder.manifest), bounce_of=None))


def _set_aside(folder: StoryFolder, story: Story) -> None:
    """Keep the file of another story that is told no more, as story-1.toml and so on: its takes are still there."""
    if not folder.story.exists():
        return
    with contextlib.suppress(InputError):  # one that was edited and can't be read is another, too
        if read_story(folder.story) == story:
            return
    rename(folder.story, free_path(folder.story, 1))


def _in_lane(lane: str, plan: Iterator[Planned]) -> Iterator[Planned]:
    """A plan with all its events in one lane; "" leaves them where they are."""
    return (replace(each, event=replace(each.event, lane=lane or each.event.lane)) for each in plan)


def _last_windows(story: Story) -> list[Event]:
    """The events that reach the story's end, which the next may go on from, and what they went on from themselves."""
    needed = {event.id for event in last_events(story)}
    for event in reversed(story.events):
        if event.id in needed:
            needed |= {other.id for other in story.events if continues(event, other)}
    return [event for event in story.events if event.id in needed]


def _copy_takes(story: Story, model_digest: str, source: StoryFolder, target: StoryFolder) -> None:
    """Give a folder the takes of a story, so that nothing is rendered twice, and other takes of what its events say.

    A story that is played all day has thousands of takes, most of cues that never sounded. Sidecars come last, as they
    are written.
    """
    current = {recipe.key for recipe in recipes(story, model_digest).values()}
    told = {(event.id, event.caption) for event in story.events}
    wanted = (take for take in source.takes.all() if take.key in current or (take.event, take.recipe.caption) in told)
    stems = {Path(take.file).stem for take in wanted}
    for file in sorted(source.takes.folder.iterdir(), key=lambda path: path.suffix == ".json"):
        if file.name.split(".")[0] in stems and not (target.takes.folder / file.name).exists():
            write_atomically(target.takes.folder / file.name, file.read_bytes())


def _fingerprint(story: Story) -> str:
    """A hash of all that a model reads of a story."""
    read = [(event.caption, event.lane, event.start_s, event.duration_s) for event in story.events]
    content = json.dumps([story.instruction, story.seconds, story.reasoning, read])
    return hashlib.sha256(content.encode()).hexdigest()
