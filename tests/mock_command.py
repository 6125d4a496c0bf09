"""The command line with a mock model, in an empty folder, as tests call it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from diegetic.cli.app import run
from diegetic.cli.outside import Outside
from diegetic.errors import InputError
from diegetic.settings import Settings
from mock_model import MockModel

SCENE = "rain on the water, thunder, a ship's bell"

Run = Callable[..., tuple[int, str, str]]


def mock_command(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Go to a folder; what runs a command there: (exit code, stdout, stderr)."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))

    def command(*arguments: object, model: MockModel | None = None) -> tuple[int, str, str]:
        code = run([str(each) for each in arguments], outside(model or MockModel()))
        return code, *capsys.readouterr()

    return command


def outside(model: MockModel) -> Outside:
    return Outside(load=lambda name, settings: model, check_name=known)


def known(name: str, settings: Settings) -> None:
    if name not in ("mock", "pocket"):
        raise InputError(f"model: unknown model {name!r}; known: mock, pocket")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder but the locks, with its bytes."""
    return {
        str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")
    }


def rendered_storm(folder: Path) -> Path:
    """Render a story to take copies of: events e1 to e4 in 9 s at 24 kHz, with a stem a lane."""
    storm = folder / "storm"
    scene = ("rain, a bell, thunder", "--seconds", "9", "--rate", "24000", "--stems", "lane", "--model", "mock")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        assert run(["render", *scene, "-o", str(storm)], outside(MockModel())) == 0
    return storm
