"""The customs of other systems, as far as Linux can say them: consoles, folders, limits, priorities."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from diegetic import open_files
from diegetic.cli.outside import Outside
from diegetic.errors import Failure, InputError
from diegetic.generator import process as generator
from diegetic.model.bank.add import _audio_files
from diegetic.player import process as player
from diegetic.settings import Settings, config_folder, data_folder, resolve

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_a_console_that_has_few_letters_shows_the_others_escaped(encoding: str, tmp_path: Path) -> None:
    paths = os.pathsep.join((str(ROOT / "engine"), str(ROOT / "bridges")))
    few = {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "PYTHONPATH": paths, "DIEGETIC_MODEL": "pocket"}
    done = subprocess.run(
        [sys.executable, "-m", "diegetic", "takes", "Löwen → \u2603", "--json"],
        env={**os.environ, **few},
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    said = done.stderr.decode(encoding)
    assert said.endswith("\\u2192 \\u2603: has no story.toml in it; render a story into it first\n")
    assert json.loads(done.stdout)["error"].startswith("Löwen → \u2603: has no story.toml")


@pytest.mark.parametrize(
    ("system", "config", "data"),
    [
        ("win32", "roaming/diegetic", "local/diegetic"),
        ("darwin", "home/Library/Application Support/diegetic", "home/Library/Application Support/diegetic"),
        ("linux", "home/.config/diegetic", "home/.local/share/diegetic"),
    ],
)
def test_folders_are_where_a_system_has_them_or_where_xdg_says(
    monkeypatch: pytest.MonkeyPatch, system: str, config: str, data: str
) -> None:
    monkeypatch.setattr("sys.platform", system)
    for name, folder in (("HOME", "/home"), ("APPDATA", "/roaming"), ("LOCALAPPDATA", "/local")):
        monkeypatch.setenv(name, folder)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, "")
    assert (config_folder(), data_folder()) == (Path("/", config), Path("/", data))
    monkeypatch.setenv("XDG_CONFIG_HOME", "/own/config")
    monkeypatch.setenv("XDG_DATA_HOME", "/own/data")
    assert (config_folder(), data_folder()) == (Path("/own/config/diegetic"), Path("/own/data/diegetic"))


@pytest.mark.parametrize(
    ("limits", "raised"),
    [((256, -1), (4096, -1)), ((256, 1000), (1000, 1000)), ((8192, 10_000), None), ((-1, -1), None)],
)
def test_many_files_may_be_open_where_a_system_allows_few(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], raised: tuple[int, int] | None
) -> None:
    given: list[tuple[int, int]] = []
    limit = SimpleNamespace(
        RLIMIT_NOFILE=7,
        RLIM_INFINITY=-1,
        getrlimit=lambda what: limits,
        setrlimit=lambda what, both: given.append(both),
    )
    monkeypatch.setitem(sys.modules, "resource", limit)
    open_files.allow_many()
    assert given == ([raised] if raised else [])
    monkeypatch.setitem(sys.modules, "resource", None)  # Windows has none
    open_files.allow_many()


def test_on_windows_the_player_goes_before_others_and_the_generator_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    psutil: Any = SimpleNamespace(
        Error=OSError,
        HIGH_PRIORITY_CLASS="high",
        BELOW_NORMAL_PRIORITY_CLASS="below normal",
        Process=lambda: SimpleNamespace(nice=given.append),
    )
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr(player, "psutil", psutil)
    monkeypatch.setattr(generator, "psutil", psutil)
    player._be_urgent()
    generator._give_way()
    assert given == ["high", "below normal"]


@pytest.mark.parametrize("folder", [r"D:\Sounds", r"C:\Users\me", r"\\nas\models"])
def test_a_path_that_is_pasted_into_the_settings_says_which_quotes_it_takes(tmp_path: Path, folder: str) -> None:
    (tmp_path / "settings.toml").write_text(f'models_folder = "{folder}"\n')
    with pytest.raises(InputError, match=r"is not valid TOML: .*; put a path with \\ in 'single quotes'"):
        resolve({"DIEGETIC_SETTINGS": str(tmp_path / "settings.toml")}, {})
    (tmp_path / "settings.toml").write_text(f"models_folder = '{folder}'\n")
    assert resolve({"DIEGETIC_SETTINGS": str(tmp_path / "settings.toml")}, {}).models_folder == folder


def test_a_clone_has_the_same_bytes_on_every_system() -> None:
    """What takes are found by is made of the model's files, of which git would end the lines otherwise on Windows."""
    assert "* text=auto eol=lf" in (ROOT / ".gitattributes").read_text()


def test_a_windows_without_the_library_that_torch_is_built_on_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class WinError(OSError):
        winerror = 126

    class Torchless:
        """Finds torch, whose libraries can't be loaded."""

        def find_spec(self, name: str, *given: object) -> None:
            if name.startswith("diegetic.model."):
                raise WinError(22, 'The specified module could not be found. Error loading "C:\\torch\\lib\\c10.dll"')

    for name in ("device", "registry"):
        monkeypatch.delitem(sys.modules, f"diegetic.model.{name}", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Torchless(), *sys.meta_path])
    outside, settings = Outside(), Settings()
    for ask in (lambda: outside.device(settings), lambda: outside.load("pocket", settings)):
        with pytest.raises(Failure, match=r"torch: its libraries can't be loaded \(the specified module .*Redistribut"):
            ask()


def test_what_a_mac_leaves_beside_recordings_on_other_disks_is_none(tmp_path: Path) -> None:
    for name in ("._rain.wav", "rain.wav"):
        (tmp_path / name).touch()
    assert [path.name for path in _audio_files(tmp_path)] == ["rain.wav"]
