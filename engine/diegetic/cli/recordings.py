"""caption and extend: a recording is understood in words, or goes on as a story."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diegetic.cli.options import Curve, Device, FolderOfFile, Json, Loudness, Model, Rate, Seed, Stems
from diegetic.cli.outside import Outside
from diegetic.cli.screen import complain, show, typed
from diegetic.errors import InputError
from diegetic.settings import resolve

if TYPE_CHECKING:
    from diegetic.protocol import Heard

File = Annotated[Path, typer.Argument(metavar="RECORDING", help="A WAV, FLAC, Ogg or MP3 file.")]
Text = Annotated[str, typer.Argument(metavar="TEXT", help="What happens next; else it goes on as it is.")]
Ask = Annotated[str | None, typer.Option("--ask", help="A question about it.", show_default=False)]
Plan = Annotated[
    str | None, typer.Option("-o", "--output", help="Also a story of it: a file .toml, to edit and render.")
]
More = Annotated[float, typer.Option("--seconds", help="How long it goes on.")]
Said = Annotated[str, typer.Option("--caption", help="What the recording is, where the model hears it wrongly.")]


def caption(
    context: typer.Context,
    recording: File,
    ask: Ask = None,
    output: Plan = None,
    model: Model = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Say what sounds when in a recording, answer a question about it, or make a story of it to edit and render."""
    from diegetic.audio.recording import check_recording, read_recording
    from diegetic.cli.asked import check_text
    from diegetic.cli.work import Work
    from diegetic.heard_story import story_of_heard
    from diegetic.recorded import can_listen
    from diegetic.story_file import write_story

    outside: Outside = context.obj
    settings = resolve(outside.environment, {"model": model, "device": device})
    outside.check_name(settings.model, settings)
    question = check_text(ask) if ask is not None else None
    if question is not None and not question.strip():
        raise InputError("--ask: must be a question, got nothing; leave it out to hear what sounds when")
    file = _free_file(output)
    check_recording(recording)
    with Work(1.0, lambda: "nothing was written; run the same command again") as work:
        loaded, _ = work.load(settings.model, lambda: outside.load(settings.model, settings))
        listening = can_listen(loaded)
        brought = read_recording(recording, loaded.sample_rate)
        work.display.stage(f"listening to {recording}", None)
        heard = listening.hear(brought.samples)
        answer = None if question is None else listening.ask(brought.samples, question)
    if brought.remark:
        complain(brought.remark)
    lines = [*map(_line, heard)] or ["nothing that can be named"]
    lines += [answer] if answer is not None else []
    if file is not None:
        write_story(file, story_of_heard(heard, brought.seconds, settings.model))
        lines.append(f"{file}: edit it, then `{typed('diegetic', 'render', file)}`")
    facts = {"recording": str(recording), "seconds": round(brought.seconds, 3), "answer": answer}
    show(lines, json, {**facts, "heard": [asdict(each) for each in heard], "story": str(file) if file else None})


def extend(
    context: typer.Context,
    recording: File,
    text: Text = "",
    seconds: More = 10.0,
    output: FolderOfFile = None,
    caption: Said = "",
    seed: Seed = None,
    model: Model = None,
    rate: Rate = None,
    stems: Stems = None,
    curve: Curve = None,
    loudness: Loudness = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Go on from a recording, in its own sound; a text says what happens next."""
    from diegetic.audio.recording import check_recording, read_recording
    from diegetic.cli.asked import check_text, folder_for
    from diegetic.cli.grid import settle
    from diegetic.cli.stories import same_command, show_rendered
    from diegetic.cli.work import Work
    from diegetic.recorded import LONGEST_S, FromRecording, continue_recording
    from diegetic.story import MAX_CAPTION_CHARACTERS, Told, check_told

    outside: Outside = context.obj
    settings, laid = settle(
        outside.environment, model=model, device=device, rate_hz=rate, stems=stems, curve=curve, loudness=loudness
    )
    check_told(Told(text or "more", seconds, seed or 0))
    said = check_text(caption).strip()
    if len(said) > MAX_CAPTION_CHARACTERS:
        raise InputError(
            f"--caption: must have at most {MAX_CAPTION_CHARACTERS} characters, got {len(said)}; reword it"
        )
    outside.check_name(settings.model, settings)
    folder = folder_for(recording.stem, output)
    check_recording(recording, LONGEST_S)
    with Work(seconds, lambda: same_command(folder)) as work:
        loaded, load_s = work.load(settings.model, lambda: outside.load(settings.model, settings))
        brought = read_recording(recording, loaded.sample_rate, LONGEST_S)
        asked = FromRecording(brought.samples, said, check_text(text), seconds, seed or 0)
        done = continue_recording(loaded, asked, folder, laid, work.report)
    if brought.remark:
        complain(brought.remark)
    show_rendered(folder, done, load_s, json)


def _line(heard: "Heard") -> str:
    return f"{heard.start_s:7.1f} to {heard.end_s:6.1f} s  {heard.sure:4.0%}  {heard.lane:<11} {heard.caption}"


def _free_file(output: str | None) -> Path | None:
    """Where a story goes. Raises InputError where one is there, or none can be."""
    from diegetic.cli.asked import check_folder

    if output is None:
        return None
    if not output.strip():
        raise InputError("-o: must name a file, got nothing; leave it out for no story")
    file = Path(output) if output.strip().lower().endswith(".toml") else Path(output, "story.toml")
    if file.exists():
        raise InputError(f"{file}: is there already; render it, delete it, or give another file with -o")
    check_folder(file.parent)
    return file
