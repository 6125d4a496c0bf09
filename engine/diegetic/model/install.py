"""A model put on this machine, or taken off it: pulled from the hub or from a folder, converted, checked.

Importing this file imports no torch.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import filelock

from diegetic.atomic import replacing, write_atomically
from diegetic.errors import Failure, InputError
from diegetic.model import hub
from diegetic.model.checksum import sha256
from diegetic.model.config import ModelConfig, PipelinePreset, Preset, read_preset
from diegetic.model.registry import ModelInfo, model_named
from diegetic.model.release_files import ORIGIN, PIPELINE

Precision = Literal["bfloat16", "float32"]
Report = Callable[[str, float], None]
_DOWNLOADS = ".downloads"


@dataclass(frozen=True, slots=True)
class Installed:
    """A model that was put on this machine."""

    folder: Path
    size_bytes: int


def check_pull(name: str, models_path: Path, release: Path | None = None) -> tuple[ModelInfo, Preset]:
    """The model, if it can be pulled, from the hub or a folder. Raises InputError where it is here already or can't."""
    info = model_named(name, models_path)
    config = read_preset(info.preset)
    if info.state == "in the box":
        raise InputError(f"{name}: is in the box; there is nothing to pull")
    if info.state == "installed":
        raise InputError(f"{name}: is in {info.folder} already; `diegetic models remove {name}` first to pull it anew")
    if config.release is None:
        raise InputError(f"{name}: its preset names no release to pull; put its files into {info.folder}")
    if release is not None:
        _check_folder(release)
    return info, config


def downloads_folder(info: ModelInfo) -> Path:
    """Where a model's files are while they are fetched."""
    return info.folder.parent / _DOWNLOADS / info.name


@contextmanager
def alone(info: ModelInfo) -> Iterator[None]:
    """A context in which no other process pulls or removes this model. Raises Failure where one does."""
    downloads = downloads_folder(info)
    lock = filelock.FileLock(downloads.with_name(f"{info.name}.lock"), timeout=0)
    try:
        downloads.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout:
        raise Failure(f"{info.name}: is being pulled or removed by another process; wait until it is done") from None
    except OSError as error:
        told = f"can't be written ({str(error.strerror).lower()})"
        raise Failure(f"{downloads.parent}: {told}; choose another folder by models_folder in the settings") from error
    try:
        yield
    finally:
        lock.release()


def pull(
    info: ModelInfo, config: Preset, files: Sequence[hub.HubFile], report: Report, endpoint: str | None = None
) -> Installed:
    """Fetch a model's files, convert them, delete them. Raises Failure; the same call then goes on from there."""
    downloads = downloads_folder(info)
    _exhaust(hub.fetch(files, downloads, info.name, lambda text, share: report(text, 0.9 * share), endpoint))
    done = convert_release(
        config, downloads, info.folder, "bfloat16", lambda text, share: report(text, 0.9 + share / 10)
    )
    hub.clear(downloads)
    return done


def convert_release(config: Preset, release: Path, folder: Path, precision: Precision, report: Report) -> Installed:
    """Write a release as one folder of safetensors. Raises InputError, Failure."""
    _check_folder(release)
    if not isinstance(config, ModelConfig):
        return _take_pipeline(config, release, folder, report)
    if config.codec.kind != "oobleck":
        raise InputError(f"{config.name}: is no model with a released checkpoint; nothing to convert")
    import torch

    from diegetic.model.convert import convert

    done = convert(config, release, folder, getattr(torch, precision), report)
    return Installed(done.folder, done.size_bytes)


def _take_pipeline(preset: PipelinePreset, release: Path, folder: Path, report: Report) -> Installed:
    """Take a pipeline's files as they are. Raises Failure where they aren't one's."""
    found = sorted(release.rglob(PIPELINE), key=lambda path: len(path.parts))
    if not found:
        told = f"has no {PIPELINE}, so it is no pipeline of diffusers"
        raise Failure(f"{release}: {told}; does the preset name the right repository?")
    root = found[0].parent
    paths = [path for path in sorted(root.rglob("*")) if path.is_file() and ".cache" not in path.parts]
    said = []
    # The index goes last, because a folder with one is taken for a whole one.
    for number, path in enumerate(sorted(paths, key=lambda path: path == found[0])):
        name = path.relative_to(root)
        report(f"copying {name}", number / len(paths))
        with replacing(folder / name, path.stat().st_size) as temporary:
            shutil.copyfile(path, temporary)
        said.append({"file": name.as_posix(), "bytes": path.stat().st_size, "sha256": sha256(path)})
    licences = {source.repo: source.licence for source in preset.release.sources} if preset.release else {}
    origin = {"model": preset.name, "from": said, "licences": licences}
    write_atomically(folder / ORIGIN, json.dumps(origin, indent=2).encode())
    return Installed(folder, sum(path.stat().st_size for path in paths))


def remove(name: str, models_path: Path) -> ModelInfo:
    """Delete a model's weights, and what was fetched of them. Raises InputError where there are none, Failure."""
    info = removable(name, models_path)
    with alone(info):
        for folder in (info.folder, downloads_folder(info)):
            try:
                if folder.exists():
                    shutil.rmtree(folder)
            except OSError as error:
                told = f"can't be deleted ({str(error.strerror).lower()}); end what uses it, or change its permissions"
                raise Failure(f"{error.filename or folder}: {told}") from error
    return info


def removable(name: str, models_path: Path) -> ModelInfo:
    """The model, if it can be removed, with the size of all that would be deleted. Raises InputError."""
    info = model_named(name, models_path)
    downloads = downloads_folder(info)
    if info.state == "in the box":
        raise InputError(f"{name}: is in the box and can't be removed")
    if info.folder.is_symlink():
        raise InputError(f"{info.folder}: is a link to {info.folder.readlink()}; delete the link, and what it links to")
    if not info.folder.exists() and not downloads.exists():
        raise InputError(f"{name}: isn't on this machine; `diegetic models` says what is")
    fetched = sum(path.stat().st_size for path in downloads.rglob("*") if path.is_file())
    return replace(info, size_bytes=info.size_bytes + fetched)


def _check_folder(release: Path) -> None:
    if not release.is_dir():
        raise InputError(f"{release}: is no folder; give the one with the release's files")


def _exhaust(steps: Iterable[object]) -> None:
    for _ in steps:
        pass
