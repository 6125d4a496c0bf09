"""Words that say how a sound is heard: does what they stand for move the right way?

For each attribute pairs of captions that differ by it, with the same seed: right where the measured quantity is larger
for the one that should have more of it. Beside it, the same of what the decoder chose, before it was treated.

    distant | close, soft | loud     level: the 95th percentile of 50 ms
    slow | fast                      attacks a second, between the first and the last
    outdoors | hall, cave            decay: how long peaks take to fall by 20 dB
    muffled | plain                  edge: the frequency below which 95 % of the power is
    heavy | light                    centroid of the spectrum
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diegetic.model.bank.decoder import BankDecoder
from diegetic.model.bank.describe import SAMPLE_RATE as RATE_HZ
from diegetic.model.storyteller import Storyteller
from diegetic.story import BED, FOREGROUND, Event
from evaluation.context import Context
from evaluation.row import Row

Samples = NDArray[np.float32]

SECONDS, AIM = 5.0, 80.0
_HOP_S = 0.01
_RISE_DB, _AUDIBLE_DB, _APART_HOPS = 8.0, -30.0, 6
_FALL_DB = 20.0

HITS = ("a dog barking", "knocking on the door", "a gunshot", "a door slams", "hammering nails", "swords clash")
STEADY = ("rain falling", "a crowd talking", "a stream flowing", "birds singing")
STEPS = (
    *("footsteps on wood", "footsteps on stone", "knocking on the door", "hammering nails"),
    *("a dog barking", "horse hooves", "chopping wood", "water dripping"),
)
DISTANT = ("{}, distant", "{} in the distance")
OUTDOORS = ("{} outdoors", "{} in a field")
BODIES = (
    *("footsteps on wood", "a door closes", "a splash", "metal clangs"),
    *("a stone hits the ground", "wood breaking", "a bell rings", "a dog barking"),
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """How it is said of a sound that it has more of it, and less; of which sounds; and what is measured."""

    name: str
    more: tuple[str, str]
    less: tuple[str, str]
    of: tuple[str, ...]
    quantity: Callable[[Samples, int], float]


def level_db(samples: Samples, rate_hz: int) -> float:
    """Of mono samples: the 95th percentile of 50 ms."""
    return float(np.percentile(_levels_db(samples, rate_hz, 0.05), 95))


def attack_rate(samples: Samples, rate_hz: int) -> float:
    """Attacks a second between the first and the last; 0 where there are fewer than two."""
    level = _levels_db(samples, rate_hz, _HOP_S)
    rises = level[2:] - np.minimum(level[1:-1], level[:-2])
    attacks: list[int] = []
    for hop in np.flatnonzero((rises > _RISE_DB) & (level[2:] > level.max() + _AUDIBLE_DB)):
        if not attacks or hop - attacks[-1] > _APART_HOPS:
            attacks.append(int(hop))
    return (len(attacks) - 1) / ((attacks[-1] - attacks[0]) * _HOP_S) if len(attacks) > 1 else 0.0


def decay_s(samples: Samples, rate_hz: int) -> float:
    """How long the loudest peaks take to fall by 20 dB and stay there until something louder sounds: their median."""
    level = _levels_db(samples, rate_hz, _HOP_S)
    found = []
    for peak in range(len(level)):
        if level[peak] >= level[max(0, peak - 30) : peak + 31].max() and level[peak] > level.max() - 12:
            after = level[peak:]
            fallen = np.flatnonzero(after < level[peak] - _FALL_DB)
            found.append((fallen[0] if len(fallen) else len(after)) * _HOP_S)
    return float(np.median(found)) if found else 0.0


def edge_hz(samples: Samples, rate_hz: int) -> float:
    """The frequency below which 95 % of the power is."""
    power, pitches_hz = _spectrum(samples, rate_hz)
    return float(pitches_hz[np.searchsorted(np.cumsum(power) / power.sum(), 0.95)])


def centroid_hz(samples: Samples, rate_hz: int) -> float:
    """The mean frequency, weighed by the square root of the power."""
    power, pitches_hz = _spectrum(samples, rate_hz)
    weight = np.sqrt(power)
    return float((weight * pitches_hz).sum() / weight.sum())


ATTRIBUTES = (
    Attribute(
        "close / distant",
        ("{}, close", "{} very close"),
        ("{}, distant", "{} in the distance"),
        HITS + STEADY,
        level_db,
    ),
    Attribute("loud / soft", ("loud {}", "{}, loud"), ("soft {}", "{}, quiet"), HITS + STEADY, level_db),
    Attribute("fast / slow", ("fast {}", "{}, quick"), ("slow {}", "{}, slowly"), STEPS, attack_rate),
    Attribute("hall / outdoors", ("{} in a large hall", "{} in the cathedral"), OUTDOORS, HITS, decay_s),
    Attribute("cave / outdoors", ("{} in a cave", "{} inside the cavern"), OUTDOORS, HITS, decay_s),
    Attribute("plain / muffled", ("{}", "{}"), ("muffled {}", "{} through a wall"), HITS + STEADY, edge_hz),
    Attribute("light / heavy", ("light {}", "small {}"), ("heavy {}", "big {}"), BODIES, centroid_hz),
)


def measure(context: Context) -> list[Row]:
    """A row for all attributes, and one for each."""
    of_all: list[tuple[bool, bool]] = []
    rows = []
    for attribute in ATTRIBUTES:
        pairs = list(compare(context, attribute))
        of_all.extend(pairs)
        rows.append(_row(f"attribute {attribute.name}, {len(pairs)} pairs, %", pairs))
    return [_row(f"attributes that move the right way, {len(of_all)} pairs, %", of_all), *rows]


def compare(context: Context, attribute: Attribute) -> Iterator[tuple[bool, bool]]:
    """Whether the quantity is larger where it should be, as it is heard and as it was chosen, for each pair."""
    ways = list(zip(attribute.more, attribute.less, strict=True))
    for sound in attribute.of[: 3 if context.quick else None]:
        for more, less in ways[: 1 if context.quick else None]:
            for seed in range(1 if context.quick else 2):
                lane = BED if sound in STEADY else FOREGROUND
                (heard_more, chosen_more), (heard_less, chosen_less) = (
                    _render(context, way.format(_bare(sound, way)), lane, seed) for way in (more, less)
                )
                yield (
                    attribute.quantity(heard_more, RATE_HZ) > attribute.quantity(heard_less, RATE_HZ),
                    attribute.quantity(chosen_more, RATE_HZ) > attribute.quantity(chosen_less, RATE_HZ),
                )


def _render(context: Context, caption: str, lane: str, seed: int) -> tuple[Samples, Samples]:
    """One event, mono, as it is heard and as it was chosen."""
    model = context.model
    assert isinstance(model, Storyteller)
    assert isinstance(model.codec, BankDecoder)
    event = Event("e1", caption, 0.0, SECONDS, lane)
    memory = model.begin(caption, SECONDS)
    (condition,) = model.recall(memory, "1 event.", [event])
    drawn = model.imagine(condition, event, seed, None, lambda done, total: None)
    chosen = model.codec.build(model.codec.paths(drawn, event)[0])
    return model.decode(drawn, condition, event, seed).mean(1), chosen.mean(1)


def _bare(sound: str, way: str) -> str:
    """A sound without its article where a word comes before it."""
    return sound.removeprefix("a ") if not way.startswith("{}") else sound


def _row(name: str, pairs: list[tuple[bool, bool]]) -> Row:
    heard, chosen = (100 * float(np.mean([pair[which] for pair in pairs])) for which in (0, 1))
    return Row(name, heard, {"before treatment": chosen}, AIM, True)


def _levels_db(samples: Samples, rate_hz: int, hop_s: float) -> NDArray[np.float64]:
    hop = round(hop_s * rate_hz)
    hops = samples[: len(samples) // hop * hop].reshape(-1, hop).astype(np.float64)
    levels: NDArray[np.float64] = 10 * np.log10((hops**2).mean(1) + 1e-9)
    return levels


def _spectrum(samples: Samples, rate_hz: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    power = np.abs(np.fft.rfft(samples.astype(np.float64))) ** 2 + 1e-12
    return power, np.fft.rfftfreq(len(samples), 1 / rate_hz).astype(np.float64)
