"""The mixer: voices at device frames, block by block, onto the output channels.

Voices are added up in their order (a story's: that of its events), at their own gain times their lane's, so that the
sum is bit by bit that of `layout.mixed` while no parameter moves. Lanes are added up beside it only to be metered.

Knows nothing of devices, processes or stories. Samples are float32 [frames, channels].

Threads: `mix` is called from the audio thread alone; it takes no lock, waits for nothing, raises nothing, always fills
the block. All else is asked for through `post`, from any thread: a deque hands it over, and `news` hands back.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from diegetic.audio.live_limiter import LiveLimiter
from diegetic.audio.lowpass import LowPass, coefficient
from diegetic.audio.ramp import Ramp
from diegetic.audio.voices import EDGE_S, MOVE_S, Voice

Samples = NDArray[np.float32]
Steal = Literal["quietest", "oldest", "refuse"]
Change = Callable[["Mixer"], None]
Kind = Literal["started", "ended", "stolen", "refused"]

MAX_CHANGES_A_BLOCK = 64
MOST_LANES = 32


@dataclass(frozen=True, slots=True)
class Heard:
    """News of a voice: frame is the device's; late: frames that it began after its time (they are left out)."""

    kind: Kind
    voice: int
    frame: int
    late: int = 0


@dataclass(slots=True)
class Lane:
    """One lane's levels, its output channels (from 0), and its meters since they were last taken."""

    channels: tuple[int, ...]
    gain: Ramp
    pole: Ramp
    bus: Samples
    gains: NDArray[np.float32]
    poles: NDArray[np.float32]
    peak: float = 0.0
    power: float = 0.0
    metered: int = 0
    touched: bool = False


