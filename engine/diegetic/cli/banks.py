"""bank add, list and remove: stories told in the sound of one's own library."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diegetic.cli.options import Device, Json
from diegetic.cli.outside import Outside
from diegetic.cli.screen import open_display, show
from diegetic.cli.stopping import Stopping
from diegetic.counted import counted
from diegetic.errors import Cancelled
from diegetic.settings import Settings, resolve

if TYPE_CHECKING:
    from diegetic.model.bank.add import Step

app = typer.Typer(help="Your own sounds: add a folder of recordings, then render with --model pocket+NAME.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The bank's name.")]
BankName = Annotated[str, typer.Option("--name", help="What to call the bank.")]
Recordings = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of recordings.")]
Captions = Annotated[Path | None, typer.Option("--captions", help="A CSV with the columns file and caption.")]


@app.command()
def add(
    context: typer.Context,
    folder: Recordings,
    name: BankName = "mine",
    captions: Captions = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Take a folder's recordings into a bank: described and indexed, not copied. Again: only what is new."""
    from diegetic.model.user_banks import bank_folder

    outside: Outside = context.obj
    settings = resolve(outside.environment, {"device": device})
    place = bank_folder(name)
    try:
        steps = _take_in(outside, folder, place, captions, settings)
    except KeyboardInterrupt:
        raise Cancelled("stopped; the bank is as it was: run the same command again") from None
    taken = [step for step in steps if not step.problem]
    minutes = sum(step.seconds for step in taken) / 60
    problems = [{"file": str(step.file), "problem": step.problem} for step in steps if step.problem]
    lines = [
        f"{name}: {counted(len(taken), 'recording')}, {minutes:.1f} minutes, {len(problems)} left out",
        f'tell a story in it: diegetic render "..." --model pocket+{name}',
    ]
    facts = {"bank": name, "folder": str(place), "recordings": len(taken), "minutes": minutes, "left_out": problems}
    show(lines, json, facts)


@app.command("list")
def list_(json: Json = False) -> None:
    """Show the banks and where they are."""
    from diegetic.model.user_banks import list_banks

    banks = list_banks()
    width = max((len(bank.name) for bank in banks), default=0) + 2
    lines = [
        f"{bank.name:<{width}}{counted(bank.recordings, 'recording'):>18}{bank.seconds / 60:9.1f} min  {bank.folder}"
        for bank in banks
    ]
    facts = [{"name": b.name, "folder": str(b.folder), "recordings": b.recordings, "seconds": b.seconds} for b in banks]
    show(lines or ["no banks; make one with `diegetic bank add FOLDER`"], json, {"banks": facts})


@app.command()
def remove(name: Name, json: Json = False) -> None:
    """Forget a bank; the recordings stay where they are."""
    from diegetic.model.user_banks import remove_bank

    remove_bank(name)
    show([f"{name}: removed; its recordings are where they were"], json, {"removed": name})


def _take_in(outside: Outside, folder: Path, place: Path, captions: Path | None, settings: Settings) -> "list[Step]":
    """All steps, shown as they come; what is left out stays in sight with its reason."""
    steps = []
    with open_display() as display, Stopping():
        display.stage("loading the model", None)
        for step in outside.add_folder(folder, place, captions, settings):
            steps.append(step)
            display.stage(f"listening to {folder}", step.done / step.total)
            if step.problem:
                display.line(f"left out {step.file}: {' '.join(step.problem.split()).rstrip('.')}")
    return steps
