"""A cue sheet at work: its cues are defined, and defined again where the file changes.

An edit that can't be read keeps what was there, and is told as trouble. A cue that leaves the sheet stays defined, out
of its slot.

Threads: all in the event loop's; files are read in others.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from diegetic.counted import counted
from diegetic.errors import DiegeticError
from diegetic.live.cue_sheet import CueSheet, SheetCue, read_sheet
from diegetic.live.cues import Cue
from diegetic.live.jobs import Job
from diegetic.live.stamp import Stamp, stamp_of
from diegetic.service import Service

_UNREADABLE = 422

_log = logging.getLogger(__name__)


class Defines(Protocol):
    """What is used of the engine."""

    def cue_define(self, cue: Cue) -> Job: ...

    def cue_arm(self, name: str) -> Job: ...
    def slot_gain(self, slot: int, gain_db: float) -> None: ...
    async def ended(self, job: int) -> Job: ...
    def report(self, code: int, text: str) -> None: ...


class CueSheets(Service):
    """One sheet, from `start` to `stop`. changed: told the sheet each time it is another (for its MIDI notes)."""

    def __init__(
        self, path: Path, engine: Defines, changed: Callable[[CueSheet], None] | None = None, every_s: float = 0.5
    ) -> None:
        self.sheet = CueSheet()
        self._path, self._engine, self._every_s = path, engine, every_s
        self._changed = changed or (lambda sheet: None)
        self._seen: Stamp | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the sheet and define its cues. Raises InputError where it can't be read."""
        self._seen = await asyncio.to_thread(stamp_of, self._path)
        await self._take(await asyncio.to_thread(read_sheet, self._path))
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Watch no more. Can be called twice."""
        watching, self._watching = self._watching, None
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            seen = await asyncio.to_thread(stamp_of, self._path)
            if seen == self._seen:
                continue
            self._seen = seen
            try:
                await self._take(await asyncio.to_thread(read_sheet, self._path))
            except DiegeticError as error:
                self._tell(f"{error}; the cues stay as they were")
            except Exception:
                _log.exception("%s: could not be read again", self._path)

    async def _take(self, sheet: CueSheet) -> None:
        """Define what is new or another; a cue that the engine refuses is told, the others are taken."""
        before, self.sheet = self.sheet, sheet
        known = {cue.name: (before.defined(cue), cue) for cue in before.cue}
        for cue in sheet.cue:
            defined, earlier = sheet.defined(cue), known.pop(cue.name, None)
            if earlier != (defined, cue):
                is_armed = earlier is not None and earlier[1].arm and earlier[0].sound == defined.sound
                await self._define(cue, defined, arm=cue.arm and not is_armed)
        for earlier_cue, left in known.values():
            if left.slot is not None and left.slot not in {cue.slot for cue in sheet.cue}:
                await self._end(self._engine.cue_define(Cue(left.name, earlier_cue.story, left.text, left.policy)))
            _log.info("cue %s: isn't in the sheet any more; it stays defined until the engine ends", left.name)
        self._changed(sheet)
        _log.info("%s: %s", self._path, counted(len(sheet.cue), "cue"))

    async def _define(self, cue: SheetCue, defined: Cue, arm: bool) -> None:
        try:
            await self._end(self._engine.cue_define(defined))
            if cue.slot is not None:
                self._engine.slot_gain(cue.slot, cue.gain_db)
            if arm:
                self._engine.cue_arm(cue.name)
        except DiegeticError as error:
            self._tell(f"{self._path}: {error}")

    async def _end(self, job: Job) -> None:
        ended = await self._engine.ended(job.id)
        if ended.end is not None and ended.end.code:
            self._tell(f"{self._path}: {ended.end.text}")

    def _tell(self, text: str) -> None:
        _log.warning("%s", text)
        self._engine.report(_UNREADABLE, text)
