"""Train pocket's flow transformer by itself: features of a caption and a duration -> how its sound goes on in time.

    python scripts/pocket/train_flow.py --captions captions.json --features features.npz \
        --text-encoder MINILM_FOLDER -o RUN

What TangoFlux is to the paper: the generator before the LLM conditions it. Conditions are the text encoder's own
features, one in ten is null (zeros). Resumes from RUN/checkpoint.pt. Writes RUN/flow.safetensors (averaged weights) and
RUN/latents.safetensors.
"""

import argparse
import copy
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from diegetic.model.bank.describe import UNITS_PER_S, LatentSpace
from diegetic.model.config import ModelConfig, read_config
from diegetic.model.flow import draw_sigma, drop_condition, flow_loss
from diegetic.model.loading import read_space
from diegetic.model.transformer import FlowTransformer
from sounds import Sounds, fit_space, read_sounds
from text_encoder import TextEncoder
from timed_run import TimedRun

PRESET = Path(__file__).parents[2] / "presets/models/pocket.toml"
NULL_SHARE, AVERAGE, WARM_UP = 0.1, 0.998, 100


class Batches:
    """Batches of events of one length each: latents [B, T, C], conditions [B, S, F], seconds [B]."""

    def __init__(
        self, sounds: Sounds, space: LatentSpace, text_encoder: TextEncoder, queries: int, tokens: int, seed: int
    ) -> None:
        self._sounds, self._space, self._tokens = sounds, space, tokens
        self._rng = random.Random(seed)
        self._encoder, self._queries, self._features = text_encoder, queries, dict[str, Tensor]()

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        seconds = min(27.8, 1.2 * math.exp(self._rng.uniform(0.0, 3.15)))
        units = math.ceil(seconds * UNITS_PER_S)
        drawn = [self._sounds.draw(units, self._rng) for _ in range(max(4, self._tokens // units))]
        latents = torch.from_numpy(np.stack([self._space.encode(features) for _, features in drawn]))
        conditions = torch.stack([self._condition(caption) for caption, _ in drawn])
        return latents, conditions, torch.full((len(drawn),), seconds)

    def _condition(self, caption: str) -> Tensor:
        if caption not in self._features:
            self._features[caption] = self._encoder.targets([caption], self._queries)[0]
        return self._features[caption]


class FlowTraining:
    """The flow, the average of its weights, its optimiser, and how far they are: the run kept in `out`.

    Goes on from out/checkpoint.pt where there is one.
    """

    def __init__(self, config: ModelConfig, out: Path, minutes: float, lr: float) -> None:
        self._out, self._lr, self.run = out, lr, TimedRun(minutes)
        self._flow = FlowTransformer(config.transformer, config.duration, config.bridge.feature_dim)
        self._optimiser = torch.optim.AdamW(
            self._flow.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self._average = copy.deepcopy(self._flow)
        self._null = torch.zeros(1, config.bridge.semantic, config.bridge.feature_dim)
        if (checkpoint := out / "checkpoint.pt").exists():
            self._resume(torch.load(checkpoint, weights_only=True))

    def learn(self, latents: Tensor, conditions: Tensor, seconds: Tensor, share: float) -> float:
        """Take one step on a batch, `share` of the time being spent; its loss."""
        self._optimiser.param_groups[0]["lr"] = self._lr * self.run.rate_scale(share, WARM_UP)
        noise, sigma = torch.randn_like(latents), draw_sigma(len(latents), "logit_normal")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            told = drop_condition(conditions, self._null, NULL_SHARE)
            loss = flow_loss(self._flow, latents, told, seconds, noise, sigma)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self._flow.parameters(), 1.0)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.run.step += 1
        self._follow()
        return loss.item()

    def save(self) -> None:
        """Write the averaged weights, and the checkpoint to go on from."""
        save_file(self._average.state_dict(), self._out / "flow.safetensors")
        state = {
            "flow": self._flow.state_dict(),
            "average": self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "step": self.run.step,
            "spent_s": self.run.spent_s,
        }
        torch.save(state, self._out / "checkpoint.tmp")
        (self._out / "checkpoint.tmp").rename(self._out / "checkpoint.pt")

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average towards the weights: fast at first, since it began as random ones."""
        step = self.run.step
        for kept, new in zip(self._average.parameters(), self._flow.parameters(), strict=True):
            kept.lerp_(new, 1 - min(AVERAGE, (step + 1) / (step + 10)))

    def _resume(self, state: dict[str, Any]) -> None:
        self._flow.load_state_dict(state["flow"])
        self._average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.run.step, self.run.spent_s = state["step"], state["spent_s"]


def main() -> None:
    args = _arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    config = read_config(args.preset)
    sounds = read_sounds(args.captions, args.features)
    space = _space(args.out / "latents.safetensors", sounds, config.transformer.in_channels)
    training = FlowTraining(config, args.out, args.minutes, args.lr)
    run, encoder = training.run, TextEncoder(args.text_encoder)
    batches = Batches(sounds, space, encoder, config.bridge.semantic, args.tokens, args.seed + run.step)
    mean = 0.0
    for share in run.shares():
        mean = run.smoothed(mean, training.learn(*batches.draw(), share), 0.98)
        if run.is_due(20):
            run.show(f"flow {mean:.4f}")
        if run.is_due(400):
            training.save()
    training.save()


def _space(path: Path, sounds: Sounds, channels: int) -> LatentSpace:
    """The space of a run: fitted once, then kept, since the weights are of it."""
    if not path.exists():
        write_space(fit_space(sounds, channels), path)
    return read_space(path)


def write_space(space: LatentSpace, path: Path) -> None:
    """Keep a latent space beside the weights that were trained in it."""
    save_file({name: torch.from_numpy(getattr(space, name)) for name in ("mean", "scale", "basis", "spread")}, path)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=Path, required=True, help="made by scripts/pocket/captions.py")
    parser.add_argument("--features", type=Path, required=True, help="made by scripts/pocket/describe_sounds.py")
    parser.add_argument("--text-encoder", type=Path, required=True, help="all-MiniLM-L6-v2 folder")
    parser.add_argument("--preset", type=Path, default=PRESET)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--tokens", type=int, default=1800, help="latent frames a batch")
    parser.add_argument("--lr", type=float, default=6e-4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
