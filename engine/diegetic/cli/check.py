"""check: what works on this machine and what does not, seen by trying it."""

import os
import platform
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from diegetic import __version__
from diegetic.atomic import nearest
from diegetic.cli.options import Device, Json, Model
from diegetic.cli.outside import Outside
from diegetic.cli.screen import show
from diegetic.errors import DiegeticError, Failure
from diegetic.settings import Settings, config_folder, data_folder, resolve

_PACKAGES = ("torch", "transformers", "diffusers", "numpy", "soundfile", "soxr")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried."""

    what: str
    works: bool
    told: str


def check(context: typer.Context, model: Model = None, device: Device = None, json: Json = False) -> None:
    """Try what rendering needs: packages, folders, sound files, and loading the model."""
    outside: Outside = context.obj
    settings = resolve(outside.environment, {"model": model, "device": device})
    findings = []
    for finding in _find(outside, settings):
        findings.append(finding)
        if not json:
            show([f"{'ok' if finding.works else 'NO':<4}{finding.what:<14}{finding.told}"], False, {})
    broken = [finding.what for finding in findings if not finding.works]
    if json:
        show([], True, {"works": not broken, "findings": [asdict(finding) for finding in findings]})
    if broken:
        raise Failure(f"check: {', '.join(broken)} won't work here; see the lines with NO for what to do")


def _find(outside: Outside, settings: Settings) -> Iterator[Finding]:
    yield Finding("diegetic", True, f"{__version__} on Python {platform.python_version()}, {platform.platform()}")
    yield from map(_package, _PACKAGES)
    yield _sound_files()
    file = Path(outside.environment.get("DIEGETIC_SETTINGS", config_folder() / "settings.toml"))
    yield Finding("settings", True, f"{file}" if file.exists() else f"defaults (no {file})")
    yield _writable("data folder", data_folder())
    yield _writable("this folder", Path.cwd())
    yield from _device(outside, settings)
    yield _model(outside, settings)


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        return Finding(name, False, f"isn't installed; pip install {name}")


def _sound_files() -> Finding:
    """Whether the sound library writes what is laid out and reads what the bank is kept in."""
    try:
        import soundfile
    except (ImportError, OSError) as error:
        return Finding(
            "sound files", False, f"libsndfile is missing ({error}); pip install --force-reinstall soundfile"
        )
    able = soundfile.check_format("WAV", "PCM_24") and soundfile.check_format("OGG", "OPUS")
    told = f"{soundfile.__libsndfile_version__}, 24-bit WAV and Opus"
    return Finding("sound files", able, told if able else "libsndfile has no Opus; pip install -U soundfile")


def _writable(what: str, folder: Path) -> Finding:
    existing = nearest(folder)
    if not os.access(existing, os.W_OK):
        return Finding(what, False, f"{folder} can't be written to; change its permissions")
    return Finding(what, True, f"{folder}, {shutil.disk_usage(existing).free / 1e9:.0f} GB free")


def _device(outside: Outside, settings: Settings) -> Iterator[Finding]:
    try:
        device = outside.device(settings)
    except DiegeticError as error:
        yield Finding("device", False, str(error))
    else:
        yield Finding("device", True, f"{device}, {os.cpu_count()} cores")


def _model(outside: Outside, settings: Settings) -> Finding:
    began = time.monotonic()
    try:
        loaded = outside.load(settings.model, settings)
    except DiegeticError as error:
        return Finding("model", False, str(error))
    return Finding("model", True, f"{loaded.name} ({loaded.digest}), loaded in {time.monotonic() - began:.1f} s")
