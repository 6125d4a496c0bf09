"""The sound files that projects play: one for each take of an event, short, with room to move its fades.

A project's fades are straight lines; a join in the mix is of equal power. So a clip carries what the join's gain has
more than a straight line (never over 4 dB, in the fades only): a straight fade then gives exactly what the mix holds,
and taking the fade off leaves the sound.

A clip is named by its place and its content, and so never overwritten: a project that a user has saved still finds what
it played. 24-bit, or float where that is asked for or a sound is hotter than 24 bits can hold. Its handles (see
handles.py) are in the same file, and the item that plays it leaves them out.

Knows nothing of project formats.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from diegetic.atomic import write_atomically
from diegetic.audio.meter import measure_loudness
from diegetic.audio.sound_file import Format, encode_sound, holding
from diegetic.bounce import Output, event_name
from diegetic.handles import with_handles
from diegetic.layout import Placed
from diegetic.names import one_line, shortened
from diegetic.project.timeline import Clip, Item, Marker, Timeline, Track
from diegetic.story import Event, lanes
from diegetic.tags import Slate, describe
from diegetic.takes import Take

Samples = NDArray[np.float32]

FOLDER = "clips"
_DIGEST_CHARACTERS = 12


def lay_clips(
    slate: Slate,
    placed: Mapping[str, Placed],
    others: Mapping[str, Sequence[tuple[Take, Placed]]],
    folder: Path,
    output: Output,
) -> Timeline:
    """Write the clips of a story into `folder` and say where they play.

    placed: by event id. others: takes that aren't current, and the place each would have, by event id.
    Raises Failure where one can't be written.
    """
    story = slate.story
    tracks = []
    for lane in lanes(story.events):
        events = [event for event in story.events if event.lane == lane]
        items = tuple(
            _item(slate, event, placed[event.id], others.get(event.id, ()), folder, output) for event in events
        )
        tracks.append(Track(lane, max(item.clip.channels for item in items), items))
    frames = round(story.seconds * output.rate_hz)
    starts = [Marker(one_line(event.caption), placed[event.id].start_frame) for event in story.events]
    whole = Marker(shortened(one_line(story.instruction), 80), 0, frames)
    return Timeline(slate.project, output.rate_hz, frames, tuple(tracks), (whole, *starts), output.bpm)


def straightened(placed: Placed) -> Samples:
    """The samples that straight fades of its lengths turn into what is heard of `placed`."""
    line = np.ones_like(placed.gain)
    line[: placed.fade_in] *= np.linspace(0, 1, placed.fade_in, dtype=np.float32)[:, None]
    line[len(line) - placed.fade_out :] *= np.linspace(1, 0, placed.fade_out, dtype=np.float32)[:, None]
    rest = np.divide(placed.gain, line, out=np.ones_like(line), where=line > 0)
    rest[0], rest[-1] = rest[1], rest[-2]
    straight: Samples = placed.segment * rest
    return straight


def _item(
    slate: Slate,
    event: Event,
    placed: Placed,
    others: Sequence[tuple[Take, Placed]],
    folder: Path,
    output: Output,
) -> Item:
    """One event as an item. It ends a frame before its samples do: there a straight fade is at nothing."""
    current = (slate.takes[event.id], placed)
    takes = sorted((current, *others), key=lambda each: each[0].number)
    clips = tuple(_clip(slate, event, *each, folder, output) for each in takes)
    frames = len(placed.segment) - 1
    fades = max(placed.fade_in - 1, 0), max(placed.fade_out - 1, 0)
    return Item(one_line(event.caption), placed.start_frame, frames, *fades, clips, takes.index(current))


def _clip(slate: Slate, event: Event, take: Take, placed: Placed, folder: Path, output: Output) -> Clip:
    samples, offset, rate_hz = straightened(placed), 0, output.rate_hz
    if placed.handles is not None:
        samples, offset = with_handles(samples, placed.handles, rate_hz), len(placed.handles.before)
    own, told = Slate(slate.project, slate.story, {event.id: take}), replace(event, caption=take.recipe.caption)
    loudness = measure_loudness(samples, rate_hz)
    labels = describe(own, [told], samples, rate_hz, placed.start_frame - offset, loudness)
    asked: Format = "wav32f" if output.file_format == "wav32f" else "wav24"
    data = encode_sound(samples, rate_hz, holding(samples, asked), labels)
    digest = hashlib.sha256(data).hexdigest()[:_DIGEST_CHARACTERS]
    path = f"{FOLDER}/{event_name(slate.story, told)}_{digest}.wav"
    if not (folder / path).exists():
        write_atomically(folder / path, data)
    name = f"{one_line(told.caption)} (take {take.number})"
    return Clip(path, name, take.number, len(samples), rate_hz, samples.shape[1], offset)
