"""An engine that begins jobs and answers, and ends a job when the test says so."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from diegetic.engine import AS_USUAL, Dump, Status
from diegetic.live.cues import Cue
from diegetic.live.jobs import End, Job, Refused, State
from diegetic.live.laying import Laying
from diegetic.live.news import JobEnded, News, Trouble
from diegetic.live.parameters import PARAMETERS, SLEW_S, Parameter

STATUS = Status("ready", 1, 2, 3, 0.25, 64_000_000, 48_000, 4, "pocket", "null")


class FakeEngine:
    """calls: (method, arguments) of all that was asked to change something. at_once: jobs end before they are known."""

    def __init__(self, at_once: bool = False) -> None:
        self.at_once = at_once
        self.calls: list[tuple[Any, ...]] = []
        self.known: dict[int, Job] = {}
        self.cues = [Cue("slam", "storm", "the door slams", slot=2, gain_db=-6.0)]
        self.refuses: Exception | None = None
        self.slew_s = SLEW_S
        self.values = {each.name: each.default for each in PARAMETERS}
        self.words = {"place": "cave"}
        self.listeners: list[Callable[[News], None]] = []

    def subscribe(self, listener: Callable[[News], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def tell_news(self, news: News) -> None:
        for listener in self.listeners:
            listener(news)

    def end(self, job: int, code: int = 0, text: str = "") -> None:
        state: State = "cancelled" if code == 499 else "failed" if code else "done"
        self.known[job] = replace(self.known[job], state=state, end=End(code, text))
        self.tell_news(JobEnded(self.known[job]))

    def _begin(self, verb: Any, subject: str, *call: Any) -> Job:
        if self.refuses:
            raise self.refuses
        job = Job(len(self.known) + 1, verb, subject)
        self.known[job.id] = job
        self.calls.append((verb, subject, *call))
        if self.at_once:
            self.end(job.id, 0, "at once")
        return job

    def tell(self, story: str, text: str, seconds: float, at_s: float | None = None) -> Job:
        return self._begin("tell", story, text, seconds, at_s)

    def plan(self, story: str, text: str, seconds: float) -> Job:
        return self._begin("plan", story, text, seconds)

    def render(self, story: str) -> Job:
        return self._begin("render", story)

    def continue_(self, story: str, text: str, at_s: float | None = None, seconds: float = 6.0) -> Job:
        return self._begin("continue", story, text, at_s, *(() if seconds == 6.0 else (seconds,)))

    def cue_define(self, cue: Cue) -> Job:
        more = (cue.lane, cue.seconds) if (cue.lane, cue.seconds) != ("", 4.0) else ()
        return self._begin("cue/define", cue.name, cue.story, cue.text, cue.policy, cue.slot, *more)

    def cue_arm(self, name: str) -> Job:
        return self._begin("cue/arm", name)

    def cue_go(self, name: str, at_s: float | None = None, intensity: float = 1.0) -> Job:
        return self._begin("cue/go", name, at_s, intensity)

    def cue_stop(self, name: str) -> Job:
        return self._begin("cue/stop", name)

    def slot_go(self, slot: int, at_s: float | None = None, intensity: float = 1.0) -> Job:
        return self._begin("cue/go", str(slot), at_s, intensity)

    def slot_stop(self, slot: int) -> Job:
        return self._begin("cue/stop", str(slot))

    def event_set(self, story: str, event: int, key: str, value: str) -> Job:
        return self._begin("event/set", story, event, key, value)

    def event_retake(self, story: str, event: int, seed: int) -> Job:
        return self._begin("event/retake", story, event, seed)

    def bounce(self, story: str, folder: str, laying: Laying = AS_USUAL) -> Job:
        more = (laying,) if laying != AS_USUAL else ()
        return self._begin("bounce", story, folder, *more)

    def state_save(self, story: str, file: str) -> Job:
        return self._begin("state/save", story, file)

    def state_load(self, story: str, file: str) -> Job:
        return self._begin("state/load", story, file)

    def model_load(self, name: str) -> Job:
        return self._begin("model/load", name)

    def model_unload(self, name: str) -> Job:
        return self._begin("model/unload", name)

    def slot_gain(self, slot: int, gain_db: float) -> None:
        self.calls.append(("slot_gain", slot, gain_db))

    def param(self, name: str, value: float, slew_s: float = SLEW_S) -> None:
        if name not in self.values:
            raise Refused(404, f"param {name}: there is none of that name")
        self.values[name], self.slew_s = value, slew_s

    def word(self, key: str, words: str) -> None:
        self.words[key] = words

    def transport_stop(self) -> None:
        self.calls.append(("transport_stop",))

    def panic(self) -> None:
        self.calls.append(("panic",))

    def job_cancel(self, job: int) -> None:
        if self.job_get(job).ended:
            raise Refused(410, f"job {job}: has ended")
        self.end(job, 499, "cancelled")

    async def ended(self, job: int) -> Job:
        while not self.job_get(job).ended:
            await asyncio.sleep(0.001)
        return self.job_get(job)

    def report(self, code: int, text: str) -> None:
        self.tell_news(Trouble(code, text))

    def quit(self) -> None:
        self.calls.append(("quit",))

    def status(self) -> Status:
        return STATUS

    def parameters(self) -> tuple[Parameter, ...]:
        return PARAMETERS

    def job_get(self, job: int) -> Job:
        if job not in self.known:
            raise Refused(404, f"job {job}: there is none of that number")
        return self.known[job]

    def jobs(self) -> tuple[Job, ...]:
        return tuple(job for job in self.known.values() if not job.ended)

    def dump(self) -> Dump:
        return Dump(STATUS, (), tuple(self.cues), self.jobs(), tuple(self.values.items()), tuple(self.words.items()))
