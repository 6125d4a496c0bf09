"""Train what of the residual queries says which story an event belongs to: a matrix, from stories alone.

    python scripts/pocket/train_belonging.py --captions captions.json [--model pocket] -o presets/models/pocket

Stories in groups: all of a group are made to tell the same captions, after beginnings of their own. Events of one story
are drawn together, those of others apart (InfoNCE), by the states of their residual query tokens in the shipped LLM:
what an event is called says nothing of its story then. The paper leaves residual tokens to the flow's loss; here the
flow alone taught them nothing of the story (docs/pocket.md). What comes out chooses, among recordings of one kind,
those that a story keeps to (model/belonging.py).
Writes OUT/belonging.safetensors.
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import save
from torch import Tensor, nn

from diegetic.atomic import write_atomically
from diegetic.model.belonging import BELONGING, WIDTH
from diegetic.model.grammar import Timed
from diegetic.model.registry import load_model
from diegetic.model.storyteller import Storyteller
from diegetic.settings import Settings
from diegetic.story import BED
from stories import TrainingStory, stories

TEMPERATURE, BATCH = 0.1, 48
GROUP = 8
CAPTIONS, EVENT_S = 3, 6.0
"""How many captions the stories of a group share; the first is told again at the end."""


def tell(model: Storyteller, captions: Path | None, count: int, seed: int) -> list[Tensor]:
    """Mean states of the residual query tokens in `count` groups of stories, [GROUP, CAPTIONS + 1, width] each."""
    narrator, told, rng = model._narrator, [], random.Random(seed)
    for group in groups(captions, count, seed):
        beds = sorted({event.caption for story in group for event in story.events if event.lane == BED})
        if len(beds) < CAPTIONS:
            continue
        shared = rng.sample(beds, CAPTIONS)
        events = [Timed(said, BED, n * EVENT_S, (n + 1) * EVENT_S) for n, said in enumerate([*shared, shared[0]])]
        states = []
        for story in group:
            memory = narrator.begin(story.instruction, story.seconds)
            narrator.reason(memory, story.reasoning)
            states.append(torch.stack([narrator.read(memory, event).residual.float().mean(0) for event in events]))
        told.append(torch.stack(states))
        print(f"{len(told)} of {count} groups told", flush=True)
    return told


def groups(captions: Path | None, count: int, seed: int) -> Iterator[Sequence[TrainingStory]]:
    """As many groups of stories that are long enough to tell all shared captions, no story twice in a group."""
    group: dict[str, TrainingStory] = {}
    for story in stories(captions, seed):
        if story.seconds >= (CAPTIONS + 1) * EVENT_S:
            group.setdefault(story.instruction, story)
        if len(group) == GROUP:
            yield list(group.values())
            group, count = {}, count - 1
        if count == 0:
            return


def loss_of(features: Tensor) -> Tensor:
    """InfoNCE of unit features [stories, 2, F]: each event's other half is the other of its story."""
    scores = features[:, 0] @ features[:, 1].T / TEMPERATURE
    own = torch.arange(len(features))
    return (nn.functional.cross_entropy(scores, own) + nn.functional.cross_entropy(scores.T, own)) / 2


def pairs(told: list[Tensor], rng: random.Random) -> Tensor:
    """Two events each of the stories of some groups, [stories, 2, width]: in a group the same two."""
    drawn = rng.sample(told, min(BATCH // GROUP, len(told)))
    return torch.cat([states[:, rng.sample(range(states.shape[1]), 2)] for states in drawn])


def learn(told: list[Tensor], steps: int, seed: int) -> tuple[Tensor, Tensor]:
    """The matrix [WIDTH, width] and the states' mean [width] that it is applied about."""
    torch.manual_seed(seed)
    states = torch.cat([group.flatten(0, 1) for group in told])
    rng, mean, scale = random.Random(seed), states.mean(0), states.std(0).clamp(min=1e-6)
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
    """How often an event's nearest, among the same event of each story of its group, is its own story's."""
    shares = []
    for group in told:
        features = nn.functional.normalize((group[:, [0, -1]] - mean) @ matrix.T, dim=-1)
        nearest = (features[:, 0] @ features[:, 1].T).argmax(1)
        shares.append((nearest == torch.arange(len(group))).float().mean())
    return float(torch.stack(shares).mean())


def main() -> None:
    args = _arguments()
    torch.set_num_threads(args.threads)
    if args.states and args.states.exists():
        told = cast(list[Tensor], torch.load(args.states, weights_only=True))
    else:
        told = tell(cast(Storyteller, load_model(args.model, Settings())), args.captions, args.groups, args.seed)
        if args.states:
            torch.save(told, args.states)
    held = len(told) // 5
    matrix, mean = learn(told[held:], args.steps, args.seed)
    own = found(told[:held], matrix, mean)
    print(f"{own:.0%} of the stories of {held} groups held back find themselves, {1 / GROUP:.0%} by chance")
    state = {"matrix": matrix.half().contiguous(), "mean": mean.half().contiguous()}
    write_atomically(args.out / BELONGING, save(state))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=Path, help="made by scripts/pocket/captions.py")
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--groups", type=int, default=80, help=f"of {GROUP} stories each")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--states", type=Path, help="a file to keep the states in, or to take them from")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
