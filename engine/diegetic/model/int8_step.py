"""One token read by a small Llama with weights of eight bits: what drafts a plan on a CPU.

A token is as fast as its weights are read, and as the calls around them: here half the bytes of bfloat16, and a third
of the calls. What is kept of a story is never read so: its states come from the LLM itself.

    x [width] ─ norm ─ q, k, v ─ rotary ─ attention over what was read ─ out ─+─ norm ─ gate, up ─ silu ─ down ─+─> x

As in Llama (Touvron et al., 2023) with grouped queries; each row of a weight has its scale, its largest value being
127. Activations are bfloat16, sums of the residual stream float32.

Knows nothing of plans.
"""

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import rms_norm, scaled_dot_product_attention, silu
from transformers import DynamicCache

ROOM = 2560
"""Tokens that can be read: a story of 32 events, a long text and the longest draft. 59 MB for pocket."""
_FAST = ("AVX2", "AVX512")
"""What torch has its product of eight bits for; others are unknown, and without them it is six times slower."""
_MOST = 3
"""Tokens in a row that are sooner read one by one than by the LLM as a chunk."""


class Int8:
    """A linear map without bias, [out, in]: whole numbers of eight bits and a scale a row."""

    def __init__(self, *weights: Tensor) -> None:
        weight = torch.cat(weights).float()
        scale = (weight.abs().amax(1).clamp_min(1e-12) / 127).bfloat16()
        self._weight, self._scale = weight.div_(scale[:, None]).round_().clamp_(-127, 127).to(torch.int8), scale

    def __call__(self, x: Tensor) -> Tensor:
        """[in] to [out], both bfloat16."""
        found: Tensor = torch.ops.aten._weight_int8pack_mm(x[None], self._weight, self._scale)
        return found[0]


class Int8Step:
    """One token after another, in a cache of its own: a draft's Step.

    Raises ValueError where the LLM is another than such a Llama, or this CPU has no fast way to do it.

    Threads: one at a time, since there is one cache.
    """

    def __init__(self, llm: Any, room: int = ROOM) -> None:
        config, decoder = llm.config, llm.get_decoder()
        if config.model_type != "llama" or config.attention_bias or config.mlp_bias or config.hidden_act != "silu":
            raise ValueError(f"{config.model_type}: must be a Llama without biases")
        if torch.backends.cpu.get_cpu_capability() not in _FAST:
            raise ValueError(f"CPU: must have one of {', '.join(_FAST)}")
        self.room, self.most = room, _MOST
        self._heads, self._groups = config.num_attention_heads, config.num_key_value_heads
        self._embed, self._rotary, self._eps = decoder.embed_tokens, decoder.rotary_emb, config.rms_norm_eps
        with torch.inference_mode():
            self._norm = decoder.norm.weight.float()
            self._head = Int8(llm.get_output_embeddings().weight)
            self._layers = [_Layer(each, self._groups, room) for each in decoder.layers]
        self._at = 0

    def begin(self, cache: DynamicCache) -> None:
        """Go on from a copy of what a cache has read."""
        self._at = int(cache.get_seq_length())
        for layer, read in zip(self._layers, cast(Any, cache.layers), strict=True):
            layer.keys[:, : self._at], layer.values[:, : self._at] = read.keys[0], read.values[0]

    def read(self, token: int) -> Tensor:
        """The state [width] of the next token."""
        x = self._embed.weight[token].float()
        cos, sin = (each[0] for each in self._rotary(x[None, None].bfloat16(), torch.tensor([[self._at]])))
        for layer in self._layers:
            x = x + self._attend(layer, self._normed(x, layer.before), cos, sin)
            gate, up = layer.gate_up(self._normed(x, layer.after)).chunk(2)
            x = x + layer.down(silu(gate) * up)
        self._at += 1
        return self._normed(x, self._norm)

    def scores(self, state: Tensor) -> Tensor:
        """Scores [vocabulary] of what follows a state [width]."""
        return self._head(state)

    def _attend(self, layer: "_Layer", x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """What a token gets from all before it and itself, [width]."""
        parts = layer.qkv(x).view(self._heads + 2 * self._groups, -1)  # (heads + 2 groups, width / heads)
        turned, value = parts[: -self._groups], parts[-self._groups :]
        first, second = turned.chunk(2, dim=-1)
        turned = turned * cos + torch.cat([-second, first], dim=-1) * sin
        until = self._at + 1
        layer.keys[:, self._at], layer.values[:, self._at] = turned[self._heads :], value
        keys, values = layer.keys[None, :, :until], layer.values[None, :, :until]  # (1, groups, until, width / heads)
        queries = turned[: self._heads].view(1, self._groups, -1, turned.shape[-1])  # a group's heads as its places
        return layer.out(scaled_dot_product_attention(queries, keys, values).reshape(-1))

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        return rms_norm(x, weight.shape, weight, self._eps).bfloat16()


class _Layer:
    """A layer's weights, and what it remembers: keys and values [groups, room, width / heads]."""

    def __init__(self, layer: Any, groups: int, room: int) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.before, self.after = layer.input_layernorm.weight.float(), layer.post_attention_layernorm.weight.float()
        self.qkv = Int8(*_weights(attention, ("q_proj", "k_proj", "v_proj")))
        self.out = Int8(attention.o_proj.weight)
        self.gate_up = Int8(*_weights(mlp, ("gate_proj", "up_proj")))
        self.down = Int8(mlp.down_proj.weight)
        self.keys, self.values = torch.zeros(2, groups, room, attention.head_dim, dtype=torch.bfloat16)


def _weights(part: Any, names: Sequence[str]) -> list[Tensor]:
    return [getattr(part, name).weight for name in names]
