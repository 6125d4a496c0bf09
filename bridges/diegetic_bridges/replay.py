"""A capture played again on an engine: in its own time, at a multiple of it, or as fast as its jobs are done.

As fast as can be, each command waits for the end of the one before it, times to sound at are left out, and so are
commands that were cancelled or dropped as late; what the stories become is the same.

Knows nothing of sockets. Threads: all in the event loop's.
"""

import asyncio
import logging
import math
import time
from dataclasses import dataclass, field
from pathlib import Path

from diegetic.errors import DiegeticError
from diegetic.live.jobs import Job
from diegetic_bridges import actions, arguments
from diegetic_bridges.arguments import Call
from diegetic_bridges.capture import ENDED, Taken, read_capture
from diegetic_bridges.codec import Incoming
from diegetic_bridges.commands import Commands
from diegetic_bridges.registry import ROOT

FAST = math.inf

_CANCEL = f"{ROOT}/job/cancel"
_READY_EVERY_S = 0.05
_KNOWN_S = 1.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Replayed:
    """What came of it. failed: commands that were refused or whose job failed. stories: those that were played."""

    commands: int = 0
    failed: int = 0
    stories: list[str] = field(default_factory=list)


async def replay(engine: Commands, file: Path, speed: float = 1.0, bounce: str = "") -> Replayed:
    """Play a capture. speed: 1 for its own time, FAST for none.

    bounce: a folder inside the project that each story is laid out in at the end, under its name; "" for none. What the
    engine refuses is logged, and the rest goes on. Raises InputError where the file can't be read.
    """
    taken = await asyncio.to_thread(read_capture, file)
    await _ready(engine)
    player = _Replay(engine, speed)
    await player.play(taken)
    if bounce:
        for story in player.result.stories:
            await player.bounce(story, f"{bounce}/{story}")
    return player.result


class _Replay:
    def __init__(self, engine: Commands, speed: float) -> None:
        self.result = Replayed()
        self._engine, self._speed = engine, speed
        self._jobs: dict[int, int] = {}  # the capture's number of a job -> the engine's

    async def play(self, taken: list[Taken]) -> None:
        nothing = {each.arguments[0] for each in taken if each.address in (ENDED, _CANCEL)}
        began_s = time.perf_counter()
        for each in taken:
            if each.address == ENDED or (self._speed == FAST and (each.job in nothing or each.address == _CANCEL)):
                continue
            due_s = began_s + (each.clock - taken[0].clock) / self._speed
            if due_s > time.perf_counter():
                await asyncio.sleep(due_s - time.perf_counter())
            await self._do(each, due_s)
        if self._speed != FAST:
            for job in self._jobs.values():
                await self.end(self._engine.job_get(job), f"job {job}")

    async def bounce(self, story: str, folder: str) -> None:
        """Lay a story out; one that was begun by a cue is known a moment after that sounds."""
        ends_s = time.perf_counter() + _KNOWN_S
        while story not in dict(self._engine.dump().stories) and time.perf_counter() < ends_s:
            await asyncio.sleep(_READY_EVERY_S)
        try:
            await self.end(self._engine.bounce(story, folder), f"bounce of {story}")
        except DiegeticError as error:
            self._fail(f"bounce of {story}", str(error))

    async def end(self, job: Job, what: str) -> None:
        """Wait for a job, and say where it failed."""
        ended = await self._engine.ended(job.id)
        if ended.end is not None and ended.end.code and ended.state != "cancelled":
            self._fail(what, ended.end.text)

    async def _do(self, taken: Taken, due_s: float) -> None:
        """One command."""
        self.result.commands += 1
        lead_s = None if taken.at is None or self._speed == FAST else (taken.at - taken.wall) / self._speed
        try:
            call = arguments.read(Incoming(taken.address, "", taken.arguments))
            self._see(call)
            job = self._begin(call, due_s + lead_s if lead_s is not None else None)
        except DiegeticError as error:
            self._fail(taken.address, str(error))
            return
        if job is not None and self._speed == FAST:
            await self.end(job, taken.address)
        elif job is not None and taken.job is not None:
            self._jobs[taken.job] = job.id

    def _begin(self, call: Call, at_s: float | None) -> Job | None:
        if call.verb.name == "job_cancel":
            known = self._jobs.get(int(call.values[0] or 0), 0)
            self._engine.job_cancel(known)
            return None
        if call.verb.slow:
            return actions.begin(self._engine, call, at_s)
        return actions.act(self._engine, call, at_s)

    def _see(self, call: Call) -> None:
        """Remember the story that a command plays."""
        named = {argument.name: value for argument, value in zip(call.verb.arguments, call.values, strict=True)}
        story = named.get("story") if call.verb.name in ("tell", "continue", "plan", "render") else None
        if call.verb.name in ("cue_go", "cue_fire", "cue_name", "slot_go"):
            what, value = ("slot", named["slot"]) if "slot" in named else ("name", named["name"])
            story = next((cue.story for cue in self._engine.dump().cues if getattr(cue, what) == value), None)
        if isinstance(story, str) and story not in self.result.stories:
            self.result.stories.append(story)

    def _fail(self, what: str, why: str) -> None:
        self.result.failed += 1
        _log.warning("%s: %s", what, why)


async def _ready(engine: Commands) -> None:
    """Wait until the model is loaded, or can't be."""
    while engine.status().state in ("starting", "loading"):
        await asyncio.sleep(_READY_EVERY_S)
