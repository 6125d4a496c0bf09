"""The director's side of the player: commands to it, reports from it, and another one where it ends.

A player that died is started again within a moment; voices that still sound, or wait, are given to the new one at the
frames they had, so that the schedule goes on in time.

Threads: all in the event loop's.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from diegetic.child import Child
from diegetic.errors import Failure
from diegetic.player.messages import (
    Command,
    Failing,
    Lost,
    Move,
    Opened,
    Play,
    PlayerConfig,
    PlayNow,
    Report,
    State,
    Stop,
    StopAll,
    VoiceNews,
)
from diegetic.player.process import main

_START_S = 20.0
_RESTART_S = 0.2
_CLOCKS = 20

_log = logging.getLogger(__name__)


class Player:
    """One player, however often its process is started. `listen` is told all reports."""

    def __init__(self, config: PlayerConfig, listen: Callable[[Report], None]) -> None:
        self.config, self._listen = config, listen
        self.device, self.restarts, self.underruns = "", 0, 0
        self.state: State | None = None
        self._voices: dict[int, Play] = {}
        self._stops: dict[int, Stop] = {}  # those at a frame, of voices that sound or wait
        self._moves: dict[int | str | None, Move] = {}
        self._offsets: deque[float] = deque(maxlen=_CLOCKS)
        self._child: Child | None = None
        self._opened = asyncio.Event()
        self._ending = False
        self._before = 0
        self._restarting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, and wait until it plays. Raises Failure."""
        self._child = self._another(self.config)
        await self._child.start()
        try:
            async with asyncio.timeout(_START_S):
                await self._opened.wait()
                while not self._offsets:
                    await asyncio.sleep(0.01)
        except TimeoutError:
            await self.stop()
            raise Failure(f"player: did not start within {_START_S:g} s; try --device null") from None

    async def stop(self) -> None:
        """End it."""
        self._ending = True
        if self._restarting is not None:
            self._restarting.cancel()
        if self._child is not None:
            await self._child.stop()

    @property
    def pid(self) -> int:
        return self._child.pid if self._child is not None else 0

    @property
    def voices(self) -> int:
        """How many voices sound or wait."""
        return len(self._voices)

    def has(self, voice: int) -> bool:
        """Whether a voice sounds or waits."""
        return voice in self._voices

    def frame_at(self, at_s: float) -> int:
        """The frame that is mixed at a monotonic time."""
        return round((at_s - self._offset_s) * self.config.rate_hz)

    def time_of(self, frame: int) -> float:
        """The monotonic time at which a frame is mixed."""
        return self._offset_s + frame / self.config.rate_hz

    def play(self, play: Play) -> None:
        """Sound a voice; its id must be new."""
        self._voices[play.voice] = play
        self._send(play)

    def play_now(self, plays: Sequence[Play]) -> None:
        """Sound voices with the next block, as `PlayNow` says. Their frames: where that will be, more or less."""
        self._voices.update((play.voice, play) for play in plays)
        self._send(PlayNow(tuple(plays)))

    def stop_voice(self, voice: int, fade: int, at: int | None = None) -> None:
        """Fade a voice out, from a frame or from now on; the earliest counts."""
        stop = Stop(voice, fade, at)
        self._send(stop)
        if at is None:  # a new player need not begin it again
            self._forget(voice)
        elif voice in self._voices and (voice not in self._stops or at < (self._stops[voice].at or 0)):
            self._stops[voice] = stop

    def stop_all(self, fade: int) -> None:
        """Fade all out, and forget what waits."""
        self._send(StopAll(fade))
        self._voices.clear()
        self._stops.clear()

    def move(self, move: Move) -> None:
        """Move a gain or a cutoff."""
        if not isinstance(move.what, int):
            known = self._moves.get(move.what, Move(move.what))
            self._moves[move.what] = Move(
                move.what,
                known.gain if move.gain is None else move.gain,
                known.cutoff_hz if move.cutoff_hz is None else move.cutoff_hz,
            )
        elif move.what in self._voices and move.gain is not None:
            self._voices[move.what] = replace(self._voices[move.what], gain=move.gain)
        self._send(move)

    @property
    def _offset_s(self) -> float:
        # The earliest block of the last two seconds is the one that the machine held up least.
        return min(self._offsets) if self._offsets else time.perf_counter()

    def _send(self, command: Command) -> None:
        if self._child is not None and self._child.alive:
            self._child.send(command)

    def _another(self, config: PlayerConfig) -> Child:
        return Child("player", main, (config,), self._hear, self._died)

    def _hear(self, report: Report) -> None:
        match report:
            case Opened(name, rate_hz):
                self.device = name
                self.config = replace(self.config, rate_hz=rate_hz)  # another player goes on at this rate
                self._opened.set()
            case Lost(reason) | Failing(reason):
                _log.warning("%s", reason)
            case State():
                self.state = report
                self.underruns = self._before + report.underruns
                self._offsets.append(report.offset_s)
            case VoiceNews("started", voice, frame, late) if voice in self._voices:
                self._voices[voice] = replace(self._voices[voice], start=frame - late)
            case VoiceNews("ended" | "refused", voice):
                self._forget(voice)
        self._listen(report)

    def _forget(self, voice: int) -> None:
        self._voices.pop(voice, None)
        self._stops.pop(voice, None)

    def _died(self, exit_code: int) -> None:
        if self._ending:
            return
        _log.warning("the player ended (%d), and is started again", exit_code)
        self._listen(Lost(f"player: ended with {exit_code}; it is started again"))
        self._restarting = asyncio.get_running_loop().create_task(self._restart())

    async def _restart(self) -> None:
        """Another process, which counts frames on and goes on with what still sounds."""
        self.restarts += 1
        self._before = self.underruns
        offset_s = self._offset_s
        if self.restarts > 1:
            await asyncio.sleep(_RESTART_S)
        self._offsets.clear()
        self._offsets.append(offset_s)
        self._child = self._another(replace(self.config, offset_s=offset_s))
        again: list[Command] = [*self._moves.values(), *self._voices.values(), *self._stops.values()]
        for command in again:  # at once: what is played while it starts comes after these, and once
            self._send(command)
        await self._child.start()
