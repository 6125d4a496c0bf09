"""AudioStory's released weights, loaded: from a folder of files to a Storyteller.

    pytorch_model.bin     the released state dict (or the same as model.safetensors)
    vae.safetensors       AutoencoderOobleck's
    tokenizer.json        the LLM's, without the added tokens or with them

Once the text encoder has said what "" is, it is dropped: nothing else needs it. LoRA is merged.

Knows nothing of names of weights: checkpoint_names does.
"""

from pathlib import Path
from typing import Any

import torch

from diegetic.errors import Failure
from diegetic.model.audiostory import AudioStory, build_text_encoder
from diegetic.model.checkpoint_names import load_released
from diegetic.model.config import ModelConfig
from diegetic.model.narrator import Narrator
from diegetic.model.oobleck import Oobleck, OobleckCodec
from diegetic.model.sequence import PlanEncoder
from diegetic.model.special_tokens import AUDIOSTORY, special_tokens
from diegetic.model.storyteller import Storyteller
from diegetic.model.tensor_files import existing, read_tensors

_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_VAE, _TOKENIZER = "vae.safetensors", "tokenizer.json"
_PUT, _COPY = "put the model's files there", "copy it again"


def load_storyteller(name: str, digest: str, config: ModelConfig, folder: Path, device: torch.device) -> Storyteller:
    """Load a released model from its folder. On a GPU the LLM computes in bfloat16, the rest in float32.

    Raises Failure where files are missing, damaged, or of another model.
    """
    from transformers import PreTrainedTokenizerFast

    fast: Any = PreTrainedTokenizerFast
    tokenizer = fast(tokenizer_file=str(existing(folder / _TOKENIZER, _PUT)))
    network = load_network(config, folder).to(device)
    if device.type == "cuda":
        network.llm.to(torch.bfloat16)
    codec = Oobleck(config.codec.oobleck)
    codec.autoencoder.load_state_dict(read_tensors(existing(folder / _VAE, _PUT), _COPY))
    narrator = Narrator(network.llm, plan_encoder(tokenizer, config))
    return Storyteller(name, digest, narrator, network, OobleckCodec(codec.requires_grad_(False).eval().to(device)))


def load_network(config: ModelConfig, folder: Path) -> AudioStory:
    """The network with the released weights, on the CPU. Raises Failure."""
    if config.text_encoder is None:
        raise Failure(f"{config.name}: its preset needs a [text_encoder], for the condition that says nothing; add it")
    present = [folder / name for name in _WEIGHTS if (folder / name).exists()]
    network = AudioStory(config, text_encoder=build_text_encoder(config.text_encoder))
    scale = config.lora.alpha / config.lora.rank if config.lora else 1.0
    weights = present[0] if present else existing(folder / _WEIGHTS[-1], _PUT)
    load_released(network, read_tensors(weights, _COPY), scale)
    network.set_null()
    network.text_encoder = None
    return network.requires_grad_(False).eval()


def plan_encoder(tokenizer: Any, config: ModelConfig) -> PlanEncoder:
    """Add the preset's tokens to a tokenizer: the released 612 where the vocabulary has room for just those."""
    bridge = config.bridge
    is_released = config.llm.vocabulary == len(tokenizer) + len(AUDIOSTORY)
    tokenizer.add_tokens(list(AUDIOSTORY) if is_released else special_tokens(bridge.semantic, bridge.residual))
    return PlanEncoder(tokenizer, config.plan, bridge.semantic, bridge.residual)
