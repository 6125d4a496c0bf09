"""models: what renders, and where it is."""

import typer

from diegetic.cli.options import Json
from diegetic.cli.outside import Outside
from diegetic.cli.screen import show
from diegetic.settings import resolve


def models(context: typer.Context, json: Json = False) -> None:
    """List the models: in the box, installed or missing, how big, and where."""
    outside: Outside = context.obj
    settings = resolve(outside.environment, {})
    known = outside.known_models(settings.models_path)
    lines = []
    for info in known:
        lines.append(f"{info.name:<16}{info.state:<12}{info.size_bytes / 1e6:8.0f} MB  {info.folder}")
        lines.append(f"{'':16}{info.description}")
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
