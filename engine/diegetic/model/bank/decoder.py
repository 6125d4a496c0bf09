"""The bank as a codec: latents to samples, by way of recordings that sound as was told and go on as was drawn.

    semantic query 0 -> recordings with the nearest captions -> a few of them, by the event's seed
    latents          -> units of these recordings (shortest path) -> runs -> overlap-add at full bandwidth
                        (of what happens once, or so often, the first recording as it is; music is played to its end)
    caption, place   -> distance, loudness, speed, size, side, room (attributes.py) -> treatment

A bed is built twice from different recordings, as middle and side: it is wide, and stays whole in mono. Other sounds
stand somewhere between left and right.

Knows nothing of LLMs, flows or torch.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diegetic.audio.treatment import treat
from diegetic.model.attributes import treatment_of
from diegetic.model.bank.describe import FLOOR_DB, SAMPLE_RATE, UNIT_FRAMES, UNITS_PER_S, LatentSpace
from diegetic.model.bank.happenings import as_it_is, ends_by_itself, first_alone, with_attacks, without_stumps
from diegetic.model.bank.holes import HUSHED_DB, silences, without_holes
from diegetic.model.bank.library import Bank, Samples
from diegetic.model.bank.overlap_add import overlap_add
from diegetic.model.bank.performing import played
from diegetic.model.bank.units import FLOWING, NATURAL, SILENCE, Run, follow, weights_of
from diegetic.model.codec import Drawn
from diegetic.model.once import happens
from diegetic.protocol import Hear, unheard
from diegetic.story import BED, Event

Array = NDArray[np.float32]

EDITION = 5
"""Of what is built from the same latents: what a bank's model is called by changes with it, and so do its takes."""
_POOL = 64
_NEAR = 0.03  # how much less near than the best a recording of the pool may be, in cosine
_TYPICAL = 16.0  # how much rather a recording is drawn that sounds like what it is called: e to this power
_ALIKE = 0.01  # as near as each other: recordings of one kind
_BELONGING = 20.0  # how much rather a recording is drawn that lies in the story's direction: e to this power
_JUMP, _FLOWING_JUMP = 20.0, 5.0
"""What breaking off a recording costs at no variation; a unit of another sound costs about 2.

What goes on changes between its recordings: mixed, they are the same texture all through a story.
"""
_LASTING_UNITS, _ENOUGH_UNITS = round(3 * UNITS_PER_S), round(20 * UNITS_PER_S)
_SOFTER_DB = 34.0
_FREE, _LONGEST_SHARE = 0.5, 0.25
"""From this variation on no run of a recording is longer than this share of the event."""
_SIDE = 0.55
_ENDED_UNITS = 4
_LOUD_PERCENTILE = 95
_LONGEST_UNITS = 625  # 50 s of a recording are enough to choose from


@dataclass(frozen=True, slots=True)
class Pick:
    """Recordings that an event is built from: (which bank, which recording), the nearest first."""

    recordings: tuple[tuple[int, int], ...]
    nearness: float


@dataclass(frozen=True, slots=True)
class Path:
    """How an event is built: runs of a pick's recordings, and a gain in dB for each unit, nan in silence.

    Runs name recordings by their place in the pick.
    """

    pick: Pick
    runs: tuple[Run, ...]
    gains_db: Array
    flowing: bool


