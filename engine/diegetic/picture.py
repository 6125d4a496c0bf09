"""A picture of a rendered story for a report.

    lanes         each event as it was laid out: fades, waveform, caption; joins, and whether they can be heard
    mix           waveform
    spectrogram   of the mix
    loudness      momentary and short-term, with what was measured and asked for

matplotlib draws it, which rendering itself doesn't need.

Knows nothing of models.
"""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diegetic.atomic import write_atomically
from diegetic.audio.meter import momentary_lufs, short_term_lufs
from diegetic.audio.seams import measure
from diegetic.audio.wav import read_wav
from diegetic.errors import Failure
from diegetic.folder import StoryFolder
from diegetic.manifest import Level, Manifest, read_manifest
from diegetic.names import one_line
from diegetic.project.timeline import Item, Timeline, Track
from diegetic.story import OVERLAP_S, Story, follows
from diegetic.story_file import read_story

Samples = NDArray[np.float32]

_COLOURS = ("#3f78b5", "#c9822b", "#4c9460", "#a8527a", "#7563b5", "#7f8034")
_INK, _PALE, _HEARD = "#222222", "#8a8a8a", "#c8102e"
_WIDTH_INCHES, _LANE_INCHES, _REST_INCHES, _DPI = 14.0, 1.2, 5.6, 110
_WINDOW_FRAMES, _COLUMNS = 2048, 2000
_LOWEST_LUFS = -60.0
_FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "Yu Gothic", "Microsoft YaHei")
_LINE_CHARACTERS, _CHARACTERS_ACROSS, _MOST_LINES = 118, 210, 2


@dataclass(frozen=True, slots=True)
class _Scene:
    """What is drawn."""

    folder: Path
    story: Story
    manifest: Manifest
    timeline: Timeline
    mix: Samples
    rate_hz: int


def write_picture(folder: StoryFolder, path: Path) -> None:
    """Draw a rendered story as a PNG. Raises InputError, and Failure where matplotlib or a sound is missing."""
    try:
        from matplotlib import font_manager, rc_context
        from matplotlib.figure import Figure
    except ImportError:
        raise Failure("show: needs matplotlib, which isn't installed; pip install matplotlib, and try again") from None
    scene = _read(folder)
    lanes_inches = _LANE_INCHES * max(2, len(scene.timeline.tracks))
    known = {font.name for font in font_manager.fontManager.ttflist}
    picture = io.BytesIO()
    with warnings.catch_warnings(), rc_context({"font.family": [name for name in _FONTS if name in known]}):
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a box stands for it
        figure = Figure(figsize=(_WIDTH_INCHES, lanes_inches + _REST_INCHES), dpi=_DPI, layout="constrained")
        rows = figure.subplots(4, 1, sharex=True, height_ratios=(lanes_inches, 1.0, 2.2, 1.5))
        for axes, draw in zip(rows, (_lanes, _waveform, _spectrogram, _loudness), strict=True):
            draw(axes, scene)
            axes.spines[["top", "right"]].set_visible(False)
        _title(rows[0], scene)
        rows[-1].set_xlabel("seconds")
        rows[-1].set_xlim(0, scene.story.seconds)
        figure.savefig(picture, format="png")
    write_atomically(path, picture.getvalue())


def _read(folder: StoryFolder) -> _Scene:
    manifest = read_manifest(folder.manifest)
    mix, rate_hz = read_wav(folder.path / manifest.mix)
    if manifest.timeline is None:
        raise Failure(f"{folder.manifest}: has no timeline; render the story again")
    return _Scene(folder.path, read_story(folder.story), manifest, manifest.timeline, mix, rate_hz)


