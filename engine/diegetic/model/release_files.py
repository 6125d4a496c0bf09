"""Where the files of a release lie in a folder: AudioStory's own layout (paper.md 3), or all of them side by side.

    audiostory-3B/pytorch_model.bin        the state dict, and beside it config.yaml
    Flux_detokenizer/model.safetensors     the codec's weights; TangoFlux calls them vae.safetensors
    Qwen2.5-3B-Instruct/tokenizer.json     the LLM's tokenizer, without the added tokens or with them
    flan-t5-large/                         only where the state dict has no text encoder in it
    whisper-large-v3/                      only for listening: the audio encoder, with its preprocessor_config.json

A folder that `diegetic models convert` wrote has model.safetensors.index.json instead of the state dict.

Knows nothing of what is in the files, but for config.yaml.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from diegetic.errors import Failure
from diegetic.model.config import ModelConfig

INDEX, CODEC, TOKENIZER, ORIGIN = "model.safetensors.index.json", "vae.safetensors", "tokenizer.json", "origin.json"
_STATE = ("pytorch_model.bin", "model.safetensors")
_SHARDED = ("pytorch_model.bin.index.json", INDEX)
_CONFIG = "config.yaml"
_NAMES = {
    "semantic": "num_t5_out_tokens",
    "residual": "num_aud_out_tokens",
    "feature_scale": "t5_feature_scale",
}
PIPELINE = "model_index.json"
WEIGHTS = (INDEX, PIPELINE, *_STATE)
"""A folder with one of these has weights in it; PIPELINE: those of a pipeline of diffusers."""
PUT = "put the model's files there"
MOST_QUERIES = 1000
"""Query tokens that an event may have: far more than any release does."""


@dataclass(frozen=True, slots=True)
class ReleaseFiles:
    """weights: a state dict, or the index of a converted one. What may be missing is None where it is."""

    weights: Path
    codec: Path
    tokenizer: Path
    config: Path | None = None
    text_encoder: Path | None = None
    audio_encoder: Path | None = None

    @property
    def is_converted(self) -> bool:
        """Whether the weights have our names."""
        return self.weights.name == INDEX


def find_release(folder: Path) -> ReleaseFiles:
    """The files in a folder and those below it. Raises Failure where one is missing, with its name."""
    whisper = _named(folder, "whisper")
    if (folder / INDEX).is_file():
        files = ReleaseFiles(folder / INDEX, _needed(folder, CODEC), _needed(folder, TOKENIZER))
        return replace(files, audio_encoder=whisper)
    weights = _weights(folder)
    beside = weights.with_name(_CONFIG)
    return ReleaseFiles(
        weights,
        _codec(folder),
        _tokenizer(folder),
        beside if beside.is_file() else None,
        _named(folder, "t5"),
        whisper,
    )


def fitted(config: ModelConfig, files: ReleaseFiles) -> ModelConfig:
    """The preset with the numbers that only the release knows: query tokens of an event, and the feature scale.

    They are in its config.yaml, and in the origin.json of a converted one. Raises Failure.
    """
    said: Mapping[str, float] = {}
    if files.is_converted:
        said = _origin(files.weights.with_name(ORIGIN))
    elif files.config is not None:
        said = _said_by(files.config)
    kept = {name: type(getattr(config.bridge, name))(said[name]) for name in _NAMES if name in said}
    return replace(config, bridge=replace(config.bridge, **kept))


def read_yaml(path: Path) -> Any:
    """A YAML file as plain values. Raises Failure."""
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Failure(f"{path}: isn't YAML ({str(error).splitlines()[0]}); copy it again") from None


def _said_by(path: Path) -> Mapping[str, float]:
    """The numbers of a release's config.yaml. Raises Failure where the counts aren't there, or can't be right."""
    try:
        theirs = dict(_numbers(read_yaml(path)))
    except RecursionError:
        raise Failure(f"{path}: holds itself; copy it again") from None
    said = {ours: theirs[name] for ours, name in _NAMES.items() if name in theirs}
    for ours, name in _NAMES.items():
        if ours == "feature_scale":
            if not 0 < said.get(ours, 1.0) < math.inf:
                raise Failure(f"{path}: {name} must be a number above 0, got {said[ours]}; copy it again")
        elif ours not in said:
            raise Failure(f"{path}: has no {name}; copy it again, or go by the preset's by taking it away")
        elif said[ours] not in range(1, MOST_QUERIES + 1):
            raise Failure(f"{path}: {name} must be a whole number, 1..{MOST_QUERIES}, got {said[ours]}; copy it again")
    return said


def _origin(path: Path) -> Mapping[str, float]:
    if not path.is_file():
        return {}
    try:
        bridge: Mapping[str, float] = json.loads(path.read_text(encoding="utf-8"))["bridge"]
    except (ValueError, KeyError) as error:
        raise Failure(f"{path}: is damaged ({error!r:.60}); convert the release again") from None
    return bridge


def _numbers(value: Any) -> Iterator[tuple[str, float]]:
    """Every number that has a name, however deep; of the same names the first in the file comes last."""
    if isinstance(value, dict):
        for key, item in reversed(value.items()):
            if isinstance(item, int | float) and not isinstance(item, bool):
                yield str(key), item
            yield from _numbers(item)
    elif isinstance(value, list):
        for item in reversed(value):
            yield from _numbers(item)


def _weights(folder: Path) -> Path:
    """The state dict: not the codec's, nor the LLM's or the text encoder's own."""
    found = [path for name in _STATE for path in _below(folder, name)]
    named = [path for path in found if "audiostory" in path.parent.name.lower() or path.with_name(_CONFIG).is_file()]
    beside = [path for path in found if path.parent == folder]
    for candidates in (named, beside):
        if candidates:
            return candidates[0]
    for index in (
        path for name in _SHARDED for path in _below(folder, name) if "audiostory" in path.parent.name.lower()
    ):
        raise Failure(f"{index}: is of a checkpoint in parts; put it together as one file, {' or '.join(_STATE)}")
    return _needed(folder, _STATE[0])


def _codec(folder: Path) -> Path:
    named = [path for path in _below(folder, "model.safetensors") if "flux" in path.parent.name.lower()]
    found = [*named, *_below(folder, CODEC)]
    return found[0] if found else _needed(folder, CODEC)


def _tokenizer(folder: Path) -> Path:
    """The LLM's; the encoders of text and audio have files of the same name."""
    others = ("t5", "whisper")
    found = [path for path in _below(folder, TOKENIZER) if not any(name in path.parent.name.lower() for name in others)]
    return found[0] if found else _needed(folder, TOKENIZER)


def _named(folder: Path, name: str) -> Path | None:
    """A Hugging Face folder whose name has a word in it."""
    found = [path.parent for path in _below(folder, "config.json") if name in path.parent.name.lower()]
    return found[0] if found else None


def _below(folder: Path, name: str) -> list[Path]:
    """Files of a name, the nearest first. Folders that are linked to are looked into: weights lie on other disks."""
    found, seen = [], set[str]()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
        elif name in files:
            found.append(Path(place, name))
        seen.add(real)
    return sorted((path for path in found if path.exists()), key=lambda path: (len(path.parts), path))


def _needed(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise Failure(f"{path}: is missing; {PUT}")
    return path
