"""Which models there are, and how one is loaded.

A model is a preset (presets/models/NAME.toml, or NAME.toml in the user's models folder) and, beside it or in the user's
models folder, its weights. "pocket+mine" is pocket told in the sound of the user's bank `mine`.

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
from diegetic.model.config import ModelConfig, read_preset
from diegetic.model.release_files import WEIGHTS
from diegetic.model.user_banks import bank_folder, list_banks
from diegetic.settings import Settings, presets_folder

if TYPE_CHECKING:
    from diegetic.protocol import StoryModel

State = Literal["in the box", "installed", "missing"]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A known model. folder: where its weights are, or would be; preset: its TOML."""

    name: str
    state: State
    folder: Path
    size_bytes: int
    description: str
    preset: Path


def known_models(models_path: Path) -> tuple[ModelInfo, ...]:
    """All models that have a preset; those that aren't in the box have their weights in `models_path`/NAME."""
    ours = sorted((presets_folder() / "models").glob("*.toml"))
    own = [path for path in sorted(models_path.glob("*.toml")) if path.name not in {each.name for each in ours}]
    return tuple(_info(path, models_path) for path in [*ours, *own])


def model_named(name: str, models_path: Path) -> ModelInfo:
    """One of them. Raises InputError where there is none of this name."""
    models = {info.name: info for info in known_models(models_path)}
    if name not in models:
        near = get_close_matches(name, models, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise InputError(f"model: unknown model {name[:40]!r}; {hint}known: {', '.join(models)}")
    return models[name]


def check_name(name: str, settings: Settings) -> None:
    """Raise InputError where no model, or no bank, has this name. Loads nothing."""
    model, _, bank = name.partition("+")
    model_named(model, settings.models_path)
    if "+" in name and bank not in (banks := [info.name for info in list_banks()]):
        raise InputError(
            f"model: unknown bank {bank[:40]!r}; known: {', '.join(banks) or 'none'}; make one with `diegetic bank add`"
        )


def check_installed(name: str, settings: Settings) -> ModelInfo:
    """A model that can be loaded. Raises InputError for an unknown name, Failure where weights are missing."""
    check_name(name, settings)
    model = name.partition("+")[0]
    info = model_named(model, settings.models_path)
    if info.state == "missing":
        raise Failure(
            f"{model}: its weights aren't on this machine; `diegetic models pull {model}` fetches them, or use "
            "--model pocket"
        )
    return info


def load_model(name: str, settings: Settings) -> "StoryModel":
    """Load a model. Raises InputError for an unknown name, Failure where weights are missing or damaged."""
    info = check_installed(name, settings)
    model, _, bank = name.partition("+")
    config = read_preset(info.preset)
    with _no_collection():
        if not isinstance(config, ModelConfig):
            from diegetic.model.pipeline import load_pipeline

            if bank:
                raise InputError(f"model: {model} renders without a bank; leave +{bank[:40]} out")
            return load_pipeline(config, info.folder, settings, load_model(config.pipeline.planner, settings))
        from diegetic.model.loading import load
        from diegetic.model.memory import out_of_memory

        with out_of_memory(name):
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
    config = read_preset(preset)
    boxed = presets_folder() / "models" / preset.stem
    in_the_box = boxed.is_dir()
    folder = boxed if in_the_box else models_path / config.name
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
    state: State = "missing"
    if in_the_box:
        state = "in the box"
    elif any((folder / name).is_file() for name in WEIGHTS):
        state = "installed"
    return ModelInfo(config.name, state, folder, size, config.description, preset)
