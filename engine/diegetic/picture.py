"""A picture of a rendered story for a report.

    lanes         each event as it was laid out: fades, waveform, caption; joins, and whether they can be heard
    mix           waveform
    spectrogram   of the mix
    loudness      momentary and short-term, with what was measured and asked for

It is of what was rendered, whatever has become of story.toml since. matplotlib draws it, which rendering itself doesn't
need.

Knows nothing of models.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diegetic.atomic import write_atomically
from diegetic.audio.seams import measure
from diegetic.audio.wav import read_wav
from diegetic.errors import Failure
from diegetic.folder import StoryFolder
from diegetic.manifest import Level, Manifest, read_manifest
from diegetic.names import one_line
from diegetic.picture_lanes import Drawn, Lane, Measure, Sound, cut, lay_lanes, legend, wrapped
from diegetic.picture_panels import Mix, draw_loudness, draw_spectrogram, draw_waveform, extremes
from diegetic.project.timeline import Item, Timeline
from diegetic.story import OVERLAP_S, Event, follows

Samples = NDArray[np.float32]

_COLOURS = ("#3f78b5", "#c9822b", "#4c9460", "#a8527a", "#7563b5", "#7f8034")
_INK, _PALE, _HEARD = "#222222", "#8a8a8a", "#c8102e"
_WIDTH, _EDGE, _NAMES_GAP, _DPI = 14.0, 0.15, 0.1, 110
_LEAST_NAMES = 0.75
_TITLE_LINE, _FACTS, _LEGEND_LINE = 0.27, 0.3, 0.19
_PANELS = ((0.2, 0.9), (0.2, 2.0), (0.32, 1.35))  # the gap above each panel under the lanes, and its height
_X_AXIS = 0.5
_TITLE_POINTS, _TEXT_POINTS, _CAPTION_POINTS, _POINTS_AN_INCH = 13.0, 9.0, 8.5, 72
_LEGEND_INDENT, _LEAST_COLUMNS, _MOST_TITLE_LINES = 0.32, 3, 2
_CAPTION_HEIGHT, _BODY_MARGIN = 0.2, 0.03
_FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "Yu Gothic", "Microsoft YaHei")


@dataclass(frozen=True, slots=True)
class _Shown:
    """An event, what plays it, and whether it joins another: None: it doesn't; else whether that can be heard."""

    event: Event
    item: Item
    heard: bool | None


@dataclass(frozen=True, slots=True)
class _Scene:
    """What is drawn; shown: in order of time."""

    folder: Path
    manifest: Manifest
    timeline: Timeline
    mix: Mix
    shown: tuple[_Shown, ...]

    @property
    def seconds(self) -> float:
        return self.manifest.seconds


@dataclass(frozen=True, slots=True)
class _Page:
    """The figure, its height, and where the panels' axes are in it, from the left; inches all."""

    figure: Any
    height: float
    left: float
    width: float

    def axes(self, top: float, height: float) -> Any:
        """Axes at this place, as wide as all are."""
        across = self.left / _WIDTH, self.width / _WIDTH
        axes = self.figure.add_axes((across[0], 1 - (top + height) / self.height, across[1], height / self.height))
        axes.spines[["top", "right"]].set_visible(False)
        return axes

    def write(self, text: str, left: float, top: float, points: float, colour: str) -> None:
        """A line of text whose top left corner is there."""
        place = left / _WIDTH, 1 - (top + points / _POINTS_AN_INCH) / self.height
        self.figure.text(*place, text, va="baseline", color=colour, fontsize=points, parse_math=False)


def write_picture(folder: StoryFolder, path: Path) -> None:
    """Draw a rendered story as a PNG. Raises InputError, and Failure where matplotlib or a sound is missing."""
    figure, picture = draw_picture(folder), io.BytesIO()
    with _quiet():
        figure.savefig(picture, format="png")
    write_atomically(path, picture.getvalue())


def draw_picture(folder: StoryFolder) -> Any:
    """A rendered story as a figure of matplotlib's. Raises as `write_picture` does."""
    try:
        from matplotlib import font_manager, rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise Failure("show: needs matplotlib, which isn't installed; pip install matplotlib, and try again") from None
    scene = _read(folder)
    known = {font.name for font in font_manager.fontManager.ttflist}
    with _quiet(), rc_context({"font.family": [name for name in _FONTS if name in known]}):
        figure = Figure(dpi=_DPI)
        FigureCanvasAgg(figure)
        _draw(figure, scene)
    return figure


