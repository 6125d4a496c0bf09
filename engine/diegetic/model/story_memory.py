"""What a narrator remembers of a story: the LLM's cache, and what was told; saved and loaded exactly.

Knows nothing of planning.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor
from transformers import DynamicCache

from diegetic.protocol import Look, go_on

_FIRST = "first"


class CacheLayer(Protocol):
    """What is used of a layer of a Hugging Face cache: keys and values [1, heads, tokens, width / heads]."""

    keys: Tensor
    values: Tensor


@dataclass(slots=True)
class StoryMemory:
    """What an LLM remembers of a story: its length, what was told (until planned), cache, reasoning, state [width].

    first: states [R, width] of the residual query tokens of its first event, which the whole story is known by. look:
    called between the tokens of a plan.
    """

    seconds: float
    told: str = ""
    cache: DynamicCache = field(default_factory=DynamicCache)
    reasoning: str = ""
    state: Tensor | None = None
    first: Tensor | None = None
    look: Look = go_on

    @property
    def length(self) -> int:
        """Tokens in the cache."""
        return int(self.cache.get_seq_length())


def save_memory(memory: StoryMemory) -> bytes:
    """The memory, exactly: safetensors, with a header."""
    tensors = {}
    for number, layer in enumerate(cast(Sequence[CacheLayer], memory.cache.layers)):
        tensors[f"{number}.keys"], tensors[f"{number}.values"] = layer.keys.contiguous(), layer.values.contiguous()
    if memory.first is not None:
        tensors[_FIRST] = memory.first
    said = {"seconds": memory.seconds, "reasoning": memory.reasoning}
    return bytes(save_tensors(tensors, {"story": json.dumps(said)}))


def load_memory(state: bytes, device: torch.device) -> StoryMemory:
    """A memory that was saved. device: the LLM's. Raises ValueError where the bytes are damaged."""
    try:
        header = json.loads(state[8 : 8 + int.from_bytes(state[:8], "little")])
        said, tensors = json.loads(header["__metadata__"]["story"]), load_tensors(state)
    except Exception as error:  # safetensors raises its own kind, json another
        raise ValueError(f"memory: is damaged ({error}); the plan can be read again") from error
    memory = StoryMemory(said["seconds"], reasoning=said["reasoning"], first=tensors.pop(_FIRST, None))
    for number in range(len(tensors) // 2):
        keys, values = tensors[f"{number}.keys"], tensors[f"{number}.values"]
        memory.cache.update(keys.to(device), values.to(device), number)
    return memory
