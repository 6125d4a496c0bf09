"""How a story was laid out last: what only changes takes lays it out the same way once more.

Knows nothing of commands or models.
"""

import ast
from dataclasses import replace

from diegetic.bounce import Output
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.manifest import read_manifest
from diegetic.schema import read_strict
from diegetic.targets import Targets


def laid_out_before(folder: StoryFolder) -> Output:
    """Rate, stems, curve, loudness and tempo of the files in a folder. Raises InputError where it isn't rendered."""
    if not folder.manifest.is_file():
        raise InputError(f"{folder.path}: isn't rendered yet; run `diegetic render {folder.story}` first")
    text = read_manifest(folder.manifest).output
    if not text:
        raise InputError(f"{folder.path}: isn't rendered to its end; run `diegetic render {folder.story}` first")
    try:
        return _read(text, str(folder.manifest))
    except (SyntaxError, ValueError, TypeError) as error:
        raise InputError(
            f"{folder.manifest}: output can't be read ({error}); run `diegetic render {folder.story}` again"
        ) from None


def _read(text: str, where: str) -> Output:
    """An Output from its repr, which is how a manifest keeps it. Nothing is evaluated but literals."""
    given = _keywords(ast.parse(text, mode="eval").body, "Output")
    targets = _keywords(given.pop("targets"), "Targets") if "targets" in given else {}
    output = read_strict(Output, {name: ast.literal_eval(value) for name, value in given.items()}, where)
    return replace(output, targets=Targets(**{name: ast.literal_eval(value) for name, value in targets.items()}))


def _keywords(call: ast.expr, name: str) -> dict[str, ast.expr]:
    match call:
        case ast.Call(func=ast.Name(id=called), args=[]) if called == name:
            return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
    raise ValueError(f"must be {name}(...), got {ast.unparse(call)[:40]!r}")
