"""From files to a Storyteller: the tokenizer, the LLM, the trained parts, the codec.

A model in the box is a folder with

    tokenizer.json  config.json    of the LLM, with the added tokens
    llm-N.safetensors              its weights, in six bits
    network.safetensors            projectors, fusion, transformer, null condition (float16)
    latents.safetensors            the space of the bank's latents
    words.npz                      vectors of words: what recordings are found by, beside the LLM's features
    ear.safetensors                what recordings are heard by
    belonging.safetensors          what residual query tokens say of the story
    bank/                          recordings

Knows nothing of names: the registry does.
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from diegetic.errors import Failure
from diegetic.model.audiostory import AudioStory
from diegetic.model.bank.add import Caller
from diegetic.model.bank.decoder import EDITION, BankDecoder
from diegetic.model.bank.describe import LatentSpace
from diegetic.model.bank.library import INDEX, Bank
from diegetic.model.bank.words import Vocabulary
from diegetic.model.belonging import Belonging
from diegetic.model.chunks import read_in_chunks
from diegetic.model.codec import Codec
from diegetic.model.config import ModelConfig, read_config
from diegetic.model.device import pick_device
from diegetic.model.drafting import fastest_step
from diegetic.model.ear import Ear
from diegetic.model.fewer_launches import in_fewer_launches
from diegetic.model.meta import rebuild_rotary
from diegetic.model.narrator import Narrator
from diegetic.model.placement import place
from diegetic.model.pocket_ears import PocketEars
from diegetic.model.quantised import read_quantised
from diegetic.model.release_files import ORIGIN
from diegetic.model.sequence import PlanEncoder, Tokenizer
from diegetic.model.storyteller import Storyteller
from diegetic.model.tensor_files import existing, read_tensors
from diegetic.settings import Settings

LLM, NETWORK, SPACE = "llm", "network.safetensors", "latents.safetensors"
EAR, WORDS = "ear.safetensors", "words.npz"
OWN_BANK_PREFERENCE = 0.25
"""How much nearer a recording of the user's own bank counts than one in the box, in cosine."""


def load(name: str, config: ModelConfig, folder: Path, settings: Settings, own_bank: Path | None) -> Storyteller:
    """Load a model from its folder; own_bank: the user's bank it is told in.

    Raises Failure where files are missing or damaged.
    """
    placement = place(settings)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    digest = digest_of(config, folder, own_bank)
    if config.codec.kind == "oobleck":
        from diegetic.model.released import load_storyteller

        return load_storyteller(name, digest, config, folder, placement)
    network, narrator = _networks(config, folder, placement.device)
    codec, ears = _bank_codec(config, folder, own_bank), _Ears(folder, network, narrator)
    return Storyteller(name, digest, narrator, network, codec, ears, Belonging.read(folder))


def load_caller(name: str, settings: Settings) -> tuple[LatentSpace, Caller]:
    """What a user's library is described and called by. Raises as `load`."""
    from diegetic.settings import presets_folder

    models = presets_folder() / "models"
    config, folder = read_config(models / f"{name}.toml"), models / name
    network, narrator = _networks(config, folder, pick_device(settings))

    return read_space(folder / SPACE), lambda captions: _called(network, narrator, captions)


@torch.inference_mode()
def _called(network: AudioStory, narrator: Narrator, captions: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors [captions, F] that captions are called by."""
    states = [narrator.call(caption).semantic[0] for caption in captions]
    called = network.semantic(torch.stack(states).to(network.null)).float().cpu().numpy()
    unit: NDArray[np.float32] = called / np.linalg.norm(called, axis=1, keepdims=True)
    return unit


class _Ears:
    """Pocket's ears, read when they are first needed: most stories never listen."""

    def __init__(self, folder: Path, network: AudioStory, narrator: Narrator) -> None:
        self._folder, self._network, self._narrator = folder, network, narrator

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ears, name)

    @cached_property
    def _ears(self) -> PocketEars:
        space = read_space(self._folder / SPACE)
        ear = Ear.read(self._folder / EAR, space)
        return PocketEars(ear, space, lambda caption: _called(self._network, self._narrator, [caption])[0])


def read_space(path: Path) -> LatentSpace:
    """The latent space of a bank. Raises Failure."""
    tensors = read_tensors(existing(path))
    return LatentSpace(**{name: tensors[name].numpy() for name in ("mean", "scale", "basis", "spread")})


def _networks(config: ModelConfig, folder: Path, device: torch.device) -> tuple[AudioStory, Narrator]:
    """The network with its weights, and a narrator on its LLM. The LLM is in bfloat16, the rest in float32."""
    # transformers leaves these two untyped.
    read_tokenizer: Any = PreTrainedTokenizerFast
    build: Any = AutoModelForCausalLM
    tokenizer: Tokenizer = read_tokenizer(tokenizer_file=str(existing(folder / "tokenizer.json")))
    with torch.device("meta"):
        llm = build.from_config(AutoConfig.from_pretrained(str(folder)), dtype=torch.bfloat16)
    weights = {key: tensor.to(torch.bfloat16) for key, tensor in read_quantised(folder, LLM, torch.bfloat16).items()}
    llm.load_state_dict(weights, assign=True, strict=False)
    llm.tie_weights()
    rebuild_rotary(llm)
    llm.to(device).eval()
    read_in_chunks(llm)
    network = AudioStory(config, llm=llm)
    trained = {key: tensor.float() for key, tensor in read_tensors(existing(folder / NETWORK)).items()}
    missing, unknown = network.load_state_dict(trained, strict=False)
    if unknown or any(not key.startswith("llm.") for key in missing):
        raise Failure(f"{folder / NETWORK}: isn't of this preset; reinstall the model")
    network.requires_grad_(False).to(device)
    in_fewer_launches(network)
    bridge = config.bridge
    encoder = PlanEncoder(tokenizer, config.plan, bridge.semantic, bridge.residual)
    return network, Narrator(llm, encoder, fastest_step(llm))


def _bank_codec(config: ModelConfig, folder: Path, own_bank: Path | None) -> Codec:
    vocabulary = Vocabulary(existing(folder / WORDS))
    banks = [Bank(folder.parent / config.codec.bank.folder, vocabulary)]
    preference = [0.0]
    if own_bank is not None:
        banks.append(Bank(own_bank, vocabulary))
        preference.append(OWN_BANK_PREFERENCE)
    return BankDecoder(banks, read_space(folder / SPACE), preference, config.codec.bank.variation)


def digest_of(config: ModelConfig, folder: Path, own_bank: Path | None) -> str:
    """A hash of all that shapes what the model makes."""
    digest = hashlib.sha256(repr(config).encode())
    if config.codec.kind == "bank":
        digest.update(b"%d" % EDITION)
    origin = folder / ORIGIN  # of a converted release: it has the checksums of all the rest, which is too much to read
    files = [origin] if origin.is_file() else sorted(path for path in folder.rglob("*") if path.is_file())
    files = [path for path in files if path.name != EAR]  # it shapes only what goes on from a recording
    for path in [*files, *([own_bank / INDEX] if own_bank else [])]:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]
