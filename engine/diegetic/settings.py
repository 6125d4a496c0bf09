"""Settings: how this machine runs. presets/default.toml is their manual.

Resolved once, at the start: defaults < settings.toml < DIEGETIC_* environment < flags; then passed down.

Knows nothing of presets of models or scenes.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from diegetic.errors import InputError
from diegetic.schema import read_strict, read_toml

_PREFIX = "DIEGETIC_"
_FILE = "DIEGETIC_SETTINGS"
_NEARLY = 0.85

RATES_HZ = (8_000, 192_000)
"""The lowest and the highest rate of what is played and laid out."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One machine's settings. threads: 0 for one a core. models_folder: "" for the user's data folder."""

    model: str = "pocket"
    rate_hz: int = 48_000
    stems: Literal["event", "lane", "both"] = "both"
    curve: Literal["equal_power", "linear"] = "equal_power"
    file_format: Literal["wav24", "wav32f", "flac"] = "wav24"
    channels: Literal["mono", "stereo"] = "stereo"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    offload: bool = False
    threads: int = 0
    models_folder: str = ""

    def __post_init__(self) -> None:
        if not RATES_HZ[0] <= self.rate_hz <= RATES_HZ[1]:
            raise ValueError(f"rate_hz must be 8000..192000, got {self.rate_hz}; 48000 suits most uses")
        if not 0 <= self.threads <= 256:
            raise ValueError(f"threads must be 0..256, got {self.threads}; 0 takes one a core")

    @property
    def models_path(self) -> Path:
        """The folder of models that aren't in the box."""
        return _at_home(self.models_folder) if self.models_folder else data_folder() / "models"


def resolve(
    environment: Mapping[str, str], flags: Mapping[str, object], called: Mapping[str, str] = MappingProxyType({})
) -> Settings:
    """Settings for this run. Raises InputError.

    flags: those given on the command line, None where not. called: how flags are called there, where not as their
    settings.
    """
    file = Path(environment.get(_FILE, config_folder() / "settings.toml"))
    from_file = read_toml(file) if _FILE in environment or file.exists() else {}
    read_strict(Settings, from_file, str(file))  # refused by the name of the file, not of the command line
    from_environment = dict(_from_environment(environment))
    read_strict(Settings, from_environment, "environment")
    given = {key: value for key, value in flags.items() if value is not None}
    for key, value in given.items():
        _check_flag(key, value, f"--{called.get(key, key)}")
    return read_strict(Settings, {**from_file, **from_environment, **given}, "command line")


def _check_flag(key: str, value: object, flag: str) -> None:
    """Refuse what a flag was given by the name of the flag. Raises InputError."""
    try:
        read_strict(Settings, {key: value}, flag)
    except InputError as error:
        raise InputError(str(error).replace(f"{flag}: {key} ", f"{flag}: ", 1)) from None


def config_folder() -> Path:
    """Where settings.toml is: by XDG_CONFIG_HOME where it is set, else by the customs of the system."""
    if own := os.environ.get("XDG_CONFIG_HOME"):
        return _at_home(own) / "diegetic"
    if sys.platform == "win32":
        return _at_home(os.environ.get("APPDATA", "~/AppData/Roaming")) / "diegetic"
    if sys.platform == "darwin":
        return _at_home("~/Library/Application Support/diegetic")
    return _at_home("~/.config") / "diegetic"


def data_folder() -> Path:
    """Where the user's own models and banks are: by XDG_DATA_HOME where it is set, else by the system's customs."""
    if own := os.environ.get("XDG_DATA_HOME"):
        return _at_home(own) / "diegetic"
    if sys.platform == "win32":
        return _at_home(os.environ.get("LOCALAPPDATA", "~/AppData/Local")) / "diegetic"
    if sys.platform == "darwin":
        return config_folder()
    return _at_home("~/.local/share") / "diegetic"


def presets_folder() -> Path:
    """The presets: in the installed package, or in the repository."""
    package = Path(__file__).parent
    installed = package / "presets"
    return installed if installed.is_dir() else package.parents[1] / "presets"


def _at_home(path: str) -> Path:
    """A path that may begin with ~. A user without a home folder, as in many containers, has the root for one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path("/", *Path(path).parts[1:])


def _from_environment(environment: Mapping[str, str]) -> Mapping[str, object]:
    """DIEGETIC_RATE_HZ=44100 and the like, as the types that the settings have. Raises InputError.

    A name that is nearly that of a setting is refused; others with the same beginning are somebody else's.
    """
    names = [_FILE, *(_PREFIX + field.name.upper() for field in fields(Settings))]
    for name in environment:
        if name.startswith(_PREFIX) and name not in names and (near := get_close_matches(name, names, 1, _NEARLY)):
            raise InputError(f"environment: unknown setting {name[:40]}; did you mean {near[0]}? else unset it")
    found: dict[str, object] = {}
    for field in fields(Settings):
        name = _PREFIX + field.name.upper()
        if name in environment:
            read = _READERS.get(field.type)
            found[field.name] = read(name, environment[name]) if read else environment[name]
    return found


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{name}: must be a whole number, got {text[:40]!r}; set it right, or unset it") from None


def _truth(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise InputError(f"{name}: must be true or false, got {text[:40]!r}; set it right, or unset it")
    return text == "true"


_READERS: Mapping[object, Callable[[str, str], object]] = {int: _whole, bool: _truth}
