"""Tempo and bars from MIDI clock: 24 ticks a beat, start, continue, stop and song position.

Knows nothing of ports. Times are seconds on the engine's clock.
"""

import math
from collections import deque

TICKS_A_BEAT = 24
TICKS_A_SIXTEENTH = 6

_HEARD = 2 * TICKS_A_BEAT
_LOST_S = 0.5


class MidiClock:
    """Where in the song a sender is. Bars are `beats` quarters long."""

    def __init__(self, beats: int = 4) -> None:
        self._bar_ticks = beats * TICKS_A_BEAT
        self._ticks: deque[float] = deque(maxlen=_HEARD + 1)
        self._position = 0  # in ticks: that of the next tick
        self._running = False

    @property
    def running(self) -> bool:
        return self._running

    def hear(self, kind: str, at_s: float, pos: int = 0) -> None:
        """Take a message: clock, start, continue, stop or songpos (pos in sixteenths); others mean nothing."""
        if kind == "clock":
            if self._ticks and at_s - self._ticks[-1] > _LOST_S:
                self._ticks.clear()
            self._ticks.append(at_s)
            self._position += self._running
        elif kind == "songpos":
            self._position = pos * TICKS_A_SIXTEENTH
        elif kind in ("start", "continue"):
            self._position = 0 if kind == "start" else self._position
            self._running = True
        elif kind == "stop":
            self._running = False

    def tempo_bpm(self) -> float | None:
        """Quarters a minute, over the last two beats; None before half a beat was heard."""
        tick_s = self._tick_s()
        return 60 / (tick_s * TICKS_A_BEAT) if tick_s else None

    def next_bar_s(self, now_s: float) -> float | None:
        """When the next bar begins, at `now_s` or later; None while the song isn't running."""
        tick_s = self._tick_s()
        if not self._running or tick_s is None or now_s - self._ticks[-1] > _LOST_S:
            return None
        next_tick_s = self._ticks[-1] + tick_s
        bar_s = next_tick_s + (-self._position % self._bar_ticks) * tick_s
        length_s = self._bar_ticks * tick_s
        return bar_s + max(0, math.ceil((now_s - bar_s) / length_s - 1e-9)) * length_s

    def _tick_s(self) -> float | None:
        if len(self._ticks) <= TICKS_A_BEAT // 2:
            return None
        return (self._ticks[-1] - self._ticks[0]) / (len(self._ticks) - 1)
