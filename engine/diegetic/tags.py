"""What each laid-out file says of itself: whose it is, what sounds in it and where, and what rendered it.

Knows nothing of how a file holds it (`audio/sound_file.py`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diegetic import __version__
from diegetic.audio.bwf import Tags
from diegetic.audio.cues import Mark
from diegetic.audio.meter import Loudness
from diegetic.audio.sound_file import Labels
from diegetic.names import slug
from diegetic.story import Event, Story
from diegetic.takes import Take

Samples = NDArray[np.float32]

_FEW = 12
_DAY_S = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class Slate:
    """What all files of a story share: its project's name, and each event's take, by event id."""

    project: str
    story: Story
    takes: Mapping[str, Take]


def describe(
    slate: Slate, events: Sequence[Event], samples: Samples, rate_hz: int, starts_at: int, loudness: Loudness
) -> Labels:
    """What a file says in which `events` sound, beginning at frame `starts_at` of the story.

    Every event gets a cue with its caption as label and its length as range.
    """
    first = events[0]
    same_lane = {event.lane for event in events} == {first.lane}
    tags = Tags(
        note=_note(slate.story, events),
        project=slug(
            slate.story.instruction
        ),  # not the folder's name: the same story gives the same bytes wherever it lies
        scene=slug(slate.story.instruction),
        take="+".join(str(slate.takes[event.id].number) for event in events) if len(events) <= _FEW else "",
        track=first.lane if same_lane else "mix",
        starts_at=starts_at % (_DAY_S * rate_hz),  # handles may begin before the story: then on the day before
        made_at="",  # nor when it was rendered: the manifest says that
        maker=f"Diegetic {__version__}",
        model=slate.story.model,
        identity=hashlib.sha256(np.ascontiguousarray(samples).data).hexdigest(),
        loudness=loudness,
    )
    return Labels(tags, tuple(_mark(event, rate_hz, starts_at) for event in events))


def _note(story: Story, events: Sequence[Event]) -> str:
    """The caption of one event, those of a lane in their order, or what the whole story was told as."""
    if {event.id for event in events} == {event.id for event in story.events}:
        return story.instruction
    return "; ".join(dict.fromkeys(event.caption for event in events))


def _mark(event: Event, rate_hz: int, starts_at: int) -> Mark:
    start = round(event.start_s * rate_hz)
    return Mark(start - starts_at, round(event.duration_s * rate_hz), event.caption)
