"""Compute once what frozen networks say of training examples, and write it as shards for scripts/train.py.

    python scripts/cache_training.py presets/models/NAME.toml EXAMPLES.jsonl --out SHARDS --tokenizer FOLDER
        --text-encoder FOLDER --codec FOLDER [--audio-encoder FOLDER]

A line of EXAMPLES is a story or a question; audio files are named relative to it:

    {"instruction": "...", "seconds": 12, "reasoning": "...",
     "events": [{"caption": "...", "lane": "foreground", "start_s": 0, "end_s": 6, "audio": "a.wav"}]}
    {"question": "What is heard?", "answer": "...", "audio": "b.wav"}

The folders are Hugging Face ones: the LLM's tokenizer, the T5 encoder, AutoencoderOobleck, Whisper.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import torch
from safetensors.torch import save
from torch import Tensor

from diegetic.atomic import write_atomically
from diegetic.errors import DiegeticError, InputError
from diegetic.model.config import ModelConfig, read_config
from diegetic.model.grammar import Timed
from diegetic.model.oobleck import Oobleck
from diegetic.model.released import plan_encoder
from diegetic.model.sequence import PlanEncoder
from diegetic.model.training_data import Example, question_example, step_seed, story_example, write_shard
from diegetic.schema import read_strict

WHISPER_RATE = 16_000


@dataclass(frozen=True, slots=True)
class EventLine:
    """One event of a written story, and its recording."""

    caption: str
    audio: Path
    start_s: float
    end_s: float
    lane: str = "foreground"

    def __post_init__(self) -> None:
        if not 0 <= self.start_s < self.end_s:
            raise ValueError(f"start_s must be 0 or more and before end_s, got {self.start_s:g} and {self.end_s:g}")


@dataclass(frozen=True, slots=True)
class StoryLine:
    """A written story."""

    instruction: str
    seconds: float
    events: tuple[EventLine, ...]
    reasoning: str = ""

    def __post_init__(self) -> None:
        if not self.events:
            raise ValueError("events must have at least one; add it, or drop the line")


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """A question about a recording."""

    question: str
    answer: str
    audio: Path


@dataclass(frozen=True, slots=True)
class Frozen:
    """What frozen networks say: of captions [E, S, F]; of a recording, latents [T, C] and states [frames, width]."""

    features: Callable[[Sequence[str]], Tensor]
    latents: Callable[[Path], Tensor]
    heard: Callable[[Path], Tensor]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the shards; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        config = read_config(options.config)
        check_folders(options)
        try:
            encoder = load_encoder(config, options.tokenizer)
            frozen = load_frozen(config, options)
        except (OSError, ValueError) as error:  # of three libraries
            why = str(error).splitlines()[0][:160]
            raise InputError(f"cache: a network can't be read ({why}); check the folders that are given") from error
        write_atomically(options.out / "null.safetensors", save({"null": frozen.features([""])}))
        cache(options.examples, options.out, config, encoder, frozen, options.shard)
    except DiegeticError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def check_folders(options: argparse.Namespace) -> None:
    """Raise InputError where a network's folder is missing (its name would be looked for on the hub), or where there
    are shards already, which would be trained on beside the new ones."""
    for folder in (options.tokenizer, options.text_encoder, options.codec, options.audio_encoder):
        if folder is not None and not folder.is_dir():
            raise InputError(f"{folder}: is no folder; give one with a network of Hugging Face's layout")
    if any(options.out.glob("*.safetensors")):
        raise InputError(f"{options.out}: has shards already; delete them, or give another folder")


def cache(examples: Path, out: Path, config: ModelConfig, encoder: PlanEncoder, frozen: Frozen, size: int) -> None:
    """Write the examples of a file in shards of `size`. Raises InputError for a line that isn't one."""
    waiting: list[Example] = []
    shard = 0
    for line in read_lines(examples):
        waiting.append(to_example(line, examples.parent, config, encoder, frozen))
        if len(waiting) == size:
            write_shard(out / f"{shard:05d}.safetensors", waiting)
            waiting, shard = [], shard + 1
            print(f"{shard * size} examples")
    if waiting:
        write_shard(out / f"{shard:05d}.safetensors", waiting)


