"""The bank as a codec: latents to samples, by way of recordings that sound as was told and go on as was drawn.

    semantic query 0 -> recordings with the nearest captions -> a few of them, by the event's seed
    latents          -> units of these recordings (shortest path) -> runs -> overlap-add at full bandwidth

A bed is built twice from different recordings, as middle and side: it is wide, and stays whole in mono. Other sounds
are in the middle.

Knows nothing of LLMs, flows or torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diegetic.model.bank.describe import FLOOR_DB, SAMPLE_RATE, UNIT_FRAMES, UNITS_PER_S, LatentSpace
from diegetic.model.bank.library import Bank, Samples
from diegetic.model.bank.overlap_add import FADE_FRAMES, LONG_FADE_FRAMES, overlap_add
from diegetic.model.bank.units import FLOWING, NATURAL, SILENCE, Run, follow, weights_of
from diegetic.model.codec import Drawn
from diegetic.story import BED, Event

Array = NDArray[np.float32]

_POOL = 24
_NEAR = 0.04  # how much less near than the best a recording of the pool may be, in cosine
_JUMP = 2.5
_SIDE = 0.55
_HUSHED_DB = -50.0  # above this level something sounds
_LONGEST_UNITS = 625  # 50 s of a recording are enough to choose from


@dataclass(frozen=True, slots=True)
class Pick:
    """Recordings that an event is built from: (which bank, which recording), the nearest first."""

    recordings: tuple[tuple[int, int], ...]
    nearness: float


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

    def decode(self, drawn: Drawn, event: Event) -> Samples:
        """Stereo samples [units * UNIT_FRAMES, 2] of an event. Raises Failure where the bank's audio can't be read."""
        rng = np.random.default_rng(drawn.seed)
        variation = self._variation if event.variation is None else event.variation
        pick = self.pick(drawn.called, variation, rng)
        if event.lane == BED:
            return self.wide(drawn.latents, pick, drawn.called, variation, rng)
        samples = self.build(drawn.latents, pick, variation)
        return samples if samples.shape[1] == 2 else np.repeat(samples, 2, axis=1)

    def pick(self, query: Array, variation: float, rng: np.random.Generator, without: Pick | None = None) -> Pick:
        """Draw recordings for a query [F]: near ones more often; the freer the variation, the more of them."""
        near = [bank.scores(query) + more for bank, more in zip(self.banks, self._preference, strict=True)]
        names = [(number, recording) for number, scores in enumerate(near) for recording in range(len(scores))]
        nearness = np.concatenate(near)
        order = np.argsort(-nearness, kind="stable")[:_POOL]
        order = order[nearness[order] >= nearness[order[0]] - _NEAR]
        if without is not None and len(order) > len(without.recordings):
            order = np.array([index for index in order if names[index] not in without.recordings])
        count = min(len(order), 2 + round(6 * variation))
        odds = np.exp((nearness[order] - nearness[order[0]]) / (_NEAR / 2))
        drawn = rng.choice(order, size=count, replace=False, p=odds / odds.sum())
        return Pick(
            tuple(names[index] for index in sorted(drawn, key=lambda i: -nearness[i])), float(nearness[order[0]])
        )

    def build(self, latents: Array, pick: Pick, variation: float, flowing: bool = False) -> Samples:
        """Samples [units * UNIT_FRAMES, 1 or 2] that follow latents [units, channels].

        Raises Failure where audio can't be read.
        """
        units = [self.banks[bank].units(recording)[:_LONGEST_UNITS] for bank, recording in pick.recordings]
        level_db = self.space.level_db(latents)
        jump, natural = _JUMP * (1.0 - 0.85 * variation), FLOWING if flowing else NATURAL
        runs = follow(latents, units, self._silence, self._weights, jump, level_db < _HUSHED_DB, natural)
        used = sorted({run.recording for run in runs} - {SILENCE})
        audio = {number: self._audio(pick, number) for number in used}
        longest_fade = LONG_FADE_FRAMES if flowing else FADE_FRAMES
        return overlap_add(runs, audio, self._gains(level_db, runs, units), longest_fade)

    def wide(self, latents: Array, pick: Pick, query: Array, variation: float, rng: np.random.Generator) -> Samples:
        """As `build`, in stereo: the same told twice, by other recordings, is the side."""
        middle = self.build(latents, pick, variation, flowing=True)
        if middle.shape[1] == 2:
            return middle
        others = self.pick(query, variation, rng, without=pick)
        side = self.build(latents, others, variation, flowing=True).mean(1, keepdims=True) * _SIDE
        both = np.concatenate([middle + side, middle - side], axis=1) / np.sqrt(1 + _SIDE**2)
        stereo: Samples = both.astype(np.float32)
        return stereo

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
