"""A sound with all that it says of itself, as the bytes of a file: WAV of 24 bits or of floats, or FLAC.

Knows nothing of stories.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from diegetic.atomic import write_atomically
from diegetic.audio.bwf import Sound, Tags, tag_chunks
from diegetic.audio.cues import Mark, loop_chunk, mark_chunks
from diegetic.audio.flac import comments_of, with_metadata
from diegetic.audio.wav import encode_wav, whole_numbers

Samples = NDArray[np.float32]
Format = Literal["wav24", "wav32f", "flac"]


@dataclass(frozen=True, slots=True)
class Labels:
    """What a file says: tags, marked ranges, and whether all of it is a loop."""

    tags: Tags
    marks: tuple[Mark, ...] = ()
    loops: bool = False


def suffix(file_format: Format) -> str:
    """How the names of such files end."""
    return ".flac" if file_format == "flac" else ".wav"


def holding(samples: Samples, file_format: Format) -> Format:
    """The same format, or floats where 24 bits would clip these samples."""
    return "wav32f" if bool(np.abs(samples).max(initial=0.0) >= 1.0) else file_format


def write_sound(path: Path, samples: Samples, rate_hz: int, file_format: Format, labels: Labels) -> None:
    """Write `samples` [frames, channels]. Raises Failure; then no file, or the old one, is there."""
    write_atomically(path, encode_sound(samples, rate_hz, file_format, labels))


def encode_sound(samples: Samples, rate_hz: int, file_format: Format, labels: Labels) -> bytes:
    """The bytes of a file. The same samples and labels always give the same."""
    sound = Sound(rate_hz, 32 if file_format == "wav32f" else 24, samples.shape[1])
    chunks = (*tag_chunks(labels.tags, sound), *mark_chunks(labels.marks))
    if labels.loops:
        chunks = (*chunks, loop_chunk(rate_hz, 0, len(samples)))
    wav = encode_wav(samples, rate_hz, "FLOAT" if file_format == "wav32f" else "PCM_24", chunks)
    if file_format != "flac":
        return wav
    buffer = io.BytesIO()
    soundfile.write(buffer, whole_numbers(samples), rate_hz, subtype="PCM_24", format="FLAC")
    loop_frames = len(samples) if labels.loops else None
    return with_metadata(buffer.getvalue(), comments_of(labels.tags, sound, labels.marks, loop_frames), wav)