class BankDecoder:
    """Builds events from one or more banks.

    preference: added to the nearness of each bank's recordings; variation: of events that don't say theirs.
    """

    sample_rate = SAMPLE_RATE
    latent_rate_hz = UNITS_PER_S

    def __init__(
        self, banks: Sequence[Bank], space: LatentSpace, preference: Sequence[float], variation: float
    ) -> None:
        self.banks = tuple(banks)
        self.space = space
        self._preference, self._variation = tuple(preference), variation
        self._weights = weights_of(space)
        self._silence = space.encode(np.full((1, len(space.mean)), FLOOR_DB, np.float32))[0]

    @property
    def channels(self) -> int:
        """Channels of the latents."""
        return self.space.channels

    def decode(self, drawn: Drawn, event: Event, hear: Hear = unheard) -> Samples:
        """Stereo samples [units * UNIT_FRAMES, 2] of an event. Raises Failure where the bank's audio can't be read.

        They are there all at once: the path goes through the whole, and so does its treatment.
        """
        treatment = treatment_of(event, drawn.place, drawn.begins / UNITS_PER_S)
        if drawn.window != "whole" and event.lane != BED:  # what moved is where it began, or has come to its end
            treatment = treatment.at_start() if drawn.window == "before" else treatment.at_end()
        sound, *rest = [self.build(path) for path in self.paths(drawn, event)]
        if rest:
            side = rest[0].mean(1, keepdims=True) * _SIDE
            sound = np.concatenate([sound + side, sound - side], axis=1, dtype=np.float32) * np.float32(
                (1 + _SIDE**2) ** -0.5
            )
        return treat(sound, treatment, SAMPLE_RATE)[: len(drawn.latents) * UNIT_FRAMES]

    def steady(self, latents: Array, known: int, before: Array) -> Array:
        """Latents [T, C] of a bed's next window, of which the first `known` are given, as those before [K, C] were.

        The flow draws each window's level and colour anew, so that rain would be another rain after half a minute.
        Moved to the mean of the window before, it stays itself; what moves within the window is left as it is.
        """
        drawn = latents[known:]
        if not all((self.space.level_db(each) > HUSHED_DB).any() for each in (drawn, before)):
            return latents  # silence goes on as nothing
        return np.concatenate([latents[:known], drawn + before.mean(0) - drawn.mean(0)])

    def paths(self, drawn: Drawn, event: Event) -> tuple[Path, ...]:
        """What an event is built from: a path, and for a bed's side another, unless it is stereo or there is none."""
        rng = np.random.default_rng(drawn.seed)
        variation = self._variation if event.variation is None else event.variation
        bed = event.lane == BED
        rate = treatment_of(event, drawn.place).read_rate
        latents = self._as_long_as(drawn.latents, rate)
        # A place goes on the same; what happens in it may be another dog each time, and another take another dog.
        belongs = drawn.belongs if bed else None
        pick = self.pick(drawn.called, event.caption, variation, rng, belongs=belongs, lasting=bed)
        if self._is_performed(pick):
            return (self.performance(latents, pick, round(drawn.begins * rate)),)
        times = 0 if bed or drawn.window != "whole" else happens(event.caption)
        middle = self.path(latents, pick, variation, flowing=bed, times=times)
        if not bed or self._is_stereo(middle):
            return (middle,)
        others = self.pick(
            drawn.called, event.caption, variation, rng, without=pick.recordings, belongs=belongs, lasting=True
        )
        if set(others.recordings) & set(pick.recordings):
            return (middle,)  # the same once more would be heard on the left alone
        return middle, self.path(latents, others, variation, flowing=True)

    def pick(
        self,
        query: Array,
        caption: str,
        variation: float,
        rng: np.random.Generator,
        without: Collection[tuple[int, int]] = (),
        belongs: Array | None = None,
        lasting: bool = False,
    ) -> Pick:
        """Draw recordings for a query [F] and its caption: near and typical ones rather; the freer it varies, the more.

        without: recordings that are taken only where no others are near. belongs: the direction of the story, a unit
        vector; among recordings as near as each other those that lie in it come first, typical or not. lasting: of
        those as near as each other only what lasts, if there is enough of it: or a bird of half a second is heard forty
        times in a minute.
        """
        near = [bank.scores(query, caption) + more for bank, more in zip(self.banks, self._preference, strict=True)]
        names = [(number, recording) for number, scores in enumerate(near) for recording in range(len(scores))]
        nearness = np.concatenate(near)
        favour = _TYPICAL * np.concatenate([bank.typical for bank in self.banks])
        order = np.argsort(-nearness, kind="stable")[: _POOL + len(without)]
        order = order[nearness[order] >= nearness[order[0]] - _NEAR]
        # Nobody plays two things at once; and what is no music isn't built from any.
        performed = np.concatenate([bank.index.performed for bank in self.banks])
        alone = nearness[order] == nearness[order[0]] if performed[order[0]] else ~performed[order]
        order = order[alone]
        others = [index for index in order if names[index] not in without]
        order = np.array(others) if others else order
        if lasting:
            alike = order[nearness[order] >= nearness[order[0]] - _ALIKE]
            units = np.array([self.banks[bank].length(recording) for bank, recording in (names[i] for i in alike)])
            long = units >= _LASTING_UNITS
            order = alike[long] if units[long].sum() >= _ENOUGH_UNITS else order
        if belongs is not None and len(belongs):
            # Only among those of one kind: what a story keeps to must be what was told. Which of them, it says alone.
            order = order[nearness[order] >= nearness[order[0]] - _ALIKE]
            favour = _BELONGING * np.concatenate([bank.lie(belongs) for bank in self.banks])
        count = min(len(order), 2 + round(6 * variation))
        favour = favour[order] + (nearness[order] - nearness[order[0]]) / (_NEAR / 2)
        odds = np.exp(favour - favour.max())
        drawn = rng.choice(order, size=count, replace=False, p=odds / odds.sum())
        return Pick(
            tuple(names[index] for index in sorted(drawn, key=lambda i: -nearness[i])), float(nearness[order[0]])
        )

    def path(self, latents: Array, pick: Pick, variation: float, flowing: bool = False, times: int = 0) -> Path:
        """The runs of a pick's recordings that follow latents [units, channels].

        flowing: what goes on all the time; times: how often it happens, 0 where that isn't told, its recording doesn't
        end by itself, or it varies so freely that none may be heard as it is.
        """
        units = [self.banks[bank].units(recording)[:_LONGEST_UNITS] for bank, recording in pick.recordings]
        level_db = self.space.level_db(latents)
        if flowing:
            latents = without_holes(latents, level_db)
            level_db = self.space.level_db(latents)
        jump, natural = (_FLOWING_JUMP, FLOWING) if flowing else (_JUMP, NATURAL)
        jump *= 1.0 - 0.85 * variation
        longest = max(1, int(len(latents) * _LONGEST_SHARE)) if variation >= _FREE else None
        runs = follow(
            latents, units, self._silence, self._weights, jump, self._hushed(level_db, flowing), natural, longest
        )
        if not flowing:
            own_db = [self.space.level_db(each) for each in units]
            sounding = [own_db[run.recording] for run in runs if run.recording != SILENCE]
            if times and longest is None and sounding and ends_by_itself(sounding[0]):
                runs = first_alone(runs, own_db, times)
                level_db = as_it_is(runs, own_db, float(level_db.max()))
            else:
                runs = without_stumps(with_attacks(runs, own_db))
        return Path(pick, tuple(runs), self._gains(level_db, runs, units), flowing)

    def performance(self, latents: Array, pick: Pick, begins: int) -> Path:
        """A pick's recordings of music one after another, each to its end, from unit `begins` of all that is played.

        Music has its own course: the latents say how loud it is, and for how long.
        """
        own_db = [self.space.level_db(self.banks[bank].units(recording)) for bank, recording in pick.recordings]
        runs = played([len(each) for each in own_db], begins, len(latents))
        loud_db = np.percentile(self.space.level_db(latents), _LOUD_PERCENTILE)
        gains = np.full(len(latents), np.nan, np.float32)
        for run in runs:
            gains[run.at : run.at + run.units] = loud_db - np.percentile(own_db[run.recording], _LOUD_PERCENTILE)
        return Path(pick, tuple(runs), gains, flowing=False)

    def build(self, path: Path) -> Samples:
        """Samples [units * UNIT_FRAMES, 1 or 2] of a path. Raises Failure where audio can't be read."""
        used = sorted({run.recording for run in path.runs} - {SILENCE})
        audio = {number: self._audio(path.pick, number) for number in used}
        return overlap_add(path.runs, audio, path.gains_db, path.flowing)

    def _as_long_as(self, latents: Array, rate: float) -> Array:
        """Latents for `rate` times the time: what is more goes on as it began, or in silence where it ended so."""
        units = math.ceil(len(latents) * rate)
        ended = self.space.level_db(latents[-_ENDED_UNITS:]).max() < HUSHED_DB
        more = np.repeat(self._silence[None], len(latents), axis=0) if ended else latents
        return np.concatenate([latents, more])[:units]

    def _is_performed(self, pick: Pick) -> bool:
        bank, recording = pick.recordings[0]
        return bool(self.banks[bank].index.performed[recording])

    def _is_stereo(self, path: Path) -> bool:
        used = {path.pick.recordings[run.recording] for run in path.runs if run.recording != SILENCE}
        return any(self.banks[bank].index.channels[recording] == 2 for bank, recording in used)

    def _hushed(self, level_db: Array, flowing: bool) -> NDArray[np.bool_]:
        """Where nothing need sound, [units]: in what happens also where it is much softer than at its loudest."""
        if flowing:
            return silences(level_db)
        hushed: NDArray[np.bool_] = level_db < max(HUSHED_DB, float(level_db.max()) - _SOFTER_DB)
        return hushed

    def _gains(self, drawn: Array, runs: Sequence[Run], units: Sequence[Array]) -> Array:
        """Drawn level less the level of the units chosen, in dB [units]; nan in silence."""
        gains = np.full(len(drawn), np.nan, np.float32)
        for run in runs:
            if run.recording != SILENCE:
                own = self.space.level_db(units[run.recording][run.first : run.first + run.units])
                audible = own > FLOOR_DB + 15
                gains[run.at : run.at + run.units] = np.where(audible, drawn[run.at : run.at + run.units] - own, np.nan)
        return gains

    def _audio(self, pick: Pick, number: int) -> Samples:
        bank, recording = pick.recordings[number]
        return self.banks[bank].audio(recording)[: (_LONGEST_UNITS + 1) * UNIT_FRAMES]