def _title(axes: Any, scene: _Scene) -> None:
    told = "\n".join(_lines(scene.story.instruction, _LINE_CHARACTERS, _MOST_LINES))
    axes.set_title(told, loc="left", color=_INK, fontsize=13, pad=20, parse_math=False)
    facts = [f"{scene.story.seconds:g} s", scene.story.model, f"seed {scene.story.seed}"]
    if (level := scene.manifest.level) is not None:
        facts += _level_facts(level)
    place = {"xycoords": "axes fraction", "textcoords": "offset points", "xytext": (0, 6)}
    axes.annotate("   ".join(facts), (0, 1), color=_PALE, fontsize=9, parse_math=False, **place)
    heard = [("│ join", _INK), ("│ join that can be heard", _HEARD)]
    for number, (text, colour) in enumerate(heard):
        where = {**place, "xytext": (-150 - 70 * (1 - number) + 20, 6)}
        axes.annotate(text, (1, 1), color=colour, fontsize=9, **where)


def _level_facts(level: Level) -> list[str]:
    loudness = "silent" if level.loudness_lufs is None else f"{level.loudness_lufs:.1f} LUFS"
    limited = [f"limited by {level.limited_db:.1f} dB"] if level.limited_db > 0.05 else []
    return [loudness, f"true peak {level.true_peak_dbtp:.1f} dBTP", *limited]


def _lanes(axes: Any, scene: _Scene) -> None:
    sounds = {item.clip.path: _heard(scene.folder, item) for track in scene.timeline.tracks for item in track.items}
    loudest = max(float(np.abs(sound).max(initial=0.0)) for sound in sounds.values()) or 1.0
    for number, track in enumerate(scene.timeline.tracks):
        for item, (top, height) in zip(track.items, _rows(track), strict=True):
            _event(axes, scene, item, sounds[item.clip.path] / loudest, number + top, height, _colour(number))
    _joins(axes, scene)
    axes.set_yticks([number + 0.5 for number in range(len(scene.timeline.tracks))])
    axes.set_yticklabels([one_line(track.name) for track in scene.timeline.tracks])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(scene.timeline.tracks), 0)


def _heard(folder: Path, item: Item) -> Samples:
    """What an item plays, without its fades: [frames]."""
    samples = read_wav(folder / item.clip.path)[0]
    mono: Samples = samples[item.clip.offset : item.clip.offset + item.frames].mean(axis=1)
    return mono


def _rows(track: Track) -> list[tuple[float, float]]:
    """Where each item of a track is drawn in its lane: (top, height), below another where they sound together."""
    ends: list[int] = []
    places = []
    for item in track.items:
        end = item.start + item.frames - item.fade_out
        row = next((row for row, last in enumerate(ends) if item.start >= last - 1), len(ends))
        ends[row : row + 1] = [end]
        places.append(row)
    height = 1 / max(1, len(ends))
    return [(row * height, height) for row in places]


def _event(axes: Any, scene: _Scene, item: Item, sound: Samples, top: float, height: float, colour: str) -> None:
    """A body whose corners are its fades, the waveform as it fades, and the caption above it."""
    rate_hz, middle, half = scene.timeline.rate_hz, top + 0.58 * height, 0.34 * height
    start, end = item.start / rate_hz, (item.start + item.frames) / rate_hz
    corners = [start, start + item.fade_in / rate_hz, end - item.fade_out / rate_hz, end]
    gain = np.array([0.0, 1.0, 1.0, 0.0])
    axes.fill_between(corners, middle - half * gain, middle + half * gain, color=colour, alpha=0.22, linewidth=0)
    at, low, high = _extremes(sound, item.start, rate_hz, scene.story.seconds)
    faded = np.interp(at, corners, gain)
    # A root makes what is soft visible beside what is loud.
    below, above = (np.sign(edge) * np.sqrt(np.abs(edge)) * faded for edge in (low, high))
    axes.fill_between(at, middle - half * above, middle - half * below, color=colour, linewidth=0)
    room = int((end - start) / scene.story.seconds * _CHARACTERS_ACROSS)
    text = _cut(item.name, max(4, room))
    place = (start + scene.story.seconds * 0.003, middle - half - 0.04 * height)
    axes.text(*place, text, va="bottom", color=_INK, fontsize=8.5, clip_on=True, parse_math=False)


