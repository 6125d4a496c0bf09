"""Joins: how one clip of sound becomes the next.

`equal_power` keeps the power of two sounds that have nothing in common; where they do (the overlap of a sound that goes
on), it is corrected by their correlation, so that a join of alike sounds doesn't swell by 3 dB. `linear` is the
reference's (paper.md 2.6): two unlike sounds dip by 3 dB in its middle.

Knows nothing of events or files. Curves are [frames, 1] float32, samples [frames, channels].
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]
Curve = Literal["equal_power", "linear"]


def crossfade_concatenate(
    clips: Sequence[Samples], rate_hz: int, transition_s: float, curve: Curve = "equal_power"
) -> Samples:
    """Join clips [frames, channels], each overlapping the one before by `transition_s`: [sum - overlaps, channels].

    Where either side of a join is shorter than the transition, it is joined hard, as in the reference (paper.md 2.6):
    the result is then longer by that transition.
    """
    frames = int(transition_s * rate_hz)
    joined = clips[0]
    for clip in clips[1:]:
        if min(len(joined), len(clip)) < frames or frames == 0:
            joined = np.concatenate([joined, clip])
            continue
        middle = crossfade(joined[len(joined) - frames :], clip[:frames], curve)
        joined = np.concatenate([joined[: len(joined) - frames], middle, clip[frames:]])
    return joined


def crossfade(earlier: Samples, later: Samples, curve: Curve = "equal_power") -> Samples:
    """Fade from one clip to another of the same shape [frames, channels]."""
    fade_out, fade_in = fades(len(earlier), curve, correlation(earlier, later))
    return earlier * fade_out + later * fade_in


def fades(frames: int, curve: Curve = "equal_power", correlated: float = 0.0) -> tuple[Samples, Samples]:
    """Gains out and in over `frames`, [frames, 1] each, from 1 to 0 and from 0 to 1, both ends included.

    Of two sounds of equal power and correlation r, cos and sin give the power 1 + r sin(2 angle): it is divided out.
    """
    place = np.linspace(0.0, 1.0, frames, dtype=np.float32)[:, None]
    if curve == "linear":
        return np.linspace(1.0, 0.0, frames, dtype=np.float32)[:, None], place
    angle = place * np.float32(np.pi / 2)
    level = np.sqrt(1.0 + np.float32(correlated) * np.sin(2 * angle))
    return np.cos(angle) / level, np.sin(angle) / level


def correlation(earlier: Samples, later: Samples) -> float:
    """How alike two clips of the same shape are, 0..1: what is opposed counts as unlike."""
    power = float(np.sqrt(np.vdot(earlier, earlier) * np.vdot(later, later)))
    return float(np.clip(np.vdot(earlier, later) / power, 0.0, 1.0)) if power > 1e-12 else 0.0
