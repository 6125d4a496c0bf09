"""Choosing units: the path through a bank's recordings that follows drawn latents and seldom breaks off a recording.

Concatenative synthesis (Schwarz et al., CataRT, 2006) as a shortest path: the cost of a unit is its distance to the
latents; going on in a recording is free; leaving it for a unit of the same or another recording costs `jump`, and the
distance between the unit that would have followed and the one that does. Starting a recording at its start, and leaving
it at its end, cost little. Where a run may last only so long, recordings are cut where they are softest, and no path
goes on over a cut, nor just beside it.

Knows nothing of audio or captions. Latents are float32 [units, channels]; distances weigh each channel by `weights`
(see `weights_of`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diegetic.model.bank.describe import LatentSpace

Array = NDArray[np.float32]

SILENCE = -1
_LEAVING, _ENTERING = 64, 192
_NEVER = 1e6
_HUSH = 0.25  # the most that silence costs where it may be: a soft tail isn't told by something loud made soft
_AGAIN = 0.5  # of a jump, on top: the same recording from its start again, where others might sound
APART_UNITS = 8
"""How far from where it would go on a path may enter the recording that it leaves because its run was long enough."""
NATURAL, FLOWING = 0.15, 1.0
"""What a jump at a recording's own start or end costs, as a share of one in its midst: what happens, what goes on."""


@dataclass(frozen=True, slots=True)
class Run:
    """`units` of a recording in a row, from its unit `first`, sounding from unit `at`. recording: SILENCE for none."""

    recording: int
    first: int
    units: int
    at: int


def weights_of(space: LatentSpace) -> Array:
    """Weights [channels] that make a distance one of features, about 2 between two units drawn at random."""
    weights: Array = (space.spread**2 / (space.spread**2).sum()).astype(np.float32)
    return weights


def follow(
    target: Array,
    recordings: Sequence[Array],
    silence: Array,
    weights: Array,
    jump: float,
    hushed: NDArray[np.bool_] | None = None,
    natural: float = NATURAL,
    longest: int | None = None,
) -> list[Run]:
    """The cheapest path of units along target [T, channels].

    recordings: latents of each candidate recording; silence: latents [channels] of a unit of silence; hushed: [T],
    where silence may be chosen (None: anywhere); natural: see NATURAL; longest: units that a run may have (None: any
    number). Raises ValueError without recordings.
    """
    if not recordings:
        raise ValueError("recordings: at least one is needed to choose units from")
    scale = np.sqrt(weights)
    states = np.concatenate([silence[None], *recordings]).astype(np.float32) * scale
    sizes = [1, *map(len, recordings)]
    first = np.cumsum([0, *sizes[:-1]])
    last = np.cumsum(sizes) - 1
    cuts, limited = _cuts(recordings, first, longest)
    wanted = target.astype(np.float32) * scale
    cost = _distances(wanted, states)
    if hushed is not None:
        cost[:, 0] = np.where(hushed, np.minimum(cost[:, 0], _HUSH), _NEVER)
    followed_by = np.concatenate([states[1:], states[:1]])  # what would have come next
    is_first, is_last = np.zeros(len(states), bool), np.zeros(len(states), bool)
    is_first[first], is_last[last] = True, True
    leave = np.where(is_last, jump * natural, jump).astype(np.float32)
    enter = (jump * (np.where(is_first, natural, 1.0) - NATURAL)).astype(np.float32)

    owner = np.repeat(np.arange(len(sizes)), sizes)
    again = np.float32(jump * _AGAIN)
    total = cost[0] + enter
    came_from = np.zeros((len(target), len(states)), np.int32)
    for t in range(1, len(target)):
        stay = np.concatenate([[np.inf], total[:-1]])
        stay[first] = np.inf
        stay[cuts] = np.inf
        stay[0] = total[0]  # silence goes on
        leaving = _lowest(total + leave, _LEAVING)
        entering = np.union1d(_lowest(cost[t] + enter, _ENTERING), first)
        join = _distances(followed_by[leaving], states[entering])
        join *= np.where(is_last[leaving], 0.5, 1.0)[:, None] * np.where(is_first[entering], 0.5, 1.0)
        join += again * ((owner[leaving][:, None] == owner[entering]) & is_first[entering])
        if longest is not None:
            join += _NEVER * _goes_on(leaving, entering, limited)
        via = (total + leave)[leaving, None] + join
        # Half the price of a jump is paid on leaving, half on entering: one hit's end and the next's start is one jump.
        jumped = via.min(0) + enter[entering]
        origin = np.arange(len(states)) - 1
        origin[0] = 0
        arrive = stay
        better = jumped < arrive[entering]
        arrive[entering[better]] = jumped[better]
        origin[entering[better]] = leaving[via.argmin(0)[better]]
        came_from[t] = origin
        total = arrive + cost[t]
    return _runs(_trace(came_from, int(total.argmin())), first)


def _cuts(
    recordings: Sequence[Array], first: NDArray[np.intp], longest: int | None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """States that no run goes on into, and for each state its recording where runs may only last so long, else -1."""
    cuts: list[int] = []
    limited = np.full(int(first[-1]) + len(recordings[-1]), -1, np.intp)
    for number, recording in enumerate(recordings):
        at, start = 0, int(first[number + 1])
        if longest is not None:
            limited[start : start + len(recording)] = number
        while longest is not None and len(recording) - at > longest:
            soonest = at + max(1, longest // 2)
            at = soonest + int(recording[soonest : at + longest + 1, 0].argmin())
            cuts.append(start + at)
    return np.array(cuts, np.intp), limited


def _goes_on(leaving: NDArray[np.intp], entering: NDArray[np.intp], limited: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether a jump is hardly one: to near where its recording would go on, [leaving, entering].

    A short sound that begins again as soon as it ends is none either: four knocks in a row are one recording's.
    """
    same = (limited[leaving][:, None] == limited[entering]) & (limited[leaving][:, None] >= 0)
    on: NDArray[np.bool_] = same & (np.abs(entering - leaving[:, None] - 1) < APART_UNITS)
    return on


def _distances(a: Array, b: Array) -> Array:
    """Squared distances [A, B]."""
    squared: Array = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    return np.maximum(squared, 0.0)


def _lowest(values: Array, count: int) -> NDArray[np.intp]:
    if len(values) <= count:
        return np.arange(len(values))
    return np.sort(np.argpartition(values, count)[:count])


def _trace(came_from: NDArray[np.int32], end: int) -> list[int]:
    path = [end]
    for t in range(len(came_from) - 1, 0, -1):
        path.append(int(came_from[t, path[-1]]))
    return path[::-1]


def _runs(path: list[int], first: NDArray[np.intp]) -> list[Run]:
    """States to runs; state 0 is silence, recording k begins at state first[k + 1]."""
    runs: list[Run] = []
    for at, state in enumerate(path):
        recording = int(np.searchsorted(first, state, side="right")) - 2
        unit = 0 if recording == SILENCE else state - int(first[recording + 1])
        before = runs[-1] if runs else None
        goes_on = before is not None and before.recording == recording
        if before is not None and goes_on and (recording == SILENCE or unit == before.first + before.units):
            runs[-1] = Run(recording, before.first, before.units + 1, before.at)
        else:
            runs.append(Run(recording, unit, 1, at))
    return runs
