"""AudioStory whole, in the size of a configuration: the LLM, the bridge and the flow transformer.

    ids -> LLM -> states at the query tokens -> semantic, residual features -> fusion -> condition -> velocity

Which tokens to read is the narrator's matter, sampling is flow.py's, sound the codec's.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from diegetic.errors import InputError
from diegetic.model.bridge import Fusion, Projector
from diegetic.model.config import LlmConfig, ModelConfig, TextEncoderConfig
from diegetic.model.listener import Listener
from diegetic.model.transformer import FlowTransformer


class Features(NamedTuple):
    """What query states say: semantic [B, S, F], trained to be a text encoder's, and residual [B, R, F]."""

    semantic: Tensor
    residual: Tensor


class AudioStory(nn.Module):
    """The networks of one model. Built from its configuration, with random weights.

    llm, text_encoder: Hugging Face models in place of the configuration's; a text encoder is there only if given.
    `null` [1, S, F] is the condition that says nothing: zeros, until loaded or set from the text encoder.
    """

    def __init__(self, config: ModelConfig, llm: Any = None, text_encoder: Any = None, folder: Path = Path()) -> None:
        super().__init__()
        bridge = config.bridge
        self.config = config
        self.llm: Any = build_llm(config.llm, folder) if llm is None else llm
        width = int(self.llm.get_input_embeddings().weight.shape[1])
        self.semantic = Projector(width, bridge.feature_dim)
        self.residual = Projector(width, bridge.feature_dim)
        self.fusion = Fusion(bridge.feature_dim, bridge.fusion_heads, bridge.feature_scale, bridge.zero_init)
        self.flow = FlowTransformer(config.transformer, config.duration, bridge.feature_dim)
        self.listener = Listener(config.listener, width) if config.listener else None
        self.text_encoder: Any = text_encoder
        self.null: Tensor
        self.register_buffer("null", torch.zeros(1, bridge.semantic, bridge.feature_dim))

    def states(self, ids: Tensor, heard: Tensor | None = None, heard_at: Tensor | None = None) -> Tensor:
        """States [B, tokens, width] of ids [B, tokens] after the LLM's final norm.

        heard: embeddings [n, tokens, width] from the listener, which take the places that heard_at [B, tokens] marks.
        """
        embeddings: Tensor = self.llm.get_input_embeddings()(ids)
        if heard is not None and heard_at is not None:
            embeddings = embeddings.masked_scatter(heard_at[..., None], heard.to(embeddings.dtype))
        return cast(Tensor, self.llm.get_decoder()(inputs_embeds=embeddings, use_cache=False).last_hidden_state)

    def features(self, semantic: Tensor, residual: Tensor) -> Features:
        """Project states [B, S, width] of semantic query tokens and [B, R, width] of residual ones."""
        scale = self.config.bridge.feature_scale if self.config.bridge.legacy_double_scale else 1.0
        return Features(self.semantic(semantic) / scale, self.residual(residual) / scale)

    def condition(self, semantic: Tensor, residual: Tensor) -> Tensor:
        """The condition [B, S, F] of events, from states [B, S, width] and [B, R, width] of their query tokens."""
        return cast(Tensor, self.fusion(*self.features(semantic, residual)))

    def set_null(self) -> None:
        """Take the text encoder's features of "" as null condition."""
        self.null.copy_(null_features(self.text_encoder, self.null.shape[1]))


@torch.no_grad()
def null_features(text_encoder: Any, tokens: int) -> Tensor:
    """A text encoder's features [1, tokens, F] of "": its end marker, then padding (paper.md 1.11)."""
    ids = torch.zeros(1, tokens, dtype=torch.long, device=text_encoder.device)
    ids[0, 0] = 1
    mask = (torch.arange(tokens, device=ids.device) == 0).long()[None]
    return cast(Tensor, text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state)


def query_slices(ids: Sequence[int], close: int, count: int) -> list[slice]:
    """Where the blocks of `count` query tokens lie that end before each `close` in ids."""
    return [slice(place - count, place) for place, token in enumerate(ids) if token == close and place >= count]


def build_llm(config: LlmConfig, folder: Path = Path()) -> Any:
    """A causal LM with random weights, of a table or the config in its folder. Raises InputError without the folder."""
    from transformers import AutoConfig, AutoModelForCausalLM

    if config.folder:
        described = AutoConfig.from_pretrained(_there(folder / config.folder), local_files_only=True)
    else:
        table: dict[str, Any] = dict(config.config)
        described = AutoConfig.for_model(table.pop("model_type"), **table)
    if config.vocabulary:
        described.vocab_size = config.vocabulary
    build: Any = AutoModelForCausalLM
    return build.from_config(described)


def build_text_encoder(config: TextEncoderConfig, folder: Path = Path()) -> Any:
    """A frozen text encoder: with its weights from its folder, or with random ones from its table.

    Raises InputError where the folder is missing.
    """
    from transformers import T5Config, T5EncoderModel

    encoder: Any
    if config.folder:
        encoder = T5EncoderModel.from_pretrained(_there(folder / config.folder), local_files_only=True)
    else:
        table: dict[str, Any] = dict(config.config)
        encoder = T5EncoderModel(T5Config(**table))
    return encoder.requires_grad_(False).eval()


def _there(folder: Path) -> Path:
    """The folder, which transformers would else take for the name of a repository on the hub."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; check the path, which is from the folder of the model's TOML")
    return folder
