"""Weights in six bits: how the LLM in the box is stored, in shards that any host of repositories takes.

Each row of a matrix is cut into groups of 64; a group keeps a scale in float16 and its values as whole numbers from -31
to 31, four in three bytes. Vectors (norms) stay as they are. At load the weights become what the device computes in.

Knows nothing of which model they belong to.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from diegetic.atomic import write_atomically
from diegetic.errors import Failure
from diegetic.model.tensor_files import REINSTALL, read_tensors

GROUP = 64
SHARD_BYTES = 44_000_000
_TOP = 31


def pack(weights: Tensor) -> tuple[Tensor, Tensor]:
    """Six bits a weight: [rows, columns] to uint8 [rows, columns * 3 / 4] and float16 scales [rows, columns / 64].

    Of a few scales near the largest weight, each group takes the one with the least squared error. Raises ValueError
    where the columns aren't whole groups.
    """
    rows, columns = weights.shape
    if columns % GROUP:
        raise ValueError(f"weights: columns must be a multiple of {GROUP}, got {columns}; store them as they are")
    groups = weights.float().reshape(rows, columns // GROUP, GROUP)
    largest = groups.abs().amax(-1, keepdim=True).clamp_min(1e-8)
    best, least = largest / _TOP, torch.full_like(largest, torch.inf)
    for share in (1.0, 0.95, 0.9, 0.85, 0.8):
        scale = (largest * share / _TOP).half().float().clamp_min(1e-7)
        error = ((groups / scale).round().clamp(-_TOP, _TOP) * scale - groups).square().sum(-1, keepdim=True)
        best, least = torch.where(error < least, scale, best), torch.minimum(error, least)
    whole = ((groups / best).round().clamp(-_TOP, _TOP) + 32).to(torch.int32).reshape(rows, -1, 4)
    word = whole[..., 0] | whole[..., 1] << 6 | whole[..., 2] << 12 | whole[..., 3] << 18
    packed = torch.stack([word & 255, word >> 8 & 255, word >> 16 & 255], dim=-1).to(torch.uint8)
    return packed.reshape(rows, -1), best.squeeze(-1).half()


def unpack(packed: Tensor, scales: Tensor, dtype: torch.dtype) -> Tensor:
    """The weights again, [rows, columns] in `dtype`."""
    rows = len(packed)
    a, b, c = packed.reshape(rows, -1, 3).unbind(-1)
    whole = torch.stack([a & 63, a >> 6 | (b & 15) << 2, b >> 4 | (c & 3) << 4, c >> 2], dim=-1).to(torch.int8) - 32
    values = whole.reshape(rows, -1, GROUP).to(dtype) * scales[..., None].to(dtype)
    return values.reshape(rows, -1)


def write_quantised(state: Mapping[str, Tensor], folder: Path, name: str) -> None:
    """Write a state dict as NAME-1.safetensors, NAME-2.safetensors, ... of `SHARD_BYTES` at most. Raises Failure."""
    shards: list[dict[str, Tensor]] = [{}]
    size = 0
    for key, tensor in _packed(state):
        if size + tensor.nbytes > SHARD_BYTES and shards[-1]:
            shards.append({})
            size = 0
        shards[-1][key] = tensor.contiguous()
        size += tensor.nbytes
    for number, shard in enumerate(shards, start=1):
        write_atomically(folder / f"{name}-{number}.safetensors", save(shard))


def read_quantised(folder: Path, name: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """The state dict again, matrices in `dtype`. Raises Failure where a shard is missing or damaged."""
    stored: dict[str, Tensor] = {}
    shards = sorted(folder.glob(f"{name}-*.safetensors"))
    if not shards:
        raise Failure(f"{folder}: has no {name}-1.safetensors; {REINSTALL}")
    for path in shards:
        stored |= read_tensors(path)
    state = {key: tensor for key, tensor in stored.items() if not key.endswith((".six", ".scales"))}
    for key in (key.removesuffix(".six") for key in stored if key.endswith(".six")):
        state[key] = unpack(stored[f"{key}.six"], stored[f"{key}.scales"], dtype)
    return state


def _packed(state: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    for key, tensor in state.items():
        if tensor.ndim == 2 and tensor.shape[1] % GROUP == 0:
            yield from zip((f"{key}.six", f"{key}.scales"), pack(tensor), strict=True)
        else:
            yield key, tensor.float()
