"""What the generator can be asked to do, and what comes of each step of it.

A task is a whole piece of work on one story in its folder. It is done in steps, each of which gives one outcome;
between two of them the generator may do a step of another task. All of these are values that go over a pipe.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from diegetic.audio.shared_sound import SoundHandle
from diegetic.bounce import Output
from diegetic.steps import Going
from diegetic.story import Event, Story, Told


@dataclass(frozen=True, slots=True)
class Tell:
    """Plan a text; and, with render, render each event once it is planned. rate_hz: of the samples, 0 for none.

    keep: whether its folder holds this story from then on; another one that it held is set aside.
    lane: of all its events; "" leaves it to the model.
    """

    folder: Path
    told: Told
    render: bool
    rate_hz: int
    keep: bool = True
    lane: str = ""


@dataclass(frozen=True, slots=True)
class Render:
    """Render what isn't rendered yet of a planned story."""

    folder: Path
    story: Story
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Continue:
    """Plan and render what comes next in a story, `seconds` of it. story None: it begins with this text.

    keep: whether the story in its folder becomes the longer one; a cue is rendered ahead without that.
    lane: as of Tell.
    """

    folder: Path
    story: Story | None
    text: str
    seconds: float
    seed: int
    rate_hz: int
    keep: bool
    lane: str = ""


@dataclass(frozen=True, slots=True)
class Bounce:
    """Render what is missing of a story in its folder, and lay it out as files in another."""

    folder: Path
    story: Story
    target: Path
    output: Output


@dataclass(frozen=True, slots=True)
class SaveState:
    """Write a story and its memory to a file."""

    folder: Path
    story: Story
    file: Path


@dataclass(frozen=True, slots=True)
class LoadState:
    """Read a file of SaveState into a folder."""

    folder: Path
    file: Path


Task: TypeAlias = Tell | Render | Continue | Bounce | SaveState | LoadState


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """An event was planned."""

    event: Event


@dataclass(frozen=True, slots=True)
class Joint:
    """How the event before it in its lane fades under this one: its gain from its frame `begin` on, to its end."""

    event: str
    begin: int
    gain: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ReadyEvent:
    """An event can be heard. sound: samples and gain, the receiver's to free; None where none were asked for.

    One that can be heard before all of it is decoded comes twice, with the same sound: the second time it is whole.
    """

    event: Event
    sound: SoundHandle | None
    joint: Joint | None


@dataclass(frozen=True, slots=True)
class Finished:
    """The task is done: the story as it is now, and in one sentence what came of it."""

    story: Story
    text: str


Outcome: TypeAlias = PlannedEvent | ReadyEvent | Going | Finished
