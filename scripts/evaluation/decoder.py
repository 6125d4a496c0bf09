"""The decoder by itself: recordings that its bank hasn't got, described and built again from those that it has.

Clips of ESC-10's ten kinds: of each the latents are taken, and the sound is built from other recordings, found by the
kind's caption; all that come from the same original as the clip (in ESC-10 one is cut into several) are left out.

    heard    the ear's choice among the ten kinds, of the clips and of what was built
    joins    spectral flux and jumps of level there, against stretches of clips of the same kind and of a join's length
    speed    seconds of sound built in a second of one core
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from captions import Recording, read_recordings
from describe_sounds import read_mono
from diegetic.model.bank.decoder import BankDecoder
from diegetic.model.bank.decoder import Path as UnitPath
from diegetic.model.bank.describe import SAMPLE_RATE, UNIT_FRAMES, describe
from diegetic.model.bank.overlap_add import FADE_FRAMES
from diegetic.model.bank.units import SILENCE
from diegetic.model.codec import Drawn
from diegetic.model.storyteller import Storyteller
from diegetic.story import BED, FOREGROUND, Event
from ear import ESC10
from evaluation.context import Context
from evaluation.row import Row
from sounds import at_level

Samples = NDArray[np.float32]
Values = NDArray[np.float64]

SOURCE = "karoldvl/ESC-10"
TOLD: Mapping[str, tuple[str, str]] = {
    "001": ("dog", "a dog barks"),
    "002": ("rain", "rain falling"),
    "003": ("sea_waves", "sea waves"),
    "004": ("crying_baby", "a baby cries"),
    "005": ("clock_tick", "a clock ticks"),
    "006": ("sneezing", "someone sneezes"),
    "007": ("helicopter", "a helicopter"),
    "008": ("chainsaw", "a chainsaw"),
    "009": ("rooster", "a rooster crows"),
    "010": ("crackling_fire", "fire crackling"),
}
"""ESC-10's folders: the ear's kind, and what is told."""
BEDS = {"rain", "sea_waves", "helicopter", "crackling_fire"}
USUAL, FREE = 0.4, 0.5
"""Variations: the preset's, and the one from which runs are cut."""
LOST_POINTS, BEYOND, AS_FAST = 7.0, 5.0, 20.0
_HOP, _WINDOW, _BANDS, _FLOOR_DB = 480, 1024, 24, -60.0
_AUDIBLE_DB = -45.0  # below the loudest hop
_PERCENTILE = 95


@dataclass(frozen=True, slots=True)
class Built:
    """A clip, and what was built after it."""

    kind: str
    clip: Samples
    built: Samples
    path: UnitPath
    spent_s: float


@dataclass(frozen=True, slots=True)
class Beyond:
    """Joins, and the share in % that has more flux, and that has a larger jump of level, than is usual inside."""

    count: int
    flux: float
    level: float


def measure(context: Context) -> list[Row]:
    """Rows: points lost by building, flux and jumps at joins, speed."""
    of_each = 3 if context.quick else 20
    built = list(_build_all(context, of_each, USUAL))
    clips = right(context, [(each.kind, each.clip) for each in built])
    ours = right(context, [(each.kind, each.built) for each in built])
    both = [*built, *_build_all(context, of_each, FREE)]
    joins, starts = beyond_usual(both, begin=False), beyond_usual(both, begin=True)
    speed = sum(len(each.built) for each in built) / SAMPLE_RATE / sum(each.spent_s for each in built)
    lost = f"decoder: points lost of the ten kinds, {len(built)} clips"
    flux = f"decoder: of {joins.count} joins, with more flux than 95 % inside, %"
    level = f"decoder: of {joins.count} joins, with a larger jump of level than 95 % inside, %"
    return [
        Row(lost, clips - ours, {"clips": clips, "built": ours}, LOST_POINTS, False),
        Row(flux, joins.flux, {"where a recording begins": starts.flux}, BEYOND, False),
        Row(level, joins.level, {"where a recording begins": starts.level}, BEYOND, False),
        Row("decoder: seconds of sound in a second of one core", speed, {}, AS_FAST, True),
    ]


def right(context: Context, sounds: Sequence[tuple[str, Samples]]) -> float:
    """How many of sounds of known kinds the ear takes for theirs, of the ten, in %."""
    heard = [context.ear.best(context.ear.hear(sound, SAMPLE_RATE), ESC10) == kind for kind, sound in sounds]
    return 100 * float(np.mean(heard))


