"""Bring lanes and the whole story to a loudness: -23 LUFS for film, -16 for the web, or as it came.

Gains are given to segments before anything is written, so stems, clips and projects carry them, and add up as before.

Source: EBU R 128. Knows nothing of files.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from diegetic.audio.loudness import limit
from diegetic.audio.meter import measure_loudness
from diegetic.errors import InputError
from diegetic.layout import Placed, mixed
from diegetic.schema import unknown
from diegetic.story import Story, lanes

_RANGE_LUFS = (-50.0, -5.0)
_RANGE_DBTP = (-20.0, 0.0)
_MOST_DB = 40.0
_ROUNDS = 8
_CLOSE_LU = 0.05


@dataclass(frozen=True, slots=True)
class Targets:
    """Integrated loudness in LUFS to bring the story and, before that, single lanes to; None and {}: as they are.

    Where both are given, the lanes' targets say how loud they are to each other, the story's how loud all is.
    """

    story_lufs: float | None = None
    lanes_lufs: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        low, high = _RANGE_LUFS
        for name, lufs in (("loudness", self.story_lufs), *self.lanes_lufs.items()):
            if lufs is not None and not low <= lufs <= high:
                raise InputError(f"{name}: must be {low:g}..{high:g} LUFS, got {lufs:g}; -23 suits film, -16 the web")


def check_ceiling(dbtp: float) -> float:
    """The same true peak. Raises InputError for one out of range."""
    low, high = _RANGE_DBTP
    if not low <= dbtp <= high:
        raise InputError(f"true peak: must be {low:g}..{high:g} dBTP, got {dbtp:g}; -1 suits most uses")
    return dbtp


def read_lane(subject: str, text: str) -> tuple[str, float]:
    """ "bed=-30" as a lane and its LUFS. Raises InputError."""
    lane, _, lufs = text.partition("=")
    try:
        return lane.strip(), float(lufs)
    except ValueError:
        raise InputError(f"{subject}: must be LANE=LUFS, got {text[:40]!r}; for instance bed=-30") from None


def check_lanes(story: Story, targets: Targets) -> None:
    """Raise InputError where a target is for a lane that the story hasn't."""
    known = lanes(story.events)
    for lane in targets.lanes_lufs:
        if lane not in known:
            raise InputError(f"loudness: {unknown('lane', lane, known)}")


@dataclass(frozen=True, slots=True)
class Gains:
    """What was given to reach the targets, in dB. Nothing is given to silence, nor more than 40 dB."""

    story_db: float = 0.0
    lanes_db: dict[str, float] = field(default_factory=dict)

    def of(self, lane: str) -> float:
        """What a sound in this lane was given."""
        return self.story_db + self.lanes_db.get(lane, 0.0)


def reach(
    story: Story, placed: Mapping[str, Placed], rate_hz: int, targets: Targets, ceiling_dbtp: float
) -> tuple[dict[str, Placed], Gains]:
    """The same, lanes and then the whole at their targets; the story's holds behind the limiter.

    Raises InputError for a lane that the story hasn't.
    """
    check_lanes(story, targets)
    turned, lanes_db = dict(placed), dict[str, float]()
    for lane, lufs in targets.lanes_lufs.items():
        of_lane = {event.id: turned[event.id] for event in story.events if event.lane == lane}
        lanes_db[lane] = _missing_db(story, of_lane, rate_hz, lufs, None)
        turned |= _turned(of_lane, lanes_db[lane])
    story_db = 0.0
    if targets.story_lufs is not None:
        story_db = _missing_db(story, turned, rate_hz, targets.story_lufs, ceiling_dbtp)
        turned = _turned(turned, story_db)
    return turned, Gains(story_db, lanes_db)


def _missing_db(
    story: Story, placed: Mapping[str, Placed], rate_hz: int, lufs: float, ceiling_dbtp: float | None
) -> float:
    """The gain that brings a sum to `lufs`. A limiter takes some of it back: so it is asked for again."""
    sound = mixed(list(placed.values()), round(story.seconds * rate_hz))
    gain_db = 0.0
    for _ in range(_ROUNDS):
        louder = sound * np.float32(10 ** (gain_db / 20))
        heard = louder if ceiling_dbtp is None else limit(louder, rate_hz, ceiling_dbtp)[0]
        measured = measure_loudness(heard, rate_hz).integrated_lufs
        if measured is None or abs(lufs - measured) < _CLOSE_LU:
            break
        gain_db = min(_MOST_DB, gain_db + lufs - measured)
    return gain_db


def _turned(placed: Mapping[str, Placed], gain_db: float) -> dict[str, Placed]:
    return {event: each.turned(gain_db) for event, each in placed.items()}