class Mixer:
    """Mixes blocks of at most `block_frames` frames into `channels` channels; longer ones in pieces."""

    def __init__(
        self,
        rate_hz: int,
        channels: int,
        block_frames: int,
        outputs: Mapping[str, Sequence[int]] | None = None,
        voices: int = 64,
        steal: Steal = "quietest",
        frame: int = 0,
    ) -> None:
        self.rate_hz, self.channels, self.frame = rate_hz, channels, frame
        self.news: deque[Heard] = deque()
        self.least_gain = 1.0
        self.failures, self.failure = 0, ""
        self._block, self._limit, self._steal = block_frames, voices, steal
        self._outputs = {name: tuple(numbers) for name, numbers in (outputs or {}).items()}
        self._posted: deque[Change] = deque()
        self._waiting: list[Voice] = []
        self._sounding: list[Voice] = []
        self._lanes: dict[str, Lane] = {}
        self._master, self._master_pole = Ramp.at(1.0), Ramp.at(0.0)
        self._master_filter = LowPass(block_frames, channels)
        self._limiter = LiveLimiter(block_frames, rate_hz)
        self._steps = np.arange(1, block_frames + 1, dtype=np.float32)
        self._sound = np.zeros((block_frames, 2), np.float32)
        self._values = np.zeros(block_frames, np.float32)

    @property
    def sounding(self) -> int:
        """How many voices are heard now."""
        return len(self._sounding)

    @property
    def waiting(self) -> int:
        """How many voices are still to start."""
        return len(self._waiting)

    def post(self, change: Change) -> None:
        """Have `change` done to the mixer before the next block."""
        self._posted.append(change)

    def mix(self, out: Samples) -> None:
        """Fill `out` [frames, channels] with the next frames."""
        for start in range(0, len(out), self._block):
            piece = out[start : start + self._block]
            piece[:] = 0
            try:
                self._mix(piece)
            except Exception as error:  # the audio thread lives on, with silence, and that is reported
                piece[:] = 0
                self._fail(repr(error))
            self.frame += len(piece)

    # What `post` is given.

    def add(self, voice: Voice) -> None:
        """Start a voice at its frame."""
        self._waiting.append(voice)

    def stop(self, voice_id: int, frames: int, at: int | None = None) -> None:
        """Fade a voice out in `frames`, from device frame `at` or now; the earliest counts. What waits is forgotten."""
        for voice in list(self._waiting):
            if voice.id == voice_id and at is None:
                self._waiting.remove(voice)
                self.news.append(Heard("ended", voice.id, self.frame))
        for voice in (*self._sounding, *self._waiting):
            if voice.id == voice_id:
                if at is None:
                    voice.stop(frames)
                elif voice.stop_at is None or at < voice.stop_at:
                    voice.stop_at, voice.stop_frames = at, frames

    def stop_all(self, frames: int) -> None:
        """Fade all out, and forget what waits."""
        for voice in self._waiting:
            self.news.append(Heard("ended", voice.id, self.frame))
        self._waiting.clear()
        for voice in self._sounding:
            voice.stop(frames)

    def set_voice(
        self, voice_id: int, gain: float | None = None, cutoff_hz: float | None = None, slew_s: float = MOVE_S
    ) -> None:
        """Move a voice's gain or cutoff."""
        for voice in (*self._sounding, *self._waiting):
            if voice.id == voice_id:
                self._move(voice.gain, voice.pole, gain, cutoff_hz, slew_s)

    def set_lane(
        self, name: str, gain: float | None = None, cutoff_hz: float | None = None, slew_s: float = MOVE_S
    ) -> None:
        """Move a lane's gain or cutoff."""
        lane = self._lane(name)
        self._move(lane.gain, lane.pole, gain, cutoff_hz, slew_s)

    def set_master(self, gain: float | None = None, cutoff_hz: float | None = None, slew_s: float = MOVE_S) -> None:
        """Move the gain or cutoff of all."""
        self._move(self._master, self._master_pole, gain, cutoff_hz, slew_s)

    def take_meters(self) -> dict[str, tuple[float, float]]:
        """Peak and RMS of each lane since they were last taken."""
        taken = {}
        for name, lane in self._lanes.items():
            taken[name] = (lane.peak, float(np.sqrt(lane.power / lane.metered)) if lane.metered else 0.0)
            lane.peak, lane.power, lane.metered = 0.0, 0.0, 0
        return taken

    # The audio thread.

    def _mix(self, out: Samples) -> None:
        for _ in range(min(len(self._posted), MAX_CHANGES_A_BLOCK)):
            try:
                self._posted.popleft()(self)
            except Exception as error:  # one bad change costs no sound
                self._fail(repr(error))
        self._begin_voices(len(out))
        for lane in self._lanes.values():
            lane.bus[: len(out)] = 0
            lane.touched = False
            lane.gain.fill(lane.gains[: len(out)], self._steps)
            lane.pole.fill(lane.poles[: len(out)], self._steps)
        for voice in self._sounding:
            try:
                self._add_voice(voice, out)
            except Exception as error:  # it ends, and others are heard
                voice.place = len(voice.samples)
                self._fail(repr(error))
        self._end_voices(len(out))
        self._finish(out)
        for lane in self._lanes.values():
            _meter(lane, len(out))

    def _begin_voices(self, frames: int) -> None:
        """Let voices sound whose time is within the next `frames`, stealing where there are too many."""
        due = [voice for voice in self._waiting if voice.start is None or voice.start < self.frame + frames]
        for voice in due:
            self._waiting.remove(voice)
            voice.start = self.frame if voice.start is None else voice.start
            late = max(0, self.frame - voice.start)
            if late >= len(voice.samples):
                self.news.append(Heard("ended", voice.id, self.frame, late))
                continue
            if not self._make_room():
                self.news.append(Heard("refused", voice.id, self.frame))
                continue
            voice.place = late
            if late or not voice.faded:
                voice.fade = Ramp.at(0.0)
                voice.fade.move(1.0, round(EDGE_S * self.rate_hz))
            self._sounding.append(voice)
            self.news.append(Heard("started", voice.id, max(self.frame, voice.start), late))
        if due:
            self._sounding.sort(key=lambda voice: voice.order)

    def _make_room(self) -> bool:
        """Fade a voice away where the limit is reached. False where none may be taken."""
        lasting = [voice for voice in self._sounding if not voice.stopping]
        if len(lasting) < self._limit:
            return True
        if self._steal == "refuse":
            return False
        by_age = {"oldest": lambda voice: voice.start, "quietest": lambda voice: (voice.level, voice.start)}
        victim = min(lasting, key=by_age[self._steal])
        victim.stop(round(EDGE_S * self.rate_hz))
        self.news.append(Heard("stolen", victim.id, self.frame))
        return True

    def _add_voice(self, voice: Voice, out: Samples) -> None:
        """Add what a voice sounds in this block to the output and to its lane's bus."""
        assert voice.start is not None
        first = max(0, voice.start - self.frame)
        frames = min(len(out) - first, len(voice.samples) - voice.place)
        lane = self._lane(voice.lane)
        width = min(voice.samples.shape[1], 2)
        sound = self._sound[:frames, :width]
        span = slice(voice.place, voice.place + frames)
        if voice.envelope is not None:
            np.multiply(voice.samples[span, :width], voice.envelope[span, None], out=sound)
        else:
            sound[:] = voice.samples[span, :width]
        self._shape(voice, lane, sound, first)
        self._route(lane, sound, out[first : first + frames], first)
        voice.place += frames

    def _shape(self, voice: Voice, lane: Lane, sound: Samples, first: int) -> None:
        """Put filters, gains and fades on a voice's sound; what rests at its neutral value costs nothing."""
        frames = len(sound)
        values = self._values[:frames]
        poles = lane.poles[first : first + frames]
        if voice.pole.value or not voice.pole.rests or poles[0] or poles[-1]:
            voice.pole.fill(values, self._steps)
            np.maximum(values, poles, out=values)
            if voice.filter is None:
                voice.filter = LowPass(self._block, sound.shape[1])
                voice.filter.pass_by(sound[:1])
            voice.filter.filter(sound, values)
        elif voice.filter is not None:
            voice.filter.pass_by(sound)
        self._schedule_stop(voice, frames)
        for ramp in (voice.gain, voice.fade):
            if ramp.value != 1.0 or not ramp.rests:
                ramp.fill(values, self._steps)
                sound *= values[:, None]
        gains = lane.gains[first : first + frames]
        if gains[0] != 1.0 or gains[-1] != 1.0:
            sound *= gains[:, None]
        self._close_end(voice, sound)

    def _schedule_stop(self, voice: Voice, frames: int) -> None:
        """Begin a stop whose time lies in this block, at the block's beginning at the latest."""
        if voice.stop_at is not None and voice.stop_at < self.frame + frames:
            late = max(0, voice.stop_at - self.frame)
            voice.stop(voice.stop_frames + late)
            voice.stop_at = None

    def _close_end(self, voice: Voice, sound: Samples) -> None:
        """Ramp down the last frames of samples that don't end at zero by themselves."""
        edge = min(round(EDGE_S * self.rate_hz), len(voice.samples))
        to_end = len(voice.samples) - voice.place - len(sound)
        if voice.faded or to_end >= edge:
            return
        begin = max(0, len(sound) - (edge - to_end))
        left = np.arange(to_end + len(sound) - begin - 1, to_end - 1, -1, dtype=np.float32)
        sound[begin:] *= (left / np.float32(edge))[:, None]

    def _route(self, lane: Lane, sound: Samples, out: Samples, first: int) -> None:
        """Add a sound to its lane's channels: mono to all of them, stereo to the first two (or as mono to one)."""
        lane.touched = True
        bus = lane.bus[first : first + len(sound)]
        if sound.shape[1] == 2 and len(lane.channels) == 1:
            np.add(sound[:, 0], sound[:, 1], out=sound[:, 0])
            sound[:, 0] *= np.float32(0.5)
            sound = sound[:, :1]
        for place, channel in enumerate(lane.channels):
            source = sound[:, min(place, sound.shape[1] - 1)]
            if channel < self.channels:
                out[:, channel] += source
            if place < 2:
                bus[:, place] += source

    def _end_voices(self, frames: int) -> None:
        for voice in [*self._sounding]:
            ended = voice.place >= len(voice.samples) or (voice.stopping and voice.fade.rests)
            if ended:
                self._sounding.remove(voice)
                assert voice.start is not None
                last = min(self.frame + frames, voice.start + len(voice.samples))
                self.news.append(Heard("ended", voice.id, last))

    def _finish(self, out: Samples) -> None:
        """Gain, low-pass and limiter of the sum; a sum that isn't a number is silence."""
        if not np.isfinite(out.sum()):
            out[:] = 0
            self._fail("the sum isn't a number")
        values = self._values[: len(out)]
        if self._master_pole.value or not self._master_pole.rests:
            self._master_pole.fill(values, self._steps)
            self._master_filter.filter(out, values)
        else:
            self._master_filter.pass_by(out)
        if self._master.value != 1.0 or not self._master.rests:
            self._master.fill(values, self._steps)
            out *= values[:, None]
        self.least_gain = min(self.least_gain, self._limiter.limit(out))

    def _fail(self, why: str) -> None:
        self.failures += 1
        self.failure = why

    def _move(self, gain: Ramp, pole: Ramp, to_gain: float | None, cutoff_hz: float | None, slew_s: float) -> None:
        frames = round(max(slew_s, MOVE_S) * self.rate_hz)
        if to_gain is not None:
            gain.move(to_gain, frames)
        if cutoff_hz is not None:
            pole.move(coefficient(cutoff_hz, self.rate_hz), frames)

    def _lane(self, name: str) -> Lane:
        """A lane, made when it is first named; beyond MOST_LANES all are one."""
        if name not in self._lanes:
            name = name if len(self._lanes) < MOST_LANES else next(iter(self._lanes))
        if name not in self._lanes:
            channels = self._outputs.get(name, tuple(range(min(2, self.channels))))
            bus = np.zeros((self._block, 2), np.float32)
            gains, poles = np.ones(self._block, np.float32), np.zeros(self._block, np.float32)
            self._lanes[name] = Lane(channels, Ramp.at(1.0), Ramp.at(0.0), bus, gains, poles)
        return self._lanes[name]


def _meter(lane: Lane, frames: int) -> None:
    lane.metered += frames
    if lane.touched:
        bus = lane.bus[:frames]
        lane.peak = max(lane.peak, float(bus.max()), -float(bus.min()))
        lane.power += float(np.vdot(bus, bus)) / bus.shape[1]
