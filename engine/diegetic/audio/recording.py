"""A recording that somebody brings, of any format, rate and width: read as the engine's own samples, or refused.

Knows nothing of models.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from diegetic.errors import InputError

Samples = NDArray[np.float32]

SHORTEST_S, LONGEST_S = 0.2, 3600.0
_WIDE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class Recording:
    """samples [frames, 1 or 2] at rate_hz; seconds: of the whole file, of which they may be the last part."""

    samples: Samples
    rate_hz: int
    seconds: float
    remark: str = ""


def read_recording(path: Path, rate_hz: int, last_s: float | None = None) -> Recording:
    """Read a file at a rate, all of it or its last seconds. Raises InputError where there is nothing to hear.

    remark: what the user should know of it. A file of any length may be read from its end, all of it up to an hour.
    """
    with _opened(path) as file:
        seconds, own_rate_hz, channels = file.frames / file.samplerate, file.samplerate, file.channels
        _check_length(path, seconds, last_s)
        if last_s is not None:
            file.seek(max(0, file.frames - int(last_s * file.samplerate)))
        samples = file.read(dtype="float32", always_2d=True)
    if len(samples) < SHORTEST_S * own_rate_hz:  # an MP3 that is cut off still says how long it was
        raise InputError(f"{path}: ends sooner than it says; export it again")
    seconds = seconds if last_s is not None else len(samples) / own_rate_hz
    samples = samples[:, :2] if samples.shape[1] <= 2 else samples.mean(1, keepdims=True, dtype=np.float32)
    if not np.isfinite(samples).all():
        raise InputError(f"{path}: has samples that aren't numbers; export it again")
    if not np.ptp(samples, axis=0).max() > 1e-4:
        raise InputError(f"{path}: is silent; give a recording of something")
    if own_rate_hz != rate_hz:
        samples = soxr.resample(samples, own_rate_hz, rate_hz).astype(np.float32)
    taken_s = seconds if last_s is None else min(seconds, last_s)
    return Recording(samples, rate_hz, seconds, _remark(path, own_rate_hz, channels, seconds, taken_s))


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """A file that is open for reading. Raises InputError where it is missing or no sound."""
    if not path.is_file():
        rule = "is no file; give a recording" if path.exists() else "no such file; check the path"
        raise InputError(f"{path}: {rule}")
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except (OSError, soundfile.LibsndfileError) as error:
        told = getattr(error, "error_string", str(error)).rstrip(".")  # the rest of it names the file once more
        raise InputError(f"{path}: can't be read as sound ({told}); give a WAV, FLAC, Ogg or MP3 file") from None


def check_recording(path: Path, last_s: float | None = None) -> None:
    """Raise InputError where a file is none or of a wrong length, before anything is loaded to hear it with."""
    with _opened(path) as file:
        _check_length(path, file.frames / file.samplerate, last_s)


def _check_length(path: Path, seconds: float, last_s: float | None) -> None:
    if seconds < SHORTEST_S:
        raise InputError(f"{path}: must last {SHORTEST_S:g} s or more, got {seconds:.3g} s; give a longer recording")
    if last_s is None and seconds > LONGEST_S:
        raise InputError(f"{path}: must last {LONGEST_S:g} s at most, got {seconds:.0f} s; cut it into parts")


def _remark(path: Path, rate_hz: int, channels: int, seconds: float, taken_s: float) -> str:
    remarks = []
    if rate_hz < _WIDE_HZ:
        remarks.append(f"is at {rate_hz} Hz: nothing above {rate_hz / 2000:g} kHz can be heard in it")
    if channels > 2:
        remarks.append(f"has {channels} channels: they are mixed to one")
    if taken_s < seconds:
        remarks.append(f"lasts {seconds:.0f} s: only its last {taken_s:g} s are taken")
    return f"note: {path.name} {'; '.join(remarks)}" if remarks else ""