@contextmanager
def _quiet() -> Iterator[None]:
    """Without a warning for each letter that no font has: a box stands for it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _read(folder: StoryFolder) -> _Scene:
    manifest = read_manifest(folder.manifest)
    mix = Mix(*read_wav(folder.path / manifest.mix), manifest.level)
    timeline = manifest.timeline
    if timeline is None:
        raise Failure(f"{folder.manifest}: has no timeline; render the story again")
    events = [Event(each.event, each.caption, each.start_s, each.duration_s, each.lane) for each in manifest.events]
    by_lane = {track.name: iter(track.items) for track in timeline.tracks}
    heard = _heard_joins(events, mix)
    shown = tuple(_Shown(event, next(by_lane[event.lane]), heard.get(event.id)) for event in events)
    return _Scene(folder.path, manifest, timeline, mix, shown)


def _heard_joins(events: Sequence[Event], mix: Mix) -> dict[str, bool]:
    """Whether its join can be heard, of each event that follows another in its lane."""
    joined = [event for event in events if any(follows(event, other) for other in events)]
    seams = measure(mix.samples, mix.rate_hz, [event.start_s for event in joined], OVERLAP_S) if joined else ()
    heard = {seam.at_s for seam in seams if seam.heard}
    return {event.id: event.start_s in heard for event in joined}


def _draw(figure: Any, scene: _Scene) -> None:
    captions, names = _measure(figure, _CAPTION_POINTS), _measure(figure, _TEXT_POINTS)
    left = _EDGE + _NAMES_GAP + max(_LEAST_NAMES, *(names(track.name) for track in scene.timeline.tracks))
    width = _WIDTH - left - 2 * _EDGE
    lanes = lay_lanes(_sounds(scene, width / scene.seconds), width, captions)
    notes = _columns(legend(lanes), width, captions)
    title = _title(scene, width, _measure(figure, _TITLE_POINTS))
    head = _EDGE + len(title) * _TITLE_LINE + _FACTS
    lanes_height = sum(lane.height for lane in lanes)
    foot = head + lanes_height + sum(map(sum, _PANELS)) + _X_AXIS
    page = _Page(figure, foot + _LEGEND_LINE * max(map(len, notes), default=0) + _EDGE, left, width)
    figure.set_size_inches(_WIDTH, page.height)
    for number, line in enumerate(title):
        page.write(line, left, _EDGE + number * _TITLE_LINE, _TITLE_POINTS, _INK)
    _facts(page, scene, head - _FACTS, names)
    first = page.axes(head, lanes_height)
    _lanes(first, scene, lanes, width / scene.seconds)
    first.set_xlim(0, scene.seconds)
    _panels(page, scene, head + lanes_height, first)
    for number, column in enumerate(notes):
        _notes(page, column, left + number * width / len(notes), foot)


def _panels(page: _Page, scene: _Scene, top: float, first: Any) -> None:
    """What is below the lanes, with one axis of time for all."""
    from matplotlib.ticker import MaxNLocator

    first.tick_params(labelbottom=False)
    for (gap, height), draw in zip(_PANELS, (draw_waveform, draw_spectrogram, draw_loudness), strict=True):
        axes = page.axes(top + gap, height)
        draw(axes, scene.mix)
        axes.sharex(first)
        axes.tick_params(labelbottom=draw is draw_loudness)
        top += gap + height
    axes.xaxis.set_major_locator(MaxNLocator(14, steps=[1, 2, 5, 10]))
    axes.set_xlabel("seconds")


def _measure(figure: Any, points: float) -> Measure:
    """How wide a text of this size is, in inches."""
    from matplotlib.font_manager import FontProperties

    font, renderer = FontProperties(size=points), figure.canvas.get_renderer()
    return lambda text: float(renderer.get_text_width_height_descent(text, font, False)[0]) / _DPI if text else 0.0


def _title(scene: _Scene, width: float, wide: Measure) -> list[str]:
    lines = wrapped(one_line(scene.manifest.instruction), width, wide)
    if len(lines) > _MOST_TITLE_LINES:
        rest = " ".join(lines[_MOST_TITLE_LINES - 1 :])
        lines[_MOST_TITLE_LINES - 1 :] = [cut(rest, width, wide)]
    return lines


def _facts(page: _Page, scene: _Scene, top: float, wide: Measure) -> None:
    """What was measured, and on the right what the lines at joins mean, where there are any."""
    told = scene.manifest
    facts = [f"{scene.seconds:g} s", told.model, f"seed {told.seed}", *(_level_facts(told.level) if told.level else ())]
    right, joins = page.left + page.width, {each.heard for each in scene.shown}
    for text, colour, heard in (("│ join that can be heard", _HEARD, True), ("│ join", _INK, False)):
        if heard in joins:
            right -= wide(text)
            page.write(text, right, top, _TEXT_POINTS, colour)
            right -= 2 * _EDGE
    page.write(cut("   ".join(facts), right - page.left, wide), page.left, top, _TEXT_POINTS, _PALE)


def _level_facts(level: Level) -> list[str]:
    loudness = "silent" if level.loudness_lufs is None else f"{level.loudness_lufs:.1f} LUFS"
    limited = [f"limited by {level.limited_db:.1f} dB"] if level.limited_db > 0.05 else []
    return [loudness, f"true peak {level.true_peak_dbtp:.1f} dBTP", *limited]


def _sounds(scene: _Scene, inches_a_second: float) -> list[list[Sound]]:
    """What is in each lane, as long as it is drawn."""
    lanes: dict[str, list[Sound]] = {track.name: [] for track in scene.timeline.tracks}
    for number, shown in enumerate(scene.shown, start=1):
        item, scale = shown.item, inches_a_second / scene.timeline.rate_hz
        end = item.start + item.frames - item.fade_out
        lanes[shown.event.lane].append(Sound(number, item.name, item.start * scale, end * scale))
    return list(lanes.values())


def _lanes(axes: Any, scene: _Scene, lanes: Sequence[Lane], inches_a_second: float) -> None:
    """Every lane; the axes' height is in inches."""
    played = [_played(scene.folder, shown.item) for shown in scene.shown]
    loudest = max(float(np.abs(sound).max(initial=0.0)) for sound in played) or 1.0
    for number, lane in enumerate(lanes):
        colour = _COLOURS[number % len(_COLOURS)]
        for drawn in lane.drawn:
            shown, sound = scene.shown[drawn.sound.number - 1], played[drawn.sound.number - 1]
            _event(axes, scene, shown, drawn, sound / loudest, colour)
            place = (drawn.text_left / inches_a_second, drawn.top + _CAPTION_HEIGHT)
            axes.text(*place, drawn.text, va="bottom", color=_INK, fontsize=_CAPTION_POINTS, parse_math=False)
    axes.set_yticks([lane.top + lane.height / 2 for lane in lanes])
    axes.set_yticklabels([one_line(track.name) for track in scene.timeline.tracks], fontsize=_TEXT_POINTS)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(sum(lane.height for lane in lanes), 0)


