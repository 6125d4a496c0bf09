"""The command line with a mock model, in an empty folder, as tests call it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from diegetic.cli.app import run
from diegetic.cli.outside import Outside
from mock_model import MockModel
from test_cli import known

Run = Callable[..., tuple[int, str, str]]


def mock_command(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Go to a folder; what runs a command there: (exit code, stdout, stderr)."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))

    def command(*arguments: object) -> tuple[int, str, str]:
        outside = Outside(load=lambda name, settings: MockModel(), check_name=known)
        code = run([str(each) for each in arguments], outside)
        return code, *capsys.readouterr()

    return command
