"""The commands under one name, and the boundary where every error becomes one sentence and an exit code.

0 done   1 failed   2 bad input   130 stopped by Ctrl-C
"""

import json
import logging
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from diegetic import __version__
from diegetic.cli import banks, models
from diegetic.cli.check import check
from diegetic.cli.dub import dub
from diegetic.cli.live import devices, replay, serve
from diegetic.cli.outside import Outside
from diegetic.cli.pictures import show_
from diegetic.cli.recordings import caption, extend
from diegetic.cli.screen import complain
from diegetic.cli.stories import continue_, plan, render
from diegetic.cli.takes import prune, retake, takes, use
from diegetic.errors import DiegeticError
from diegetic.settings import data_folder

# Typer carries its own copy of click or uses the installed one, by version: its usage errors are this either way.
_UsageError = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

_INTERRUPTED = 130

_log = logging.getLogger(__name__)

app = typer.Typer(
    name="diegetic",
    help="Tell a scene in words: it is planned as timed events, rendered, and laid out as stems and a mix.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(render)
app.command()(plan)
app.command("continue")(continue_)
app.command()(takes)
app.command()(retake)
app.command()(use)
app.command()(prune)
app.command("show")(show_)
app.command()(caption)
app.command()(extend)
app.command()(dub)
app.command()(serve)
app.command()(replay)
app.command()(devices)
app.add_typer(banks.app, name="bank")
app.add_typer(models.app, name="models")
app.command()(check)

Version = Annotated[bool, typer.Option("--version", help="Show the version.")]


@app.callback(invoke_without_command=True)
def start(context: typer.Context, version: Version = False) -> None:
    """Show the version, or without a command the help."""
    if version:
        print(f"diegetic {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())


def run(arguments: Sequence[str], outside: Outside) -> int:
    """Run one command; the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that can't show a caption's letters
    try:
        code = app(list(arguments), prog_name="diegetic", standalone_mode=False, obj=outside)
        if code == _INTERRUPTED:  # typer's own answer to Ctrl-C; commands raise Cancelled
            return _stopped(arguments)
        return code if isinstance(code, int) else 0
    except typer.Exit as ended:
        return ended.exit_code
    except KeyboardInterrupt:
        return _stopped(arguments)
    except DiegeticError as error:
        return _end(str(error), error.exit_code, arguments)
    except BrokenPipeError:
        return 1
    except Exception as error:
        if isinstance(error, _UsageError):
            return _end(_usage(error), 2, arguments)
        return _end(f"unexpected: {error!r:.200}; the traceback is in {_write_log()}", 1, arguments)


def _stopped(arguments: Sequence[str]) -> int:
    return _end("stopped; nothing was begun", _INTERRUPTED, arguments)


def _end(sentence: str, code: int, arguments: Sequence[str]) -> int:
    complain(sentence)
    if "--json" in arguments:
        print(json.dumps({"error": sentence, "exit_code": code}), flush=True)
    return code


def _usage(error: Exception) -> str:
    """What typer says of wrong arguments, with the way out."""
    told = error.format_message() if hasattr(error, "format_message") else str(error)
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "diegetic"
    return f"{told.rstrip('.')}; see `{command} --help`"


def _write_log() -> Path:
    """Write the traceback being handled into a file of its own."""
    name = f"error-{time.strftime('%Y%m%d-%H%M%S')}.log"
    for folder in (data_folder() / "logs", Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(traceback.format_exc(), encoding="utf-8", errors="replace")
        except OSError:
            continue
        return folder / name
    _log.exception("no log file can be written")
    return Path("stderr")
