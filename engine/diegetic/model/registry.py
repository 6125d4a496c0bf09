"""Which models there are, and how one is loaded.

A model is a preset (presets/models/NAME.toml) and, beside it or in the user's models folder, its weights. "pocket+mine"
is pocket told in the sound of the user's bank `mine`.

Importing this file imports no torch: names are checked, and models listed, at once.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from diegetic.errors import Failure, InputError
from diegetic.model.config import ModelConfig, read_config
from diegetic.model.user_banks import bank_folder, list_banks
from diegetic.settings import Settings, presets_folder

if TYPE_CHECKING:
    from diegetic.protocol import StoryModel

State = Literal["in the box", "installed", "missing"]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A known model. folder: where its weights are, or would be."""

    name: str
    state: State
    folder: Path
    size_bytes: int
    description: str


def known_models(models_path: Path) -> tuple[ModelInfo, ...]:
    """All models that have a preset; those that aren't in the box have their weights in `models_path`/NAME."""
    return tuple(_info(path, models_path) for path in sorted((presets_folder() / "models").glob("*.toml")))


def check_name(name: str, settings: Settings) -> None:
    """Raise InputError where no model, or no bank, has this name. Loads nothing."""
    model, _, bank = name.partition("+")
    known = [info.name for info in known_models(settings.models_path)]
    if model not in known:
        near = get_close_matches(model, known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"model: unknown model {model[:40]!r}; {hint}known: {', '.join(known)}")
    if "+" in name and bank not in (banks := [info.name for info in list_banks()]):
        raise InputError(
            f"model: unknown bank {bank[:40]!r}; known: {', '.join(banks) or 'none'}; make one with `diegetic bank add`"
        )


def load_model(name: str, settings: Settings) -> "StoryModel":
    """Load a model. Raises InputError for an unknown name, Failure where weights are missing or damaged."""
    check_name(name, settings)
    model, _, bank = name.partition("+")
    info = next(info for info in known_models(settings.models_path) if info.name == model)
    if info.state == "missing":
        raise Failure(
            f"{model}: its weights aren't on this machine; put them into {info.folder}, or use --model pocket"
        )
    config = read_config(presets_folder() / "models" / f"{model}.toml")
    with _no_collection():
        from diegetic.model.loading import load

        return load(name, config, info.folder, settings, bank_folder(bank) if bank else None)


@contextmanager
def _no_collection() -> Iterator[None]:
    """While libraries are imported nothing becomes garbage, and looking for it takes a fifth of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _info(preset: Path, models_path: Path) -> ModelInfo:
    config = read_config(preset)
    boxed = preset.with_suffix("")
    folder = boxed if boxed.is_dir() else models_path / config.name
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
    return ModelInfo(config.name, _state(config, folder, boxed), folder, size, config.description)


def _state(config: ModelConfig, folder: Path, boxed: Path) -> State:
    whole = any(folder.glob("*.safetensors"))
    if not whole:
        return "missing"
    return "in the box" if folder == boxed else "installed"
