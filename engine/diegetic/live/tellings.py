"""Work on stories, as jobs do it: tell, go on, edit, render, lay out, save; each by one task of the generator.

Whoever changes a story holds its lock. What only reads one takes it as it is: a cue is rendered at once, after
the story that it is given; a bounce waits for those that are at it.

Knows nothing of cues' states or clients.

Threads: all in the event loop's.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from diegetic.bounce import Output
from diegetic.generator.client import Generator
from diegetic.generator.messages import Within
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
from diegetic.live.armed import Armed
from diegetic.live.board import Board
from diegetic.live.cues import Cue
from diegetic.live.edits import edited
from diegetic.live.jobs import Priority
from diegetic.live.news import EventPlanned, News, SegmentReady
from diegetic.live.parameters import said
from diegetic.live.schedule import Playing, Schedule
from diegetic.live.shelf import Shelf
from diegetic.live.sounds import Sounds
from diegetic.live.streamed import Begin, Streamed
from diegetic.player.client import Player
from diegetic.remarks import remarks_on
from diegetic.story import Story, Told
from diegetic.targets import check_lanes

CONTINUED_S = 6.0
"""How long what comes next in a story is, where nobody says."""
SEED = 0


@dataclass(slots=True)
class Tellings:
    """Does the work. values, words: parameters and state keys as they are now, said with each text."""

    board: Board
    shelf: Shelf
    schedule: Schedule
    sounds: Sounds
    generator: Generator
    player: Player
    announce: Callable[[News], None]
    values: dict[str, float] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)

    async def tell(self, job: int, name: str, text: str, seconds: float, at_s: float | None) -> str:
        """Plan, render and play."""
        with self.schedule.going(Playing(name, at_s)) as play:
            async with self.shelf.lock(name):
                told = Told(self._said(text), seconds, SEED)
                task = Tell(self.shelf.folder(name), told, True, self._rate_hz)
                return remarked(await self._played(job, name, task, play), text)

    async def continue_(self, job: int, name: str, text: str, seconds: float, at_s: float | None) -> str:
        """Plan, render and play what comes next."""
        with self.schedule.going(Playing(name, at_s, goes_on=True)) as play:
            async with self.shelf.lock(name):
                story = await self.shelf.with_room(name, seconds)
                play.from_s = story.seconds
                folder, told = self.shelf.folder(name), self._said(text)
                task = Continue(folder, story, told, seconds, story.seed, self._rate_hz, keep=True)
                return remarked(await self._played(job, name, task, play), text)

    async def plan(self, job: int, name: str, text: str, seconds: float) -> str:
        """Only plan."""
        async with self.shelf.lock(name):
            task = Tell(self.shelf.folder(name), Told(self._said(text), seconds, SEED), False, 0)
            return remarked(await self._kept(job, Priority.LIVE, name, task), text)

    async def render(self, job: int, name: str) -> str:
        """Render what is planned."""
        async with self.shelf.lock(name):
            task = Render(self.shelf.folder(name), await self.shelf.fresh(name), 0)
            return await self._kept(job, Priority.ARM, name, task)

    async def set_event(self, name: str, event: int, key: str, value: str) -> str:
        """Edit one event."""
        async with self.shelf.lock(name):
            await self.shelf.write(name, edited(await self.shelf.fresh(name), event, key, value))
        return f"event e{event}: {key} = {value}"

    async def retake(self, job: int, name: str, event: int, seed: int) -> str:
        """Render one event again with another seed."""
        async with self.shelf.lock(name):
            story = edited(await self.shelf.fresh(name), event, "seed", str(seed))
            return await self._kept(job, Priority.ARM, name, Render(self.shelf.folder(name), story, 0))

    async def bounce(self, job: int, name: str, target: Path, output_of: Callable[[Story], Output]) -> str:
        """Lay a story out as files, with all that was heard of it before; unless in its own folder, it may go on."""
        async with self.shelf.lock(str(target)):  # two that are laid out in one folder come one after the other
            async with self.shelf.lock(name):
                story = await self.shelf.fresh(name)
                if target == self.shelf.folder(name):
                    return await self._laid_out(job, name, story, target, output_of(story))
            return await self._laid_out(job, name, story, target, output_of(story))

    async def save(self, job: int, name: str, file: Path) -> str:
        """Save a story and its memory."""
        async with self.shelf.lock(name):
            task = SaveState(self.shelf.folder(name), await self.shelf.fresh(name), file)
            return (await self._perform(job, Priority.LIVE, name, task, self._let_go)).text

    async def load(self, job: int, name: str, file: Path) -> str:
        """Load what was saved."""
        async with self.shelf.lock(name):
            return await self._kept(job, Priority.LIVE, name, LoadState(self.shelf.folder(name), file))

    async def ahead(self, job: int, priority: Priority, cue: Cue, story: Story | None, begin: Begin) -> Armed:
        """Render a cue after a story that stays as it is. The sounds are held, for the caller to let go.

        begin: gives its play, where it is to be heard as it becomes ready.
        """
        seed = story.seed if story is not None else SEED
        folder, told = self.shelf.folder(cue.story), self._said(cue.text)
        task = Continue(folder, story, told, cue.seconds, seed, self._rate_hz, keep=False, lane=cue.lane)
        ready: dict[str, ReadyEvent] = {}
        stream = Streamed(self.schedule, begin)

        def take(each: ReadyEvent) -> None:
            stream.whole(each)
            if (earlier := ready.pop(each.event.id, None)) is not None:
                self._let_go(earlier)
            ready[each.event.id] = each

        try:
            finished = await self._perform(job, priority, cue.story, task, take, cue.name, stream)
        except BaseException:
            for each in ready.values():
                self._let_go(each)
            raise
        finally:
            stream.end()
        return Armed(tuple(ready.values()), story, finished.story)

    async def _laid_out(self, job: int, name: str, story: Story, target: Path, output: Output) -> str:
        """Do a bounce."""
        check_lanes(story, output.targets)  # before anything is rendered
        task = Bounce(self.shelf.folder(name), story, target, output)
        with self.shelf.laid_out(name, target):
            return (await self._perform(job, Priority.BOUNCE, name, task, self._let_go)).text

    async def _played(self, job: int, name: str, task: Task, play: Playing) -> str:
        """Do a task, play its events as they become ready, and keep the story."""
        stream = Streamed(self.schedule, lambda first: play)

        def take(ready: ReadyEvent) -> None:
            stream.whole(ready)
            self._let_go(ready)

        finished = await self._perform(job, Priority.LIVE, name, task, take, stream=stream)
        self.shelf.set(name, finished.story)
        return finished.text

    async def _kept(self, job: int, priority: Priority, name: str, task: Task) -> str:
        """Do a task that nothing is heard of, and keep the story."""
        finished = await self._perform(job, priority, name, task, self._let_go)
        self.shelf.set(name, finished.story)
        return finished.text

    async def _perform(
        self,
        job: int,
        priority: Priority,
        name: str,
        task: Task,
        take: Callable[[ReadyEvent], None],
        cue: str = "",
        stream: Streamed | None = None,
    ) -> Finished:
        """Do a task, and tell what comes of it; `take` has each rendered event, and lets go of its sound.

        cue: whose events they are, "" for the story's; stream: is told each event that is planned, and each that can be
        heard before it is whole.
        """
        filling: list[ReadyEvent] = []

        def begin(each: ReadyEvent) -> None:
            """What isn't whole stays until it is, whoever stops it: the generator fills it."""
            end()
            filling.append(each)
            self._hold(each)
            if stream is not None:
                stream.hear(each)
            self.announce(SegmentReady(name, each.event, cue))

        def end() -> bool:
            """The generator fills nothing any more; whether it did."""
            did = bool(filling)
            while filling:
                self._let_go(filling.pop())
            return did

        def outcome(each: Outcome) -> None:
            if isinstance(each, PlannedEvent):
                if stream is not None:
                    stream.plan(each.event)
                self.announce(EventPlanned(name, each.event, cue))
            elif isinstance(each, ReadyEvent):
                self._hold(each)
                take(each)
                if not end():
                    self.announce(SegmentReady(name, each.event, cue))

        def within(each: Within) -> None:
            self.board.progress(job, each.stage, each.done, each.total)

        try:
            return await self.generator.perform(
                job, priority, task, outcome, within, lambda: self.board.run(job), begin
            )
        finally:
            end()

    @property
    def _rate_hz(self) -> int:
        return self.player.config.rate_hz

    def _hold(self, ready: ReadyEvent) -> None:
        if ready.sound is not None:
            self.sounds.hold(ready.sound)

    def _let_go(self, ready: ReadyEvent) -> None:
        if ready.sound is not None:
            self.sounds.let_go(ready.sound)

    def _said(self, text: str) -> str:
        return said(text, self.values, self.words)


def remarked(done: str, text: str) -> str:
    """What was done, and what is to be known of the text that was told."""
    return "; ".join((done, *remarks_on(text)))
