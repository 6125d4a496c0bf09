"""Rendered stories, and what other people's parsers make of their project files."""

import io
import itertools
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from diegetic.audio.wav import read_wav
from diegetic.director import Output, render_story
from diegetic.folder import StoryFolder
from diegetic.layout import lay_out, mixed
from diegetic.manifest import read_manifest
from diegetic.story import Told
from diegetic.story_file import read_story
from mock_model import MockModel

RATE = 24_000
TOLD = Told('rain, a bell\'s "ring", thunder', 9.0, 3)
Samples = NDArray[np.float32]


def render(folder: Path, told: Any = TOLD, level: float = 0.1, **output: Any) -> StoryFolder:
    rendered = StoryFolder(folder)
    render_story(MockModel(level=level), told, rendered, Output(RATE, **output), lambda progress: None)
    return rendered


def unlimited(folder: StoryFolder, curve: Any = "equal_power") -> Samples:
    """The mix before its limiter, from the takes."""
    story, store = read_story(folder.story), folder.takes
    keys = {event.event: event.take for event in read_manifest(folder.manifest).events}
    clips = {event: store.samples(take) for event, key in keys.items() if (take := store.find(key)) is not None}
    placed = lay_out(story, clips, RATE, RATE, curve)
    return mixed([placed[event.id] for event in story.events], round(story.seconds * RATE))


def play(
    total: Samples, clip: Samples, start_s: float, length_s: float, offset_s: float, fades: tuple[float, float]
) -> None:
    """Add what a program plays of an item with straight fades."""
    start, offset = round(start_s * RATE), round(offset_s * RATE)
    frames = min(int(np.ceil(length_s * RATE - 1e-6)), len(clip) - offset)
    at = np.arange(frames)[:, None] / RATE
    gain = np.ones((frames, 1))
    if fades[0]:
        gain *= np.clip(at / fades[0], 0, 1)
    if fades[1]:
        gain *= np.clip((length_s - at) / fades[1], 0, 1)
    total[start : start + frames] += clip[offset : offset + frames] * gain


def played_by_reaper(path: Path, frames: int) -> Samples:
    rpp = pytest.importorskip("rpp")
    project, total = rpp.loads(path.read_text(encoding="utf-8")), np.zeros((frames, 2))
    for item in project.findall(".//ITEM"):
        takes = list(take_groups(item))
        take = next((take for take in takes if take[0] == ["TAKE", "SEL"]), takes[0])
        source = next(child for child in take if getattr(child, "tag", "") == "SOURCE")
        values = {row[0]: row[1:] for row in itertools.chain(item, take) if isinstance(row, list)}
        assert (values["FADEIN"][0], values["FADEOUT"][0]) == ("0", "0")
        clip = read_wav(path.parent / source.find("FILE")[1])[0]
        place = (float(values[key][0]) for key in ("POSITION", "LENGTH", "SOFFS"))
        play(total, clip, *place, (float(values["FADEIN"][1]), float(values["FADEOUT"][1])))
    return total


def take_groups(item: Any) -> Any:
    """An item's rows, from one TAKE to the next."""
    group: list[Any] = []
    for row in item:
        if row == "TAKE" or (isinstance(row, list) and row[0] == "TAKE"):
            yield group
            group = []
        group.append(row)
    yield group


def played_by_dawproject(path: Path, frames: int) -> Samples:
    total = np.zeros((frames, 2))
    with zipfile.ZipFile(path) as archive:
        for clip in ElementTree.fromstring(archive.read("project.xml")).iter("Clip"):
            said = {key: float(clip.get(key, "nan")) for key in ("time", "duration", "playStart")}
            fades = float(clip.get("fadeInTime", "nan")), float(clip.get("fadeOutTime", "nan"))
            sound = archive.read(clip.find("Audio/File").get("path"))  # type: ignore[union-attr, arg-type]
            samples = read_wav(io.BytesIO(sound))[0]  # type: ignore[arg-type]
            play(total, samples, said["time"], said["duration"], said["playStart"], fades)
    return total