def _joins(axes: Any, scene: _Scene) -> None:
    """A line where a sound follows another in its lane; a red one where that can be heard in the mix."""
    names = [track.name for track in scene.timeline.tracks]
    events = scene.story.events
    joins = [(event.start_s, event.lane) for event in events if any(follows(event, other) for other in events)]
    seams = measure(scene.mix, scene.rate_hz, [at_s for at_s, _ in joins], OVERLAP_S) if joins else ()
    heard = {seam.at_s for seam in seams if seam.heard}
    for at_s, lane in joins:
        colour = _HEARD if at_s in heard else _INK
        if lane in names:
            axes.vlines(at_s, names.index(lane) + 0.2, names.index(lane) + 0.96, color=colour, linewidth=1.2)


def _waveform(axes: Any, scene: _Scene) -> None:
    at, low, high = _extremes(scene.mix.mean(axis=1), 0, scene.rate_hz, scene.story.seconds)
    axes.fill_between(at, low, high, color="#555555", linewidth=0)
    top = 10 ** (np.ceil(2 * np.log10(max(1e-3, float(max(high.max(), -low.min()))))) / 2)
    axes.set_ylim(-top, top)
    axes.set_ylabel("mix")


def _spectrogram(axes: Any, scene: _Scene) -> None:
    mono, rate_hz = scene.mix.mean(axis=1), scene.rate_hz
    overlap = max(0, _WINDOW_FRAMES - max(1, len(mono) // _COLUMNS))
    with np.errstate(divide="ignore"):
        axes.specgram(mono + 1e-9, NFFT=_WINDOW_FRAMES, Fs=rate_hz, noverlap=overlap, cmap="magma", vmin=-140, vmax=-40)
    axes.set_yscale("symlog", linthresh=200)
    axes.set_ylim(40, rate_hz / 2)
    axes.set_yticks([100, 1_000, 10_000][: 3 if rate_hz > 20_000 else 2])
    axes.yaxis.set_major_formatter(lambda hz, _: f"{hz / 1000:g} k" if hz >= 1000 else f"{hz:g}")
    axes.set_ylabel("Hz")


def _loudness(axes: Any, scene: _Scene) -> None:
    for levels, name, colour, width in (
        (momentary_lufs(scene.mix, scene.rate_hz), "momentary", "#c9b18f", 0.8),
        (short_term_lufs(scene.mix, scene.rate_hz), "short-term", _COLOURS[1], 1.8),
    ):
        axes.plot(levels[1], np.maximum(levels[0], _LOWEST_LUFS), color=colour, linewidth=width, label=name)
    level = scene.manifest.level
    if level is not None and level.loudness_lufs is not None:
        axes.axhline(level.loudness_lufs, color=_INK, linewidth=0.8, linestyle="--", label="integrated")
    if level is not None and level.story_target_lufs is not None:
        axes.axhline(level.story_target_lufs, color=_HEARD, linewidth=0.8, linestyle=":", label="asked for")
    axes.set_ylim(_LOWEST_LUFS, 0)
    axes.set_ylabel("LUFS")
    axes.grid(axis="y", alpha=0.3)
    axes.legend(loc="lower right", ncols=4, fontsize=8, frameon=False)


def _extremes(mono: Samples, start: int, rate_hz: int, story_s: float) -> tuple[Any, Any, Any]:
    """The lowest and the highest sample of each column of the picture, and its time in seconds."""
    frames = max(1, round(story_s * rate_hz / _COLUMNS))
    columns = np.pad(mono, (0, -len(mono) % frames), mode="edge").reshape(-1, frames)
    at = (start + np.arange(len(columns)) * frames) / rate_hz
    return at, columns.min(axis=1), columns.max(axis=1)


def _lines(text: str, characters: int, most: int) -> Sequence[str]:
    lines = wrap(one_line(text), characters) or [""]
    return lines if len(lines) <= most else [*lines[: most - 1], _cut(" ".join(lines[most - 1 :]), characters)]


def _cut(text: str, characters: int) -> str:
    line = one_line(text)
    return line if len(line) <= characters else f"{line[: characters - 1].rstrip()}…"


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]
