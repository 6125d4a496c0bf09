"""What each part and setting of pocket brings: events heard as told, with one thing changed at a time.

Every second concept of told.toml, two wordings each, the same seeds for all. With so few events a difference of less
than some ten points is chance; what ships must not fall further than that behind any other way.

    steps, guidance    of the flow's sampler
    variation          how freely recordings are taken apart
    bank               only every 2nd, 4th, 8th recording of it
    residual           zeros in place of the residual features
    decoder            the nearest recording as it is, in place of what is built along the latents
"""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from captions import read_concepts
from diegetic.audio.treatment import treat
from diegetic.model.attributes import treatment_of
from diegetic.model.bank.library import Bank
from diegetic.model.config import SamplerConfig
from diegetic.model.grammar import Timed
from diegetic.model.storyteller import Condition, Storyteller
from diegetic.story import BED, FOREGROUND, Event
from evaluation.context import Context
from evaluation.events import SECONDS, codec_of, condition_of, hear
from evaluation.residuals import with_residual
from evaluation.row import Row
from evaluation.told import Told, unseen_told

Samples = NDArray[np.float32]
Case: TypeAlias = tuple[Told, Event, int]

WORDINGS, EVERY = 2, 2
BEHIND = 10.0
STEPS, GUIDANCE, VARIATION, BANK = (4, 8, 32), (1.0, 5.0), (0.0, 0.25, 1.0), (2, 4, 8)


def measure(context: Context) -> list[Row]:
    """A row for each thing that is changed, what ships against the other ways."""
    model = context.model
    assert isinstance(model, Storyteller)
    cases = list(_cases(quick=context.quick))
    ours = _heard(context, model, cases)
    sampler = model._sampler
    rows = {
        "steps": {f"{n}": _heard(context, _drawn(model, replace(sampler, steps=n)), cases) for n in STEPS},
        "guidance": {f"{g:g}": _heard(context, _drawn(model, replace(sampler, guidance=g)), cases) for g in GUIDANCE},
        "variation": {f"{v:g}": _heard(context, model, _varied(cases, v)) for v in VARIATION},
        "bank": {f"1/{n} of it": _heard(context, _with_less(model, n), cases) for n in BANK},
        "residual tokens": {"zero": _heard(context, model, cases, residual=False)},
        "decoder": {"the nearest recording as it is": _as_it_is(context, model, cases)},
    }
    return [_row(name, ours, beside, len(cases)) for name, beside in rows.items()]


def _cases(quick: bool) -> Iterator[Case]:
    beds = {concept.name for concept in read_concepts().concepts if concept.kind == "bed"}
    for told in unseen_told()[:: EVERY * (8 if quick else 1)]:
        for seed, wording in enumerate(told.wordings[:WORDINGS]):
            yield told, Event("e1", wording, 0.0, SECONDS, BED if told.concept in beds else FOREGROUND), seed


def _heard(context: Context, model: Storyteller, cases: Sequence[Case], residual: bool = True) -> float:
    """The share of events that are heard as told, in percent."""
    right = []
    for told, event, seed in cases:
        condition = condition_of(model, event) if residual else _without_residual(model, event)
        latents = model.imagine(condition, event, seed, None, lambda done, total: None)
        samples = model.decode(latents, condition, event, seed)
        right.append(hear(context, told, event.caption, samples, model.sample_rate).right)
    return 100 * float(np.mean(right))


def _without_residual(model: Storyteller, event: Event) -> Condition:
    """An event's condition in a story of its own, with residual features of zero."""
    memory, narrator = model.begin(event.caption, SECONDS), model._narrator
    narrator.reason(memory, "1 event.")
    narrated = narrator.read(memory, Timed(event.caption, event.lane, 0.0, SECONDS))
    return with_residual(model, condition_of(model, event), narrated, None)


def _drawn(model: Storyteller, sampler: SamplerConfig) -> Storyteller:
    """The same model with another sampler."""
    other = copy(model)
    other._sampler = sampler
    return other


def _varied(cases: Sequence[Case], variation: float) -> list[Case]:
    return [(told, replace(event, variation=variation), seed) for told, event, seed in cases]


class _Part(Bank):
    """A bank of which only every nth recording may be found."""

    def __init__(self, whole: Bank, every: int) -> None:
        self.__dict__.update(whole.__dict__)
        self._left_out = np.arange(whole.index.recordings) % every != 0

    def scores(self, query: Samples, caption: str) -> Samples:
        return np.where(self._left_out, np.float32(-9.0), super().scores(query, caption))


def _with_less(model: Storyteller, every: int) -> Storyteller:
    """The same model with a part of its bank."""
    other, codec = copy(model), codec_of(model)
    other.codec = copy(codec)
    other.codec.banks = tuple(_Part(bank, every) for bank in codec.banks)
    return other


def _as_it_is(context: Context, model: Storyteller, cases: Sequence[Case]) -> float:
    """Heard of the nearest recordings as they are, treated as the caption says."""
    codec, right = codec_of(model), []
    for told, event, _ in cases:
        condition = condition_of(model, event)
        bank = codec.banks[0]
        samples = bank.audio(int(bank.scores(condition.called, event.caption).argmax()))
        cut = samples[: round(SECONDS * codec.sample_rate)]
        sound = treat(cut, treatment_of(event, condition.place), codec.sample_rate)
        right.append(hear(context, told, event.caption, sound, codec.sample_rate).right)
    return 100 * float(np.mean(right))


def _row(name: str, ours: float, beside: dict[str, float], events: int) -> Row:
    return Row(f"ablation: {name}", ours, beside, max(beside.values()) - BEHIND, True, f"% of {events} heard as told")
