"""What a piece of work can't do without: its operations, and the weights that it reads; and which of the two binds.

A machine's rates are those that it was seen to reach, in a matrix product and in a copy.

Knows nothing of how work is timed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from diegetic.model.config import ModelConfig
from diegetic.model.transformer import FlowTransformer


@dataclass(frozen=True, slots=True)
class Least:
    """Operations, and bytes of weights that are read."""

    operations: float
    read_bytes: float

    def told(self, seconds: float, ceilings: Mapping[str, float]) -> str:
        """Which of the two binds, and how near work that took so many seconds comes to it."""
        operations_s = self.operations / (1e12 * ceilings["tflops"])
        bytes_s = self.read_bytes / (1e9 * ceilings["gb_s"])
        if operations_s > bytes_s:
            rate = f"{self.operations / seconds / 1e12:.2f} of {ceilings['tflops']:.2f} TFLOP/s"
        else:
            rate = f"{self.read_bytes / seconds / 1e9:.0f} of {ceilings['gb_s']:.0f} GB/s"
        what = "operations" if operations_s > bytes_s else "bytes"
        return f"{what} bind: {rate}; at least {1e3 * max(operations_s, bytes_s):.1f} ms"


def denoising(config: ModelConfig, flow: nn.Module, steps: int) -> Least:
    """Steps of one window with guidance."""
    return Least(steps * step_operations(config), steps * _size(flow))


def drafting(llm: nn.Module, tokens: int) -> Least:
    """Tokens read one by one: each weight is multiplied and added once."""
    return Least(2.0 * tokens * sum(weight.numel() for weight in llm.parameters()), tokens * _size(llm))


def step_operations(config: ModelConfig) -> int:
    """Multiplications and additions of one denoise step of a window with guidance, counted on the meta device."""
    window, bridge = config.transformer, config.bridge
    with torch.device("meta"):
        flow = FlowTransformer(window, config.duration, bridge.feature_dim)
        latents = torch.empty(2, window.max_latent_frames, window.in_channels)
        condition, sigma = torch.empty(2, bridge.semantic, bridge.feature_dim), torch.empty(2)
    with FlopCounterMode(display=False) as counter:
        flow(latents, sigma, condition, sigma)
    return int(counter.get_total_flops())


def _size(network: nn.Module) -> int:
    """Bytes of its weights."""
    return sum(weight.numel() * weight.element_size() for weight in network.parameters())