def beyond_usual(built: Sequence[Built], begin: bool) -> Beyond:
    """How many joins there are, and the share of them that is beyond what is usual in clips of the same kind.

    begin: joins at which a recording begins from its start (another bark over the last one's tail), or all others, in
    the midst of recordings. Usual is what 95 of 100 stretches of a join's length stay below.
    """
    beyond: list[Values] = []
    for kind in {each.kind for each in built}:
        of_kind = [each for each in built if each.kind == kind]
        inside = [jump for each in of_kind for jump in _largest(each.clip, _all_hops(each.clip))]
        at_joins = [jump for each in of_kind for jump in _largest(each.built, _join_hops(each.path, begin))]
        if at_joins:
            beyond.append(np.array(at_joins) > np.percentile(np.array(inside), _PERCENTILE, axis=0))
    if not beyond:
        return Beyond(0, 0.0, 0.0)
    found = np.concatenate(beyond)
    return Beyond(len(found), 100 * float(found[:, 0].mean()), 100 * float(found[:, 1].mean()))


def _build_all(context: Context, of_each: int, variation: float) -> Iterator[Built]:
    assert isinstance(context.model, Storyteller)
    assert isinstance(context.model.codec, BankDecoder)
    codec = context.model.codec
    clips = [each for each in read_recordings(context.sounds) if each.source == SOURCE]
    for folder, (kind, caption) in TOLD.items():
        event = Event("e1", caption, 0.0, 5.0, BED if kind in BEDS else FOREGROUND)
        memory = context.model.begin(caption, event.duration_s)
        (condition,) = context.model.recall(memory, "1 event.", [event])
        for seed, clip in enumerate([each for each in clips if each.original_name.startswith(folder)][:of_each]):
            sound = read_mono(context.sounds / "audio" / clip.file)
            drawn = Drawn(np.empty(0, np.float32), condition.called, seed)
            without = _of_the_same_original(codec, clip)
            yield _build(codec, sound, drawn, replace(event, variation=variation), kind, without)


def _build(
    codec: BankDecoder, clip: Samples, drawn: Drawn, event: Event, kind: str, without: frozenset[tuple[int, int]]
) -> Built:
    features, gain_db, kept = at_level(describe(clip), "bed" if kind in BEDS else "event")
    assert event.variation is not None
    began = time.process_time()
    latents = codec.space.encode(features)
    rng = np.random.default_rng(drawn.seed)
    pick = codec.pick(drawn.called, event.caption, event.variation, rng, without=without)
    assert not without & set(pick.recordings)
    path = codec.path(latents, pick, event.variation, flowing=event.lane == BED)
    built = codec.build(path)[:, 0]
    spent_s = time.process_time() - began
    own = clip[kept.start * UNIT_FRAMES : kept.stop * UNIT_FRAMES] * np.float32(10 ** (gain_db / 20))
    return Built(kind, own, built, path, spent_s)


def _of_the_same_original(codec: BankDecoder, clip: Recording) -> frozenset[tuple[int, int]]:
    """Recordings of the first bank that are the clip, or another cut of what it was cut from."""
    original = re.match(r"\d-\d+", Path(clip.original_name).name)
    assert original is not None
    return frozenset(
        (0, number)
        for number, row in enumerate(codec.banks[0].table)
        if row["file"] == clip.file or (SOURCE in row["source"] and f"/{original[0]}-" in row["source"])
    )


def _join_hops(path: UnitPath, begin: bool) -> list[int]:
    """Where a recording gives way to another, or to another part of itself, in hops; from the fade's start."""
    half = FADE_FRAMES // 2
    return [
        max(0, later.at * UNIT_FRAMES - half) // _HOP
        for earlier, later in pairwise(path.runs)
        if SILENCE not in (earlier.recording, later.recording) and (later.first == 0) == begin
    ]


def _all_hops(clip: Samples) -> range:
    return range(0, len(clip) // _HOP, FADE_FRAMES // _HOP)


def _largest(samples: Samples, starts: Sequence[int]) -> Iterator[tuple[float, float]]:
    """The largest flux and jump of level in each stretch of a fade's length that sounds at its start and at its end.

    Where it doesn't, a sound begins or ends: nothing is joined.
    """
    bands, level = _bands_db(samples)
    flux, jump = np.abs(np.diff(bands, axis=0)).mean(1), np.abs(np.diff(level))
    for start in starts:
        stretch = slice(start, start + FADE_FRAMES // _HOP + 1)
        if len(flux[stretch]) and level[stretch][[0, -1]].min() > max(level.max() + _AUDIBLE_DB, _FLOOR_DB):
            yield float(flux[stretch].max()), float(jump[stretch].max())


def _bands_db(samples: Samples) -> tuple[Values, Values]:
    """Levels of logarithmic bands [hops, bands] and of all [hops], in dB, not below the floor."""
    padded = np.pad(samples, (0, _WINDOW))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2
    edges = np.unique(np.geomspace(2, power.shape[1], _BANDS + 1).astype(int))
    bands = np.add.reduceat(power, edges[:-1], axis=1)
    reference = power.sum(1).max() + 1e-12
    of_bands, of_all = (np.maximum(10 * np.log10(p / reference + 1e-12), _FLOOR_DB) for p in (bands, power.sum(1)))
    return of_bands, of_all
