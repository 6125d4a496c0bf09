"""render, plan and continue: a scene in words becomes a folder, or a story file to edit."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diegetic.cli.options import (
    Bpm,
    Channels,
    Curve,
    Device,
    Format,
    Handles,
    Json,
    LaneLoudness,
    Loudness,
    Model,
    Quantise,
    Rate,
    Seconds,
    Seed,
    Stems,
    TruePeak,
    Variation,
)
from diegetic.cli.outside import Outside
from diegetic.cli.screen import complain, show, typed
from diegetic.errors import InputError
from diegetic.settings import resolve

if TYPE_CHECKING:
    from diegetic.director import Output as Laying
    from diegetic.director import Rendered
    from diegetic.folder import StoryFolder
    from diegetic.story import Story

What = Annotated[
    list[str],
    typer.Argument(metavar="TEXT|FILE...", help="A scene in words, or a .toml or .txt file with one; or many files."),
]
Text = Annotated[str, typer.Argument(metavar="TEXT", help="A scene in words.")]
Output = Annotated[str | None, typer.Option("-o", "--output", help="A folder; else named from the text.")]
PlanOutput = Annotated[str | None, typer.Option("-o", "--output", help="A file .toml, or a folder for story.toml.")]
Append = Annotated[bool, typer.Option("--append", help="Add it to the project in the folder that -o names.")]
At = Annotated[
    float | None,
    typer.Option("--at", help="Second at which --append puts it; after all where left out.", show_default=False),
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", help="How many of many files at a time; 1 where left out.", show_default=False)
]
Ray = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="Render many files on a Ray cluster: auto, HOST:PORT."),
]
Folder = Annotated[str, typer.Argument(metavar="DIR", help="The folder of a rendered story.")]
More = Annotated[float, typer.Option("--seconds", help="How much longer the story becomes.")]


def render(
    context: typer.Context,
    scenes: What,
    seconds: Seconds = None,
    output: Output = None,
    seed: Seed = None,
    model: Model = None,
    rate: Rate = None,
    stems: Stems = None,
    curve: Curve = None,
    variation: Variation = None,
    loudness: Loudness = None,
    lane_loudness: LaneLoudness = None,
    true_peak: TruePeak = None,
    file_format: Format = None,
    channels: Channels = None,
    handles: Handles = None,
    bpm: Bpm = None,
    quantise: Quantise = None,
    append: Append = False,
    at: At = None,
    jobs: Jobs = None,
    ray: Ray = None,
    device: Device = None,
    json: Json = False,
) -> int:
    """Plan and render a scene into a folder: mix, stems, takes and a story.toml to edit and render again.

    Many files go into a folder each, below -o; what is there already is left alone.
    """
    from diegetic.cli.appending import check_appending
    from diegetic.cli.asked import Wishes, asked_for, folder_for
    from diegetic.cli.grid import on_grid, settle, unit_of
    from diegetic.cli.many import render_many
    from diegetic.cli.work import Work
    from diegetic.director import render_story
    from diegetic.story import Story
    from diegetic.targets import check_lanes

    outside: Outside = context.obj
    settings, laid = settle(
        outside.environment, model=model, device=device, rate_hz=rate, stems=stems, curve=curve,
        file_format=file_format, channels=channels, loudness=loudness, lane_loudness=lane_loudness,
        true_peak=true_peak, handles=handles, bpm=bpm,
    )  # fmt: skip
    appending = check_appending(append, output, at)
    if appending is not None:
        given = {
            "rate_hz": rate,
            "stems": stems,
            "curve": curve,
            "bpm": bpm,
            "targets": loudness or lane_loudness or None,
        }
        given |= {"ceiling_dbtp": true_peak, "file_format": file_format, "channels": channels, "handles_s": handles}
        laid = appending.laid(laid, given)
    unit = unit_of(quantise, laid.bpm)
    wishes = Wishes(seconds, seed, variation, settings.model)
    if len(scenes) > 1 or jobs is not None or ray is not None:
        if unit is not None or appending is not None:
            flag = "--quantise" if appending is None else "--append"
            raise InputError(f"{flag}: takes one story at a time; leave it out, or render each by itself")
        return render_many(outside, scenes, output, wishes, model, settings, laid, jobs, ray, json)
    (what,) = scenes
    asked = asked_for(what, wishes)
    name = asked.model if isinstance(asked, Story) and model is None else settings.model
    outside.check_name(name, settings)
    folder = folder_for(what, output) if appending is None else appending.folder(what, asked, name)
    if isinstance(asked, Story):
        folder.accept(asked)
        check_lanes(asked, laid.targets)
    else:
        folder.so_far(asked, name)
    _remark_on(asked.instruction, math.inf if isinstance(asked, Story) else asked.seconds)
    with Work(asked.seconds, lambda: same_command(folder, unit is not None)) as work:
        loaded, load_s = work.load(name, lambda: outside.load(name, settings))
        if unit is not None and laid.bpm is not None:
            work.display.stage("planning", None)
            asked = on_grid(loaded, asked, folder, laid.bpm, unit, work.report)
        done = render_story(loaded, asked, folder, laid, work.report)
    lines, facts = ((), {}) if appending is None else appending.add(folder)
    show_rendered(folder, done, load_s, json, lines, facts)
    return 0


def plan(
    context: typer.Context,
    text: Text,
    seconds: Seconds = None,
    output: PlanOutput = None,
    seed: Seed = None,
    model: Model = None,
    variation: Variation = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Only plan a scene, into a story.toml to edit and render."""
    from diegetic.cli.asked import Wishes, asked_for, is_planned
    from diegetic.cli.report import plan_facts
    from diegetic.cli.work import Work, describe
    from diegetic.director import plan_story
    from diegetic.story import Told
    from diegetic.story_file import write_story

    outside: Outside = context.obj
    settings = resolve(outside.environment, {"model": model, "device": device})
    if is_planned(text):
        raise InputError(f"text: must be a scene in words, got the file {text}; it is planned: render it")
    told = asked_for(text, Wishes(seconds, seed, variation))
    assert isinstance(told, Told)
    outside.check_name(settings.model, settings)
    file = _plan_file(text, output)
    _remark_on(told.instruction, told.seconds)
    with Work(told.seconds, lambda: "nothing was written; run the same command again") as work:
        loaded, _ = work.load(settings.model, lambda: outside.load(settings.model, settings))
        story = plan_story(loaded, told, work.report)
        write_story(file, story)
    lines = [*map(describe, story.events), f"{file}: edit it, then `{typed('diegetic', 'render', file)}`"]
    show(lines, json, {"story": str(file), **plan_facts(story)})


