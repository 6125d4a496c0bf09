"""AudioStory's released weights, loaded: from a folder of files to a Storyteller.

The network is built without memory and filled group by group from memory-mapped files, straight in the types that it
computes in: LoRA is merged on the way, names are translated on the way, and the text encoder is there only long enough
to say what "" is.

Knows nothing of names of weights (checkpoint_names does) or of where files lie (release_files does).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from diegetic.errors import Failure
from diegetic.model.audiostory import AudioStory, build_text_encoder, null_features
from diegetic.model.capture import Captured
from diegetic.model.checkpoint_file import Checkpoint, Described
from diegetic.model.checkpoint_names import Source, for_parts_of, sources
from diegetic.model.chunks import read_in_chunks
from diegetic.model.config import ModelConfig, TextEncoderConfig
from diegetic.model.drafting import fastest_step
from diegetic.model.fewer_launches import in_fewer_launches
from diegetic.model.memory import check_fits, out_of_memory
from diegetic.model.meta import Filling
from diegetic.model.narrator import Narrator
from diegetic.model.oobleck import Oobleck, OobleckCodec
from diegetic.model.placement import Placement
from diegetic.model.release_files import ReleaseFiles, find_release, fitted
from diegetic.model.sequence import PlanEncoder
from diegetic.model.special_tokens import AUDIOSTORY, special_tokens
from diegetic.model.storyteller import Storyteller
from diegetic.model.whisper_ears import WhisperEars

_COPY = "copy it again"


def load_storyteller(name: str, digest: str, config: ModelConfig, folder: Path, placement: Placement) -> Storyteller:
    """Load a released model from its folder. Raises Failure where files are missing, damaged, or of another model."""
    files = find_release(folder)
    config = fitted(config, files)
    network = load_network(config, files, placement)
    read_in_chunks(network.llm)
    in_fewer_launches(network)
    codec = load_codec(config, files.codec).to(placement.device)
    is_on_gpu = placement.device.type == "cuda"
    if is_on_gpu:
        with out_of_memory(name):
            codec.warm_up()
    encoder = plan_encoder(read_tokenizer(files.tokenizer), config)
    ears = WhisperEars(files.audio_encoder, network, encoder, codec)
    velocity = Captured(network.flow) if is_on_gpu and config.sampler.whole_window else None
    narrator = Narrator(network.llm, encoder, fastest_step(network.llm))
    return Storyteller(name, digest, narrator, network, OobleckCodec(codec), ears, velocity=velocity)


def load_network(config: ModelConfig, files: ReleaseFiles, placement: Placement) -> AudioStory:
    """The network with its weights where and in the types that they are needed. Raises Failure."""
    with torch.device("meta"):
        network = AudioStory(config)
    weights = ReleasedWeights(config, files, network)
    filling = Filling(network, weights.shapes, str(files.weights))
    counts = {name: torch.Size(weights.shapes[name]).numel() for name in filling.names}
    check_fits(config.name, counts, files.codec.stat().st_size, placement)
    with out_of_memory(config.name):
        for group in weights.read(filling.names):
            filling.take(
                {name: tensor.to(placement.device_of(name), placement.dtype_of(name)) for name, tensor in group.items()}
            )
    filling.finish()
    return network


def load_codec(config: ModelConfig, path: Path) -> Oobleck:
    """The codec with its weights, in float32. Raises Failure."""
    with torch.device("meta"):
        codec = Oobleck(config.codec.oobleck)
    checkpoint = Checkpoint(path, _COPY)
    filling = Filling(codec.autoencoder, {name: each.shape for name, each in checkpoint.items()}, str(path))
    filling.take({name: tensor.float().clone() for name, tensor in checkpoint.read(filling.names).items()})
    filling.finish()
    return codec.eval()


class ReleasedWeights:
    """The weights of a release by our names, the null condition with them; read a group at a time."""

    def __init__(self, config: ModelConfig, files: ReleaseFiles, network: AudioStory) -> None:
        self._checkpoint = Checkpoint(files.weights, _COPY)
        self._scale = config.lora.alpha / config.lora.rank if config.lora else 1.0
        self._null: Tensor | None = None
        if files.is_converted:
            found = {name: Source(name) for name in self._checkpoint}
        else:
            found = sources(self._checkpoint)
            self._null = self._say_nothing(config, files, found)
        self._sources = for_parts_of(network, found)
        self._check(config)

    @property
    def path(self) -> Path:
        """The checkpoint."""
        return self._checkpoint.path

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every weight."""
        return {name: tuple(each.shape) for name, each in self.described.items()}

    @property
    def described(self) -> dict[str, Described]:
        """Every weight, unread."""
        given = {name: self._checkpoint[source.weight] for name, source in self._sources.items()}
        if self._null is not None:
            given["null"] = Described(tuple(self._null.shape), self._null.dtype)
        return given

    def read(self, names: list[str]) -> Iterator[dict[str, Tensor]]:
        """The weights of these names, LoRA merged, in groups that fit into little memory."""
        ours = {self._sources[name].names: name for name in names if name in self._sources}
        for group in self._checkpoint.groups(ours):
            tensors = self._checkpoint.read(name for together in group for name in together)
            yield {ours[key]: self._sources[ours[key]].merge(tensors, self._scale) for key in map(tuple, group)}
        if self._null is not None and "null" in names:
            yield {"null": self._null}

    def _check(self, config: ModelConfig) -> None:
        """Raise Failure where a weight is no floating point, or a LoRA doesn't fit its layer or the preset."""
        for source in self._sources.values():
            given = {name: self._checkpoint[name] for name in source.names}
            for name, each in given.items():
                if not each.dtype.is_floating_point:
                    told = f"{name} must be floating point, got {each.dtype}"
                    raise Failure(f"{self.path}: {told}; give a release that isn't quantised")
            if source.down:
                rows, columns = (*given[source.weight].shape, 0, 0)[:2]
                down, up = given[source.down].shape, given[source.up].shape
                rank = config.lora.rank if config.lora else down[0]
                if (down, up) != ((rank, columns), (rows, rank)):
                    told = f"{source.down} must be {[rank, columns]} and its other half {[rows, rank]}"
                    raise Failure(f"{self.path}: {told}, got {list(down)} and {list(up)}; does the preset fit it?")

    def _say_nothing(self, config: ModelConfig, files: ReleaseFiles, found: Mapping[str, Source]) -> Tensor:
        """The null condition [1, S, F], by the text encoder in the state dict or in a folder of its own."""
        if config.text_encoder is None:
            raise Failure(
                f"{config.name}: its preset needs a [text_encoder], for the condition that says nothing; add it"
            )
        prefix = "text_encoder."
        own = {name.removeprefix(prefix): source for name, source in found.items() if name.startswith(prefix)}
        if own:
            encoder = self._encoder(config.text_encoder, own, files.weights)
        elif files.text_encoder is not None:
            encoder = build_text_encoder(TextEncoderConfig(folder=str(files.text_encoder.absolute())))
        else:
            told = "has no text encoder, and there is no folder flan-t5-large beside it"
            raise Failure(f"{files.weights}: {told}; put it there")
        return null_features(encoder, config.bridge.semantic)

    def _encoder(self, config: TextEncoderConfig, own: Mapping[str, Source], path: Path) -> Any:
        with torch.device("meta"):
            encoder = build_text_encoder(config)
        shapes = {name: self._checkpoint[source.weight].shape for name, source in own.items()}
        filling = Filling(encoder, shapes, f"{path}, text encoder")
        tensors = self._checkpoint.read(own[name].weight for name in filling.names)
        filling.take({name: tensors[own[name].weight].float() for name in filling.names})
        filling.finish()
        return encoder


def read_tokenizer(path: Path) -> Any:
    """The LLM's tokenizer. Raises Failure where the file is damaged."""
    from transformers import PreTrainedTokenizerFast

    fast: Any = PreTrainedTokenizerFast
    try:
        return fast(tokenizer_file=str(path))
    except Exception as error:  # tokenizers raises bare ones
        raise Failure(f"{path}: is no tokenizer ({str(error)[:80]}); {_COPY}") from error


def plan_encoder(tokenizer: Any, config: ModelConfig) -> PlanEncoder:
    """Add the preset's tokens to a tokenizer: the released 612 where the vocabulary has room for just those."""
    bridge = config.bridge
    is_released = config.llm.vocabulary == len(tokenizer) + len(AUDIOSTORY)
    tokenizer.add_tokens(list(AUDIOSTORY) if is_released else special_tokens(bridge.semantic, bridge.residual))
    return PlanEncoder(tokenizer, config.plan, bridge.semantic, bridge.residual)
