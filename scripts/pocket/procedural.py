"""Recordings that aren't there: steps in a row, made of single ones; a keyboard and others, made of nothing.

Most recordings of steps are a single step. Rows of them, at the pace that people walk at and as uneven as feet are, are
what units that follow each other can be taken from. All steps of a row come from one folder of one source under one
licence. Keys and telephones follow well-known recipes: a keystroke is a finger's touch, the key's landing and its
coming back, each a burst of noise; an old telephone is two bells that a clapper strikes 20 times a second, a newer one
a warble between two tones. What else is made of nothing is in recipes.py.

Knows nothing of how recordings are described or stored.
"""

import random
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from captions import Row
from describe_sounds import read_mono
from diegetic.audio.rooms import SMALL_ROOM
from diegetic.model.bank.describe import SAMPLE_RATE
from recipes import RECIPES, heard_in

Samples = NDArray[np.float32]
Values = NDArray[np.float64]

SECONDS = 7.0
ROWS, TELEPHONES, KEYBOARDS, VARIANTS = 5, 4, 5, 4
_LONGEST_STEP_S, _FEWEST_STEPS = 1.0, 3
_UNEVEN_DB = 2.0
_BARS = ((1.0, 1.0, 0.5), (2.76, 0.6, 0.25), (5.4, 0.35, 0.12), (8.93, 0.2, 0.06))
"""Partials of a struck bell: ratio, level, decay in seconds."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How hits follow each other.

    period_s: range of the time between them; uneven: its deviation, as a share; group, pause_s: how many before a pause
    (0: none), and how long it is.
    """

    period_s: tuple[float, float]
    uneven: float
    group: tuple[int, int] = (0, 0)
    pause_s: tuple[float, float] = (0.0, 0.0)


WALK, RUN = Pace((0.46, 0.62), 0.04), Pace((0.28, 0.36), 0.05)
TYPE = Pace((0.09, 0.17), 0.35, (4, 12), (0.25, 0.9))
STEPS: Mapping[str, tuple[str, Pace]] = {
    **{
        f"footsteps {where}": (f"footsteps {where}", WALK)
        for where in ("on wood", "on stone", "on gravel", "in grass", "in snow", "on earth", "in water")
    },
    "running footsteps": ("footsteps on earth", RUN),
}
"""Concepts, the concept that their steps are of, and their pace."""


@dataclass(frozen=True, slots=True)
class Made:
    """A recording that was made. files: those it is made of; none where it is made of nothing, or from elsewhere.

    origin: where it is from, as a row of sounds.csv says it; None: it is Diegetic's own, or its files'.
    """

    name: str
    concept: str
    samples: Samples
    files: tuple[str, ...]
    origin: Mapping[str, str] | None = None


def make_all(rows: Sequence[Row], origin: Mapping[str, Mapping[str, str]], audio: Path) -> Iterator[Made]:
    """All that is made; origin: rows of sounds.csv by file; audio: the folder of recordings."""
    for concept, (of, pace) in STEPS.items():
        groups = _single_steps(rows, origin, of)
        for number in range(ROWS if groups else 0):
            files = groups[number % len(groups)]
            rng = random.Random(zlib.crc32(f"{concept} {number}".encode()))
            steps = [read_mono(audio / file) for file in files]
            yield Made(f"{concept.replace(' ', '-')}-{number}", concept, in_a_row(steps, pace, rng), files)
    for number in range(KEYBOARDS):
        yield Made(f"keyboard-{number}", "typing", keyboard(number), ())
    for number in range(TELEPHONES):
        yield Made(f"telephone-bell-{number}", "telephone", bell_telephone(number), ())
        yield Made(f"telephone-warble-{number}", "telephone", warbling_telephone(number), ())
    yield from made_by_recipes(range(VARIANTS))


def made_by_recipes(numbers: Sequence[int]) -> Iterator[Made]:
    """Variants of each recipe by their numbers; those below `VARIANTS` are the bank's."""
    for concept, recipe in RECIPES.items():
        for number in numbers:
            samples = recipe(np.random.default_rng(zlib.crc32(f"{concept} {number}".encode())))
            loud = (0.5 / np.abs(samples).max() * samples).astype(np.float32)
            yield Made(f"{concept.replace(' ', '-')}-{number}", concept, loud, ())


def in_a_row(hits: Sequence[Samples], pace: Pace, rng: random.Random) -> Samples:
    """Hits one after another for `SECONDS`; never the same twice in a row where there are others."""
    out = np.zeros(round((SECONDS + 2 * _LONGEST_STEP_S) * SAMPLE_RATE), np.float32)
    period_s, at_s, left, last = rng.uniform(*pace.period_s), 0.05, rng.randint(*pace.group), -1
    while at_s < SECONDS:
        last = rng.choice([number for number in range(len(hits)) if number != last or len(hits) == 1])
        level = 10 ** (rng.uniform(-_UNEVEN_DB, _UNEVEN_DB) / 20) / (float(np.abs(hits[last]).max()) + 1e-6)
        start = round(at_s * SAMPLE_RATE)
        part = hits[last][: len(out) - start]
        out[start : start + len(part)] += part * np.float32(level)
        at_s += max(0.02, period_s * rng.gauss(1.0, pace.uneven))
        left -= 1
        if pace.group[1] and left <= 0:
            at_s += rng.uniform(*pace.pause_s)
            left = rng.randint(*pace.group)
    return out[: round(SECONDS * SAMPLE_RATE)] * np.float32(0.5)