def continue_(
    context: typer.Context,
    folder: Folder,
    text: Text,
    seconds: More = 10.0,
    rate: Rate = None,
    stems: Stems = None,
    curve: Curve = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Tell what comes next in a rendered story; it remembers what was heard."""
    from diegetic.cli.asked import check_story_folder, check_text
    from diegetic.cli.grid import settle
    from diegetic.cli.work import Work
    from diegetic.director import continue_story
    from diegetic.story import Told, check_told
    from diegetic.story_file import read_story

    outside: Outside = context.obj
    settings, asked = settle(outside.environment, device=device, rate_hz=rate, stems=stems, curve=curve)
    told = check_told(Told(check_text(text), seconds))
    place = check_story_folder(folder)
    story, laid = read_story(place.story), _as_before(place, asked, {"rate_hz": rate, "stems": stems, "curve": curve})
    outside.check_name(story.model, settings)
    _remark_on(text)
    with Work(story.seconds + told.seconds, lambda: _longer_or_same(place, story)) as work:
        loaded, load_s = work.load(story.model, lambda: outside.load(story.model, settings))
        done = continue_story(loaded, place, told.instruction, told.seconds, laid, work.report)
    show_rendered(place, done, load_s, json)


def _as_before(folder: "StoryFolder", asked: "Laying", given: Mapping[str, object]) -> "Laying":
    """How a story is laid out that goes on: as it was, but for what a flag says. given: by field; None: no flag."""
    from dataclasses import replace

    from diegetic.cli.again import laid_out_before
    from diegetic.manifest import read_manifest

    if not folder.manifest.exists() or not read_manifest(folder.manifest).output:
        return asked
    before = laid_out_before(folder)
    rate_hz, stems, curve = (
        getattr(before if given[name] is None else asked, name) for name in ("rate_hz", "stems", "curve")
    )
    return replace(before, rate_hz=rate_hz, stems=stems, curve=curve)


def show_rendered(
    folder: "StoryFolder",
    done: "Rendered",
    load_s: float,
    json: bool,
    lines: Iterable[str] = (),
    facts: Mapping[str, object] | None = None,
) -> None:
    """What a render came to. lines, facts: what more is to be said of it."""
    from diegetic.cli.report import rendered_facts, rendered_lines

    all_lines = (*rendered_lines(folder, done, load_s), *lines)
    show(all_lines, json, {**rendered_facts(folder, done, load_s), **(facts or {})})


def _remark_on(text: str, seconds: float = math.inf) -> None:
    """Say what is to be known of a text, and of one that gives later seconds than those that it is told for."""
    from diegetic.model.timetable import A_SOUND_S, told_s
    from diegetic.remarks import remarks_on

    for remark in remarks_on(text):
        complain(remark)
    if (needed_s := told_s(text)) >= seconds + A_SOUND_S:
        complain(f"note: the text gives seconds that a story of {seconds:g} hasn't; with --seconds {needed_s:g} it has")


def _plan_file(text: str, output: str | None) -> Path:
    """Where a plan goes. Raises InputError where a story is there, or none can be."""
    from diegetic.cli.asked import check_folder, folder_for

    if output is not None and output.strip().lower().endswith(".toml"):
        file = Path(output)
        check_folder(file.parent)
    else:
        file = folder_for(text, output).story
    if file.exists():
        raise InputError(f"{file}: is there already; render it, delete it, or give another file with -o")
    return file


def same_command(folder: "StoryFolder", on_grid: bool = False) -> str:
    """How a render goes on that was stopped. on_grid: the plan may have grown longer than was asked for."""
    if on_grid and folder.story.exists():
        return f"go on with `{typed('diegetic', 'render', folder.story)}` and the same --bpm and --quantise"
    kept = len(list(folder.takes.folder.glob("*.json")))
    if not kept:
        return "no take was finished yet; run the same command again"
    takes = "takes are" if kept > 1 else "take is"
    return f"{kept} finished {takes} kept in {folder.path}; the same command goes on from there"


def _longer_or_same(folder: "StoryFolder", before: "Story") -> str:
    """How a continuation goes on that was stopped: once it is in story.toml, it must not be told again."""
    from diegetic.story_file import read_story

    if read_story(folder.story) == before:
        return same_command(folder)
    return f"the story is longer already; go on with `{typed('diegetic', 'render', folder.story)}`"
