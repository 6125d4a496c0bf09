"""Loops: a file whose end meets its start, from what an event's segment has beyond its event.

    segment   |head|......................|tail|      a segment lasts OVERLAP_S longer than its event
    loop      |tail to head|..............|           ends where the tail begins, and starts by going on with it

Nothing is rendered for it. The file has a `smpl` loop over its whole length.

Knows nothing of models.
"""

from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from diegetic.audio.bwf import Sound
from diegetic.audio.cues import loop_chunk
from diegetic.audio.joins import Curve, crossfade
from diegetic.audio.wav import write_wav
from diegetic.bounce import Output
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.manifest import read_manifest
from diegetic.names import slug
from diegetic.retakes import find_event
from diegetic.story import OVERLAP_S
from diegetic.story_file import read_story
from diegetic.tags import Slate, describe

Samples = NDArray[np.float32]

FOLDER = "loops"


def write_loop(folder: StoryFolder, given: str, output: Output) -> Path:
    """Write the loop of an event's current take, and return its path. given: its place from 1, or its id.

    The sound is at its own level, 24-bit, or float where that can't hold it. Raises InputError where the event isn't
    there or not rendered, and Failure.
    """
    with folder.held():
        story = read_story(folder.story)
        event = find_event(story, given)
        keys = {each.event: each.take for each in read_manifest(folder.manifest).events}
        take = folder.takes.find(keys[event.id]) if event.id in keys else None
        if take is None:
            raise InputError(f"event {event.id}: isn't rendered yet; render the story, then make its loop")
        clip = folder.takes.samples(take)
        if take.rate_hz != output.rate_hz:
            clip = soxr.resample(clip, take.rate_hz, output.rate_hz, quality="VHQ")
        samples = looped(clip * np.float32(10 ** (event.gain_db / 20)), output.rate_hz, output.curve)
        hot = bool(np.abs(samples).max(initial=0.0) >= 1.0)
        sound = Sound(output.rate_hz, 32 if hot else 24, samples.shape[1])
        chunks = describe(Slate(folder.name, story, {event.id: take}), [event], samples, sound, 0, None)
        number = 1 + story.events.index(event)
        path = folder.path / FOLDER / f"{number:02}-{event.lane}_{slug(event.caption)}.wav"
        loop = loop_chunk(output.rate_hz, 0, len(samples))
        write_wav(path, samples, output.rate_hz, "FLOAT" if hot else "PCM_24", (*chunks, loop))
        return path


def looped(segment: Samples, rate_hz: int, curve: Curve = "equal_power") -> Samples:
    """A loop from a segment [frames, channels]: as long as it is without its last OVERLAP_S."""
    overlap = round(OVERLAP_S * rate_hz)
    body, tail = segment[: len(segment) - overlap], segment[len(segment) - overlap :]
    return np.concatenate([crossfade(tail, body[:overlap], curve), body[overlap:]])
