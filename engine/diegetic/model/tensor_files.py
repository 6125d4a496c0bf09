"""Files of tensors, read or refused by name.

Knows nothing of what the tensors are.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from diegetic.errors import Failure

REINSTALL = "reinstall the model"


def read_tensors(path: Path, way_out: str = REINSTALL) -> dict[str, Tensor]:
    """The tensors of a safetensors file or, where it ends in .bin, of a state dict that torch saved, on the CPU.

    Raises Failure, with the way out of it, where the file is damaged.
    """
    try:
        if path.suffix == ".bin":
            state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            return state
        return load_file(path)
    except Exception as error:  # pickle, zip and safetensors raise their own kinds
        raise Failure(f"{path}: is damaged ({str(error).splitlines()[0]}); {way_out}") from error


def existing(path: Path, way_out: str = REINSTALL) -> Path:
    """The same path. Raises Failure, with the way out of it, where there is no file."""
    if not path.exists():
        raise Failure(f"{path}: is missing; {way_out}")
    return path
