"""What the repository says of itself: which way imports point; that the README's tree and commands are true."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGINE = ROOT / "engine/diegetic"
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODULES = sorted([*ENGINE.rglob("*.py"), *(ROOT / "bridges/diegetic_bridges").rglob("*.py")])

HEAVY = {"torch", "transformers", "diffusers", "safetensors"}
# A package may import what is below it, never what is above. What isn't named here stands between cli and model.
ARROWS = {"cli": 3, "model": 1, "audio": 0}
# What every layer may know.
VALUES = {"errors", "schema", "story", "settings", "atomic", "protocol", "progress", "names", "heap", "text_file"}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports relatively"
            assert node.module
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part(module: str) -> str:
    """The package or module directly under diegetic."""
    return [*module.split("."), ""][1]


OURS = [path for path in MODULES if path.is_relative_to(ENGINE)]


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ENGINE)))
def test_the_engine_knows_no_bridge_and_imports_point_downwards(path: Path) -> None:
    here = part("diegetic." + ".".join(path.relative_to(ENGINE).with_suffix("").parts))
    for module in imports(path):
        top = module.split(".")[0]
        assert top != "diegetic_bridges" or here == "__main__", f"{path} imports a bridge"
        if top in HEAVY:
            assert here == "model", f"{path} imports {module}: torch lives under model/ only"
        if top == "sounddevice":
            assert "device" in path.stem, f"{path} imports sounddevice: only the player's device file may"
        if top == "diegetic" and part(module) not in VALUES | {here, "", "__version__"}:
            below = ARROWS.get(part(module), 2)
            if here == "__main__" or (here in VALUES and below == 2):
                continue
            assert below <= ARROWS.get(here, 2), f"{path} imports {module}, which stands above it"


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_it_is_and_keeps_its_size(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
    assert len(text.splitlines()) <= 400, f"{path} is longer than 400 lines"


def test_tests_keep_their_size_have_names_of_their_own_and_share_by_plain_modules() -> None:
    files = sorted((ROOT / "tests").rglob("*.py"))
    assert len(files) > 100
    names = [path.name for path in files if path.name != "conftest.py"]
    assert len(names) == len(set(names))
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
        assert len(text.splitlines()) <= 400, f"{path} is longer than 400 lines"
        for module in imports(path):
            assert not re.match(r"(test_\w+|conftest)$", module), f"{path} imports {module}"


def test_the_readme_begins_with_what_it_is_in_two_sentences() -> None:
    first = README.split("\n\n")[1]
    assert len(re.findall(r"[.!?](\s|$)", first.replace("e.g.", ""))) == 2


def test_the_tree_of_the_readme_is_on_disk() -> None:
    block = README.split("## The tree")[1].split("##")[0]
    stack: list[str] = []
    named = set()
    for line in re.findall(r"^    ( *)(\S+/)", block, re.MULTILINE):
        stack[len(line[0]) // 2 :] = [line[1].rstrip("/")]
        folder = "/".join(stack)
        named.add(folder)
        assert (ROOT / folder).is_dir(), f"README: {folder} is not there"
    tops = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    tops -= {"build", "dist", "venv"}
    assert tops - {name.split("/")[0] for name in named} <= {
        name for name in tops if not any((ROOT / name).rglob("*.*"))
    }


def test_the_readme_names_files_that_are_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), f"README links to {target}"
    for script in re.findall(r"scripts/[\w/]+\.py", README):
        assert (ROOT / script).exists(), f"README names {script}"


def test_the_commands_of_the_readme_exist() -> None:
    from diegetic.cli.app import app

    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    known |= {group.name for group in app.registered_groups if group.name}
    told = set(re.findall(r"(?:^ {4}|`|&& )diegetic (\w+)", README, re.MULTILINE))
    assert told, "the README shows no command"
    assert told <= known
    for which in ("render", "test"):
        command = re.search(rf"<!-- {which} -->\n```sh\n(.+)\n```", README)
        assert command, f"README has no {which} command of one line"
        assert command[1].startswith("pip install -e ")


def test_the_version_is_one() -> None:
    from diegetic import __version__

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__
