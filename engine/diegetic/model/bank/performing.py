"""Music as it is played: whole recordings one after another, each from its beginning to its end, and all again.

Knows nothing of what was drawn.
"""

from collections.abc import Sequence
from itertools import accumulate

from diegetic.model.bank.units import Run


def played(lengths: Sequence[int], begins: int, units: int) -> list[Run]:
    """Runs that fill `units`, from unit `begins` of recordings of these lengths in units, played over and over.

    begins: below 0 for what sounds before the first. Raises ValueError where nothing lasts.
    """
    if not lengths or min(lengths) < 1:
        raise ValueError("lengths: at least one recording must be played, and each must last")
    ends = list(accumulate(lengths))
    runs, at = list[Run](), 0
    while at < units:
        place = (begins + at) % ends[-1]
        number = next(number for number, end in enumerate(ends) if place < end)
        lasts = min(ends[number] - place, units - at)
        runs.append(Run(number, lengths[number] - (ends[number] - place), lasts, at))
        at += lasts
    return runs
