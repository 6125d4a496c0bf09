"""The device that a model runs on.

Knows nothing of models.
"""

import torch

from diegetic.errors import Failure
from diegetic.settings import Settings


def pick_device(settings: Settings) -> torch.device:
    """The device that the settings ask for. Raises Failure where it isn't there."""
    if settings.device == "cuda" and not torch.cuda.is_available():
        raise Failure("device: cuda was asked for and isn't there; use --device cpu, or install a CUDA build of torch")
    return torch.device("cuda" if settings.device != "cpu" and torch.cuda.is_available() else "cpu")


def thread_count(settings: Settings) -> int:
    """How many threads a model computes with on the CPU. With another number its sound differs in the last bits."""
    return settings.threads or torch.get_num_threads()


def gpu_name() -> str:
    """The GPU there is. Raises RuntimeError where there is none."""
    if not torch.cuda.is_available():
        raise RuntimeError("no GPU")
    return str(torch.cuda.get_device_name())
