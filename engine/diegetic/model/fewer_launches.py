"""The same networks in a third fewer launches, for a GPU: it waits longer for a small kernel than it computes it.

At the paper's size a denoise step is more than a thousand, recorded as a graph or not. Here an attention's queries,
keys and values are one product; a complex number turns a pair of their values, where two tables of reals take eight
kernels; what modulates all blocks is activated once; and a norm of the LLM is one kernel in place of eight.

What is computed is the same: in float32 but for the last bits, in bfloat16 rounded less often. Pocket's windows are the
same to the bit, and take a CPU 5 % less time.

Knows nothing of graphs.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm, scaled_dot_product_attention, silu

from diegetic.model.audiostory import AudioStory
from diegetic.model.transformer import FlowTransformer


def in_fewer_launches(network: AudioStory) -> None:
    """Fuse a loaded network: its flow, and its LLM's norms where that is on a GPU. On a CPU these are no faster so."""
    fuse_flow(network.flow)
    if network.llm.device.type == "cuda":
        fuse_norms(network.llm)


def fuse_flow(flow: FlowTransformer) -> None:
    """Let a flow compute so from now on. Some weights have other names then: it is loaded before, and not saved."""
    fuse_attention(flow.transformer)
    share_modulation(flow.transformer)
    flow.requires_grad_(False)


def fuse_norms(llm: nn.Module) -> None:
    """Put torch's RMSNorm in the place of an LLM's own, which transformers writes as eight operations."""
    for part in list(llm.modules()):
        for name, norm in part.named_children():
            if type(norm).__name__.endswith("RMSNorm") and hasattr(norm, "variance_epsilon"):
                weight = cast(nn.Parameter, norm.weight)
                fused = nn.RMSNorm(weight.shape[0], cast(float, norm.variance_epsilon), device="meta")
                fused.weight = weight
                setattr(part, name, fused)


def fuse_attention(flux: Any) -> None:
    """Let the blocks of diffusers' FluxTransformer2DModel attend by FusedAttention."""
    flux.fuse_qkv_projections()
    for block in (*flux.transformer_blocks, *flux.single_transformer_blocks):
        for name in ("to_q", "to_k", "to_v", "add_q_proj", "add_k_proj", "add_v_proj"):
            if hasattr(block.attn, name):
                delattr(block.attn, name)
        for name in ("norm_q", "norm_k", "norm_added_q", "norm_added_k"):
            if hasattr(block.attn, name):
                getattr(block.attn, name).float()
        block.attn.set_processor(FusedAttention())
    flux.pos_embed = _ComplexRotation(flux.pos_embed)


def share_modulation(flux: Any) -> None:
    """Activate the embedding that modulates all blocks of a FluxTransformer2DModel once, in place of in each."""
    flux.time_text_embed = _Activated(flux.time_text_embed, flux.proj_out.weight.dtype)
    for part in flux.modules():
        if isinstance(getattr(part, "silu", None), nn.SiLU):
            part.silu = nn.Identity()


class FusedAttention:
    """A processor of diffusers' FluxAttention: projections are fused, the rotation is complex [T, D / 2]."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        image_rotary_emb: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """States [B, T, W] attend to each other; with a text's [B, S, W] all do, and both are given, the text last."""
        q, k, v = _projected(attn.to_qkv, attn.heads, attn.norm_q, attn.norm_k, hidden_states)
        if encoder_hidden_states is not None:
            norms = attn.norm_added_q, attn.norm_added_k
            text = _projected(attn.to_added_qkv, attn.heads, *norms, encoder_hidden_states)
            q, k, v = (torch.cat(each, dim=1) for each in zip(text, (q, k, v), strict=True))  # (B, S + T, H, D)
        turn = cast(Tensor, image_rotary_emb)
        q, k = (_turned(each, turn).to(v.dtype) for each in (q, k))
        q, k, v = (each.transpose(1, 2) for each in (q, k, v))  # (B, H, S + T, D)
        found = scaled_dot_product_attention(q, k, v, attention_mask).transpose(1, 2).flatten(2)  # (B, S + T, W)
        if encoder_hidden_states is None:
            return found
        split = encoder_hidden_states.shape[1]
        return attn.to_out[0](found[:, split:].contiguous()), attn.to_add_out(found[:, :split].contiguous())


class _ComplexRotation(nn.Module):
    """diffusers' rotary embedding, whose pairs of equal cosines and sines [T, D] become a number each [T, D / 2]."""

    def __init__(self, embedding: nn.Module) -> None:
        super().__init__()
        self._embedding = embedding

    def forward(self, ids: Tensor) -> Tensor:
        cosine, sine = self._embedding(ids)
        return torch.complex(cosine[:, ::2], sine[:, ::2])


class _Activated(nn.Module):
    """An embedding, activated, in the type of what reads it."""

    def __init__(self, embedding: nn.Module, type_: torch.dtype) -> None:
        super().__init__()
        self._embedding, self._type = embedding, type_

    def forward(self, *given: Tensor) -> Tensor:
        return silu(self._embedding(*given)).to(self._type)


def _projected(project: nn.Module, heads: int, norm_q: Any, norm_k: Any, states: Tensor) -> tuple[Tensor, ...]:
    """Queries and keys, normalised in float32, and values: [B, T, H, D] each of states [B, T, W]."""
    q, k, v = project(states).unflatten(-1, (3, heads, -1)).unbind(2)
    return _normed(q, norm_q), _normed(k, norm_k), v


def _normed(x: Tensor, norm: nn.RMSNorm) -> Tensor:
    return rms_norm(x.float(), norm.normalized_shape, norm.weight, norm.eps)


def _turned(x: Tensor, turn: Tensor) -> Tensor:
    """Each pair of values of [B, T, H, D] turned by the number of its place [T, D / 2]."""
    pairs = torch.view_as_complex(x.view(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turn[:, None]).flatten(-2)
