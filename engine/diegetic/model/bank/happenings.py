"""Runs of what happens, so that it begins with its attack, ends as it ends, and happens as often as it was told.

A path of units follows what was drawn. Where something begins in the midst of a recording, its attack may be lost by a
unit or two; what begins in an event's last moments is only heard fading out; and what happens once was drawn as
often as the flow heard it in recordings that begin again.

Knows nothing of how a path is found or laid out. `own_db`: levels in dB of each recording's units, [units].
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from diegetic.model.bank.describe import FLOOR_DB, UNITS_PER_S
from diegetic.model.bank.units import SILENCE, Run
from diegetic.story import OVERLAP_S

Array = NDArray[np.float32]

_HEARD_DB = 25.0  # so much under its loudest a recording is hardly heard
_ENDED_DB = 15.0  # so much under its loudest a recording ends that is over; one that is cut out of what goes on doesn't
_SHORT_UNITS = 6  # half a second: whatever lasts no longer is over
_ATTACK_UNITS = 4
_PAUSE_UNITS = 2
_STROKE_DB, _RISE_DB = 12.0, 6.0  # a stroke is nearly as loud as the loudest, and so much louder than what was before
_FADING_UNITS = round(OVERLAP_S * UNITS_PER_S)


def ends_by_itself(own_db: Array) -> bool:
    """Whether a recording, by its units' levels, is of something that is over."""
    return len(own_db) <= _SHORT_UNITS or bool(own_db[-2:].min() <= own_db.max() - _ENDED_DB)


def first_alone(runs: Sequence[Run], own_db: Sequence[Array], times: int = 1) -> list[Run]:
    """The first recording that sounds, from where it begins to be heard to its end, and silence around it.

    times: how often what happens in it shall happen; a recording in which it happens more than once counts as such, and
    is begun again until it is enough. For once it is left as it is.
    """
    end = _end(runs)
    number, at = next((run.recording, run.at) for run in runs if run.recording != SILENCE)
    own, room = own_db[number], end - _FADING_UNITS
    begins = max(0, int((own >= own.max() - _HEARD_DB).argmax()) - 1)
    strokes = _strokes(own) if times > 1 else [begins]
    if len(strokes) > 1 and strokes[min(times, len(strokes)) - 1] - begins >= room:
        own, strokes = own[: strokes[1] - 1], strokes[:1]
    rounds = -(-times // len(strokes))
    heard = len(own) - int((own[::-1] >= own.max() - _HEARD_DB).argmax()) - begins
    lasts = max(1, min(heard + _PAUSE_UNITS, room // rounds))
    at = max(0, min(at, room - rounds * lasts)) if times > 1 else at
    left = times - (rounds - 1) * len(strokes)  # in the last round
    over = strokes[left] - 1 if left < len(strokes) else len(own)
    last = at + (rounds - 1) * lasts
    again = [Run(number, begins, min(lasts, len(own) - begins), at + k * lasts) for k in range(rounds - 1)]
    sounding = [*again, Run(number, begins, min(end - last, over - begins), last)]
    return list(_with_silence(sounding, end))


def as_it_is(runs: Sequence[Run], own_db: Sequence[Array], loudest_db: float) -> Array:
    """Levels in dB [units] of runs that keep their own course, at their loudest as loud as is said."""
    levels = np.full(_end(runs), FLOOR_DB, np.float32)
    for run in runs:
        if run.recording != SILENCE:
            own = own_db[run.recording][run.first : run.first + run.units]
            levels[run.at : run.at + run.units] = own + loudest_db - own.max()
    return levels


def with_attacks(runs: Sequence[Run], own_db: Sequence[Array]) -> list[Run]:
    """Runs of which those that begin in a sound, out of silence, begin up to a third of a second sooner, with it."""
    return [
        replace(run, first=run.first - _missed(own_db[run.recording], run.first))
        if run.recording != SILENCE and (before is None or before.recording == SILENCE)
        else run
        for before, run in pairwise([None, *runs])
        if run is not None
    ]


def without_stumps(runs: Sequence[Run]) -> list[Run]:
    """Runs without what begins while the event fades out."""
    end = _end(runs)
    for number, (before, run) in enumerate(pairwise(runs), start=1):
        begins = run.recording != SILENCE and (run.first == 0 or before.recording == SILENCE)
        if begins and run.at >= end - _FADING_UNITS:
            kept = runs[: number - 1] if before.recording == SILENCE else runs[:number]
            return [*kept, Run(SILENCE, 0, end - _end(kept), _end(kept))]
    return list(runs)


def _strokes(own_db: Array) -> list[int]:
    """Where in a recording something begins: loud again after it was softer. At least one."""
    found, peak, dip, is_soft = list[int](), 0.0, -np.inf, True
    for unit, level in enumerate(own_db):
        if is_soft:
            dip = min(dip, level)
            if level >= max(dip + _RISE_DB, own_db.max() - _STROKE_DB):
                found.append(unit)
                peak, is_soft = level, False
        else:
            peak = max(peak, level)
            if level <= peak - _RISE_DB:
                dip, is_soft = level, True
    return found


def _with_silence(sounding: Sequence[Run], end: int) -> Iterator[Run]:
    """Runs with silence before, between and behind them, up to `end`."""
    at = 0
    for run in sounding:
        if run.at > at:
            yield Run(SILENCE, 0, run.at - at, at)
        yield run
        at = run.at + run.units
    if end > at:
        yield Run(SILENCE, 0, end - at, at)


def _missed(own_db: Array, first: int) -> int:
    """How many units before one the sound begins in whose midst it is; 0 where it doesn't, or long before."""
    soft = own_db < own_db.max() - _HEARD_DB
    for missed in range(min(_ATTACK_UNITS, first) + 1):
        if missed == first or soft[first - missed - 1]:
            return missed
    return 0


def _end(runs: Sequence[Run]) -> int:
    return runs[-1].at + runs[-1].units if runs else 0
