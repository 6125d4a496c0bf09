"""Stories and questions to train a model of some thousand weights with."""

from pathlib import Path
from typing import Any

import torch

from diegetic.model.config import read_config
from diegetic.model.grammar import PlanStyle, Timed
from diegetic.model.sequence import PlanEncoder
from diegetic.model.training import Trainer
from diegetic.model.training_data import Example, Shards, question_example, story_example, write_shard
from tiny_llm import RESIDUAL, SEMANTIC, tiny_tokenizer
from train import build_model

TINY = Path(__file__).parent / "tiny.toml"
TOKENIZER: Any = tiny_tokenizer()
ENCODER = PlanEncoder(TOKENIZER, PlanStyle(), SEMANTIC, RESIDUAL)


def story(number: int) -> Example:
    """A story of two events whose features and latents depend on its number alone."""
    random = torch.Generator().manual_seed(number)
    events = [Timed(f"rain {number}", "bed", 0, 6), Timed("a bell", "foreground", 2, 4)]
    targets, latents = torch.randn(2, 3, 16, generator=random), torch.randn(2, 10, 4, generator=random)
    return story_example(ENCODER, f"night {number}", 6, "two sounds", events, targets, latents)


def question(number: int) -> Example:
    """A question whose answer only the audio tells."""
    heard = torch.full((9, 6), float(number))
    return question_example(ENCODER, "What is it?", "rain" if number else "bell", heard, tokens_heard=4)


def write_shards(folder: Path) -> Path:
    """Four stories and two questions in two shards; the folder they lie in."""
    write_shard(folder / "0.safetensors", [story(0), question(0), story(1)])
    write_shard(folder / "1.safetensors", [question(1), story(2), story(3)])
    return folder


def trainer(stage: str, shards: Path, seed: int = 0) -> Trainer:
    config = read_config(TINY)
    model = build_model(config, TINY.parent, None, seed)
    return Trainer(model, stage, config.training[stage], Shards(shards), seed, torch.float32)
