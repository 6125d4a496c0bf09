"""Takes at their times, as files: a stem for each lane and each event, and the mix.

All files start at zero and have the story's length. Stems are dry: never limited, and those of the lanes add up to the
mix before its limiter. Where one of them alone would pass the ceiling, all are turned down by the same amount.

Knows nothing of models; `layout` knows what sounds when.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from diegetic.audio.bwf import Sound
from diegetic.audio.joins import Curve
from diegetic.audio.loudness import CEILING_DBTP, limit
from diegetic.audio.meter import Loudness, measure_loudness, trimmed
from diegetic.audio.wav import write_wav
from diegetic.layout import Placed, mixed
from diegetic.manifest import Laid, Level
from diegetic.names import slug
from diegetic.story import Story, lanes
from diegetic.tags import Slate, describe
from diegetic.targets import Gains, Targets

Samples = NDArray[np.float32]
Stems = Literal["event", "lane", "both"]

MIX, STEMS = "mix.wav", "stems"


@dataclass(frozen=True, slots=True)
class Output:
    """How a story is laid out: rate of the files, which stems, the curve that joins segments, and how loud.

    targets: what lanes and story are brought to. ceiling_dbtp: the true peak that nothing passes. bpm: tempo of the
    project files.
    """

    rate_hz: int = 48_000
    stems: Stems = "both"
    curve: Curve = "equal_power"
    targets: Targets = field(default_factory=Targets)
    ceiling_dbtp: float = CEILING_DBTP
    bpm: float | None = None


def bounce(
    slate: Slate, placed: Mapping[str, Placed], folder: Path, output: Output, gains: Gains
) -> tuple[tuple[Laid, ...], Level]:
    """Write the files of a story, laid out as `placed` (by event id), into `folder`.

    gains: what was given to reach the targets. Returns the files, and how loud the mix is. Raises Failure where one
    can't be written; those before it are whole.
    """
    story = slate.story
    frames = round(story.seconds * output.rate_hz)
    mix, limited_db = limit(_sound(mix_file(story), placed, frames), output.rate_hz, output.ceiling_dbtp)
    loudness = measure_loudness(mix, output.rate_hz)
    _write(folder, mix_file(story), slate, mix, output.rate_hz, loudness)
    measured = {
        stem: measure_loudness(trimmed(_sound(stem, placed, frames)), output.rate_hz)
        for stem in stem_files(story, output.stems)
    }
    gain_db = min(0.0, output.ceiling_dbtp - max(stem.true_peak_dbtp for stem in measured.values()))
    for stem, loud in measured.items():
        sound = _sound(stem, placed, frames) * np.float32(10 ** (gain_db / 20))
        _write(folder, stem, slate, sound, output.rate_hz, loud.turned(gain_db))
    level = Level(
        loudness.true_peak_dbtp, loudness.integrated_lufs, limited_db, gain_db, gains.story_db, gains.lanes_db
    )
    return (mix_file(story), *measured), level


def mix_file(story: Story) -> Laid:
    """The mix: all events."""
    return Laid(MIX, "mix", tuple(event.id for event in story.events))


def stem_files(story: Story, stems: Stems) -> Iterator[Laid]:
    """The stems in order of time: `01-bed.wav` for a lane, `events/01-bed_rain-on-water.wav` for an event."""
    if stems != "event":
        for number, lane in enumerate(lanes(story.events), start=1):
            sounding = tuple(event.id for event in story.events if event.lane == lane)
            yield Laid(f"{STEMS}/{number:02}-{lane}.wav", "lane", sounding)
    if stems != "lane":
        for number, event in enumerate(story.events, start=1):
            name = f"{number:02}-{event.lane}_{slug(event.caption)}"
            yield Laid(f"{STEMS}/events/{name}.wav", "event", (event.id,))


def _write(folder: Path, file: Laid, slate: Slate, samples: Samples, rate_hz: int, loudness: Loudness) -> None:
    """Write one file that starts with the story, 24-bit, and says of itself what it is."""
    events = [event for event in slate.story.events if event.id in file.events]
    chunks = describe(slate, events, samples, Sound(rate_hz, 24, samples.shape[1]), 0, loudness)
    write_wav(folder / file.path, samples, rate_hz, chunks=chunks)


def _sound(file: Laid, placed: Mapping[str, Placed], frames: int) -> Samples:
    return mixed([placed[event] for event in file.events], frames)
