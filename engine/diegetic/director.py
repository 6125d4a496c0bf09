"""From a told text to sound: plan, imagine, decode, keep, lay out; event by event, so that the first sounds early.

Knows nothing of torch, OSC, MIDI or terminals.

Threads: everything runs in the caller's thread. `report` is called from it between all steps, and may raise Cancelled
(or anything) to stop: finished takes are kept, and the same call goes on from there.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from diegetic.bounce import Output
from diegetic.clock import now
from diegetic.delivery import deliver
from diegetic.errors import Failure
from diegetic.folder import StoryFolder
from diegetic.manifest import Laid, Level, Manifest, write_manifest
from diegetic.memory_file import read_memory, write_memory
from diegetic.progress import Progress, Report
from diegetic.protocol import Condition, Latents, Memory, Planned, StoryModel, Watch
from diegetic.remembered import begins_anew, passages, recent
from diegetic.segments import Segments
from diegetic.steps import GOING, Steps, finish
from diegetic.story import (
    Event,
    Story,
    Told,
    check_event,
    check_story,
    check_told,
    continues,
    free_ids,
    milliseconds,
    open_beds,
)
from diegetic.story_file import read_story, write_ids, write_story
from diegetic.takes import Take

__all__ = [
    "Condition",
    "Latents",
    "Memory",
    "Output",
    "Planned",
    "Progress",
    "Rendered",
    "Report",
    "StoryModel",
    "Watch",
    "continue_story",
    "plan_story",
    "render_story",
]


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a render came to: the story, its takes, the ids of events rendered and kept, the files, and times."""

    story: Story
    takes: tuple[Take, ...]
    rendered: tuple[str, ...]
    kept: tuple[str, ...]
    files: tuple[Laid, ...]
    level: Level
    plan_s: float
    first_audio_s: float
    total_s: float


def render_story(
    model: StoryModel, asked: Told | Story, folder: StoryFolder, output: Output, report: Report
) -> Rendered:
    """Tell a story, or render one that is planned, into its folder: takes, stems, mix, story.toml, manifest.

    Raises InputError where what is asked breaks a rule or the folder is another story's, Failure where a file can't be
    written or another engine holds the folder, and whatever `report` raises.
    """
    return finish(render_steps(model, asked, folder, output, report))


def render_steps(
    model: StoryModel, asked: Told | Story, folder: StoryFolder, output: Output, report: Report
) -> Steps[Rendered]:
    """`render_story` in steps: each event, and each file that is laid out. The folder is held until the last."""
    with folder.held():
        asked = _resolve(asked, folder, model.name)
        memory = begin(model, asked)
        planned = plan_told(model, memory, asked, report) if isinstance(asked, Told) else recall(model, memory, asked)
        segments = Segments(model, asked.seed, folder.takes, report, handles_s=output.handles_s)
        return (yield from _Telling(model, memory, folder, output, report).tell(asked, planned, segments))


def continue_story(
    model: StoryModel, folder: StoryFolder, text: str, seconds: float, output: Output, report: Report
) -> Rendered:
    """Tell what comes next in a rendered story, from its saved memory or, where that is another's, its plan.

    Raises as `render_story`.
    """
    told = check_told(Told(text, seconds))
    with folder.held():
        story = read_story(folder.story)
        longer = check_story(replace(story, seconds=milliseconds(story.seconds + told.seconds)))
        state = read_memory(folder.memory, model.digest, story)
        memory = memory_of(model, story, state)
        added = plan_after(model, memory, story, told, open_beds(story), report)
        known = (Planned(event, None, story.reasoning) for event in story.events)
        segments = Segments(
            model,
            story.seed,
            folder.takes,
            report,
            recall=lambda: read_again(model, story)[1],
            handles_s=output.handles_s,
        )
        return finish(_Telling(model, memory, folder, output, report).tell(longer, chain(known, added), segments))


def plan_story(model: StoryModel, told: Told, report: Report) -> Story:
    """Only plan a told text. Raises InputError, Failure, and whatever `report` raises."""
    told = check_told(told)
    planned = []
    for each in plan_told(model, model.begin(told.instruction, told.seconds), told, report):
        report(Progress("plan", each.event.end_s, told.seconds, each.event))
        planned.append(each)
    return story_of(told, model.name, planned)


def tell_planned(
    model: StoryModel,
    memory: Memory,
    folder: StoryFolder,
    output: Output,
    report: Report,
    story: Story,
    planned: Iterator[Planned],
    segments: Segments,
) -> Rendered:
    """Render events as they come, and lay them out as this story, in a folder that the caller holds."""
    return finish(_Telling(model, memory, folder, output, report).tell(story, planned, segments))


