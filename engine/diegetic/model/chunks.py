"""An LLM in bfloat16 on a CPU: one token is computed in bfloat16, a chunk of tokens in float32.

A token is as fast as its weights are read, so half the bytes are half the time. A chunk is bound by its operations, and
a CPU without bfloat16 of its own multiplies it an order of magnitude slower than float32: there a layer's weights are
widened for each chunk, which costs one more reading of them. What comes out is rounded to bfloat16 as before; sums are
float32 in both ways. A CPU that has bfloat16 (AVX-512 BF16, AMX) is left to it: there chunks take half the time so.

Knows nothing of what the tokens are.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

FEWEST = 8
"""Tokens from which on a chunk is faster in float32. Measured on pocket's LLM, two cores with AVX2: 8 tokens take 95 ms
instead of 135, 34 take 144 instead of 497, 128 take 513 instead of 1771; 4 take 84 instead of 73."""


class ChunkedLinear(nn.Linear):
    """A linear layer [.., in] -> [.., out] in its weights' type; `FEWEST` tokens and more are computed in float32."""

    def forward(self, input: Tensor) -> Tensor:
        if input.numel() < FEWEST * self.in_features:
            return linear(input, self.weight, self.bias)
        bias = None if self.bias is None else self.bias.float()
        return linear(input.float(), self.weight.float(), bias).to(input.dtype)


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 itself, as far as torch says."""
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch has no public names for them
    return any(getattr(torch.cpu, name, bool)() for name in asked)


def read_in_chunks(llm: nn.Module) -> None:
    """Let the linear layers of an LLM compute chunks so, those in bfloat16 on a CPU that has none of its own."""
    if has_bfloat16():
        return
    for module in llm.modules():
        if type(module) is nn.Linear and module.weight.is_cpu and module.weight.dtype.itemsize == 2:
            module.__class__ = ChunkedLinear
