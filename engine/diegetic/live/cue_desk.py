"""Cues at work: defined, armed, fired, stopped; each shows one state to all.

    idle -> arming -> armed -> pending -> sounding -> armed        what was fired once stays armed

A cue that isn't armed is rendered when it is fired, and sounds while the rest of it is rendered, when its policy says.
What is first heard of a cue becomes part of its story once it is whole, and what is rendered once it is fired knows of
it already; fired again it is the same sound, until it is armed anew.

Threads: all in the event loop's.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import get_args

from diegetic.counted import counted
from diegetic.errors import DiegeticError
from diegetic.live.armed import Armed, taken_up
from diegetic.live.board import Board
from diegetic.live.cues import SLOTS, Cue, CueState, Policy, check_name
from diegetic.live.fired import Fired, FiredCues
from diegetic.live.jobs import Job, Priority, Refused
from diegetic.live.news import CueChanged, EventPlanned, Late, News
from diegetic.live.schedule import FADE_S, LEAD_S, SOON_S, Playing, Schedule
from diegetic.live.shelf import Shelf
from diegetic.live.sounds import Sounds
from diegetic.live.streamed import Begin
from diegetic.remembered import with_room
from diegetic.schema import unknown
from diegetic.story import Event, Story, Told, check_lane, check_told

LATE_OK_S = 0.01
"""A time that is over by less is played at once, and not called late."""

DROPPED = "dropped: its time was over"
"""What came of a cue with the policy drop that wasn't ready, or wasn't fired, in time."""

Render = Callable[[int, Priority, Cue, Story | None, Begin], Awaitable[Armed]]
"""Renders a cue for a job, as what comes after a story; the sounds are held by whoever gets them."""
NextBar = Callable[[float], float | None]
"""When the next bar begins, at a time or later; None where no clock runs."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Launched:
    """A cue on its way to be heard: heard gives the time when it is."""

    play: Playing
    heard: "asyncio.Future[float]"


@dataclass(frozen=True, slots=True)
class _Arming:
    """A cue that is being rendered, by a job."""

    job: int
    over: asyncio.Event = field(default_factory=asyncio.Event)