def keyboard(number: int) -> Samples:
    """Someone types in a small room."""
    rng = np.random.default_rng(number)
    low_hz, bright = rng.uniform(1_200, 1_900), rng.uniform(1.0, 2.0)
    keys = [_keystroke(rng, low_hz, bright) for _ in range(10)]
    dry = in_a_row(keys, TYPE, random.Random(number))
    return heard_in(SMALL_ROOM, dry, more_db=4.0).astype(np.float32)


def bell_telephone(number: int) -> Samples:
    """Two small bells, struck in turn for two seconds, twice."""
    rng = np.random.default_rng(number)
    pitch_hz, apart = rng.uniform(900, 1_300), rng.uniform(1.17, 1.2)
    ring = np.zeros(round(2.0 * SAMPLE_RATE))
    for count, at_s in enumerate(np.arange(0, 1.9, 1 / rng.uniform(18, 24))):
        start = round(at_s * SAMPLE_RATE)
        time_s = np.arange(len(ring) - start) / SAMPLE_RATE
        for ratio, level, decay_s in _BARS:
            phase = 2 * np.pi * pitch_hz * (apart if count % 2 else 1.0) * ratio * time_s
            ring[start:] += level * rng.uniform(0.7, 1) * np.exp(-time_s / decay_s) * np.sin(phase)
        ring[start:] += rng.standard_normal(len(time_s)) * np.exp(-time_s / 0.00125)
    return _twice(ring, rng.uniform(1.0, 2.0))


def warbling_telephone(number: int) -> Samples:
    """Two tones in turn for two seconds, twice."""
    rng = np.random.default_rng(100 + number)
    time_s = np.arange(round(2.0 * SAMPLE_RATE)) / SAMPLE_RATE
    low_hz, ratio, per_s = rng.uniform(700, 1_100), rng.uniform(1.2, 1.35), rng.uniform(12, 20)
    phase = 2 * np.pi * np.cumsum(low_hz * np.where((time_s * per_s) % 1 < 0.5, 1.0, ratio)) / SAMPLE_RATE
    tone = np.sum([np.sin(harmonic * phase) / harmonic**1.3 for harmonic in (1, 2, 3, 5)], axis=0)
    return _twice(tone * np.minimum(1, np.minimum(time_s, 2 - time_s) * 100), rng.uniform(1.0, 2.0))


def _keystroke(rng: np.random.Generator, low_hz: float, bright: float) -> Samples:
    frames = round(0.16 * SAMPLE_RATE)
    time_s = np.arange(frames) / SAMPLE_RATE
    landing = round(rng.uniform(0.012, 0.018) * SAMPLE_RATE)
    stroke = _burst(rng, frames, 0, 0.35 * bright, 0.0025, (2_500, 9_000))
    stroke += _burst(rng, frames, landing, 1.0, 0.006, (low_hz * rng.uniform(0.9, 1.1), low_hz * 3.5))
    stroke += _burst(rng, frames, round(rng.uniform(0.075, 0.11) * SAMPLE_RATE), 0.45 * bright, 0.004, (3_000, 10_000))
    after_s = time_s[: frames - landing]
    stroke[landing:] += 0.1 * np.sin(2 * np.pi * rng.uniform(180, 260) * after_s) * np.exp(-after_s / 0.018)
    return stroke.astype(np.float32)


def _burst(
    rng: np.random.Generator, frames: int, start: int, level: float, decay_s: float, band_hz: tuple[float, float]
) -> Values:
    """Noise in a band that fades, from a frame on."""
    noise = rng.standard_normal(frames - start) * np.exp(-np.arange(frames - start) / SAMPLE_RATE / decay_s)
    out = np.zeros(frames)
    out[start:] = level * sosfilt(butter(2, band_hz, "bandpass", fs=SAMPLE_RATE, output="sos"), noise)
    return out


def _twice(ring: Values, pause_s: float) -> Samples:
    ring = ring / np.abs(ring).max() * 0.5
    ring[-2_400:] *= np.linspace(1, 0, 2_400)
    return np.concatenate([ring, np.zeros(round(pause_s * SAMPLE_RATE)), ring]).astype(np.float32)


def _single_steps(rows: Sequence[Row], origin: Mapping[str, Mapping[str, str]], concept: str) -> list[tuple[str, ...]]:
    """Files of single steps that may ship, those of one folder, licence and author together."""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for row in rows:
        if row["concept"] == concept and row["may_ship"] and not row["held_out"] and row["seconds"] <= _LONGEST_STEP_S:
            said = origin[row["file"]]
            folder = str(Path(said["original_name"]).parent)
            groups[said["source"], folder, said["licence"], said["author"]].append(row["file"])
    return [tuple(sorted(files)) for files in groups.values() if len(files) >= _FEWEST_STEPS]
