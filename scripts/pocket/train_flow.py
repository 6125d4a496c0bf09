"""Train pocket's flow transformer by itself: text features of a caption and a duration -> how its sound goes on in time.

    python scripts/pocket/train_flow.py --captions captions.json --features features.npz --text-encoder MINILM_FOLDER -o RUN

What TangoFlux is to the paper: the generator before the LLM conditions it. Conditions are the text encoder's own features, one in ten is
null (zeros). Resumes from RUN/checkpoint.pt. Writes RUN/flow.safetensors (averaged weights) and RUN/latents.safetensors.
"""

import argparse
import copy
import math
import random
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from sounds import Sounds, fit_space, read_sounds
from text_encoder import TextEncoder
from torch import Tensor, nn

from diegetic.model.bank.describe import UNITS_PER_S, LatentSpace
from diegetic.model.config import read_config
from diegetic.model.flow import draw_sigma, drop_condition, flow_loss
from diegetic.model.loading import read_space
from diegetic.model.transformer import FlowTransformer

PRESET = Path(__file__).parents[2] / "presets/models/pocket.toml"
NULL_SHARE, AVERAGE = 0.1, 0.998


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


def main() -> None:
    args = _arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    config = read_config(args.preset)
    sounds = read_sounds(args.captions, args.features)
    space = _space(args.out / "latents.safetensors", sounds, config.transformer.in_channels)
    flow = FlowTransformer(config.transformer, config.duration, config.bridge.feature_dim)
    optimiser = torch.optim.AdamW(flow.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    average, first, spent = copy.deepcopy(flow), 0, 0.0
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        flow.load_state_dict(state["flow"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        first, spent = state["step"], state["spent_s"]
    queries = config.bridge.semantic
    batches = Batches(sounds, space, TextEncoder(args.text_encoder), queries, args.tokens, args.seed + first)
    null = torch.zeros(1, queries, config.bridge.feature_dim)
    started, mean, step = time.monotonic() - spent, 0.0, first
    while (elapsed := time.monotonic() - started) < args.minutes * 60:
        latents, conditions, seconds = batches.draw()
        part = elapsed / (args.minutes * 60)
        optimiser.param_groups[0]["lr"] = (
            args.lr * min(1.0, (step + 1) / 100) * (0.02 + 0.49 * (1 + math.cos(math.pi * part)))
        )
        noise, sigma = torch.randn_like(latents), draw_sigma(len(latents), "logit_normal")
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = flow_loss(flow, latents, drop_condition(conditions, null, NULL_SHARE), seconds, noise, sigma)
        loss.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        with torch.no_grad():
            for kept, new in zip(average.parameters(), flow.parameters(), strict=True):
                kept.lerp_(new, 1 - min(AVERAGE, (step + 1) / (step + 10)))
        mean = loss.item() if step < 3 else 0.98 * mean + 0.02 * loss.item()
        if step % 20 == 0:
            print(f"step {step}  flow {mean:.4f}  {elapsed / 60:.1f} of {args.minutes} min", flush=True)
        if step % 400 == 0:
            _save(args.out, flow, average, optimiser, step, elapsed)
    _save(args.out, flow, average, optimiser, step, time.monotonic() - started)


def _space(path: Path, sounds: Sounds, channels: int) -> LatentSpace:
    """The space of a run: fitted once, then kept, since the weights are of it."""
    if not path.exists():
        write_space(fit_space(sounds, channels), path)
    return read_space(path)


def write_space(space: LatentSpace, path: Path) -> None:
    """Keep a latent space beside the weights that were trained in it."""
    save_file({name: torch.from_numpy(getattr(space, name)) for name in ("mean", "scale", "basis", "spread")}, path)


def _save(
    out: Path, flow: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, step: int, spent_s: float
) -> None:
    save_file(average.state_dict(), out / "flow.safetensors")
    state = {"flow": flow.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save(state | {"step": step, "spent_s": spent_s}, out / "checkpoint.tmp")
    (out / "checkpoint.tmp").rename(out / "checkpoint.pt")


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
