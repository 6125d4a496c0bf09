"""What a command is told of settings, loudness and tempo, checked before work; and a story moved onto the beat.

Knows nothing of commands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import get_args

from diegetic.audio.loudness import CEILING_DBTP
from diegetic.bounce import Output
from diegetic.director import plan_story
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.grid import Unit, check_bpm, quantised
from diegetic.handles import check_handles
from diegetic.progress import Report
from diegetic.protocol import StoryModel
from diegetic.schema import unknown
from diegetic.settings import Settings, resolve
from diegetic.story import Story, Told
from diegetic.story_file import write_story
from diegetic.targets import Targets, check_ceiling, read_lane


def settle(
    environment: Mapping[str, str],
    *,
    model: str | None = None,
    device: str | None = None,
    rate_hz: int | None = None,
    stems: str | None = None,
    curve: str | None = None,
    file_format: str | None = None,
    channels: str | None = None,
    loudness: float | None = None,
    lane_loudness: Sequence[str] | None = None,
    true_peak: float | None = None,
    handles: float | None = None,
    bpm: float | None = None,
    device_flag: str = "device",
) -> tuple[Settings, Output]:
    """Settings by the flags given, and how stories are laid out by them. Raises InputError for what is out of range.

    loudness: in LUFS; lane_loudness: "bed=-30", ...; true_peak: in dBTP; handles: in seconds.
    device_flag: what the flag is called that says where models run.
    """
    called = {"rate_hz": "rate", "file_format": "format", "device": device_flag}
    flags = {"model": model, "device": device, "rate_hz": rate_hz, "stems": stems, "curve": curve}
    settings = resolve(environment, flags | {"file_format": file_format, "channels": channels}, called)
    laid = Output(
        settings.rate_hz,
        settings.stems,
        settings.curve,
        targets=Targets(loudness, dict(read_lane("--lane-loudness", each) for each in lane_loudness or ())),
        ceiling_dbtp=CEILING_DBTP if true_peak is None else check_ceiling(true_peak),
        bpm=None if bpm is None else check_bpm(bpm),
        file_format=settings.file_format,
        channels=settings.channels,
        handles_s=check_handles(handles or 0.0),
    )
    return settings, laid


def unit_of(quantise: str | None, bpm: float | None) -> Unit | None:
    """What events are moved to; None for nothing. Raises InputError for an unknown unit, and without a tempo."""
    if quantise is None:
        return None
    if bpm is None:
        raise InputError("--quantise: needs a tempo, got none; add --bpm 120")
    units: tuple[Unit, ...] = get_args(Unit)
    for unit in units:
        if quantise == unit:
            return unit
    raise InputError(f"--quantise: {unknown('unit', quantise, units)}")


def on_grid(
    model: StoryModel, asked: Told | Story, folder: StoryFolder, bpm: float, unit: Unit, report: Report
) -> Story:
    """What is asked for, planned where it isn't yet, with its events on the beat. Raises InputError, Failure.

    A new plan is written into the folder at once: it may be longer than was asked for, and then the same text wouldn't
    be taken for it after a stop.
    """
    if isinstance(asked, Story):
        return quantised(asked, bpm, unit)
    story = folder.so_far(asked, model.name) or plan_story(model, asked, report)
    if asked.variation is not None:
        story = replace(story, events=tuple(replace(each, variation=asked.variation) for each in story.events))
    moved = quantised(story, bpm, unit)
    with folder.held():
        write_story(folder.story, moved)
    return moved