def _played(folder: Path, item: Item) -> Samples:
    """What an item plays, without its fades: [frames]."""
    samples = read_wav(folder / item.clip.path)[0]
    mono: Samples = samples[item.clip.offset : item.clip.offset + item.frames].mean(axis=1)
    return mono


def _event(axes: Any, scene: _Scene, shown: _Shown, drawn: Drawn, sound: Samples, colour: str) -> None:
    """A body whose corners are its fades, the waveform as it fades, and a line where it joins what was before."""
    item, rate_hz = shown.item, scene.timeline.rate_hz
    top, bottom = drawn.top + _CAPTION_HEIGHT + _BODY_MARGIN, drawn.top + drawn.height - _BODY_MARGIN
    middle, half = (top + bottom) / 2, (bottom - top) / 2
    start, end = item.start / rate_hz, (item.start + item.frames) / rate_hz
    corners = [start, start + item.fade_in / rate_hz, end - item.fade_out / rate_hz, end]
    gain = np.array([0.0, 1.0, 1.0, 0.0])
    axes.fill_between(corners, middle - half * gain, middle + half * gain, color=colour, alpha=0.22, linewidth=0)
    at, low, high = extremes(sound, item.start, rate_hz, scene.seconds)
    faded = np.interp(at, corners, gain)
    # A root makes what is soft visible beside what is loud.
    below, above = (np.sign(edge) * np.sqrt(np.abs(edge)) * faded for edge in (low, high))
    axes.fill_between(at, middle - half * above, middle - half * below, color=colour, linewidth=0)
    if shown.heard is not None:
        axes.vlines(shown.event.start_s, top, bottom, color=_HEARD if shown.heard else _INK, linewidth=1.2)


def _columns(sounds: Sequence[Sound], width: float, wide: Measure) -> list[list[tuple[str, str]]]:
    """The legend: columns of lines, each with the number of its sound before the first of them."""
    if not sounds:
        return []
    around = _LEGEND_INDENT + 2 * _EDGE
    fitting = int(width // (around + max(wide(sound.caption) for sound in sounds)))
    count = min(len(sounds), max(_LEAST_COLUMNS, fitting))
    texts = [wrapped(sound.caption, width / count - around, wide) for sound in sounds]
    most = -(-sum(map(len, texts)) // count)
    while len(columns := _filled(sounds, texts, most)) > count:
        most += 1
    return columns


def _filled(sounds: Sequence[Sound], texts: Sequence[list[str]], most: int) -> list[list[tuple[str, str]]]:
    """Columns of `most` lines, none of which begins within a text."""
    columns: list[list[tuple[str, str]]] = [[]]
    for sound, lines in zip(sounds, texts, strict=True):
        if columns[-1] and len(columns[-1]) + len(lines) > most:
            columns.append([])
        columns[-1] += zip((str(sound.number), *[""] * (len(lines) - 1)), lines, strict=True)
    return columns


def _notes(page: _Page, column: Sequence[tuple[str, str]], left: float, top: float) -> None:
    for number, line in column:
        page.write(number, left, top, _CAPTION_POINTS, _PALE)
        page.write(line, left + _LEGEND_INDENT, top, _CAPTION_POINTS, _INK)
        top += _LEGEND_LINE
