"""Events by themselves: is each heard as what was told, is no seed like another, is nothing just played back?

For every concept of told.toml eight wordings that no training text has, each with a seed of its own: right where one of
the concept's AudioSet classes is among the ear's five best. Beside it, the longest recordings of the same concept,
heard the same way, cut to the same length.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import soundfile
from numpy.typing import NDArray

from captions import Concepts, caption_all, read_concepts, read_recordings
from diegetic.model.bank.decoder import BankDecoder
from diegetic.model.bank.decoder import Path as UnitPath
from diegetic.model.bank.units import SILENCE
from diegetic.model.codec import Drawn
from diegetic.model.storyteller import Condition, Storyteller
from diegetic.story import BED, FOREGROUND, Event
from evaluation.context import Context
from evaluation.row import Row
from evaluation.told import Told, unseen_told

Samples = NDArray[np.float32]

SECONDS, BEST = 6.0, 5
RIGHT, ALIKE = 75.0, 0.9
FREE = 0.5
"""The variation from which no recording may be played back."""
LONGEST_RUN = 0.25
_AUDIBLE_DB = -50.0
_SEEDS_TWICE = 2  # wordings of each concept that are drawn with a second seed
_SAME_RUN_UNITS = 6  # a jump by less than this within a recording is no jump


@dataclass(frozen=True, slots=True)
class Heard:
    """One event and what the ear took it for."""

    concept: str
    wording: str
    right: bool
    guesses: tuple[str, ...]


def measure(context: Context) -> list[Row]:
    """Rows: heard as told, beside recordings; the likest two seeds; the longest run of a recording."""
    told, concepts = unseen_told(), read_concepts()
    heard, alike, runs = _tell(context, told, {concept.name for concept in concepts.concepts if concept.kind == "bed"})
    real = list(hear_recordings(context, told, concepts))
    ours, theirs = (100 * float(np.mean([one.right for one in each])) for each in (heard, real))
    name = f"events heard as told, of {len(heard)}, %"
    return [
        Row(name, ours, {"real recordings": theirs}, RIGHT, True, worst(heard, real)),
        Row("likest two seeds, correlation of latents", max(alike), {"median": _median(alike)}, ALIKE, False),
        Row("longest run of a recording / event", max(runs), {"median": _median(runs)}, LONGEST_RUN, False),
    ]


def _tell(
    context: Context, told: Sequence[Told], beds: Collection[str]
) -> tuple[list[Heard], list[float], list[float]]:
    """What the ear says of every wording; how alike two seeds are; how long the longest runs are."""
    heard, alike, runs = [], [], []
    model, codec = context.model, codec_of(context.model)
    for each in told:
        for number, wording in enumerate(each.wordings[: 2 if context.quick else None]):
            event = Event("e1", wording, 0.0, SECONDS, BED if each.concept in beds else FOREGROUND)
            condition = condition_of(model, event)
            drawn = model.imagine(condition, event, number, None, _watch)
            samples = model.decode(drawn, condition, event, number)
            heard.append(hear(context, each, wording, samples, model.sample_rate))
            runs.append(longest_run(codec, drawn, event))
            if number < _SEEDS_TWICE:
                other = model.imagine(condition, event, number + 1000, None, _watch)
                alike.append(correlation(codec, drawn, other))
    return heard, alike, runs


def hear(context: Context, told: Told, wording: str, samples: Samples, rate_hz: int) -> Heard:
    """What the ear says of samples that stand for a concept."""
    guesses = tuple(label for label, _ in context.ear.guesses(context.ear.hear(samples, rate_hz), BEST))
    return Heard(told.concept, wording, bool(set(guesses) & set(told.labels)), guesses)


def hear_recordings(context: Context, told: Sequence[Told], concepts: Concepts) -> Iterator[Heard]:
    """The longest recordings of every concept that is told, as many as it has wordings."""
    by_concept: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for row in caption_all(read_recordings(context.sounds), concepts):
        by_concept[row["concept"]].append((row["seconds"], row["file"]))
    for each in told:
        longest = sorted(by_concept[each.concept], reverse=True)[: 2 if context.quick else len(each.wordings)]
        for _, file in longest:
            samples, rate_hz = soundfile.read(context.sounds / "audio" / file, dtype="float32")
            yield hear(context, each, file, samples[: round(SECONDS * rate_hz)], rate_hz)


def correlation(codec: BankDecoder, one: Drawn, other: Drawn) -> float:
    """Of the latents of two drawings of the same size where either sounds: all silences are alike."""
    sounds = np.maximum(codec.space.level_db(one.latents), codec.space.level_db(other.latents)) > _AUDIBLE_DB
    return float(np.corrcoef(one.latents[sounds].ravel(), other.latents[sounds].ravel())[0, 1]) if sounds.any() else 1.0


def longest_run(codec: BankDecoder, drawn: Drawn, event: Event) -> float:
    """The longest stretch of one recording as a share of the event, when it is told with variation `FREE`."""
    free = Event(event.id, event.caption, event.start_s, event.duration_s, event.lane, variation=FREE)
    return max(longest_units(path) / (path.runs[-1].at + path.runs[-1].units) for path in codec.paths(drawn, free))


def worst(heard: Sequence[Heard], real: Sequence[Heard]) -> str:
    """The concepts that fall furthest behind real recordings, with both shares."""
    ours, theirs = _shares(heard), _shares(real)
    behind = sorted(ours, key=lambda concept: (ours[concept] - theirs.get(concept, 0.0), concept))[:12]
    return "; ".join(f"{concept} {ours[concept]:.0%} (real {theirs.get(concept, 0.0):.0%})" for concept in behind)


def longest_units(path: UnitPath) -> int:
    """The longest stretch of one recording in a path; a jump within it by less than half a second doesn't end it."""
    longest = current = 0
    runs = [run for run in path.runs if run.recording != SILENCE]
    for before, run in pairwise([None, *runs]):
        assert run is not None
        goes_on = (
            before is not None
            and before.recording == run.recording
            and run.at == before.at + before.units
            and abs(run.first - before.first - before.units) < _SAME_RUN_UNITS
        )
        current = current + run.units if goes_on else run.units
        longest = max(longest, current)
    return longest


def _shares(heard: Sequence[Heard]) -> Mapping[str, float]:
    right: dict[str, list[bool]] = defaultdict(list)
    for one in heard:
        right[one.concept].append(one.right)
    return {concept: float(np.mean(each)) for concept, each in right.items()}


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def codec_of(model: object) -> BankDecoder:
    """Pocket's codec: the bank."""
    assert isinstance(model, Storyteller)
    assert isinstance(model.codec, BankDecoder)
    return model.codec


def condition_of(model: object, event: Event) -> Condition:
    """What an event is imagined under in a story of its own."""
    assert isinstance(model, Storyteller)
    memory = model.begin(event.caption, SECONDS)
    (condition,) = model.recall(memory, "1 event.", [event])
    return condition


def _watch(done: int, total: int) -> None:
    return None
