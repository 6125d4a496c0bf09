"""Train what of the residual queries says which story an event belongs to: a matrix, from stories alone.

    python scripts/pocket/train_belonging.py --captions captions.json [--model pocket] -o presets/models/pocket

Events of one story are drawn together, those of others apart (InfoNCE), by the states of their residual query tokens in
the shipped LLM. The paper leaves residual tokens to the flow's loss; here the flow alone taught them nothing of the
story (docs/pocket.md). What comes out chooses, among recordings of one kind, those that a story keeps to
(model/belonging.py).
Writes OUT/belonging.safetensors.
"""

import argparse
import random
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import save
from torch import Tensor, nn

from diegetic.atomic import write_atomically
from diegetic.model.belonging import BELONGING, WIDTH
from diegetic.model.registry import load_model
from diegetic.model.storyteller import Storyteller
from diegetic.settings import Settings
from stories import stories

TEMPERATURE, BATCH = 0.1, 48


def tell(model: Storyteller, captions: Path | None, count: int, seed: int) -> list[Tensor]:
    """Mean states of the residual query tokens of `count` stories' events, a tensor [events, width] each."""
    narrator, told = model._narrator, []
    for story in stories(captions, seed):
        if len(story.events) < 2:
            continue
        memory = narrator.begin(story.instruction, story.seconds)
        narrator.reason(memory, story.reasoning)
        told.append(torch.stack([narrator.read(memory, event).residual.float().mean(0) for event in story.events]))
        if len(told) % 25 == 0:
            print(f"{len(told)} of {count} stories told", flush=True)
        if len(told) == count:
            return told
    return told


def loss_of(features: Tensor) -> Tensor:
    """InfoNCE of unit features [stories, 2, F]: each event's other half is the other of its story."""
    scores = features[:, 0] @ features[:, 1].T / TEMPERATURE
    own = torch.arange(len(features))
    return (nn.functional.cross_entropy(scores, own) + nn.functional.cross_entropy(scores.T, own)) / 2


def pairs(told: list[Tensor], rng: random.Random) -> Tensor:
    """Two events each of a batch of stories, [stories, 2, width]."""
    drawn = rng.sample(told, min(BATCH, len(told)))
    return torch.stack([states[rng.sample(range(len(states)), 2)] for states in drawn])


def learn(told: list[Tensor], steps: int, seed: int) -> tuple[Tensor, Tensor]:
    """The matrix [WIDTH, width] and the states' mean [width] that it is applied about."""
    torch.manual_seed(seed)
    rng, mean = random.Random(seed), torch.cat(told).mean(0)
    scale = torch.cat(told).std(0).clamp(min=1e-6)
    matrix = nn.Parameter(torch.randn(WIDTH, len(mean)) / len(mean) ** 0.5)
    optimiser = torch.optim.AdamW([matrix], lr=3e-3, weight_decay=0.1)
    for _ in range(steps):
        states = (pairs(told, rng) - mean) / scale
        states = nn.functional.dropout(states, 0.3)
        loss = loss_of(nn.functional.normalize(states @ matrix.T, dim=-1))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
    return (matrix / scale).detach(), mean


def found(told: list[Tensor], matrix: Tensor, mean: Tensor) -> float:
    """How often an event's nearest among one event of each story is its own story's (chance: 1 of their number)."""
    features = nn.functional.normalize(torch.stack([(states[[0, -1]] - mean) @ matrix.T for states in told]), dim=-1)
    nearest = (features[:, 0] @ features[:, 1].T).argmax(1)
    return float((nearest == torch.arange(len(told))).float().mean())


def main() -> None:
    args = _arguments()
    torch.set_num_threads(args.threads)
    if args.states and args.states.exists():
        told = cast(list[Tensor], torch.load(args.states, weights_only=True))
    else:
        told = tell(cast(Storyteller, load_model(args.model, Settings())), args.captions, args.stories, args.seed)
        if args.states:
            torch.save(told, args.states)
    held = len(told) // 5
    matrix, mean = learn(told[held:], args.steps, args.seed)
    print(
        f"{found(told[:held], matrix, mean):.0%} of {held} stories held back find themselves by chance {1 / held:.0%}"
    )
    state = {"matrix": matrix.half().contiguous(), "mean": mean.half().contiguous()}
    write_atomically(args.out / BELONGING, save(state))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=Path, help="made by scripts/pocket/captions.py")
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--stories", type=int, default=400)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--states", type=Path, help="a file to keep the states in, or to take them from")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
