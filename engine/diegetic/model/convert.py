"""A release written anew as one folder of safetensors: our names, LoRA merged, small enough types, no pickle.

    model-00001-of-00007.safetensors, ... and their index   LLM and transformer in bfloat16, the small parts in float32
    vae.safetensors  tokenizer.json  whisper/               as they were
    origin.json                                             where each came from, checksums, licences

Written shard by shard, so that it takes little memory; the index comes last, so half a folder isn't taken for one.

Knows nothing of the hub.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from diegetic import __version__
from diegetic.atomic import nearest, remove, replacing, write_atomically
from diegetic.errors import Failure
from diegetic.model.audiostory import AudioStory
from diegetic.model.checkpoint_file import Checkpoint
from diegetic.model.checksum import sha256
from diegetic.model.config import ModelConfig
from diegetic.model.meta import Filling
from diegetic.model.placement import Placement
from diegetic.model.release_files import CODEC, INDEX, ORIGIN, TOKENIZER, ReleaseFiles, find_release, fitted
from diegetic.model.released import ReleasedWeights, read_tokenizer

AUDIO_ENCODER = "whisper"
SHARD_BYTES = 1_000_000_000
Report = Callable[[str, float], None]
"""Told what is being done, and how much of it is done, 0..1."""


@dataclass(frozen=True, slots=True)
class Converted:
    """What was written."""

    folder: Path
    size_bytes: int
    weights: int


def convert(config: ModelConfig, release: Path, folder: Path, dtype: torch.dtype, report: Report) -> Converted:
    """Write a release as a folder. Raises Failure where it isn't whole, isn't this model's, or doesn't fit the disk."""
    files = find_release(release)
    if files.is_converted and not files.weights.with_name(ORIGIN).is_file():
        raise Failure(f"{files.weights}: is of a checkpoint in parts; put it together as one file, pytorch_model.bin")
    if files.is_converted:
        raise Failure(f"{release}: is converted already; render with it, or give the folder of the release")
    config = fitted(config, files)
    with torch.device("meta"):
        network = AudioStory(config)
    report("reading what there is", 0.0)
    weights = ReleasedWeights(config, files, network)
    names = Filling(network, weights.shapes, str(files.weights)).names
    check_codec(config, files.codec)
    read_tokenizer(files.tokenizer)
    types = Placement(torch.device("cpu"), torch.device("cpu"), dtype, dtype)
    shards = _shards(weights, names, types)
    _check_disk(folder, sum(size for _, size in shards) + files.codec.stat().st_size)
    remove(folder / INDEX)
    for old in folder.glob("model-*.safetensors"):
        remove(old)
    _write_shards(weights, shards, types, folder, report)
    for source, name in ((files.codec, CODEC), (files.tokenizer, TOKENIZER)):
        with replacing(folder / name, source.stat().st_size) as temporary:
            shutil.copyfile(source, temporary)
    if files.audio_encoder is not None:
        report("copying the audio encoder", 1.0)
        _copy_encoder(files.audio_encoder, folder / AUDIO_ENCODER)
    _write_origin(config, files, folder, report)
    write_atomically(folder / INDEX, _index(shards, types, weights))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Converted(folder, size, len(names))


def _copy_encoder(source: Path, folder: Path) -> None:
    """Copy what is read of an audio encoder's folder. Raises Failure."""
    for path in (path for path in source.iterdir() if path.suffix in (".json", ".safetensors")):
        with replacing(folder / path.name, path.stat().st_size) as temporary:
            shutil.copyfile(path, temporary)


def check_codec(config: ModelConfig, path: Path) -> None:
    """Raise Failure where a file isn't this codec's weights."""
    from diegetic.model.oobleck import Oobleck

    with torch.device("meta"):
        codec = Oobleck(config.codec.oobleck)
    checkpoint = Checkpoint(path, "copy it again")
    for name in Filling(codec.autoencoder, {name: each.shape for name, each in checkpoint.items()}, str(path)).names:
        _finite(name, checkpoint.read([name])[name], path)


def _shards(weights: ReleasedWeights, names: list[str], types: Placement) -> list[tuple[list[str], int]]:
    """Names of each shard in order, and its size."""
    shards: list[tuple[list[str], int]] = []
    described = weights.described
    for name in names:
        size = torch.Size(described[name].shape).numel() * types.dtype_of(name).itemsize
        if not shards or (shards[-1][0] and shards[-1][1] + size > SHARD_BYTES):
            shards.append(([], 0))
        shards[-1] = ([*shards[-1][0], name], shards[-1][1] + size)
    return shards


def _write_shards(
    weights: ReleasedWeights, shards: list[tuple[list[str], int]], types: Placement, folder: Path, report: Report
) -> None:
    for number, (names, size) in enumerate(shards):
        path = folder / _shard_name(number, len(shards))
        report(f"writing {path.name}", number / len(shards))
        tensors = {
            name: _finite(name, tensor.to(types.dtype_of(name), copy=True).contiguous(), weights.path)
            for group in weights.read(names)
            for name, tensor in group.items()
        }
        with replacing(path, size) as temporary:
            save_file(tensors, temporary, metadata={"format": "pt"})


def _finite(name: str, tensor: Tensor, path: Path) -> Tensor:
    """The same tensor. Raises Failure where one of its values is no number: all that is rendered would be none."""
    if not torch.stack(torch.aminmax(tensor)).isfinite().all():  # twenty times as fast as to ask each value
        raise Failure(f"{path}: {name} has values that aren't finite in {tensor.dtype}; copy it again")
    return tensor


def _index(shards: list[tuple[list[str], int]], types: Placement, weights: ReleasedWeights) -> bytes:
    places = {name: _shard_name(number, len(shards)) for number, (names, _) in enumerate(shards) for name in names}
    index = {"metadata": {"total_size": sum(size for _, size in shards)}, "weight_map": places}
    return json.dumps(index, indent=1).encode()


def _write_origin(config: ModelConfig, files: ReleaseFiles, folder: Path, report: Report) -> None:
    origin = {
        "model": config.name,
        "written_by": f"diegetic {__version__}",
        "bridge": {
            "semantic": config.bridge.semantic,
            "residual": config.bridge.residual,
            "feature_scale": config.bridge.feature_scale,
        },
        "from": list(_checksums((files.weights, files.codec, files.tokenizer), report)),
        "licences": {source.repo: source.licence for source in config.release.sources} if config.release else {},
    }
    write_atomically(folder / ORIGIN, json.dumps(origin, indent=2).encode())


def _checksums(paths: tuple[Path, ...], report: Report) -> Iterator[dict[str, object]]:
    for path in paths:
        report(f"checksum of {path.name}", 1.0)
        yield {"file": f"{path.parent.name}/{path.name}", "bytes": path.stat().st_size, "sha256": sha256(path)}


def _shard_name(number: int, count: int) -> str:
    return f"model-{number + 1:05d}-of-{count:05d}.safetensors"


def _check_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(nearest(folder)).free
    if needed > free:
        raise Failure(
            f"{folder}: needs {needed / 1e9:.1f} GB and has {free / 1e9:.1f} GB free; free some, or choose another "
            "folder by models_folder in the settings"
        )
