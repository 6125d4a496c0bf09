"""Whether a place sounds the same through its story: a bed told twice in one story, against the same bed in others.

Stories differ in their place only: each tells a bed, another one, and the first again. Distance: of mean mel spectra in
dB at the same level, and of what YAMNet says. Figure: the mean distance across stories divided by that within; 1 is no
coherence at all. As the paper's Table 6 (with and without residual tokens): beside it residual features of zero, and
those of another story, all else the same; and real recordings, their first seconds against their last.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from diegetic.model.bank.library import Bank
from diegetic.model.grammar import Timed
from diegetic.model.narrator import Narrated
from diegetic.model.storyteller import Condition, Storyteller
from diegetic.story import BED, Event, event_seed
from ear import Ear
from evaluation.context import Context
from evaluation.residuals import with_residual
from evaluation.row import Row
from evaluation.search import BANK

Samples = NDArray[np.float32]
SECONDS, RATE_HZ, BANDS = 6.0, 48_000, 40
PLACES = (
    ("A service in the great cathedral.", "great cathedral, large hall"),
    ("Far down in the cave.", "deep cave, cave"),
    ("In the tiny cell of the prison.", "prison cell, small room"),
    ("On the open hill.", "open hill, outdoors"),
    ("In the kitchen of the inn.", "inn kitchen, indoors"),
    ("In the underground station.", "underground station, large hall"),
    ("On the village green.", "village green, outdoors"),
    ("In a cabin of planks.", "wooden cabin, small room"),
)
BEDS = (
    "people talking",
    "a fire burning",
    "rain falling",
    "waves on a beach",
    "forest birds",
    "wind blowing",
    "a stream flowing",
    "a rooster farm",
)
BETWEEN = "wind blowing"
EARNED = 1.05
"""By how much residual tokens must better the figure to have earned their place."""


@dataclass(frozen=True, slots=True)
class Told:
    """A story's bed at its two times: conditions, and the states of their query tokens."""

    conditions: tuple[Condition, Condition]
    states: tuple[Narrated, Narrated]


@dataclass(frozen=True, slots=True)
class Sounded:
    """A bed of a story at its two times, as distances see it: mean spectra [BANDS] dB and the tagger's scores."""

    first: tuple[Samples, Samples]
    again: tuple[Samples, Samples]


def measure(context: Context) -> list[Row]:
    """How much nearer a bed is to itself in its story than in others, by two distances."""
    model = cast(Storyteller, context.model)  # states of query tokens are no part of the engine's protocol
    places = PLACES[:3] if context.quick else PLACES
    beds = BEDS[:1] if context.quick else BEDS
    by_way: dict[str, list[tuple[float, float]]] = {"with": [], "zero residuals": [], "another story's residuals": []}
    for bed in beds:
        told = [tell(model, text, place, bed) for text, place in places]
        for way, conditions in ways(model, told).items():
            by_way[way].append(
                coherence([sound(model, context.ear, each, bed, k) for k, each in enumerate(conditions)])
            )
    by_way["real recordings"] = list(real(context.ear))
    figures = {way: np.mean(values, axis=0) for way, values in by_way.items()}
    note = f"{len(places)} places, {len(beds)} beds; 1 is no coherence"
    return [_row(name, k, figures, note) for k, name in enumerate(("spectra", "what a tagger says"))]


def tell(model: Storyteller, text: str, place: str, bed: str) -> Told:
    """A bed, another, and the first again, read in one story's memory."""
    times = ((bed, 0.0), (BETWEEN, SECONDS), (bed, 2 * SECONDS))
    events = [Event(f"e{n + 1}", caption, start, SECONDS, BED) for n, (caption, start) in enumerate(times)]
    reasoning = f"{place}. 3 events."
    first, _, again = model.recall(model.begin(text, 3 * SECONDS), reasoning, events)
    # The same once more, for the states of the query tokens, which no condition keeps.
    narrator = model._narrator
    memory = narrator.begin(text, 3 * SECONDS)
    narrator.reason(memory, reasoning)
    states = [narrator.read(memory, Timed(e.caption, e.lane, e.start_s, e.end_s)) for e in events]
    return Told((first, again), (states[0], states[2]))


