"""The live engine: stories, cues, jobs and a schedule, between the bridges and the two children that render and play.

One public method for each verb of the wire. Those that return a Job have begun it: its end comes as `JobEnded`, and can
be asked for again by `job_get`. All raise Refused, at once, where nothing is begun.

Knows nothing of OSC, MIDI, HTTP, torch or sound devices.

Threads: everything here belongs to the thread of the event loop that `start` was awaited in; no method blocks it.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

from diegetic.errors import DiegeticError
from diegetic.generator.client import Generator
from diegetic.live.board import Board, Work
from diegetic.live.config import LiveConfig, Loader
from diegetic.live.cue_desk import CueDesk, NextBar
from diegetic.live.cues import Cue, check_name
from diegetic.live.jobs import Job, Refused
from diegetic.live.laying import Laying
from diegetic.live.news import DeviceChanged, EngineState, Meters, News, StateChanged, Trouble, Underrun
from diegetic.live.parameters import PARAMETERS, SLEW_S, Parameter, check_parameter
from diegetic.live.schedule import CUT_S, FADE_S, Schedule
from diegetic.live.shelf import Shelf
from diegetic.live.sounds import Sounds
from diegetic.live.status import Dump, Status
from diegetic.live.tellings import CONTINUED_S, SEED, Tellings
from diegetic.player.client import Player
from diegetic.player.messages import Failing, Lost, Move, Opened, Report, State, VoiceNews
from diegetic.service import Service
from diegetic.story import Story, Told, check_told

__all__ = ["Dump", "Engine", "LiveConfig", "Loader", "Status"]

_log = logging.getLogger(__name__)

MAX_WORDS, MAX_WORDS_CHARACTERS = 16, 200
AS_USUAL = Laying()
_UNTOLD = Story("", 0.0, SEED, "")
_ENDING_S = 2.0
"""How long jobs have to end when the engine stops."""


class Engine(Service):
    """The engine. `at_s`: when something is to sound, on the clock of `now_s`; None: as soon as it can."""

    def __init__(self, config: LiveConfig, loader: Loader) -> None:
        self.config = config
        self._listeners: list[Callable[[News], None]] = []
        self._state: EngineState = "starting"
        self._device_lost = self._draining = False
        self._quit = asyncio.Event()
        self._loading: asyncio.Task[None] | None = None
        self._telling: set[str] = set()
        self._values = {each.name: each.default for each in PARAMETERS}
        self._words: dict[str, str] = {}
        self._underruns, self._told_trouble = 0, ""
        self._generator = Generator(
            loader, config.model, self._generator_changed, config.keep_alive_s, config.memory_bytes
        )
        self._player = Player(config.player(), self._hear)
        self._sounds = Sounds()
        self._board = Board(self._announce, config.queue, self._show_state)
        self._shelf = Shelf(config.project)
        self._schedule = Schedule(self._player, self._sounds, self._announce)
        self._tellings = Tellings(
            self._board, self._shelf, self._schedule, self._sounds, self._generator, self._player, self._announce,
            self._values, self._words,
        )  # fmt: skip
        self._cues = CueDesk(
            self._board, self._shelf, self._schedule, self._sounds, self._announce, self._tellings.ahead
        )

    async def start(self) -> None:
        """Start the children and begin to load the model; returns when the device plays. Raises Failure."""
        self._shelf.open()
        await self._player.start()
        await self._generator.start()
        self._loading = asyncio.get_running_loop().create_task(self._load_first())
        self._show_state()

    async def stop(self) -> None:
        """Fade all, end the children. Can be called twice."""
        if self._draining:
            return
        self._draining = True
        self._show_state()
        self._schedule.stop_all(FADE_S)
        self._board.close()
        if self._loading is not None:
            self._loading.cancel()
        await asyncio.gather(self._board.drained(_ENDING_S), asyncio.sleep(FADE_S))
        await asyncio.gather(self._player.stop(), self._generator.stop())
        self._sounds.free_all()
        self._announce(DeviceChanged(self._player.device, "closed", self._player.config.rate_hz))

    async def quitting(self) -> None:
        """Wait until `quit` is called."""
        await self._quit.wait()

    @staticmethod
    def now_s() -> float:
        """The one clock of the engine: seconds, monotonic, the same in all its processes."""
        return time.perf_counter()

    def set_bars(self, next_bar: NextBar) -> None:
        """Where bars are, for cues whose policy is next_bar: a MIDI clock's `next_bar_s`."""
        self._cues.next_bar = next_bar

    def pids(self) -> dict[str, int]:
        """The children's process ids."""
        return {"generator": self._generator.pid, "player": self._player.pid}

    def subscribe(self, listener: Callable[[News], None]) -> Callable[[], None]:
        """Tell `listener` all news, in the loop's thread, in order. Returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def status(self) -> Status:
        """`/diegetic/status`: answers while the model loads, too."""
        jobs = self._board.open()
        running = sum(job.state == "running" for job in jobs)
        load = self._player.state.load if self._player.state else 0.0
        player, generator = self._player, self._generator
        return Status(
            self._state, len(jobs) - running, running, player.voices, load, generator.memory_bytes,
            player.config.rate_hz, player.underruns, generator.wanted, player.device,
        )  # fmt: skip

    def tell(self, story: str, text: str, seconds: float, at_s: float | None = None) -> Job:
        """Plan, render and play. A story of that name is told anew (409 while it is being told)."""
        return self._told(
            "tell", story, text, seconds, lambda job: self._tellings.tell(job, story, text, seconds, at_s)
        )

    def plan(self, story: str, text: str, seconds: float) -> Job:
        """Only plan."""
        return self._told("plan", story, text, seconds, lambda job: self._tellings.plan(job, story, text, seconds))

    def render(self, story: str) -> Job:
        """Render what is planned."""
        self._known(story)
        return self._board.begin("render", story, lambda job: self._tellings.render(job, story))

    def continue_(self, story: str, text: str, at_s: float | None = None, seconds: float = CONTINUED_S) -> Job:
        """Plan, render and play what comes next in a story, `seconds` of it."""
        self._known(story)
        check_told(Told(text, seconds))
        return self._board.begin(
            "continue", story, lambda job: self._tellings.continue_(job, story, text, seconds, at_s)
        )

    def cue_define(self, cue: Cue) -> Job:
        """Define a cue, or another one under its name: what was armed is dropped."""
        return self._cues.define(cue)

    def cue_arm(self, name: str) -> Job:
        """Render ahead, so that `cue_go` sounds at once."""
        return self._cues.arm(name)

    def cue_go(self, name: str, at_s: float | None = None, intensity: float = 1.0) -> Job:
        """Play now or at a time; done when it sounds and is whole. intensity 0..1 sets its level."""
        return self._cues.go(name, at_s, intensity)

    def cue_stop(self, name: str) -> Job:
        """Fade out what a cue plays, and forget what of it is pending."""
        return self._cues.stop(name)

    def slot_go(self, slot: int, at_s: float | None = None, intensity: float = 1.0) -> Job:
        """`cue_go` of the cue in a slot, 1..16; 404 for an empty one."""
        return self._cues.go(self._cues.in_slot(slot).name, at_s, intensity)

    def slot_stop(self, slot: int) -> Job:
        """`cue_stop` of the cue in a slot."""
        return self._cues.stop(self._cues.in_slot(slot).name)

    def slot_gain(self, slot: int, gain_db: float) -> None:
        """Level of what a slot's cue plays, now and later, -60..12 dB."""
        self._cues.set_slot_gain(slot, gain_db)

    def event_set(self, story: str, event: int, key: str, value: str) -> Job:
        """Edit one event ("e3" is number 3). key: a key of [[events]] in story.toml, but id and end_s."""
        self._known(story)
        return self._board.begin("event/set", story, lambda job: self._tellings.set_event(story, event, key, value))

    def event_retake(self, story: str, event: int, seed: int) -> Job:
        """Render one event again with another seed; the new take is current."""
        self._known(story)
        return self._board.begin("event/retake", story, lambda job: self._tellings.retake(job, story, event, seed))

    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that there are."""
        return PARAMETERS

    def param(self, name: str, value: float, slew_s: float = SLEW_S) -> None:
        """Move a parameter, what sounds now in the time of the slew; 404 for an unknown one, 422 out of range."""
        known = check_parameter(name, value, slew_s)
        self._values[name] = value
        if known.mix == "gain":
            self._player.move(Move(None, gain=10 ** (value / 20), slew_s=slew_s))
        elif known.mix == "lowpass":
            self._player.move(Move(None, cutoff_hz=value, slew_s=slew_s))

    def word(self, key: str, words: str) -> None:
        """Set a state key in words (place = "cave"), told with the next events; "" forgets it. 400 for a parameter."""
        check_name("state key", key)
        if key in self._values:
            raise Refused(400, f"param {key}: must be a number, got words; state keys have other names")
        if len(words) > MAX_WORDS_CHARACTERS:
            raise Refused(422, f"state key {key}: must have at most {MAX_WORDS_CHARACTERS} characters")
        self._words.pop(key, None)
        if words.strip():
            if len(self._words) >= MAX_WORDS:
                raise Refused(422, f"state key {key}: {MAX_WORDS} keys are set, no more are taken; forget one")
            self._words[key] = words

    def transport_stop(self) -> None:
        """Fade all, and forget what is scheduled. Jobs go on."""
        self._cues.forget_pending()
        self._schedule.stop_all(FADE_S)

    def panic(self) -> None:
        """Cut all at once (in 5 ms), and forget what is scheduled."""
        self._cues.forget_pending()
        self._schedule.stop_all(CUT_S)

    def bounce(self, story: str, folder: str, laying: Laying = AS_USUAL) -> Job:
        """Lay a story out as files in a folder inside the project; 422 for one that would be outside."""
        usual = self.config.bounces
        output_of = partial(laying.over, replace(usual, rate_hz=usual.rate_hz or self._player.config.rate_hz))
        output_of(self._known(story))  # what can't be is refused at once
        target = self._shelf.place_for(story, folder)
        return self._board.begin("bounce", story, lambda job: self._tellings.bounce(job, story, target, output_of))

    def job_get(self, job: int) -> Job:
        """A job as it is; ended ones are remembered for long. 404 for an unknown one."""
        return self._board.get(job)

    def job_cancel(self, job: int) -> None:
        """Cancel within one step; its end comes as news. 404, or 410 where it has ended."""
        self._board.cancel(job)

    def jobs(self) -> tuple[Job, ...]:
        """The jobs that haven't ended."""
        return self._board.open()

    async def ended(self, job: int) -> Job:
        """Wait for a job's end."""
        return await self._board.ended(job)

    def state_save(self, story: str, file: str) -> Job:
        """Save a story and its memory, exactly, to a file inside the project."""
        self._known(story)
        path = self._shelf.file(file)
        return self._board.begin("state/save", story, lambda job: self._tellings.save(job, story, path))

    def state_load(self, story: str, file: str) -> Job:
        """Load what `state_save` saved under the name `story`."""
        check_name("story", story)
        path = self._shelf.file(file)
        return self._board.begin("state/load", story, lambda job: self._tellings.load(job, story, path))

    def model_load(self, name: str) -> Job:
        """Load a model, in the place of the one that is loaded; that one stays where there is none of this name."""
        return self._board.begin("model/load", name, lambda job: self._load(job, name))

    def model_unload(self, name: str) -> Job:
        """Unload a model; it is loaded again when it is needed. 404 where it isn't loaded."""
        if self._generator.loaded != name:
            raise Refused(404, f"model {name[:64]}: isn't loaded; {self._generator.loaded or 'none'} is")
        return self._board.begin("model/unload", name, lambda job: self._unload(job, name))

    def dump(self) -> Dump:
        """All at once."""
        values, words = tuple(self._values.items()), tuple(self._words.items())
        cues, gains_db = self._cues.all(), self._cues.gains_db()
        return Dump(self.status(), self._shelf.all(), cues, self._board.open(), values, words, gains_db)

    def report(self, code: int, text: str) -> None:
        """Tell all listeners of trouble that something beside the engine has."""
        self._announce(Trouble(code, text))

    def quit(self) -> None:
        """Let `quitting` return. Who may ask is the bridge's to say."""
        self._quit.set()

    def _told(self, verb: Literal["tell", "plan"], story: str, text: str, seconds: float, work: Work) -> Job:
        """Begin to tell or plan a story, which nobody else is at."""
        check_name("story", story)
        check_told(Told(text, seconds))
        if story in self._telling:
            raise Refused(409, f"story {story}: is being told; wait for its end, cancel it, or take another name")

        async def alone(job: int) -> str:
            try:
                return await work(job)
            finally:
                self._telling.discard(story)

        job = self._board.begin(verb, story, alone)
        self._telling.add(story)
        return job

    def _known(self, story: str) -> Story:
        """A story as it is, empty where it is being told for the first time: its jobs wait. Raises Refused (404)."""
        return _UNTOLD if story in self._telling and self._shelf.find(story) is None else self._shelf.get(story)

    async def _load_first(self) -> None:
        with contextlib.suppress(Refused):  # told as trouble
            await self._generator.load(self.config.model)
        asyncio.get_running_loop().call_soon(self._show_state)  # when this task is done

    async def _load(self, job: int, name: str) -> str:
        self._board.run(job)
        try:
            await asyncio.to_thread(self.config.check_model, name)
        except DiegeticError as error:
            raise Refused(404, str(error)) from None
        await self._generator.load(name)
        return f"{name} is loaded, {self._generator.memory_bytes / 1e6:.0f} MB"

    async def _unload(self, job: int, name: str) -> str:
        self._board.run(job)
        await self._generator.unload()
        return f"{name} is unloaded"

    def _generator_changed(self) -> None:
        trouble = self._generator.trouble
        if trouble and trouble != self._told_trouble:
            _log.warning("%s", trouble)
            self._announce(Trouble(503, trouble))
        self._told_trouble = trouble
        self._show_state()

    def _hear(self, report: Report) -> None:
        """What the player says."""
        match report:
            case VoiceNews():
                self._schedule.hear(report)
            case State(meters=meters):
                if self._player.underruns > self._underruns:
                    self._announce(Underrun(self._player.underruns - self._underruns, self._player.underruns))
                self._underruns = self._player.underruns
                self._tell_all(Meters(meters))
            case Opened(name, rate_hz, back):
                self._device_lost = name == "null" and self.config.device != "null"
                if back:
                    self._schedule.reconcile()
                if not self._device_lost:
                    self._announce(DeviceChanged(name, "back" if back else "open", rate_hz))
                self._show_state()
            case Lost(reason):
                known, self._device_lost = self._device_lost, True
                if not known:
                    name = self._player.device or self.config.device
                    self._announce(DeviceChanged(name, "lost", self._player.config.rate_hz))
                self._announce(Trouble(503, reason))
                self._show_state()
            case Failing(text):
                self._announce(Trouble(500, text))

    def _show_state(self) -> None:
        state = self._current_state()
        if state != self._state:
            self._state = state
            _log.info("%s", state)
            self._tell_all(StateChanged(state))

    def _current_state(self) -> EngineState:
        if self._draining:
            return "draining"
        if self._loading is None:
            return "starting"
        if self._generator.loading or (self._loading is not None and not self._loading.done()):
            return "loading" if self._generator.restarts == 0 else "degraded"
        if self._device_lost or self._generator.trouble or not self._generator.alive:
            return "degraded"
        return "busy" if self._board.open() else "ready"

    def _announce(self, news: News) -> None:
        self._tell_all(news)
        self._show_state()

    def _tell_all(self, news: News) -> None:
        for listener in list(self._listeners):
            try:
                listener(news)
            except Exception:  # one bad listener is its own trouble
                _log.exception("%s: could not be told", type(news).__name__)
