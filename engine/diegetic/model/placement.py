"""Where each part of the network computes, and in which type.

Knows nothing of files.
"""

from dataclasses import dataclass
from typing import Literal

import torch

from diegetic.errors import Failure
from diegetic.model.device import pick_device
from diegetic.settings import Settings

_FLOAT32 = ("flow.transformer.x_embedder.", "flow.duration.", "flow.fc.", "semantic.", "residual.", "fusion.", "null")
"""Small, and where rounding costs most: noise level, seconds, what features are made of. 18 million weights at the
paper's size."""


@dataclass(frozen=True, slots=True)
class Placement:
    """device: of the transformer and the codec; llm_device: of the LLM, in main memory where it is offloaded.

    llm, flow: the types of the LLM and of the transformer.
    """

    device: torch.device
    llm_device: torch.device
    llm: torch.dtype = torch.bfloat16
    flow: torch.dtype = torch.float32

    def device_of(self, name: str) -> torch.device:
        """Where a weight of AudioStory is."""
        return self.llm_device if name.startswith("llm.") else self.device

    def dtype_of(self, name: str) -> torch.dtype:
        """The type of a weight of AudioStory."""
        if name.startswith("llm."):
            return self.llm
        return torch.float32 if name.startswith((*_FLOAT32, "listener.")) else self.flow


def place(settings: Settings) -> Placement:
    """As the settings say; `auto` computes the LLM in bfloat16, the transformer so on a GPU only. Raises Failure."""
    device = pick_device(settings)
    precision: Literal["auto", "float32", "bfloat16"] = settings.precision
    if settings.offload and device.type == "cpu":
        raise Failure("offload: keeps the LLM off a GPU, and there is none in use; leave it out")
    chosen = {"float32": torch.float32, "bfloat16": torch.bfloat16}.get(precision)
    return Placement(
        device,
        torch.device("cpu") if settings.offload else device,
        chosen or torch.bfloat16,
        chosen or (torch.bfloat16 if device.type == "cuda" else torch.float32),
    )
