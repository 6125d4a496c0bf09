"""A picture of a rendered story for a report: lanes with their events and joins, waveform, spectrogram, loudness.

matplotlib draws it, which rendering itself doesn't need.

Knows nothing of models.
"""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diegetic.atomic import write_atomically
from diegetic.audio.meter import short_term_lufs
from diegetic.audio.wav import read_wav
from diegetic.errors import Failure
from diegetic.folder import StoryFolder
from diegetic.manifest import read_manifest
from diegetic.names import one_line
from diegetic.story import OVERLAP_S, Story, follows, lanes
from diegetic.story_file import read_story

Samples = NDArray[np.float32]

_COLOURS = ("#4878a8", "#d18f3d", "#5b9a68", "#a85c78", "#7d6bb0", "#8a8a4a")
_INK, _SIZE_INCHES, _DPI = "#222222", (14.0, 8.0), 110
_WINDOW_FRAMES, _COLUMNS = 2048, 2000
_CHARACTERS_A_SECOND = 2.6


def write_picture(folder: StoryFolder, path: Path) -> None:
    """Draw a rendered story as a PNG. Raises InputError, and Failure where matplotlib or the mix is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise Failure("show: needs matplotlib, which isn't installed; pip install matplotlib, and try again") from None
    story, (samples, rate_hz) = read_story(folder.story), read_wav(folder.path / read_manifest(folder.manifest).mix)
    figure = Figure(figsize=_SIZE_INCHES, dpi=_DPI, layout="constrained")
    rows = figure.subplots(4, 1, sharex=True, height_ratios=(2.2, 1, 1.8, 1))
    for axes, draw in zip(rows, (_events, _waveform, _spectrogram, _loudness), strict=True):
        draw(axes, story, samples, rate_hz)
        axes.spines[["top", "right"]].set_visible(False)
    rows[0].set_title(_cut(story.instruction, 110), loc="left", color=_INK, fontsize=12, parse_math=False)
    rows[-1].set_xlabel("seconds")
    rows[-1].set_xlim(0, story.seconds)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    write_atomically(path, picture.getvalue())


def _events(axes: Any, story: Story, samples: Samples, rate_hz: int) -> None:
    names = lanes(story.events)
    for event in story.events:
        row = names.index(event.lane)
        tail_s = min(OVERLAP_S, story.seconds - event.end_s)
        colour = _COLOURS[row % len(_COLOURS)]
        axes.barh(row, event.duration_s, left=event.start_s, height=0.7, color=colour, edgecolor="white", zorder=2)
        axes.barh(row, tail_s, left=event.end_s, height=0.7, color=colour, alpha=0.3, zorder=1)
        text = _cut(event.caption, max(3, int(event.duration_s / story.seconds * 40 * _CHARACTERS_A_SECOND)))
        axes.text(
            event.start_s + story.seconds * 0.004, row, text, va="center", color="white", fontsize=8, clip_on=True,
            parse_math=False, zorder=3,
        )  # fmt: skip
        if any(follows(event, earlier) for earlier in story.events):
            axes.plot([event.start_s] * 2, [row - 0.42, row + 0.42], color=_INK, linewidth=1, zorder=4)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)


def _waveform(axes: Any, story: Story, samples: Samples, rate_hz: int) -> None:
    """The highest and the lowest sample of each column."""
    frames = max(1, len(samples) // _COLUMNS)
    columns = samples.mean(axis=1)[: len(samples) // frames * frames].reshape(-1, frames)
    at = np.arange(len(columns)) * frames / rate_hz
    axes.fill_between(at, columns.min(axis=1), columns.max(axis=1), color=_COLOURS[0], linewidth=0)
    axes.set_ylabel("mix")


def _spectrogram(axes: Any, story: Story, samples: Samples, rate_hz: int) -> None:
    mono = samples.mean(axis=1)
    overlap = max(0, _WINDOW_FRAMES - max(1, len(mono) // _COLUMNS))
    with np.errstate(divide="ignore"):
        axes.specgram(mono + 1e-9, NFFT=_WINDOW_FRAMES, Fs=rate_hz, noverlap=overlap, cmap="magma", vmin=-140, vmax=-40)
    axes.set_yscale("symlog", linthresh=200)
    axes.set_ylim(40, rate_hz / 2)
    axes.set_yticks([100, 1_000, 10_000][: 3 if rate_hz > 20_000 else 2])
    axes.yaxis.set_major_formatter(lambda hz, _: f"{hz / 1000:g} k" if hz >= 1000 else f"{hz:g}")
    axes.set_ylabel("Hz")


def _loudness(axes: Any, story: Story, samples: Samples, rate_hz: int) -> None:
    levels, at = short_term_lufs(samples, rate_hz)
    axes.plot(at, np.maximum(levels, -70), color=_COLOURS[1])
    axes.set_ylim(-70, 0)
    axes.set_ylabel("LUFS (3 s)")
    axes.grid(axis="y", alpha=0.3)


def _cut(text: str, characters: int) -> str:
    line = one_line(text)
    return line if len(line) <= characters else f"{line[: characters - 1]}…"
