"""Handles: what sounds before and after a take, so that an editor can move its edges outwards.

    before   drawn so that it ends with the first OVERLAP_S of the take's latents
    after    drawn as the next window of the same sound: it begins with their last OVERLAP_S

They are rendered, not silence, and the take itself stays as it is. Kept beside it in `takes`, as one float32 WAV: what
is before, then what is after.

Knows nothing of plans or layout.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diegetic.audio.joins import fades
from diegetic.audio.wav import read_wav, write_wav
from diegetic.errors import InputError
from diegetic.protocol import Condition, Latents, StoryModel, Watch
from diegetic.story import OVERLAP_S, Event, milliseconds
from diegetic.takes import Take, TakeStore

Samples = NDArray[np.float32]

MAX_HANDLES_S = 10.0
_LEAST_S = 0.05
_MEETING_S = 0.02


@dataclass(frozen=True, slots=True)
class Handles:
    """Samples [frames, channels] that come before and after a take."""

    before: Samples
    after: Samples


def check_handles(handles_s: float) -> float:
    """The same, in whole milliseconds. Raises InputError for what can't be rendered; 0 is none."""
    if handles_s != 0 and not _LEAST_S <= handles_s <= MAX_HANDLES_S:
        raise InputError(f"handles: must be 0, or {_LEAST_S:g}..{MAX_HANDLES_S:g} seconds, got {handles_s:g}")
    return milliseconds(handles_s)


def render_handles(
    model: StoryModel, condition: Condition, event: Event, seed: int, latents: Latents, handles_s: float, watch: Watch
) -> Handles:
    """Render what is around a take. latents: those it was decoded from; seed: what it was given."""
    window = replace(event, duration_s=milliseconds(handles_s + OVERLAP_S))
    earlier = model.imagine_before(condition, window, seed, latents, watch)
    later = model.imagine(condition, window, seed, latents, watch)
    before, after = (model.decode(drawn, condition, window, seed) for drawn in (earlier, later))
    frames = round(handles_s * model.sample_rate)
    return Handles(before[:frames], after[len(after) - frames :])


def read_handles(store: TakeStore, take: Take, handles_s: float) -> Handles | None:
    """The handles of a take, or None where they weren't rendered. Raises Failure where their file is damaged."""
    path = _path(store, take, handles_s)
    if handles_s == 0 or not path.is_file():
        return None
    both = read_wav(path)[0]
    return Handles(both[: len(both) // 2], both[len(both) // 2 :])


def write_handles(store: TakeStore, take: Take, handles_s: float, handles: Handles) -> None:
    """Keep the handles of a take. Raises Failure."""
    both = np.concatenate([handles.before, handles.after])
    write_wav(_path(store, take, handles_s), both, take.rate_hz, "FLOAT")


def with_handles(samples: Samples, handles: Handles, rate_hz: int) -> Samples:
    """A sound between its handles, itself untouched: [before + frames + after, channels].

    Over 20 ms a handle goes over to the sound's own edge played backwards, so that they meet without a step.
    """
    frames = round(_MEETING_S * rate_hz)
    after = _meeting(handles.after[::-1], samples[::-1], frames)[::-1]
    return np.concatenate([_meeting(handles.before, samples, frames), samples, after])


def _meeting(before: Samples, samples: Samples, frames: int) -> Samples:
    """What is before, its last frames on their way to the first of `samples`."""
    frames = min(frames, len(before), len(samples))
    fade_out, fade_in = fades(frames)
    rest = len(before) - frames
    return np.concatenate([before[:rest], before[rest:] * fade_out + samples[:frames][::-1] * fade_in])


def _path(store: TakeStore, take: Take, handles_s: float) -> Path:
    return store.folder / f"{Path(take.file).stem}.around-{round(handles_s * 1000)}ms.wav"