@dataclass(frozen=True, slots=True)
class _Telling:
    """One story on its way into its folder."""

    model: StoryModel
    memory: Memory
    folder: StoryFolder
    output: Output
    report: Report

    def tell(self, asked: Told | Story, planned: Iterator[Planned], segments: Segments) -> Steps[Rendered]:
        """Render each event as soon as it is planned; then lay all out."""
        began, plan_s = time.monotonic(), 0.0
        self._begin_manifest(asked)
        heard: list[Planned] = []
        while True:
            since = time.monotonic()
            each = next(planned, None)
            plan_s += time.monotonic() - since
            if each is None:
                break
            self.report(Progress("plan", each.event.end_s, asked.seconds, each.event))
            segments.add(each.event, each.condition)
            heard.append(each)
            yield GOING
        story = story_of(asked, self.model.name, heard)
        self._write_story(story)
        files, level = yield from self._lay_out(story, segments.takes)
        first_audio_s = (segments.first_audio_at or began) - began
        kept, rendered = segments.kept(), tuple(segments.rendered)
        total_s = time.monotonic() - began
        return Rendered(
            story, tuple(segments.takes.values()), rendered, kept, files, level, plan_s, first_audio_s, total_s
        )

    def _lay_out(self, story: Story, takes: Mapping[str, Take]) -> Steps[tuple[tuple[Laid, ...], Level]]:
        """Write all that is made of the takes, and the memory."""
        self.report(Progress("write", 0, 1))
        files, level = yield from deliver(self.folder, story, takes, self.model.digest, self.output)
        write_memory(self.folder.memory, self.model.save(self.memory), self.model.digest, story)
        self.report(Progress("write", 1, 1))
        return files, level

    def _begin_manifest(self, asked: Told | Story) -> None:
        """Say whose folder this is, before there is a story.toml."""
        if not self.folder.manifest.exists():
            told = (asked.instruction, asked.seconds, asked.seed)
            write_manifest(self.folder.manifest, Manifest(*told, self.model.name, self.model.digest, now()))

    def _write_story(self, story: Story) -> None:
        """Write story.toml where it is new or says something else; a file that says the same keeps its comments."""
        if self.folder.story.exists() and read_story(self.folder.story) == story:
            write_ids(self.folder.story)
        else:
            write_story(self.folder.story, story)


def _resolve(asked: Told | Story, folder: StoryFolder, model: str) -> Told | Story:
    """What is to be rendered: a text that was told into this folder before is the story that it became."""
    if isinstance(asked, Told):
        asked = check_told(asked)
        story = folder.so_far(asked, model)
        if story is None or asked.variation is None:
            return story or asked
        return replace(story, events=tuple(replace(each, variation=asked.variation) for each in story.events))
    folder.accept(asked)
    return check_story(asked)


@dataclass(slots=True)
class _Look:
    """Reports how far a plan is, between its tokens. reached_s: where its last event ends."""

    report: Report
    seconds: float
    reached_s: float = 0.0

    def __call__(self) -> None:
        self.report(Progress("plan", self.reached_s, self.seconds))


def plan_told(model: StoryModel, memory: Memory, told: Told, report: Report) -> Iterator[Planned]:
    """The model's plan, in whole milliseconds, so that story.toml can say it exactly."""
    look = _Look(report, told.seconds)
    for each in model.plan(memory, look):
        event = _in_milliseconds(replace(each.event, variation=told.variation))
        check_event(event)
        look.reached_s = event.end_s
        yield replace(each, event=event)


def begin(model: StoryModel, asked: Told | Story) -> Memory:
    """A memory that has read what was told, for `plan_told` or `recall`."""
    return model.begin(asked.instruction, asked.seconds if isinstance(asked, Told) else recent(asked).seconds)


def recall(model: StoryModel, memory: Memory, story: Story) -> Iterator[Planned]:
    """A story's events with their conditions; the memory has read it (of a long one `recent`) when all are consumed."""
    read = recent(story)
    whole = read is story
    conditions = model.recall(memory, story.reasoning, story.events) if whole else _recall_long(model, story)
    for event, condition in zip(story.events, conditions, strict=True):
        yield Planned(event, condition, story.reasoning)
    if not whole:
        for _ in model.recall(memory, read.reasoning, read.events):
            pass


def _recall_long(model: StoryModel, story: Story) -> Iterator[Condition]:
    for passage, new in passages(story):
        conditions = list(model.recall(begin(model, passage), passage.reasoning, passage.events))
        yield from conditions[-new:]


def read_again(model: StoryModel, story: Story) -> tuple[Memory, dict[str, Condition]]:
    """The memory of a story and the conditions of its events, from reading all of it."""
    memory = begin(model, story)
    conditions = {each.event.id: each.condition for each in recall(model, memory, story)}
    return memory, conditions


def memory_of(model: StoryModel, story: Story, state: bytes | None) -> Memory:
    """The memory of a story that is to go on: from its saved state, or from reading the story (its last part) again."""
    if state is not None and not begins_anew(story):
        return model.load(state)
    read = recent(story)
    memory = begin(model, read)
    for _ in model.recall(memory, read.reasoning, read.events):
        pass
    return memory


def plan_after(
    model: StoryModel, memory: Memory, story: Story, told: Told, beds: Sequence[str], report: Report
) -> Iterator[Planned]:
    """What a model plans next, with free ids, and no earlier than the story's end; a bed goes on as loud as it was.

    beds: captions of what may go on under it.
    """
    planned = model.continue_(memory, told.instruction, told.seconds, beds, _Look(report, told.seconds))
    late_s, events = None, list(story.events)
    for each, event_id in zip(planned, free_ids([event.id for event in story.events]), strict=False):
        late_s = max(0.0, story.seconds - each.event.start_s) if late_s is None else late_s
        event = _in_milliseconds(replace(each.event, id=event_id, start_s=each.event.start_s + late_s))
        before = next((earlier for earlier in reversed(events) if continues(event, earlier)), None)
        if before is not None:
            event = replace(event, gain_db=before.gain_db, variation=before.variation)
        check_event(event)
        events.append(event)
        yield Planned(event, each.condition, story.reasoning)


def _in_milliseconds(event: Event) -> Event:
    """Start and end rounded, so that an event still begins where the one before it ends."""
    start_s, end_s = milliseconds(event.start_s), milliseconds(event.end_s)
    return replace(event, start_s=start_s, duration_s=milliseconds(end_s - start_s))


def story_of(asked: Told | Story, model: str, planned: list[Planned]) -> Story:
    if not planned:
        raise Failure("plan: came out empty; say in the text what is to be heard, and try again")
    events = tuple(each.event for each in planned)
    return check_story(Story(asked.instruction, asked.seconds, asked.seed, model, planned[-1].reasoning, events))
