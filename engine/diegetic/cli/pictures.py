"""show: a rendered story as a picture."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diegetic.cli.options import Json
from diegetic.cli.outside import Outside
from diegetic.cli.screen import complain, show
from diegetic.cli.stories import Folder
from diegetic.errors import Failure, InputError

if TYPE_CHECKING:
    from diegetic.folder import StoryFolder

_NAME = "story.png"

PictureOutput = Annotated[
    str | None, typer.Option("-o", "--output", metavar="PNG", help=f"A file; {_NAME} in DIR where left out.")
]
Open = Annotated[bool, typer.Option("--open", help="Open it in the system's viewer.")]


def show_(
    context: typer.Context, folder: Folder, output: PictureOutput = None, open_it: Open = False, json: Json = False
) -> None:
    """Draw a rendered story: lanes with their events, waveform, spectrogram, loudness."""
    from diegetic.cli.again import laid_out_before
    from diegetic.cli.asked import check_story_folder

    outside: Outside = context.obj
    place = check_story_folder(folder, writes=output is None)
    laid_out_before(place)
    path = _picture_file(place, output)
    if find_spec("matplotlib") is None:
        raise Failure(
            "show: needs matplotlib, which isn't installed; run `pip install matplotlib`, or install diegetic with "
            "its extra `evaluate`, and try again"
        )
    from diegetic.picture import write_picture

    write_picture(place, path)
    if open_it and not outside.open_file(path):
        complain(f"note: no viewer could be started; open {path} yourself")
    show([str(path)], json, {"folder": str(place.path), "picture": str(path)})


def _picture_file(folder: "StoryFolder", output: str | None) -> Path:
    """Where the picture goes. Raises InputError where none can be."""
    from diegetic.cli.asked import check_folder

    if output is None:
        return folder.path / _NAME
    path = Path(output)
    if path.suffix.lower() != ".png" or path.is_dir():
        raise InputError(f"-o: must be a file that ends in .png, got {output[:80]!r}")
    check_folder(path.parent)
    return path
