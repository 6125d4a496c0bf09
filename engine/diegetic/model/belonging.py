"""What an event's residual query tokens say of the story that it belongs to, as a direction.

Events of one story point the same way, those of others elsewhere (scripts/pocket/train_belonging.py). A bank keeps to
recordings that lie in a story's direction, so that its rain is the same rain, and another story's is another.

Knows nothing of LLMs or banks.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from diegetic.model.tensor_files import existing, read_tensors

BELONGING, WIDTH = "belonging.safetensors", 32


class Belonging:
    """matrix [WIDTH, width], mean [width] of an LLM's states."""

    def __init__(self, matrix: Tensor, mean: Tensor) -> None:
        self._matrix, self._mean = matrix.float(), mean.float()

    @classmethod
    def read(cls, folder: Path) -> "Belonging":
        """Of a model's folder. Raises Failure where it is missing or damaged."""
        tensors = read_tensors(existing(folder / BELONGING))
        return cls(tensors["matrix"], tensors["mean"])

    def direction(self, states: Tensor) -> NDArray[np.float32]:
        """Where the story of an event lies, a unit vector [WIDTH], from its residual states [R, width]."""
        towards = self._matrix @ (states.float().cpu().mean(0) - self._mean)
        return torch.nn.functional.normalize(towards, dim=0).numpy()
