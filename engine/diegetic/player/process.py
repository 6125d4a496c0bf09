"""The player's process: takes commands from the pipe, hands them to the mixer, and reports.

A device that can't be opened is stood in for by the null device, and tried again every two seconds. One that is lost
while it plays ends this process (PortAudio may hang from then on): the director starts another.

Threads: `_fill` is the audio thread's; all else is the main thread's. What passes between them: the mixer's deques, and
single values that are written whole.
"""

import contextlib
import gc
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from diegetic.audio.mixer import Mixer
from diegetic.audio.ramp import Ramp
from diegetic.audio.shared_sound import SharedSound
from diegetic.audio.voices import Voice
from diegetic.child import GOODBYE
from diegetic.counted import counted
from diegetic.errors import Failure
from diegetic.player.device import SoundDevice, usual_rate_hz
from diegetic.player.messages import (
    Command,
    Failing,
    Lost,
    Move,
    Opened,
    Play,
    PlayerConfig,
    PlayNow,
    State,
    Stop,
    StopAll,
    VoiceNews,
)
from diegetic.player.network import USUAL_RATE_HZ, NetworkDevice, target
from diegetic.player.null import NullDevice
from diegetic.player.recorder import Recorder

LOST_EXIT = 75
POLL_S = 0.004
STATE_EVERY_S = 0.1
RETRY_EVERY_S = 2.0
FAILING_EVERY_S = 10.0
"""How often it is told at most that blocks, or a recording, fail."""


def main(connection: Connection, config: PlayerConfig) -> None:
    """Play until told goodbye, or until the director is gone."""
    _be_urgent()
    sys.setswitchinterval(0.0005)  # the audio thread waits for this long at most while the main thread computes
    player = _Player(connection, config)
    try:
        player.run()
    except (EOFError, OSError):
        pass
    finally:
        player.close()


_Device = SoundDevice | NetworkDevice | NullDevice


def _be_urgent() -> None:
    """Go before all that isn't sound, where the system lets us.

    The audio thread waits for Python's lock while the main thread has it; so that one must not be kept waiting either.
    """
    if sys.platform == "win32":
        with contextlib.suppress(psutil.Error):
            psutil.Process().nice(psutil.HIGH_PRIORITY_CLASS)
        return
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    except (AttributeError, OSError):
        with contextlib.suppress(AttributeError, OSError):
            os.nice(-10)


