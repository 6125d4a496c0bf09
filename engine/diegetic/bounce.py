"""Takes at their times, as files: a stem for each lane and each event, and the mix.

All files start at zero and have the story's length. Stems are dry: never limited, and those of the lanes add up to the
mix before its limiter. Where one of them alone would pass the ceiling, all are turned down by the same amount; floats
hold any level, and stay as they are.

Knows nothing of models; `layout` knows what sounds when.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from diegetic.audio.joins import Curve
from diegetic.audio.loudness import CEILING_DBTP, limit
from diegetic.audio.meter import Loudness, measure_loudness, trimmed
from diegetic.audio.sound_file import Format, suffix, write_sound
from diegetic.layout import Placed, mixed
from diegetic.manifest import MIX, Laid, Level
from diegetic.names import slug
from diegetic.steps import GOING, Steps
from diegetic.story import Event, Story, lanes
from diegetic.tags import Slate, describe
from diegetic.targets import Gains, Targets

Samples = NDArray[np.float32]
Stems = Literal["event", "lane", "both"]
Channels = Literal["mono", "stereo"]

STEMS = "stems"


@dataclass(frozen=True, slots=True)
class Output:
    """How a story is laid out: rate of the files, which stems, the curve that joins segments, and how loud.

    targets: what lanes and story are brought to. ceiling_dbtp: the true peak that nothing passes but stems of floats.
    bpm: tempo of the project files. file_format, channels: of mix, stems and loops. handles_s: how much sound is kept
    before and after each event's clip.
    """

    rate_hz: int = 48_000
    stems: Stems = "both"
    curve: Curve = "equal_power"
    targets: Targets = field(default_factory=Targets)
    ceiling_dbtp: float = CEILING_DBTP
    bpm: float | None = None
    file_format: Format = "wav24"
    channels: Channels = "stereo"
    handles_s: float = 0.0

    @property
    def width(self) -> int:
        """Channels of every file."""
        return 1 if self.channels == "mono" else 2


def bounce(
    slate: Slate, placed: Mapping[str, Placed], folder: Path, output: Output, gains: Gains
) -> Steps[tuple[tuple[Laid, ...], Level]]:
    """Write the files of a story, laid out as `placed` (by event id), into `folder`; of each there are steps.

    gains: what was given to reach the targets. Returns the files, and how loud the mix is. Raises Failure where one
    can't be written; those before it are whole.
    """
    story = slate.story
    whole = mix_file(story, output)
    frames = round(story.seconds * output.rate_hz)
    mix, limited_db = limit(_sound(whole, placed, frames), output.rate_hz, output.ceiling_dbtp)
    yield GOING
    loudness = measure_loudness(mix, output.rate_hz)
    yield GOING
    _write(folder, whole, slate, mix, output, loudness)
    measured: dict[Laid, Loudness] = {}
    for stem in stem_files(story, output):
        yield GOING
        measured[stem] = measure_loudness(trimmed(_sound(stem, placed, frames), output.rate_hz), output.rate_hz)
    gain_db = _common_gain_db(output, max(stem.true_peak_dbtp for stem in measured.values()))
    for stem, loud in measured.items():
        yield GOING
        sound = _sound(stem, placed, frames)
        sound *= np.float32(10 ** (gain_db / 20))
        _write(folder, stem, slate, sound, output, loud.turned(gain_db))
    stems = tuple(replace(stem, loudness=loud.turned(gain_db)) for stem, loud in measured.items())
    return (replace(whole, loudness=loudness), *stems), _level(loudness, limited_db, gain_db, gains, output)


def _level(loudness: Loudness, limited_db: float, stems_gain_db: float, gains: Gains, output: Output) -> Level:
    return Level(
        loudness.true_peak_dbtp,
        loudness.integrated_lufs,
        limited_db,
        stems_gain_db,
        gains.story_db,
        gains.lanes_db,
        output.targets.story_lufs,
        dict(output.targets.lanes_lufs),
        output.ceiling_dbtp,
    )


def mix_file(story: Story, output: Output) -> Laid:
    """The mix: all events."""
    return Laid(f"mix{suffix(output.file_format)}", MIX, tuple(event.id for event in story.events))


def stem_files(story: Story, output: Output) -> Iterator[Laid]:
    """The stems in order of time: `01-bed.wav` for a lane, `events/01-bed_rain-on-water.wav` for an event."""
    ending = suffix(output.file_format)
    if output.stems != "event":
        for number, lane in enumerate(lanes(story.events), start=1):
            sounding = tuple(event.id for event in story.events if event.lane == lane)
            yield Laid(f"{STEMS}/{number:02}-{lane}{ending}", "lane", sounding)
    if output.stems != "lane":
        for event in story.events:
            yield Laid(f"{STEMS}/events/{event_name(story, event)}{ending}", "event", (event.id,))


def event_name(story: Story, event: Event) -> str:
    """What files of an event are called: its place in time, its lane, its caption. They sort as they sound."""
    place = 1 + next(place for place, each in enumerate(story.events) if each.id == event.id)
    return f"{place:0{max(2, len(str(len(story.events))))}}-{event.lane}_{slug(event.caption)}"


def _common_gain_db(output: Output, loudest_dbtp: float) -> float:
    return 0.0 if output.file_format == "wav32f" else min(0.0, output.ceiling_dbtp - loudest_dbtp)


def _write(folder: Path, file: Laid, slate: Slate, samples: Samples, output: Output, loudness: Loudness) -> None:
    """Write one file that starts with the story, and says of itself what it is."""
    events = [event for event in slate.story.events if event.id in file.events]
    labels = describe(slate, events, samples, output.rate_hz, 0, loudness)
    write_sound(folder / file.path, samples, output.rate_hz, output.file_format, labels)


def _sound(file: Laid, placed: Mapping[str, Placed], frames: int) -> Samples:
    return mixed([placed[event] for event in file.events], frames)
