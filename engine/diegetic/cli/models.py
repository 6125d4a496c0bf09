"""models: what renders, and where it is; pull, convert and remove."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diegetic.atomic import nearest
from diegetic.cli.options import Json
from diegetic.cli.outside import Outside
from diegetic.cli.screen import open_display, show
from diegetic.cli.stopping import Stopping
from diegetic.errors import Cancelled, InputError
from diegetic.settings import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from diegetic.model.config import Preset
    from diegetic.model.hub import HubFile
    from diegetic.model.registry import ModelInfo

app = typer.Typer(help="What renders: list, pull, convert and remove models.", invoke_without_command=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name from `diegetic models`.")]
From = Annotated[Path | None, typer.Option("--from", help="A folder with the release's files, in place of the hub.")]
Yes = Annotated[bool, typer.Option("--yes", help="Go ahead without asking.")]
Release = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder with the release's files.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="The folder to write.")]
Of = Annotated[str, typer.Option("--model", help="Which model's release it is.")]
InFloat32 = Annotated[bool, typer.Option("--float32", help="Keep float32: twice the size, no rounding.")]


@app.callback()
def list_(context: typer.Context, json: Json = False) -> None:
    """List the models: in the box, installed or missing, how big, and where."""
    if context.invoked_subcommand is not None:
        return
    outside: Outside = context.obj
    settings = resolve(outside.environment, {})
    known = outside.known_models(settings.models_path)
    lines = []
    width = max(len(info.name) for info in known) + 2
    for info in known:
        lines.append(f"{info.name:<{width}}{info.state:<12}{info.size_bytes / 1e6:8.0f} MB  {info.folder}")
        lines.append(f"{'':{width}}{info.description}")
    facts = [
        {
            "name": i.name,
            "state": i.state,
            "size_bytes": i.size_bytes,
            "folder": str(i.folder),
            "description": i.description,
        }
        for i in known
    ]
    show(lines, json, {"models": facts, "default": settings.model})


@app.command()
def pull(context: typer.Context, name: Name, from_: From = None, yes: Yes = False, json: Json = False) -> None:
    """Put a model on this machine: fetch its release, after saying how much and asking, and convert it."""
    from diegetic.model import hub, install

    outside: Outside = context.obj
    models_path = resolve(outside.environment, {}).models_path
    info, config = install.check_pull(name, models_path, from_)
    _may_ask("pull", yes, json)
    files = [] if from_ else hub.list_files(config, outside.hub)
    terms = _terms(info, config, files, from_)
    for line in terms:
        print(line, file=sys.stderr)
    if not yes and not _agreed("pull", "go ahead?"):
        show(["nothing was fetched"], json, {})
        return
    with install.alone(info), _work("pull") as display:
        if from_:
            done = install.convert_release(config, from_, info.folder, "bfloat16", display)
        else:
            done = install.pull(info, config, files, display, outside.hub)
    lines = [f"{name}: in {done.folder}, {done.size_bytes / 1e9:.1f} GB", f'diegetic render "..." --model {name}']
    show(lines, json, {"model": name, "folder": str(done.folder), "size_bytes": done.size_bytes, "terms": terms})


@app.command()
def convert(
    context: typer.Context,
    release: Release,
    output: Output,
    model: Of = "audiostory-3b",
    float32: InFloat32 = False,
    json: Json = False,
) -> None:
    """Write a release as one folder of safetensors: LoRA merged, in bfloat16, without pickles."""
    from diegetic.model.config import read_preset
    from diegetic.model.install import convert_release
    from diegetic.model.registry import model_named

    outside: Outside = context.obj
    config = read_preset(model_named(model, resolve(outside.environment, {}).models_path).preset)
    if output.exists() and not (output.is_dir() and not any(output.iterdir())):
        raise InputError(f"{output}: is there and is no empty folder; give another folder with -o")
    with _work("convert") as display:
        done = convert_release(config, release, output, "float32" if float32 else "bfloat16", display)
    facts = {"model": model, "folder": str(done.folder), "size_bytes": done.size_bytes}
    show([f"{done.folder}: {done.size_bytes / 1e9:.1f} GB"], json, facts)


@app.command()
def remove(context: typer.Context, name: Name, yes: Yes = False, json: Json = False) -> None:
    """Delete a model's weights from this machine; asks first."""
    from diegetic.model.install import removable
    from diegetic.model.install import remove as delete

    outside: Outside = context.obj
    models_path = resolve(outside.environment, {}).models_path
    info = removable(name, models_path)
    _may_ask("remove", yes, json)
    if not yes and not _agreed("remove", f"{info.folder}: {info.size_bytes / 1e9:.1f} GB; delete for good?"):
        show([f"{name}: nothing was deleted"], json, {})
        return
    delete(name, models_path)
    show([f"{name}: removed, {info.size_bytes / 1e9:.1f} GB"], json, {"removed": name, "size_bytes": info.size_bytes})


class _work:  # noqa: N801
    """A context in which long work is shown; what it gives is told what is done, and how much, 0..1."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._display, self._stopping = open_display(), Stopping()

    def __enter__(self) -> "_work":
        self._stopping.__enter__()
        self._display.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._display.__exit__(kind, error, None)
        self._stopping.__exit__(kind, error, None)
        if isinstance(error, KeyboardInterrupt):
            raise Cancelled(f"models {self._command}: stopped; the same command goes on from there") from None

    def __call__(self, text: str, share: float) -> None:
        self._stopping.check()
        self._display.stage(text, share)


def _terms(info: "ModelInfo", config: "Preset", files: "Sequence[HubFile]", release: Path | None) -> list[str]:
    """What a user agrees to: sizes, where from, licences."""
    lines = [f"{file.repo}/{file.name}: {file.size_bytes / 1e9:.2f} GB" for file in files]
    if release:
        lines.append(f"from {release} into {info.folder}")
    else:
        fetched = sum(file.size_bytes for file in files) / 1e9
        free = shutil.disk_usage(nearest(info.folder)).free / 1e9
        lines.append(
            f"{fetched:.1f} GB to fetch into {info.folder.parent} ({free:.0f} GB free); it becomes about half as much, "
            "and while it does, both are there"
        )
    assert config.release is not None
    lines += [f"licence of {source.repo}: {source.licence}" for source in config.release.sources]
    return [*lines, config.release.notice] if config.release.notice else lines


def _may_ask(command: str, yes: bool, json: bool) -> None:
    if json and not yes:
        raise InputError(f"models {command}: can't ask with --json; add --yes to go ahead")


def _agreed(command: str, question: str) -> bool:
    """Ask, on stderr. Raises InputError where nobody answers."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        raise InputError(f"models {command}: nobody is there to answer; add --yes to go ahead without being asked")
    return answer.strip().lower() in ("y", "yes")
