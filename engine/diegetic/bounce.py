"""Takes at their times, as files: a stem for each lane and each event, and the mix.

All files start at zero and have the story's length. Stems are dry: never limited, and those of the lanes add up to the
mix before its limiter. Where one of them alone would pass the ceiling, all are turned down by the same amount.

Knows nothing of models; `layout` knows what sounds when.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from diegetic.audio.joins import Curve
from diegetic.audio.loudness import CEILING_DBTP, limit, loudness_lufs, true_peak_db
from diegetic.audio.wav import write_wav
from diegetic.layout import Placed, lay_out, mixed
from diegetic.manifest import Laid, Level
from diegetic.names import slug
from diegetic.story import Story, lanes

Samples = NDArray[np.float32]
Stems = Literal["event", "lane", "both"]

MIX, STEMS = "mix.wav", "stems"


@dataclass(frozen=True, slots=True)
class Output:
    """How a story is laid out: rate of the files, which stems, and the curve that joins segments."""

    rate_hz: int = 48_000
    stems: Stems = "both"
    curve: Curve = "equal_power"


def bounce(
    story: Story, clips: Mapping[str, Samples], clip_rate_hz: int, folder: Path, output: Output
) -> tuple[tuple[Laid, ...], Level]:
    """Lay a story out and write its files into `folder`.

    clips: samples [frames, channels] of each event's take, by event id. Returns the files and how loud the mix is.
    Raises Failure where one can't be written; those before it are then whole.
    """
    frames = round(story.seconds * output.rate_hz)
    placed = lay_out(story, clips, clip_rate_hz, output.rate_hz, output.curve)
    mix, limited_db = limit(_sound(mix_file(story), placed, frames), output.rate_hz)
    write_wav(folder / MIX, mix, output.rate_hz)
    stems = tuple(stem_files(story, output.stems))
    gain_db = min(0.0, CEILING_DBTP - max(true_peak_db(_sound(stem, placed, frames)) for stem in stems))
    for stem in stems:
        write_wav(folder / stem.path, _sound(stem, placed, frames) * np.float32(10 ** (gain_db / 20)), output.rate_hz)
    level = Level(true_peak_db(mix), loudness_lufs(mix, output.rate_hz), limited_db, gain_db)
    return (mix_file(story), *stems), level


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


def _sound(file: Laid, placed: Mapping[str, Placed], frames: int) -> Samples:
    return mixed([placed[event] for event in file.events], frames)