class _Player:
    def __init__(self, connection: Connection, config: PlayerConfig) -> None:
        if config.rate_hz == 0:
            here = config.device != "null" and target(config.device) is None
            own_hz = usual_rate_hz(config.device) if here else USUAL_RATE_HZ
            config = replace(config, rate_hz=own_hz)
        self._connection, self._config = connection, config
        self._mixer = Mixer(
            config.rate_hz, config.channels, config.block_frames, dict(config.outputs), config.voices, config.steal
        )
        self._recorder: Recorder | None = None
        if config.record:
            try:
                self._recorder = Recorder(Path(config.record), config.rate_hz, config.channels)
            except Failure as error:  # no reason not to play
                connection.send(Failing(str(error)))
        self._sounds: dict[int, SharedSound] = {}
        self._underruns = self._failures = 0
        self._busy_s, self._blocks_s, self._earliest = 0.0, 1e-9, float("inf")
        self._counts_on_from_s = config.offset_s
        self._device: _Device | None = None
        self._tried_at = self._stated_at = 0.0
        self._failed_at = -FAILING_EVERY_S
        self._wanted = config.device != "null"

    def run(self) -> None:
        self._begin(back=self._config.offset_s is not None)
        gc.collect()
        gc.freeze()
        while True:
            if self._connection.poll(POLL_S):
                message = self._connection.recv()
                if message == GOODBYE:
                    return
                self._obey(message)
            self._report()
            self._look_after_device()

    def close(self) -> None:
        closed = self._device is None or self._device.close()
        if self._recorder is not None:
            self._recorder.close()
        if not closed:
            os._exit(LOST_EXIT)

    # The device.

    def _begin(self, back: bool) -> None:
        """Open what is wanted; where it can't be, the null device."""
        try:
            self._device = self._find(self._config.device)
            self._device.start()
        except Failure as error:
            self._connection.send(Lost(str(error)))
            self._device = self._find("null")
            self._device.start()
        self._tried_at = time.perf_counter()
        self._connection.send(Opened(self._device.name, self._config.rate_hz, back))

    def _find(self, name: str) -> _Device:
        """The device of a name. Raises Failure."""
        config = self._config
        arguments = (config.rate_hz, config.block_frames, config.channels, self._fill)
        if name == "null":
            return NullDevice(*arguments)
        receiver = target(name)
        return NetworkDevice(receiver, *arguments) if receiver is not None else SoundDevice(name, *arguments)

    def _look_after_device(self) -> None:
        """End where the device is lost; try again for one that could not be opened."""
        assert self._device is not None
        if not self._device.alive:
            self._connection.send(Lost(f"audio device {self._device.name!r}: no longer asks for sound"))
            if self._recorder is not None:
                self._recorder.close()
            os._exit(LOST_EXIT)
        if self._wanted and self._device.name == "null" and time.perf_counter() - self._tried_at > RETRY_EVERY_S:
            self._tried_at = time.perf_counter()
            self._try_again()

    def _try_again(self) -> None:
        standing_in = self._device
        assert standing_in is not None
        try:
            found = self._find(self._config.device)
        except Failure:
            return
        standing_in.close()
        self._counts_on_from_s = time.perf_counter() - self._mixer.frame / self._config.rate_hz
        try:
            found.start()
        except Failure:
            self._begin(back=False)
            return
        self._device = found
        self._connection.send(Opened(found.name, self._config.rate_hz, back=True))

    def _fill(self, out: NDArray[np.float32], underrun: bool) -> None:
        """The audio thread: mix a block, keep it where there is a recorder, and note how long it took.

        The first one of a device that goes on for another has the frame of its time: opening one takes a while.
        """
        began = time.perf_counter()
        if self._counts_on_from_s is not None:
            self._mixer.frame = round((began - self._counts_on_from_s) * self._config.rate_hz)
            self._counts_on_from_s = None
        offset_s = began - self._mixer.frame / self._config.rate_hz
        self._earliest = min(self._earliest, offset_s)
        self._mixer.mix(out)
        if self._recorder is not None:
            self._recorder.take(out)
        self._underruns += underrun
        self._busy_s += time.perf_counter() - began
        self._blocks_s += len(out) / self._config.rate_hz

    # The director.

    def _obey(self, command: Command) -> None:
        match command:
            case Play():
                self._play((command,), None)
            case PlayNow(plays):
                self._play(plays, min(play.start for play in plays))
            case Stop(voice, fade, at):
                self._mixer.post(lambda mixer: mixer.stop(voice, fade, at))
            case StopAll(fade):
                self._mixer.post(lambda mixer: mixer.stop_all(fade))
            case Move(None, gain, cutoff_hz, slew_s):
                self._mixer.post(lambda mixer: mixer.set_master(gain, cutoff_hz, slew_s))
            case Move(str(lane), gain, cutoff_hz, slew_s):
                self._mixer.post(lambda mixer: mixer.set_lane(lane, gain, cutoff_hz, slew_s))
            case Move(int(voice), gain, cutoff_hz, slew_s):
                self._mixer.post(lambda mixer: mixer.set_voice(voice, gain, cutoff_hz, slew_s))

    def _play(self, plays: Sequence[Play], now: int | None) -> None:
        """now: the frame of theirs that the next block is to begin with; None: theirs are the device's."""
        voices = [(voice, play.start) for play in plays if (voice := self._voice(play)) is not None]

        def add(mixer: Mixer) -> None:
            for voice, start in voices:
                voice.start = start if now is None else mixer.frame + start - now
                mixer.add(voice)

        self._mixer.post(add)

    def _voice(self, play: Play) -> Voice | None:
        try:
            sound = SharedSound.open(play.sound)
        except OSError:
            self._connection.send(VoiceNews("refused", play.voice, self._mixer.frame, 0))
            return None
        self._sounds[play.voice] = sound
        return Voice(
            play.voice, sound.samples, play.lane, play.start, sound.envelope, True, play.order, Ramp.at(play.gain)
        )

    def _report(self) -> None:
        while self._mixer.news:
            heard = self._mixer.news.popleft()
            self._connection.send(VoiceNews(heard.kind, heard.voice, heard.frame, heard.late))
            if heard.kind in ("ended", "refused") and heard.voice in self._sounds:
                self._sounds.pop(heard.voice).close()
        now = time.perf_counter()
        if now - self._stated_at >= STATE_EVERY_S and self._earliest < float("inf"):
            self._stated_at = now
            self._connection.send(self._state())
        if now - self._failed_at >= FAILING_EVERY_S and (text := self._failing()):
            self._failed_at = now
            self._connection.send(Failing(text))

    def _failing(self) -> str:
        """What went wrong since this was last asked; "" for nothing."""
        mixer, texts = self._mixer, []
        if failures := mixer.failures - self._failures:
            self._failures += failures
            times = counted(failures, "time")
            texts.append(f"mixer: failed {times}, heard as silence ({mixer.failure}); /diegetic/panic ends all sounds")
        if self._recorder is not None and (trouble := self._recorder.take_trouble()):
            texts.append(trouble)
        return "; ".join(texts)

    def _state(self) -> State:
        load, offset_s = self._busy_s / self._blocks_s, self._earliest
        self._busy_s, self._blocks_s, self._earliest = 0.0, 1e-9, float("inf")
        meters = tuple((lane, peak, rms) for lane, (peak, rms) in self._mixer.take_meters().items())
        mixer = self._mixer
        return State(offset_s, mixer.frame, self._underruns, load, meters)
