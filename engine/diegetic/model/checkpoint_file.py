"""A checkpoint on disk, memory-mapped and read some tensors at a time: more than fits into memory can be gone through.

    NAME.bin           a flat state dict that torch saved; only tensors are unpickled from it, never code
    NAME.safetensors   one file
    NAME.index.json    several, with the index that Hugging Face writes

Knows nothing of what the tensors are called.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import safe_open
from torch import Tensor

from diegetic.errors import Failure
from diegetic.model.tensor_files import existing

AT_ONCE_BYTES = 500_000_000
"""How much of a checkpoint is touched before it is mapped anew, so that what was read leaves the memory again."""


@dataclass(frozen=True, slots=True)
class Described:
    """A tensor that hasn't been read."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    @property
    def size_bytes(self) -> int:
        """What it takes in its own type."""
        return torch.Size(self.shape).numel() * self.dtype.itemsize


class Checkpoint(Mapping[str, Described]):
    """The tensors of a checkpoint by name. Raises Failure, with the way out of it, where a file is missing or wrong."""

    def __init__(self, path: Path, way_out: str) -> None:
        self.path = existing(path, way_out)
        self._way_out = way_out
        self._files = self._find_files()
        self._described = dict(self._describe())

    def __getitem__(self, name: str) -> Described:
        return self._described[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._described)

    def __len__(self) -> int:
        return len(self._described)

    @property
    def size_bytes(self) -> int:
        """The size of its files."""
        return sum(path.stat().st_size for path in {*self._files.values(), self.path})

    def read(self, names: Iterable[str]) -> dict[str, Tensor]:
        """These tensors, on the CPU and still on the disk: they are read where they are used."""
        wanted = list(names)
        if self.path.suffix == ".bin":
            state = self._unpickle()
            return {name: state[name] for name in wanted}
        found: dict[str, Tensor] = {}
        for file in dict.fromkeys(self._files[name] for name in wanted):
            with self._opened(file) as opened:
                found |= {name: opened.get_tensor(name) for name in wanted if self._files[name] == file}
        return found

    def groups(self, names: Iterable[Sequence[str]], most_bytes: int = AT_ONCE_BYTES) -> Iterator[list[Sequence[str]]]:
        """Names that belong together, in groups of tensors that are read at once."""
        group: list[Sequence[str]] = []
        size = 0
        for together in names:
            more = sum(self._described[name].size_bytes for name in together)
            if group and size + more > most_bytes:
                yield group
                group, size = [], 0
            group.append(together)
            size += more
        if group:
            yield group

    def _find_files(self) -> dict[str, Path]:
        """The file of every tensor; none for a pickle, whose names are inside it."""
        if self.path.suffix == ".bin":
            return {}
        if self.path.suffix != ".json":
            with self._opened(self.path) as opened:
                return dict.fromkeys(opened.keys(), self.path)
        try:
            places = json.loads(self.path.read_text(encoding="utf-8"))["weight_map"]
            return {str(name): existing(self.path.parent / str(file), self._way_out) for name, file in places.items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Failure(f"{self.path}: is no index of a checkpoint ({error!r:.80}); {self._way_out}") from None

    def _describe(self) -> Iterator[tuple[str, Described]]:
        if self.path.suffix == ".bin":
            for name, tensor in self._unpickle().items():
                yield name, Described(tuple(tensor.shape), tensor.dtype)
            return
        for file in dict.fromkeys(self._files.values()):
            with self._opened(file) as opened:
                held = set(opened.keys())
                for name in (name for name, place in self._files.items() if place == file):
                    if name not in held:
                        raise Failure(f"{file}: lacks {name}, which its index names; {self._way_out}")
                    part = opened.get_slice(name)
                    if (dtype := _DTYPES.get(part.get_dtype())) is None:
                        raise Failure(
                            f"{file}: {name} is of type {part.get_dtype()}; give a release that isn't quantised"
                        )
                    yield name, Described(tuple(part.get_shape()), dtype)

    def _opened(self, file: Path) -> "safe_open":
        try:
            return safe_open(file, framework="pt")
        except Exception as error:  # safetensors raises its own kind
            raise Failure(f"{file}: is damaged or cut off ({_said(error)}); {self._way_out}") from error

    def _unpickle(self) -> dict[str, Tensor]:
        if not zipfile.is_zipfile(self.path):
            what = "is damaged or cut off, or no checkpoint that torch saved since its version 1.6"
            raise Failure(f"{self.path}: {what} (it is no zip archive); {self._way_out}")
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True, mmap=True)
        except UnpicklingError as error:
            raise Failure(f"{self.path}: holds more than weights, so it isn't opened; {self._way_out}") from error
        except Exception as error:  # zip raises many kinds
            what = "is damaged or cut off, or no checkpoint that torch saved"
            raise Failure(f"{self.path}: {what} ({_said(error)}); {self._way_out}") from error
        if not isinstance(state, dict) or not state or not all(map(_is_weight, state.keys(), state.values())):
            rule = "must be a flat state dict of tensors"
            raise Failure(f"{self.path}: {rule}, got {_kind(state)}; {self._way_out}")
        return state


_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def _said(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


def _is_weight(name: object, value: object) -> bool:
    dense = isinstance(value, Tensor) and value.layout == torch.strided and not value.is_meta
    return isinstance(name, str) and dense


def _kind(state: object) -> str:
    if isinstance(state, dict):
        other = next(((key, value) for key, value in state.items() if not _is_weight(key, value)), None)
        if other is None:
            return "none"
        key, value = other
        what = f"{value.layout} {value.device.type} tensor" if isinstance(value, Tensor) else type(value).__name__
        return f"{str(key)[:40]!r} with a {what}" if isinstance(key, str) else f"the name {key!r:.40}"
    return f"a {type(state).__name__}"