class CueDesk:
    """All cues of one engine. next_bar: where bars are, for the policy of that name."""

    def __init__(
        self,
        board: Board,
        shelf: Shelf,
        schedule: Schedule,
        sounds: Sounds,
        tell: Callable[[News], None],
        render: Render,
    ) -> None:
        self.next_bar: NextBar = lambda now_s: None
        self._board, self._shelf, self._schedule, self._sounds = board, shelf, schedule, sounds
        self._tell, self._render = tell, render
        self._cues: dict[str, Cue] = {}
        self._armed: dict[str, Armed] = {}
        self._arming: dict[str, _Arming] = {}
        self._going: defaultdict[str, set[int]] = defaultdict(set)  # cue -> jobs that have yet to sound
        self._fired = FiredCues()
        self._plays: defaultdict[str, list[Playing]] = defaultdict(list)
        self._gains_db: dict[int, float] = {}
        self._taking_up: set[asyncio.Task[None]] = set()

    def all(self) -> tuple[Cue, ...]:
        return tuple(self._cues.values())

    def gains_db(self) -> dict[int, float]:
        """Levels of slots that were set."""
        return dict(self._gains_db)

    def get(self, name: str) -> Cue:
        """A cue. Raises Refused (404)."""
        if name not in self._cues:
            known = ", ".join(list(self._cues)[:8]) or "none yet"
            raise Refused(404, f"cue {name[:64]}: isn't defined; define it first (there are: {known})")
        return self._cues[name]

    def in_slot(self, slot: int) -> Cue:
        """The cue in a slot. Raises Refused: 422 for a slot there isn't, 404 for an empty one."""
        _check_slot(slot)
        for cue in self._cues.values():
            if cue.slot == slot:
                return cue
        raise Refused(404, f"slot {slot}: is empty; define a cue with this slot")

    def define(self, cue: Cue) -> Job:
        """Define a cue, or another one in its place, at once; one that was in its slot loses it.

        Raises Refused, and InputError for a text, a length or a lane that can't be told.
        """
        check_name("cue", cue.name)
        check_name("story", cue.story)
        if cue.policy not in get_args(Policy):
            raise Refused(422, f"cue {cue.name}: {unknown('policy', cue.policy, get_args(Policy))}")
        check_told(Told(cue.text, cue.seconds))
        if cue.lane:
            check_lane(f"cue {cue.name}", cue.lane)
        if cue.slot is not None:
            _check_slot(cue.slot)
        self._board.check_room()
        self._define(cue)

        async def defined(job: int) -> str:
            return "defined" if cue.slot is None else f"defined, in slot {cue.slot}"

        return self._board.begin("cue/define", cue.name, defined)

    def _define(self, cue: Cue) -> None:
        for other in list(self._cues.values()):
            if cue.slot is not None and other.slot == cue.slot and other.name != cue.name:
                self._cues[other.name] = replace(other, slot=None)
        gain_db = self._gains_db.get(cue.slot or 0, cue.gain_db)
        before = self._cues.get(cue.name)
        self._cues[cue.name] = replace(cue, gain_db=gain_db, state=before.state if before else "idle")
        if before is None or before.sound != cue.sound:
            self._drop(cue.name)
        self._show(cue.name)

    def arm(self, name: str) -> Job:
        """Render a cue ahead, anew where it is armed already. Raises Refused: 404, 409 while it is being rendered."""
        self._check_idle(name)
        now_s = time.perf_counter()  # what is fired from now on waits for this
        before = self._fired.before(self.get(name).story, now_s)
        return self._board.begin("cue/arm", name, lambda job: self._arm(job, name, before))

    async def _arm(self, job: int, name: str, before: Sequence[Fired]) -> str:
        self._check_idle(name)  # another job of the same bundle may have begun
        armed = await self._rendered(job, Priority.ARM, name, before, begin=lambda first: None)
        if self._armed.get(name) is not armed:
            self._let_go(armed)
            raise Refused(409, f"cue {name}: was defined anew while it was rendered; arm it again")
        return f"armed: {counted(len(armed.ready), 'event')}, {armed.length_s:g} s"

    def go(self, name: str, at_s: float | None, intensity: float) -> Job:
        """Play a cue; its job is done when it sounds. Raises Refused: 404, 409 where it is to be rendered twice."""
        cue = self.get(name)
        if not 0 <= intensity <= 1:
            raise Refused(422, f"cue {name}: intensity must be 0..1, got {intensity:g}")
        armed = self._armed.get(name)
        if armed is None and at_s is None and self._going[name]:
            raise Refused(409, f"cue {name}: is fired already, and being rendered; it sounds when it is ready")
        self._board.check_room()
        fired, launched = Fired(cue.story, at_s), None
        self._fired.add(fired)
        if armed is not None:
            launched = self._play(cue, armed, intensity, fired)
        job = self._board.begin("cue/go", name, lambda job: self._go(job, name, intensity, fired, launched))
        self._going[name].add(job.id)
        self._show(name)
        return job

    async def _go(self, job: int, name: str, intensity: float, fired: Fired, launched: _Launched | None) -> str:
        at_s = fired.at_s

        def begin(first: Event) -> Playing | None:
            nonlocal launched
            launched = self._launch(self.get(name), first.start_s, intensity, fired, LEAD_S)
            return launched.play if launched is not None else None

        try:
            if fired.armed is not None:
                pass
            elif (armed := await self._armed_by_another(name)) is not None:
                launched = self._play(self.get(name), armed, intensity, fired)
            else:
                by_s = time.perf_counter() if at_s is None else at_s
                before = self._fired.before(fired.story, by_s, fired)
                fired.become(armed := await self._rendered(job, Priority.LIVE, name, before, begin))
                if self._armed.get(name) is not armed:  # defined anew meanwhile: this is still what was fired
                    self._let_go(armed)
                self._remember(name, fired)
            if launched is None:
                return DROPPED
            heard_s = await launched.heard
            return f"sounds, {heard_s - at_s:+.4f} s after its time" if at_s is not None else "sounds"
        except asyncio.CancelledError:
            if launched is not None:
                self._schedule.stop(launched.play)
            raise
        finally:
            if launched is None or fired.armed is None:
                self._fired.settle(fired)
            self._going[name].discard(job)
            self._show(name)

    def stop(self, name: str) -> Job:
        """Fade out what a cue plays, and forget what of it is pending. Raises Refused (404)."""
        self.get(name)
        return self._board.begin("cue/stop", name, lambda job: self._stop(name))

    async def _stop(self, name: str) -> str:
        for job in list(self._going[name]):
            self._board.cancel(job)
        for play in list(self._plays[name]):
            self._schedule.stop(play)
        return f"fades out in {FADE_S:g} s"

    def set_slot_gain(self, slot: int, gain_db: float) -> None:
        """Level of what the cue in a slot plays, now and later. Raises Refused (422)."""
        _check_slot(slot)
        if not -60.0 <= gain_db <= 12.0:
            raise Refused(422, f"slot {slot}: gain must be -60..12 dB, got {gain_db:g}")
        self._gains_db[slot] = gain_db
        for cue in list(self._cues.values()):
            if cue.slot == slot:
                for play in self._plays[cue.name]:
                    self._schedule.set_gain(play, play.gain * _linear(gain_db - cue.gain_db))
                self._cues[cue.name] = replace(cue, gain_db=gain_db)

    def forget_pending(self) -> None:
        """Cancel what has yet to sound: transport/stop and panic."""
        for jobs in self._going.values():
            for job in list(jobs):
                self._board.cancel(job)

    async def _armed_by_another(self, name: str) -> Armed | None:
        """What a cue sounds like, where a job is rendering it already, and that comes to anything."""
        while name in self._arming:
            await self._arming[name].over.wait()
            if name in self._armed:
                return self._armed[name]
        return None

    async def _rendered(self, job: int, priority: Priority, name: str, before: Sequence[Fired], begin: Begin) -> Armed:
        """Render a cue as what comes after those that are fired before it."""
        arming = self._arming[name] = _Arming(job)
        self._show(name)
        cue = self.get(name)
        try:
            for each in before:
                await each.known.wait()
            story = self._fired.then(self._shelf.find(cue.story), before)
            story = story and with_room(story, cue.seconds)
            armed = await self._render(job, priority, cue, story, begin)
            if self._cues.get(name, cue).sound == cue.sound:
                self._drop(name)
                self._armed[name] = armed
            return armed
        finally:
            del self._arming[name]
            arming.over.set()
            self._show(name)

    def _play(self, cue: Cue, armed: Armed, intensity: float, fired: Fired) -> _Launched | None:
        """Play what is armed. None: it is too late, and dropped."""
        fired.become(armed)
        if (launched := self._launch(cue, armed.from_s, intensity, fired, SOON_S)) is not None:
            self._schedule.add_all(launched.play, armed.ready)
            self._schedule.finish(launched.play)
        return launched

    def _launch(self, cue: Cue, from_s: float, intensity: float, fired: Fired, lead_s: float) -> _Launched | None:
        """Begin a cue's play, which its sounds are to be given. None: it is too late, and dropped."""
        at_s = fired.at_s
        late_s = time.perf_counter() - at_s if at_s is not None else 0.0
        if late_s > LATE_OK_S:
            self._tell(Late(cue.name, late_s, cue.policy))
            if cue.policy == "drop":
                return None
            at_s = self.next_bar(time.perf_counter()) if cue.policy == "next_bar" else None
        elif late_s > 0:
            at_s = None
        heard: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        play = Playing(cue.story, at_s, from_s, intensity * _linear(cue.gain_db), lead_s=lead_s, cue=cue.name)
        play.heard = lambda heard_s: self._heard(cue.name, fired, heard, heard_s)
        play.over = lambda: self._over(cue.name, play, fired, heard)
        self._plays[cue.name].append(play)
        return _Launched(self._schedule.begin(play), heard)

    def _heard(self, name: str, fired: Fired, heard: "asyncio.Future[float]", at_s: float) -> None:
        if not heard.done():
            heard.set_result(at_s)
        fired.heard = True
        self._show(name)
        self._remember(name, fired)

    def _remember(self, name: str, fired: Fired) -> None:
        """What was heard, and is whole, becomes part of its story."""
        armed = fired.armed
        if not fired.heard or armed is None:
            return
        if self._armed.get(name) is armed and armed.after is not armed.before:
            self._armed[name] = replace(armed, before=armed.after)  # from now on it is a sound that was heard before
            task = asyncio.get_running_loop().create_task(self._take_up(name, armed, fired))
            self._taking_up.add(task)
            task.add_done_callback(self._taking_up.discard)
        else:
            self._fired.settle(fired)

    async def _take_up(self, name: str, armed: Armed, fired: Fired) -> None:
        """The story goes on by what was heard."""
        story = fired.story
        async with self._shelf.lock(story):
            try:
                before = self._shelf.find(story) and await self._shelf.with_room(story, armed.length_s)
                after = taken_up(armed, before)
                await self._shelf.write(story, after)
                for event in after.events[len(before.events) if before else 0 :]:
                    self._tell(EventPlanned(story, event))
            except DiegeticError as error:
                _log.warning("cue %s: was heard, but its story doesn't go on by it (%s)", name, error)
            finally:
                self._fired.settle(fired)

    def _over(self, name: str, play: Playing, fired: Fired, heard: "asyncio.Future[float]") -> None:
        self._plays[name].remove(play)
        if not play.begun:
            self._fired.settle(fired)
        if not heard.done():
            full, stopped = "did not sound: all voices are in use", "was stopped, or over, before it sounded"
            heard.set_exception(
                Refused(503, f"cue {name}: {full}") if play.refused else Refused(499, f"cue {name}: {stopped}")
            )
            heard.exception()
        self._show(name)

    def _check_idle(self, name: str) -> None:
        """Raise Refused (404, 409) for a cue that isn't defined, or is being rendered."""
        self.get(name)
        if name in self._arming:
            raise Refused(409, f"cue {name}: is being rendered already (job {self._arming[name].job})")

    def _drop(self, name: str) -> None:
        """Let go of what is armed."""
        if (armed := self._armed.pop(name, None)) is not None:
            self._let_go(armed)

    def _let_go(self, armed: Armed) -> None:
        for each in armed.ready:
            if each.sound is not None:
                self._sounds.let_go(each.sound)

    def _show(self, name: str) -> None:
        """Tell a cue's state where it is another."""
        cue = self._cues.get(name)
        if cue is not None and (state := self._state(name)) != cue.state:
            self._cues[name] = replace(cue, state=state)
            self._tell(CueChanged(self._cues[name]))

    def _state(self, name: str) -> CueState:
        if any(play.begun for play in self._plays[name]):
            return "sounding"
        if self._going[name] or self._plays[name]:
            return "pending"
        if name in self._arming:
            return "arming"
        return "armed" if name in self._armed else "idle"


def _check_slot(slot: int) -> None:
    if slot not in SLOTS:
        raise Refused(422, f"slot must be {SLOTS[0]}..{SLOTS[-1]}, got {slot}")


def _linear(gain_db: float) -> float:
    return float(10 ** (gain_db / 20))
