"""What lies under the lanes of a picture: waveform, spectrogram and loudness of a mix, each in axes of matplotlib's.

Knows nothing of stories. Samples are float32 [frames, channels].
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diegetic.audio.meter import momentary_lufs, short_term_lufs
from diegetic.manifest import Level

Samples = NDArray[np.float32]

_WINDOW_FRAMES, _COLUMNS = 2048, 2000
_LOWEST_LUFS, _SILENT_LUFS = -60.0, -120.0
_MIX, _MOMENTARY, _SHORT_TERM, _INTEGRATED, _ASKED = "#555555", "#c9b18f", "#c9822b", "#222222", "#c8102e"


@dataclass(frozen=True, slots=True)
class Mix:
    """A mix, and how loud it was measured to be."""

    samples: Samples
    rate_hz: int
    level: Level | None

    @property
    def mono(self) -> Samples:
        """[frames]"""
        mono: Samples = self.samples.mean(axis=1)
        return mono


def draw_waveform(axes: Any, mix: Mix) -> None:
    """From the lowest to the highest sample; the scale is the next of 1, 0.32, 0.1 ..."""
    at, low, high = extremes(mix.mono, 0, mix.rate_hz, len(mix.samples) / mix.rate_hz)
    axes.fill_between(at, low, high, color=_MIX, linewidth=0)
    top = 10 ** (np.ceil(2 * np.log10(max(1e-3, float(max(high.max(), -low.min()))))) / 2)
    axes.set_ylim(-top, top)
    axes.set_ylabel("mix")


def draw_spectrogram(axes: Any, mix: Mix) -> None:
    """In dB, of windows that begin before the sound and end after it, so that it is as long as the other panels."""
    mono, rate_hz, half = mix.mono, mix.rate_hz, _WINDOW_FRAMES // 2
    overlap = max(0, _WINDOW_FRAMES - max(1, len(mono) // _COLUMNS))
    padded, span = np.pad(mono, half) + 1e-9, (0, len(mono) / rate_hz)
    how = {"NFFT": _WINDOW_FRAMES, "noverlap": overlap, "xextent": span, "cmap": "magma", "vmin": -140, "vmax": -40}
    with np.errstate(divide="ignore"):
        axes.specgram(padded, Fs=rate_hz, **how)
    axes.set_yscale("symlog", linthresh=200)
    axes.set_ylim(40, rate_hz / 2)
    axes.set_yticks([100, 1_000, 10_000][: 3 if rate_hz > 20_000 else 2])
    axes.yaxis.set_major_formatter(lambda hz, _: f"{hz / 1000:g} k" if hz >= 1000 else f"{hz:g}")
    axes.set_ylabel("Hz")


def draw_loudness(axes: Any, mix: Mix) -> None:
    """Over time, and what was measured and asked for of the whole. The legend is above, where no line is."""
    for levels, name, colour, width in (
        (momentary_lufs(mix.samples, mix.rate_hz), "momentary", _MOMENTARY, 0.8),
        (short_term_lufs(mix.samples, mix.rate_hz), "short-term", _SHORT_TERM, 1.8),
    ):
        axes.plot(levels[1], np.maximum(levels[0], _SILENT_LUFS), color=colour, linewidth=width, label=name)
    level = mix.level
    if level is not None and level.loudness_lufs is not None:
        axes.axhline(level.loudness_lufs, color=_INTEGRATED, linewidth=0.8, linestyle="--", label="integrated")
    if level is not None and level.story_target_lufs is not None:
        axes.axhline(level.story_target_lufs, color=_ASKED, linewidth=0.8, linestyle=":", label="asked for")
    axes.set_ylim(_LOWEST_LUFS, 0)
    axes.set_ylabel("LUFS")
    axes.grid(axis="y", alpha=0.3)
    above = {"loc": "lower right", "bbox_to_anchor": (1, 0.98), "borderaxespad": 0}
    axes.legend(**above, ncols=4, fontsize=8, frameon=False)


def extremes(mono: Samples, start: int, rate_hz: int, story_s: float) -> tuple[Any, Any, Any]:
    """The lowest and the highest sample of each column of the picture, and its time in seconds.

    mono: [frames], from the frame `start` of a story of `story_s`.
    """
    frames = max(1, round(story_s * rate_hz / _COLUMNS))
    columns = np.pad(mono, (0, -len(mono) % frames), mode="edge").reshape(-1, frames)
    at = (start + np.arange(len(columns)) * frames) / rate_hz
    return at, columns.min(axis=1), columns.max(axis=1)