def read_lines(path: Path) -> Iterator[StoryLine | QuestionLine]:
    """Read the examples of a file one by one. Raises InputError with the number of a line that isn't one."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: can't be read ({error}); check the path") from None
    for number, line in enumerate(lines, start=1):
        where = f"{path}, line {number}"
        try:
            table = json.loads(line)
        except ValueError as error:
            raise InputError(f"{where}: isn't JSON ({error}); correct it there") from None
        if not isinstance(table, dict):
            raise InputError(f"{where}: must be a table of a story or a question, got {line[:40]!r}")
        yield read_strict(QuestionLine, table, where) if "question" in table else read_strict(StoryLine, table, where)


def to_example(
    line: StoryLine | QuestionLine, folder: Path, config: ModelConfig, encoder: PlanEncoder, frozen: Frozen
) -> Example:
    """One example with what the frozen networks say of it."""
    if isinstance(line, QuestionLine):
        if config.listener is None:
            raise InputError(f"{config.name}: has no [listener], so it can't be asked about audio; add one")
        heard = frozen.heard(folder / line.audio)
        return question_example(encoder, line.question, line.answer, heard, config.listener.tokens)
    events = [Timed(event.caption, event.lane, event.start_s, event.end_s) for event in line.events]
    targets = frozen.features([event.caption for event in line.events])
    latents = torch.stack([frozen.latents(folder / event.audio) for event in line.events])
    return story_example(encoder, line.instruction, line.seconds, line.reasoning, events, targets, latents)


def read_audio(path: Path, rate_hz: int, channels: int) -> Tensor:
    """Samples [frames, channels] at a rate; one channel is doubled. Raises InputError."""
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        raise InputError(f"{path}: can't be read as audio ({error}); check the file") from None
    if not samples.size or not np.isfinite(samples).all():
        raise InputError(f"{path}: has no samples, or some that are no numbers; check the file")
    mixed = samples.mean(axis=1, keepdims=True) if channels == 1 or samples.shape[1] == 1 else samples[:, :channels]
    return torch.from_numpy(np.ascontiguousarray(soxr.resample(mixed, rate, rate_hz))).expand(-1, channels)


def latents_of(codec: Oobleck, path: Path, config: ModelConfig) -> Tensor:
    """Latents [T, C] of a recording, cut or padded with silence to the longest event (paper.md 1.10)."""
    frames = config.transformer.max_latent_frames * codec.hop
    samples = read_audio(path, codec.rate_hz, config.codec.oobleck.audio_channels)[:frames]
    padded = torch.nn.functional.pad(samples, (0, 0, 0, frames - len(samples)))
    return codec.encode(padded[None], torch.Generator().manual_seed(step_seed(path.name)))[0]


def load_encoder(config: ModelConfig, folder: Path) -> PlanEncoder:
    """The LLM's tokenizer, with the added tokens."""
    from transformers import AutoTokenizer

    return plan_encoder(AutoTokenizer.from_pretrained(str(folder)), config)


def load_frozen(config: ModelConfig, options: argparse.Namespace) -> Frozen:
    """The frozen networks, each from its folder; the audio encoder only if there is one."""
    from diffusers import AutoencoderOobleck
    from transformers import AutoTokenizer, T5EncoderModel, WhisperFeatureExtractor, WhisperModel

    words: Any = AutoTokenizer.from_pretrained(str(options.text_encoder))
    t5: Any = T5EncoderModel.from_pretrained(str(options.text_encoder))
    oobleck: Any = AutoencoderOobleck
    codec = Oobleck(config.codec.oobleck)
    codec.autoencoder = oobleck.from_pretrained(str(options.codec)).eval()

    @torch.inference_mode()
    def features(captions: Sequence[str]) -> Tensor:
        told = words(
            list(captions),
            padding="max_length",
            max_length=config.bridge.semantic,
            truncation=True,
            return_tensors="pt",
        )
        encoded: Tensor = t5(input_ids=told.input_ids, attention_mask=told.attention_mask).last_hidden_state
        return encoded

    def no_ears(path: Path) -> Tensor:
        raise InputError(f"{path}: is asked about, and there is nothing to hear it with; give --audio-encoder")

    if options.audio_encoder is None:
        return Frozen(features, lambda path: latents_of(codec, path, config), no_ears)
    mels: Any = WhisperFeatureExtractor.from_pretrained(str(options.audio_encoder))
    whisper: Any = WhisperModel.from_pretrained(str(options.audio_encoder)).encoder

    @torch.inference_mode()
    def heard(path: Path) -> Tensor:
        samples = read_audio(path, WHISPER_RATE, 1)[:, 0].numpy()
        states: Tensor = whisper(
            mels(samples, sampling_rate=WHISPER_RATE, return_tensors="pt").input_features
        ).last_hidden_state
        return states[0]

    return Frozen(features, lambda path: latents_of(codec, path, config), heard)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="a model's TOML")
    parser.add_argument("examples", type=Path, help="JSON lines")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    for folder in ("--tokenizer", "--text-encoder", "--codec"):
        parser.add_argument(folder, type=Path, required=True)
    parser.add_argument("--audio-encoder", type=Path)
    parser.add_argument("--shard", type=int, default=256, help="examples in a shard")
    return parser


if __name__ == "__main__":
    sys.exit(main())
