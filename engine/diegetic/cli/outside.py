"""What the command line reaches outside itself, as fields: tests put their own in place of the real ones.

The defaults import what they call, so that nothing heavy is loaded before it is needed.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from diegetic.errors import Failure
from diegetic.settings import Settings

if TYPE_CHECKING:
    from diegetic.live.config import LiveConfig, Loader
    from diegetic.model.bank.add import Step
    from diegetic.model.registry import ModelInfo
    from diegetic.protocol import StoryModel

AddFolder: TypeAlias = "Callable[[Path, Path, Path | None, Settings], Iterator[Step]]"


@contextmanager
def _torch() -> Iterator[None]:
    """Say what a new Windows lacks for torch's libraries to be loaded: the import of torch raises OSError then."""
    try:
        yield
    except OSError as error:
        if "torch" not in str(error) or not hasattr(error, "winerror"):
            raise
        way_out = "install Microsoft's Visual C++ Redistributable for x64, and try again"
        raise Failure(
            f"torch: its libraries can't be loaded ({str(error.strerror)[:60].lower()}); {way_out}"
        ) from error


def _check_name(name: str, settings: Settings) -> None:
    from diegetic.model.registry import check_name

    check_name(name, settings)


def _check_installed(name: str, settings: Settings) -> object:
    from diegetic.model.registry import check_installed

    return check_installed(name, settings)


def _load(name: str, settings: Settings) -> "StoryModel":
    with _torch():
        from diegetic.model.registry import load_model

        return load_model(name, settings)


def _known_models(models_path: Path) -> "tuple[ModelInfo, ...]":
    from diegetic.model.registry import known_models

    return known_models(models_path)


def _add_folder(folder: Path, bank: Path, captions: Path | None, settings: Settings) -> "Iterator[Step]":
    from diegetic.model.bank.add import add_folder

    return add_folder(folder, bank, captions, settings)


def _device(settings: Settings) -> str:
    with _torch():
        from diegetic.model.device import pick_device

    return str(pick_device(settings))


def _threads(settings: Settings) -> int:
    with _torch():
        from diegetic.model.device import thread_count

    return thread_count(settings)


def _audio_devices() -> list[tuple[str, int, float]]:
    from diegetic.player.device import list_devices

    return list_devices()


def _no_bridges(*given: object) -> Any:
    raise Failure("bridges: aren't there; install the whole package, which has diegetic_bridges in it")


def _open_file(path: Path) -> bool:
    import typer

    return typer.launch(str(path)) == 0


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a served engine listens. midi: "off", "" for a port of our own, else part of a port's name.

    midi_api: the system of ports, "" for the usual. web_port: None for no web. cues: a cue sheet. capture: a file that
    each command is written to.
    """

    host: str
    port: int
    allow: tuple[str, ...]
    midi: str
    midi_map: Path | None
    midi_api: str = ""
    web_port: int | None = None
    cues: Path | None = None
    capture: Path | None = None


@dataclass(frozen=True, slots=True)
class Replaying:
    """A capture to be played again. fast: not in its own time. bounce: a folder inside the project, "" for none."""

    file: Path
    fast: bool
    bounce: str


@dataclass(frozen=True, slots=True)
class Outside:
    """environment: variables with settings in them. The functions are the registry's, the bank's and the loader's.

    device: what a model would run on; raises Failure where it isn't there. threads: how many it would compute with.
    open_file: shows a file in the system's viewer, and says whether one was started. midi_ports, serve, replay: the
    bridges', which the engine doesn't know. hub: the address of another hub than Hugging Face's.
    """

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    check_name: Callable[[str, Settings], None] = _check_name
    check_installed: Callable[[str, Settings], object] = _check_installed
    load: "Callable[[str, Settings], StoryModel]" = _load
    known_models: "Callable[[Path], tuple[ModelInfo, ...]]" = _known_models
    add_folder: AddFolder = _add_folder
    device: Callable[[Settings], str] = _device
    threads: Callable[[Settings], int] = _threads
    open_file: Callable[[Path], bool] = _open_file
    audio_devices: Callable[[], list[tuple[str, int, float]]] = _audio_devices
    midi_ports: Callable[[], list[str]] = _no_bridges
    serve: "Callable[[LiveConfig, Loader, Listening], None]" = _no_bridges
    replay: "Callable[[LiveConfig, Loader, Replaying], int]" = _no_bridges
    hub: str | None = None
