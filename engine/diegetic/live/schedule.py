"""What sounds, and what will: events as voices of the player, at frames that follow from the start of what is played.

A play is one going of a story or a cue. Its frame 0 is set once, so that all its events lie where a bounce has them:

    frame of an event = frame 0 of its play + round((start_s - from_s) * rate) + what its lane is late by

An event that isn't ready in time moves its lane on by what it is late; until it is there, the bed before it goes on
(`holds`). A new bed of a story takes over from the one that another play of that story left sounding: at once, or where
it is the same bed that goes on, at that one's end.

Knows nothing of jobs, models or clients.

Threads: all in the event loop's.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from diegetic.audio.shared_sound import SharedSound, SoundHandle
from diegetic.generator.tasks import Joint, ReadyEvent
from diegetic.live.holds import Holds
from diegetic.live.news import Late, News, SegmentEnd, SegmentStart, Trouble
from diegetic.live.sounds import Sounds
from diegetic.player.client import Player
from diegetic.player.messages import Move, Play, VoiceNews
from diegetic.story import BED, OVERLAP_S, Event

LEAD_S = 0.05
"""From a first sound that is ready to its frame, where others will lie beside it; a block more."""
SOON_S = 0.01
"""What a sound that is to begin now is given to get to the player; a block more."""
_LEAST_S = 0.003
"""What it takes to get there; a sound with less left, or less than a block, is late."""
FADE_S = 0.5
CUT_S = 0.005


@dataclass(eq=False, slots=True)
class Playing:
    """One going of a story or a cue. at_s: of second `from_s` of the story; None: when its first sound is ready.

    goes_on: whether it is what comes next in a story that may still sound: a bed of both begins where it ends there.
    heard: called with the time when its first sound begins. over: called when its last has ended, or it was stopped.
    whole: nothing more comes. refused: there was no voice for a sound of it. zero: the frame of `from_s`. lead_s: from
    a first sound that has no time to its frame. cue: whose going it is, "" for the story's.
    """

    story: str
    at_s: float | None = None
    from_s: float = 0.0
    gain: float = 1.0
    lead_s: float = LEAD_S
    goes_on: bool = False
    cue: str = ""
    heard: Callable[[float], None] = lambda at_s: None
    over: Callable[[], None] = lambda: None
    number: int = 0
    zero: int | None = None
    begun: bool = False
    whole: bool = False
    stopped: bool = False
    refused: bool = False
    planned: list[Event] = field(default_factory=list)
    late: dict[str, int] = field(default_factory=dict)  # lane -> frames
    placed: dict[str, int] = field(default_factory=dict)  # event -> voice


@dataclass(slots=True)
class _Voice:
    """A voice of a play. event None: it holds a bed."""

    play: Playing
    event: Event | None
    start: int
    sound: SoundHandle
    started: bool = False


class Schedule:
    """All plays of one engine."""

    def __init__(self, player: Player, sounds: Sounds, tell: Callable[[News], None]) -> None:
        self._player, self._sounds, self._tell = player, sounds, tell
        self._numbers, self._ids = itertools.count(1), itertools.count(1)
        self._plays: list[Playing] = []
        self._voices: dict[int, _Voice] = {}
        self._holds = Holds(player, sounds, self._hold)

    def begin(self, play: Playing) -> Playing:
        """Take up a play; its events come by `add`."""
        play.number = next(self._numbers)
        self._plays.append(play)
        return play

    @contextmanager
    def going(self, play: Playing) -> Iterator[Playing]:
        """A play from when it is asked for, so that a stop forgets it while it waits, too, until nothing more comes."""
        self.begin(play)
        try:
            yield play
        finally:
            self.finish(play)

    def plan(self, play: Playing, event: Event) -> None:
        """An event of a play is planned; it isn't ready yet."""
        self._holds.plan(play, event)

    def add(self, play: Playing, ready: ReadyEvent) -> None:
        """Put an event of a play at its frame. What is stopped plays nothing more."""
        if not play.stopped:
            self._player.play(self._place(play, ready))

    def complete(self, play: Playing, ready: ReadyEvent) -> None:
        """An event that was added is whole. Where a generator ended before it was, what another one made fills it."""
        voice = self._voices.get(play.placed.get(ready.event.id, 0))
        if voice is None or ready.sound is None or voice.sound == ready.sound:
            return
        sound, whole = SharedSound.open(voice.sound), SharedSound.open(ready.sound)
        sound.samples[:] = whole.samples
        sound.close()
        whole.close()

    def add_all(self, play: Playing, ready: Sequence[ReadyEvent]) -> None:
        """Put all events of a play at their frames; without a time, they begin with the next block."""
        voices = [self._place(play, each) for each in ready]
        if play.at_s is None:
            self._player.play_now(voices)
        else:
            for voice in voices:
                self._player.play(voice)

    def finish(self, play: Playing) -> None:
        """All events of a play are on the schedule, or won't come."""
        play.whole = True
        self._holds.forget(play)
        self._look(play)

    def stop(self, play: Playing, fade_s: float = FADE_S) -> None:
        """Fade a play out, and forget what of it is still to come."""
        play.stopped = True
        self._holds.forget(play)
        for voice, each in self._voices.items():
            if each.play is play:
                self._player.stop_voice(voice, self._frames(fade_s))
        self._look(play)

    def stop_all(self, fade_s: float) -> None:
        """Fade all plays out, and forget what is still to come."""
        for play in list(self._plays):
            play.stopped = True
            self._holds.forget(play)
        self._player.stop_all(self._frames(fade_s))
        for play in list(self._plays):
            self._look(play)

    def set_gain(self, play: Playing, gain: float) -> None:
        """Move the level of a play: of what sounds, and of what is still to come."""
        play.gain = gain
        for voice, each in self._voices.items():
            if each.play is play:
                self._player.move(Move(voice, gain=gain))

    def hear(self, news: VoiceNews) -> None:
        """What the player says of a voice."""
        voice = self._voices.get(news.voice)
        if voice is None:
            return
        at_s = self._player.time_of(news.frame)
        if news.kind == "started" and not voice.started:
            voice.started = True
            self._started(voice, news, at_s)
        elif news.kind == "stolen":
            self._tell_full(voice, "was faded out for another")
        elif news.kind in ("ended", "refused"):
            if news.kind == "refused":
                voice.play.refused = True
                self._tell_full(voice, "did not sound")
            elif news.late and voice.event is not None and not voice.started:
                self._tell_late(voice.play, voice.event, news.late, "drop")
            self._drop(news.voice, at_s)

    def reconcile(self) -> None:
        """A player was started again: what it was not given any more has ended."""
        for number in [number for number in self._voices if not self._player.has(number)]:
            self._drop(number, time.perf_counter())

    def _started(self, voice: _Voice, news: VoiceNews, at_s: float) -> None:
        play, event = voice.play, voice.event
        if event is None:
            return
        if news.late:
            self._tell_late(play, event, news.late)
        if not play.begun:
            play.begun = True
            play.heard(at_s)
        self._tell(SegmentStart(play.story, event.id, at_s, play.cue))

    def _tell_late(self, play: Playing, event: Event, frames: int, action: Literal["wait", "drop"] = "wait") -> None:
        subject = play.cue or f"{play.story}/{event.id}"
        self._tell(Late(subject, frames / self._player.config.rate_hz, action))

    def _tell_full(self, voice: _Voice, what: str) -> None:
        story, most = voice.play.story, self._player.config.voices
        subject = f"{story}/{voice.event.id}" if voice.event is not None else f"the bed of {story}"
        self._tell(Trouble(503, f"voices: all {most} sound, so {subject} {what}; allow more with --voices"))

    def _drop(self, number: int, at_s: float) -> None:
        voice = self._voices.pop(number)
        self._sounds.let_go(voice.sound)
        if voice.event is not None and voice.started:
            self._tell(SegmentEnd(voice.play.story, voice.event.id, at_s, voice.play.cue))
        self._look(voice.play)

    def _start_of(self, play: Playing, event: Event) -> int:
        """The frame of an event; where that is over, its lane moves on."""
        now_s, offset = time.perf_counter(), self._frames(event.start_s - play.from_s)
        if play.zero is None:
            zero_s = now_s + play.lead_s + self._block_s if play.at_s is None else play.at_s
            play.zero = self._player.frame_at(zero_s)
        start = play.zero + offset + play.late.get(event.lane, 0)
        if play.goes_on and (wait := self._end_of_same(play, event) - start) > 0:
            play.late[event.lane] = play.late.get(event.lane, 0) + wait
            start += wait
        if start >= self._player.frame_at(now_s + max(_LEAST_S, self._block_s)):
            return start
        earliest = self._player.frame_at(now_s + SOON_S + self._block_s)
        late = earliest - start
        play.late[event.lane] = play.late.get(event.lane, 0) + late
        self._tell_late(play, event, late)
        return earliest

    def _end_of_same(self, play: Playing, event: Event) -> int:
        """The frame where the same bed, which an earlier play of the story has left sounding, begins to end; else 0."""
        ends = (
            voice.start + self._frames(voice.event.duration_s - OVERLAP_S)
            for voice in self._voices.values()
            if voice.event is not None and voice.play is not play and voice.play.story == play.story
            if voice.event.lane == event.lane == BED and voice.event.caption == event.caption
        )
        return max(ends, default=0)

    def _place(self, play: Playing, ready: ReadyEvent) -> Play:
        """The voice of an event, and what makes room for it."""
        assert ready.sound is not None
        event, start = ready.event, self._start_of(play, ready.event)
        if ready.joint is not None:
            self._join(play, ready.joint)
        if event.lane == BED:
            self._take_over(play, start)
        voice = self._voice(play, event, ready.sound, start)
        play.placed[event.id] = voice.voice
        if event.lane == BED:
            self._holds.watch(play, event, start, ready.sound)
        return voice

    def _voice(self, play: Playing, event: Event | None, sound: SoundHandle, start: int) -> Play:
        number = next(self._ids)
        self._sounds.hold(sound)
        self._voices[number] = _Voice(play, event, start, sound)
        lane = BED if event is None else event.lane
        order = (float(play.number), number)
        return Play(number, sound, lane, start, order, play.gain)

    def _hold(self, play: Playing, sound: SoundHandle, start: int) -> int:
        """A voice that holds a bed."""
        voice = self._voice(play, None, sound, start)
        self._player.play(voice)
        return voice.voice

    def _join(self, play: Playing, joint: Joint) -> None:
        """Let the event before fade under the next one, where that part of it is still to be heard."""
        voice = self._voices.get(play.placed.get(joint.event, 0))
        if voice is None or self._player.frame_at(time.perf_counter()) >= voice.start + joint.begin:
            return
        sound = SharedSound.open(voice.sound)
        sound.envelope[joint.begin :] = joint.gain
        sound.close()

    def _take_over(self, play: Playing, start: int) -> None:
        """A bed begins: fade out what held its place, and the beds that other plays of this story left sounding."""
        overlap = self._frames(OVERLAP_S)
        self._holds.release(play, start, overlap)
        for other in self._plays:
            if other is not play and other.story == play.story:
                self._holds.release(other, start, overlap)
                self._holds.forget(other)
        for number, voice in self._voices.items():
            other_bed = voice.event is not None and voice.event.lane == BED and voice.play.story == play.story
            if voice.play is not play and other_bed and voice.start < start:
                self._player.stop_voice(number, overlap, start)

    def _look(self, play: Playing) -> None:
        """Whether a play is over."""
        sounding = any(voice.play is play for voice in self._voices.values())
        if play in self._plays and not sounding and (play.whole or play.stopped):
            self._plays.remove(play)
            play.over()

    @property
    def _block_s(self) -> float:
        return self._player.config.block_frames / self._player.config.rate_hz

    def _frames(self, seconds: float) -> int:
        return round(seconds * self._player.config.rate_hz)
