"""Videos by way of ffmpeg: what one is, where its cuts are, and a sound put to its picture.

ffmpeg is the system's, or the one that PyPI's imageio-ffmpeg carries; cuts are PySceneDetect's (the extra `video`).

Knows nothing of stories.
"""

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from diegetic.atomic import rename
from diegetic.errors import Failure, InputError

_STREAM = re.compile(r"Stream #0:(\d+).*?: (Video|Audio): (.*)")
_TIME_BASE = re.compile(r"#tb 0: (\d+)/(\d+)")
_PACKET = re.compile(r"^0,\s*(-?\d+),\s*(-?\d+),\s*(\d+)", re.MULTILINE)
_NO_TIME = -(2**63)
_EXTRA = "pip install 'diegetic[video]'"
_CODECS = {".mp4": ["aac", "-b:a", "320k"], ".m4v": ["aac", "-b:a", "320k"], ".mov": ["pcm_s24le"],
           ".mkv": ["flac"], ".webm": ["libopus", "-b:a", "256k"], ".avi": ["pcm_s16le"]}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Video:
    """A video: its picture's stream, when that begins after the file does, and its length to its last frame's end."""

    path: Path
    seconds: float
    starts_s: float = 0.0
    stream: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """From one cut to the next, in seconds from the first frame."""

    start_s: float
    end_s: float


def read_video(path: Path) -> Video:
    """What a file is. Raises InputError where it is missing, no video, or has no picture; Failure without ffmpeg."""
    if not path.is_file():
        rule = "is no file; give a video" if path.exists() else "no such file; check the path"
        raise InputError(f"{path}: {rule}")
    streams = _STREAM.findall(_run([_ffmpeg(), "-hide_banner", "-i", f"file:{path}"]).stderr)
    if not streams:
        raise InputError(f"{path}: can't be read as a video; give an MP4, MOV, MKV, WebM or AVI file")
    pictures = [int(number) for number, kind, told in streams if kind == "Video" and "attached pic" not in told]
    if not pictures:
        raise InputError(f"{path}: has no picture, only sound; give a video, or render a story without one")
    if path.suffix.lower() not in _CODECS:
        known = ", ".join(_CODECS)
        raise InputError(f"{path}: must end in {known}; make it one: ffmpeg -i {path.name} -c copy {path.stem}.mkv")
    return _timed(path, pictures[0])


def find_cuts(video: Video) -> list[Span]:
    """The scenes of a video, cut at its frames. Raises Failure where PySceneDetect isn't installed or can't read it."""
    try:
        import scenedetect
    except ImportError:
        raise Failure(f"dub: finding cuts needs PySceneDetect; {_EXTRA}, or write the plan yourself") from None
    logging.getLogger("pyscenedetect").setLevel(logging.WARNING)  # it says what it does to users of its own
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows keeps what a reader hasn't closed yet
        small = Path(folder, "small.mkv")
        _shrink(video, small)
        try:
            found = scenedetect.detect(str(small), scenedetect.ContentDetector(), show_progress=False)
        except (OSError, scenedetect.VideoOpenFailure) as error:
            raise Failure(f"{video.path}: its cuts can't be found ({error}); write the plan yourself") from error
    # The end is the picture's own: PySceneDetect counts frames there, which a changing rate makes wrong.
    places = [0.0, *(round(start.seconds, 3) for start, _ in found[1:]), round(video.seconds, 3)]
    return [Span(start, end) for start, end in pairwise(places) if start < end]


def put_sound(video: Video, sound: Path, to: Path) -> None:
    """Write a video's picture, as it is, with a sound that begins at its first frame. Raises Failure.

    The video's own sounds and subtitles stay, as further tracks. What of the sound is behind the picture is left out.
    """
    codec = _CODECS[to.suffix.lower()]
    temporary = to.with_name(f".{to.stem}.{os.getpid()}.tmp{to.suffix}")
    # Chapters by name: ffmpeg would take the cues of our sound for the video's, where it has none.
    own = ["-map", "0:a?", "-map", "0:s?", "-map_chapters", "0"]
    ours = ["-itsoffset", f"{video.starts_s:.6f}", "-t", f"{video.seconds:.6f}", "-i", f"file:{sound}"]
    try:
        done = _run(
            [_ffmpeg(), "-hide_banner", "-loglevel", "error", "-y", "-i", f"file:{video.path}", *ours,
             "-map", f"0:{video.stream}", "-map", "1:a:0", *own, "-c", "copy", "-c:a", codec[0], *codec[1:],
             "-disposition:a", "0", "-disposition:a:0", "default", f"file:{temporary}"]
        )  # fmt: skip
        if done.returncode:
            raise Failure(f"{to}: ffmpeg couldn't write it ({_reason(done)}); try another container, .mkv for one")
        rename(temporary, to)
    except OSError as error:
        raise Failure(f"{to}: can't be written ({error.strerror}); close it where it is open, or use -o") from error
    finally:
        temporary.unlink(missing_ok=True)


def _timed(path: Path, stream: int) -> Video:
    """A video by the times of its picture's frames; its file's own length counts a longer sound, or a late start."""
    said = _run(
        [_ffmpeg(), "-loglevel", "error", "-i", f"file:{path}", "-map", f"0:{stream}", "-c", "copy", "-f", "framecrc",
         "-"]
    ).stdout  # fmt: skip
    base = _TIME_BASE.search(said)
    packets = [tuple(map(int, packet)) for packet in _PACKET.findall(said)]
    frames = sorted((decoded if shown == _NO_TIME else shown, lasts) for decoded, shown, lasts in packets)
    if base is None or not frames:
        raise InputError(f"{path}: its frames can't be read; write it anew with ffmpeg")
    tick_s = int(base[1]) / int(base[2])
    starts, (last, lasts) = max(0, frames[0][0]), frames[-1]
    lasts = lasts or (last - frames[-2][0] if len(frames) > 1 else 1)
    return Video(path, (last + lasts - starts) * tick_s, starts * tick_s, stream)


def _shrink(video: Video, to: Path) -> None:
    """Write a video's picture small, from 0 s, in a codec that OpenCV has: it can't read AV1. Raises Failure."""
    picture = ["-map", f"0:{video.stream}", "-vf", "setpts=PTS-STARTPTS,scale='min(320,iw)':-2", "-an", "-sn"]
    code = ["-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "4", "-enc_time_base", "-1"]
    done = _run([_ffmpeg(), "-loglevel", "error", "-y", "-i", f"file:{video.path}", *picture, *code, str(to)])
    if not to.exists() or not to.stat().st_size:
        raise Failure(f"{video.path}: its picture can't be decoded ({_reason(done)}); write the plan yourself")


def _reason(done: "subprocess.CompletedProcess[str]") -> str:
    return (done.stderr.strip().splitlines() or ["no reason given"])[-1][:160]


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
