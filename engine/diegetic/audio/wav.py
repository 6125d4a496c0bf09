"""WAV files: float32 for takes, 24-bit for what goes to other programs. The same samples always give the same bytes.

No dither: a stem is rendered again bit by bit, and 24 bits leave rounding at -144 dBFS.

Knows nothing of stories; `riff` knows the chunks.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from diegetic.atomic import write_atomically
from diegetic.audio.riff import Chunk, with_chunks
from diegetic.errors import Failure

Samples = NDArray[np.float32]
Encoding = Literal["PCM_24", "FLOAT"]


def write_wav(
    path: Path, samples: Samples, rate_hz: int, encoding: Encoding = "PCM_24", chunks: Sequence[Chunk] = ()
) -> None:
    """Write `samples` [frames, channels] and further chunks. Raises Failure; then no file, or the old one, is there."""
    write_atomically(path, encode_wav(samples, rate_hz, encoding, chunks))


def encode_wav(samples: Samples, rate_hz: int, encoding: Encoding, chunks: Sequence[Chunk] = ()) -> bytes:
    """The bytes of a WAV file of `samples` [frames, channels]."""
    buffer = io.BytesIO()
    soundfile.write(
        buffer, samples if encoding == "FLOAT" else whole_numbers(samples), rate_hz, subtype=encoding, format="WAV"
    )
    # libsndfile dates its PEAK chunk: without it, the same samples give the same bytes.
    return with_chunks(buffer.getvalue(), chunks, without=(b"PEAK",))


def read_wav(path: Path) -> tuple[Samples, int]:
    """Samples [frames, channels] as float32, and their rate. Raises Failure where the file is missing or damaged."""
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise Failure(f"{path}: can't be read as sound ({error}); delete it and render again") from error
    return samples, rate_hz


def whole_numbers(samples: Samples) -> NDArray[np.int32]:
    """24-bit values in the upper bits of 32. libsndfile would scale floats by 2^23 - 1, but reads them by 2^23."""
    scaled = samples * np.float32(2**23)  # exactly: a power of two, and floats hold whole numbers up to 2^24
    values = np.clip(np.rint(scaled, out=scaled), -(2**23), 2**23 - 1, out=scaled).astype(np.int32)
    values <<= 8
    return values
