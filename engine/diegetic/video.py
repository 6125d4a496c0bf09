"""Videos by way of ffmpeg: what one is, where its cuts are, and a sound put to its picture.

ffmpeg is the system's, or the one that PyPI's imageio-ffmpeg carries; cuts are PySceneDetect's (the extra `video`).

Knows nothing of stories.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diegetic.errors import Failure, InputError

_DURATION = re.compile(r"Duration: (\d+):(\d+):(\d+\.\d+)(?:, start: (-?\d+\.\d+))?")
_STREAM = re.compile(r"Stream #0:(\d+).*?: (Video|Audio): (.*)")
_RATE = re.compile(r"([\d.]+) fps")
_EXTRA = "pip install 'diegetic[video]'"
_CODECS = {".mp4": ["aac", "-b:a", "320k"], ".m4v": ["aac", "-b:a", "320k"], ".mov": ["pcm_s24le"],
           ".mkv": ["flac"], ".webm": ["libopus", "-b:a", "256k"], ".avi": ["pcm_s16le"]}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Video:
    """A video: its length, frames a second, and whether it has a sound of its own."""

    path: Path
    seconds: float
    rate_fps: float
    has_sound: bool


@dataclass(frozen=True, slots=True)
class Span:
    """From one cut to the next, in seconds from the first frame."""

    start_s: float
    end_s: float


def read_video(path: Path) -> Video:
    """What a file is. Raises InputError where it is missing, no video, or has no picture; Failure without ffmpeg."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the path")
    said = _run([_ffmpeg(), "-hide_banner", "-i", str(path)]).stderr
    duration = _DURATION.search(said)
    streams = [(kind, told) for _, kind, told in _STREAM.findall(said)]
    if not streams:
        raise InputError(f"{path}: can't be read as a video; give an MP4, MOV, MKV, WebM or AVI file")
    pictures = [told for kind, told in streams if kind == "Video" and "attached pic" not in told]
    if not pictures:
        raise InputError(f"{path}: has no picture, only sound; give a video, or render a story without one")
    rate = _RATE.search(pictures[0])
    if duration is None or rate is None:
        raise InputError(f"{path}: doesn't say how long it is or how fast; write it anew with ffmpeg")
    hours, minutes, seconds = (float(part) for part in duration.groups()[:3])
    has_sound = any(kind == "Audio" for kind, _ in streams)
    return Video(path, 3600 * hours + 60 * minutes + seconds, float(rate[1]), has_sound)


def find_cuts(video: Video) -> list[Span]:
    """The scenes of a video, cut at its frames. Raises Failure where PySceneDetect isn't installed or can't read it."""
    try:
        import scenedetect
    except ImportError:
        raise Failure(f"dub: finding cuts needs PySceneDetect; {_EXTRA}, or write the plan yourself") from None
    try:
        found = scenedetect.detect(str(video.path), scenedetect.ContentDetector(), show_progress=False)
    except (OSError, scenedetect.VideoOpenFailure) as error:
        raise Failure(f"{video.path}: its cuts can't be found ({error}); write the plan yourself") from error
    spans = [Span(round(start.seconds, 3), round(end.seconds, 3)) for start, end in found]
    return spans or [Span(0.0, round(video.seconds, 3))]


def put_sound(video: Video, sound: Path, to: Path) -> None:
    """Write a video's picture, as it is, with a sound that begins at its first frame. Raises Failure.

    The video's own sound, if it has one, stays as a second track.
    """
    codec = _CODECS.get(to.suffix.lower())
    if codec is None:
        raise InputError(f"{to}: must end in {', '.join(_CODECS)}; give the video another name")
    temporary = to.with_name(f".{to.stem}.{os.getpid()}.tmp{to.suffix}")
    kept = ["-map", "0:a:0?"] if video.has_sound else []
    late = ["-itsoffset", f"{_first_frame_s(video.path):.6f}"]
    try:
        done = _run(
            [_ffmpeg(), "-hide_banner", "-loglevel", "error", "-y", "-i", str(video.path), *late, "-i", str(sound),
             "-map", "0:v:0", "-map", "1:a:0", *kept, "-c:v", "copy", "-c:a", codec[0], *codec[1:],
             "-disposition:a:0", "default", *(["-disposition:a:1", "0"] if kept else []), str(temporary)]
        )  # fmt: skip
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise Failure(f"{to}: ffmpeg couldn't write it ({last[:160]}); try another container, .mkv for one")
        temporary.replace(to)
    finally:
        temporary.unlink(missing_ok=True)


def _first_frame_s(path: Path) -> float:
    """When a file's picture begins, after its first stream does: a sound of its own may begin before it."""
    command = [_ffmpeg(), "-loglevel", "error", "-i", str(path), "-map", "0:v:0", "-c", "copy", "-frames:v", "1"]
    said = _run([*command, "-f", "framecrc", "-"]).stdout
    base = re.search(r"#tb 0: (\d+)/(\d+)", said)
    first = re.search(r"^0,\s*-?\d+,\s*(-?\d+)", said, re.MULTILINE)
    if base is None or first is None:
        raise Failure(f"{path}: its first frame can't be read; write it anew with ffmpeg")
    return max(0.0, int(first[1]) * int(base[1]) / int(base[2]))


def _ffmpeg() -> str:
    """A program. Raises Failure where there is none."""
    if found := shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg

        carried: Any = imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        raise Failure(f"dub: needs ffmpeg; install it, or {_EXTRA}") from None
    return str(carried)


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
    )