def ways(model: Storyteller, told: Sequence[Told]) -> dict[str, list[tuple[Condition, Condition]]]:
    """The conditions of each story's two beds, by way."""
    count = len(told)
    # Another story for each of the two, so that they have no more in common than any two stories.
    strange = [(told[k - 1].states[0].residual, told[k - 2].states[1].residual) for k in range(count)]
    return {
        "with": [each.conditions for each in told],
        "zero residuals": [_changed(model, each, (None, None)) for each in told],
        "another story's residuals": [
            _changed(model, each, others) for each, others in zip(told, strange, strict=True)
        ],
    }


def sound(model: Storyteller, ear: Ear, pair: tuple[Condition, Condition], bed: str, seed: int) -> Sounded:
    """Draw and build both beds of a story."""
    seen = []
    for event, each in zip(("e1", "e3"), pair, strict=True):
        drawn = Event(event, bed, 0.0, SECONDS, BED)
        own = event_seed(seed, drawn)
        latents = model.imagine(each, drawn, own, None, lambda done, total: None)
        seen.append(_seen(ear, model.decode(latents, each, drawn, own)))
    return Sounded(seen[0], seen[1])


def coherence(sounded: Sequence[Sounded]) -> tuple[float, float]:
    """Mean distance across stories by the mean within, by spectra and by the tagger."""
    count = range(len(sounded))
    figures = []
    for k in range(2):
        within = [_distance(sounded[i].first[k], sounded[i].again[k], k) for i in count]
        across = [_distance(sounded[i].first[k], sounded[j].again[k], k) for i in count for j in count if i != j]
        figures.append(float(np.mean(across) / np.mean(within)))
    return figures[0], figures[1]


def real(ear: Ear, least: int = 2) -> Iterator[tuple[float, float]]:
    """The same of the bank's own recordings: those with one caption that last long enough are stories of one bed.

    Music is left out: it is another tune at its end.
    """
    bank = Bank(BANK)
    alike: dict[str, list[int]] = {}
    for number, row in enumerate(bank.table):
        if float(row["seconds"]) >= 2 * SECONDS and not bank.index.performed[number]:
            alike.setdefault(row["caption"], []).append(number)
    frames = round(SECONDS * RATE_HZ)
    for recordings in (group[: len(PLACES)] for group in alike.values() if len(group) >= least):
        audio = [bank.audio(recording) for recording in recordings]
        yield coherence([Sounded(_seen(ear, each[:frames]), _seen(ear, each[-frames:])) for each in audio])


def spectrum(samples: Samples) -> Samples:
    """Mean power in BANDS bands, evenly spaced in octaves from 60 Hz to 16 kHz, in dB about their mean [BANDS]."""
    mono = samples.mean(1) if samples.ndim == 2 else samples
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(mono, (0, 2048)), 2048)[::1024] * np.hanning(2048)
    power = (np.abs(np.fft.rfft(frames)) ** 2).mean(0)
    edges = np.geomspace(60.0, 16_000.0, BANDS + 1) * 2048 / RATE_HZ
    bands = [power[int(low) : max(int(high), int(low) + 1)].mean() for low, high in pairwise(edges)]
    levels = 10 * np.log10(np.array(bands) + 1e-10)
    centred: Samples = (levels - levels.mean()).astype(np.float32)
    return centred


def _changed(
    model: Storyteller, told: Told, residuals: tuple[Tensor | None, Tensor | None]
) -> tuple[Condition, Condition]:
    """A story's conditions with other residual states; None: with residual features of zero."""
    first, again = (with_residual(model, *each) for each in zip(told.conditions, told.states, residuals, strict=True))
    return first, again


def _seen(ear: Ear, samples: Samples) -> tuple[Samples, Samples]:
    return spectrum(samples), ear.hear(samples, RATE_HZ)


def _distance(one: Samples, other: Samples, kind: int) -> float:
    """Of spectra: root mean square difference in dB; of scores: one less the cosine of their roots."""
    if kind == 0:
        return float(np.sqrt(np.mean((one - other) ** 2)))
    one, other = np.sqrt(one), np.sqrt(other)
    return float(1 - one @ other / (np.linalg.norm(one) * np.linalg.norm(other) + 1e-9))


def _row(name: str, kind: int, figures: Mapping[str, Samples], note: str) -> Row:
    beside = {way: float(values[kind]) for way, values in figures.items() if way != "with"}
    aim = EARNED * max(beside["zero residuals"], beside["another story's residuals"])
    return Row(f"coherence: across stories by within, {name}", float(figures["with"][kind]), beside, aim, True, note)
