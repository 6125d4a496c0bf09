"""dub: a video gets its sound; from a text, from a plan file, or from a plan that its cuts begin."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diegetic.cli.options import Curve, Device, FolderOfFile, Json, Loudness, Model, Rate, Seed, Stems
from diegetic.cli.outside import Outside
from diegetic.cli.screen import complain, show, typed
from diegetic.counted import counted
from diegetic.errors import InputError

if TYPE_CHECKING:
    from diegetic.folder import StoryFolder
    from diegetic.story import Story, Told
    from diegetic.video import Video

File = Annotated[Path, typer.Argument(metavar="VIDEO", help="An MP4, MOV, MKV, WebM or AVI file.")]
What = Annotated[
    str,
    typer.Argument(
        metavar="TEXT|FILE", help="What is to be heard, in words or a file; left out, a plan of its cuts is written."
    ),
]
CaptionedBy = Annotated[
    str | None,
    typer.Option(
        "--captioner", help="module:function that says what is to be heard in each scene.", show_default=False
    ),
]


def dub(
    context: typer.Context,
    video: File,
    what: What = "",
    output: FolderOfFile = None,
    captioner: CaptionedBy = None,
    seed: Seed = None,
    model: Model = None,
    rate: Rate = None,
    stems: Stems = None,
    curve: Curve = None,
    loudness: Loudness = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Put sound to a video, in sync to a frame, stems beside it. Without TEXT, a plan of its cuts is written first."""
    from diegetic.cli.asked import folder_for
    from diegetic.cli.grid import settle
    from diegetic.cli.stories import same_command, show_rendered
    from diegetic.cli.work import Work
    from diegetic.director import render_story
    from diegetic.manifest import mix_of
    from diegetic.story import Told
    from diegetic.video import put_sound, read_video

    outside: Outside = context.obj
    settings, laid = settle(
        outside.environment, model=model, device=device, rate_hz=rate, stems=stems, curve=curve, loudness=loudness
    )
    outside.check_name(settings.model, settings)
    if what.strip() and captioner is not None:
        raise InputError("--captioner: writes a plan, and one is given; leave either out")
    given, folder = read_video(video), folder_for(what if _is_story(what) else video.stem, output)
    if not what.strip():
        plan = folder.path / f"{video.stem}.dub.toml" if output else video.with_suffix(".dub.toml")
        count = _write_plan(given, plan, captioner)
        if captioner is None:
            then = typed("diegetic", "dub", video, plan)
            line = f"{plan}: {counted(count, 'scene')}; write what is to be heard, then `{then}`"
            show([line], json, {"plan": str(plan), "scenes": count})
            return
        what = str(plan)
    asked = _asked(what, given, settings.model, seed or 0)
    name = settings.model if model is not None or isinstance(asked, Told) else asked.model
    outside.check_name(name, settings)
    dubbed = folder.path / f"{video.stem}-dubbed{video.suffix}"
    with Work(asked.seconds, lambda: same_command(folder)) as work:
        loaded, load_s = work.load(name, lambda: outside.load(name, settings))
        done = render_story(loaded, asked, folder, laid, work.report)
        work.display.stage(f"writing {dubbed.name}", 0.99)
        put_sound(given, folder.path / mix_of(done.files), dubbed)
    show_rendered(folder, done, load_s, json, [_written(dubbed, video, folder)], {"video": str(dubbed)})


def _written(dubbed: Path, video: Path, folder: "StoryFolder") -> str:
    return f"{dubbed}: the video with its sound; after an edit, `{typed('diegetic', 'dub', video, folder.story)}`"


def _write_plan(video: "Video", file: Path, captioner: str | None) -> int:
    """Write a plan of a video's cuts; how many scenes it has. Raises InputError where there is one."""
    from diegetic.dubbing import find_captioner, plan_of, write_plan
    from diegetic.video import find_cuts

    if file.exists():
        raise InputError(f"{file}: is there already; give it after the video to dub by it, or delete it")
    named = find_captioner(captioner) if captioner else None
    complain(f"finding cuts in {video.path}")
    spans = find_cuts(video)
    if named:
        complain(f"writing captions by {captioner}")
    write_plan(file, plan_of(spans, named(video.path, spans) if named else None))
    return len(spans)


def _is_story(what: str) -> bool:
    """Whether an argument is the story file of a video that was dubbed before."""
    from diegetic.story_file import NAME

    return Path(what).name == NAME


def _asked(what: str, video: "Video", model: str, seed: int) -> "Story | Told":
    from diegetic.cli.asked import check_text, is_file, read_text
    from diegetic.dubbing import read_plan, story_of_plan
    from diegetic.story import MAX_TOLD_S, Told, check_told, milliseconds
    from diegetic.story_file import read_story

    if _is_story(what):
        return read_story(Path(what))
    if what.lower().endswith(".toml"):
        return story_of_plan(read_plan(Path(what)), video, model, seed, what)
    if video.seconds > MAX_TOLD_S:
        raise InputError(
            f"{video.path}: must last {MAX_TOLD_S:g} s at most to be told in one text, got {video.seconds:.0f} s; "
            "write a plan, which may be longer"
        )
    text = read_text(Path(what)) if is_file(what) else what
    return check_told(Told(check_text(text), max(1.0, milliseconds(video.seconds)), seed))
