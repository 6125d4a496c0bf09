"""Train pocket's LLM: written scenes -> plans, and captions -> the text encoder's features at its semantic queries.

    python scripts/pocket/train_narrator.py --base SMOLLM2_FOLDER --text-encoder MINILM_FOLDER \
        --captions captions.json --sounds sounds.csv -o RUN

Losses as in the paper's whole stage without the flow: L = L_mse + L_text. L_mse: semantic projector against the text
encoder's features of the caption; L_text: next token on everything a planner decides (reasoning, captions, times,
whether another event follows), none on forced tokens. Half of the tokens are stories, the rest bare captions (the
bank's and the users' way in). Resumes from RUN/checkpoint.pt. Writes RUN/llm (transformers format) and
RUN/projector.safetensors.
"""

import argparse
import csv
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from diegetic.model.bridge import Projector
from diegetic.model.grammar import PlanStyle, Timed
from diegetic.model.sequence import PlanEncoder
from diegetic.model.special_tokens import special_tokens
from diegetic.story import FOREGROUND
from stories import TrainingStory, read_scenes, stories
from text_encoder import FEATURES, TextEncoder
from timed_run import TimedRun

SEMANTIC, RESIDUAL = 8, 4
WARM_UP = 40


@dataclass(frozen=True, slots=True)
class Example:
    """One sequence: ids, which of them are learned, and its captions with where their semantic queries lie."""

    ids: list[int]
    learned: list[bool]  # learned[k]: the model decides ids[k], so position k - 1 is trained on it
    captions: list[str]
    semantic: list[slice]


def story_example(encoder: PlanEncoder, story: TrainingStory) -> Example:
    """Encode a story in chunks, marking what a planner decides."""
    example = Example(encoder.prompt(story.instruction, story.seconds), [], [], [])
    example.learned.extend([False] * len(example.ids))
    _add(example, encoder.reasoning(story.reasoning), True)
    planned = story.events[:-1] if story.continuation else story.events
    for event in planned:
        _add_event(example, encoder, event, decided=True)
    _add(example, [encoder.end], True)
    if story.continuation:
        last = story.events[-1]
        _add(example, encoder.continuation(story.continuation, last.end_s - last.start_s)[1:], False)
        _add_event(example, encoder, last, decided=True)
    return example


def caption_example(encoder: PlanEncoder, caption: str) -> Example:
    """A bare event chunk: only its semantic queries are trained."""
    example = Example([], [], [], [])
    _add_event(example, encoder, Timed(caption, FOREGROUND, 0, 10), decided=False)
    return example


def examples(encoder: PlanEncoder, captions_json: Path | None, sounds_csv: Path, seed: int) -> Iterator[Example]:
    """Stories and bare captions in turn, about half of the tokens each (a story is about eight captions long)."""
    rng = random.Random(seed)
    known = bare_captions(captions_json, sounds_csv)
    for story in stories(captions_json, seed):
        yield story_example(encoder, story)
        for _ in range(5):
            yield caption_example(encoder, rng.choice(rng.choice(known)))


def bare_captions(captions_json: Path | None, sounds_csv: Path) -> list[list[str]]:
    """Captions of recordings, captions of scenes, and words of file names (as a user's library has them)."""
    rows = json.loads(captions_json.read_text(encoding="utf-8")) if captions_json else []
    recorded = {caption for row in rows for caption in row["captions"]}
    planned = {caption for scene in read_scenes() for _, caption, _, _ in scene.events}
    with sounds_csv.open(encoding="utf-8", newline="") as file:
        names = {row["name_words"].strip() for row in csv.DictReader(file)} - {""}
    return [sorted(group) for group in (recorded, recorded, planned, names) if group]


def batches(source: Iterator[Example], tokens: int, pool: int = 96) -> Iterator[list[Example]]:
    """Batches of about `tokens` tokens, of examples of like length out of a pool."""
    while True:
        drawn = sorted((next(source) for _ in range(pool)), key=lambda e: len(e.ids))
        groups: list[list[Example]] = [[]]
        for example in drawn:
            if groups[-1] and (len(groups[-1]) + 1) * len(example.ids) > tokens:
                groups.append([])
            groups[-1].append(example)
        random.Random(len(groups)).shuffle(groups)
        yield from groups


def losses(
    llm: LlamaForCausalLM, projector: Projector, batch: Sequence[Example], targets: dict[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """L_text and L_mse of a batch."""
    length = max(len(e.ids) for e in batch)
    ids = torch.tensor([e.ids + [0] * (length - len(e.ids)) for e in batch])
    mask = torch.tensor([[1] * len(e.ids) + [0] * (length - len(e.ids)) for e in batch])
    learned = torch.tensor([e.learned + [False] * (length - len(e.ids)) for e in batch])
    hidden = llm.model(input_ids=ids, attention_mask=mask).last_hidden_state  # (B, T, D)
    chosen = hidden[:, :-1][learned[:, 1:]]
    text = (
        nn.functional.cross_entropy(llm.lm_head(chosen).float(), ids[:, 1:][learned[:, 1:]])
        if len(chosen)
        else hidden.sum() * 0
    )
    states = torch.stack([hidden[row, where] for row, e in enumerate(batch) for where in e.semantic])
    wanted = torch.stack([targets[caption] for e in batch for caption in e.captions])
    mse = nn.functional.mse_loss(projector(states).float(), wanted, reduction="none").mean((0, 2))
    # The sentence embedding finds the recordings: it counts as much as all token features together.
    return text, mse[0] + mse[1:].mean()


class NarratorTraining:
    """The LLM with its tokenizer, the semantic projector, their optimiser, and how far they are: the run kept in `out`.

    Goes on from out/checkpoint.pt where there is one. The projector learns at three times the LLM's rate `lr`.
    """

    def __init__(self, base: Path, out: Path, minutes: float, lr: float, frozen_layers: int) -> None:
        self._out, self.run = out, TimedRun(minutes)
        self.tokenizer = AutoTokenizer.from_pretrained(base)
        self.tokenizer.add_tokens(special_tokens(SEMANTIC, RESIDUAL))
        self._llm = cast(LlamaForCausalLM, AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32))
        self._llm.resize_token_embeddings(len(self.tokenizer))
        self._projector = Projector(self._llm.config.hidden_size, FEATURES)
        for layer in self._llm.model.layers[:frozen_layers]:
            layer.requires_grad_(False)
        llm = [weights for weights in self._llm.parameters() if weights.requires_grad]
        self._learned = [*llm, *self._projector.parameters()]
        self._rates = (lr, 3 * lr)
        groups = [
            {"params": llm, "lr": lr, "weight_decay": 0.01},
            {"params": list(self._projector.parameters()), "lr": 3 * lr, "weight_decay": 0.0},
        ]
        self._optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)
        if (checkpoint := out / "checkpoint.pt").exists():
            self._resume(torch.load(checkpoint, weights_only=True))

    def learn(
        self, batch: Sequence[Example], targets: dict[str, Tensor], mse_weight: float, share: float
    ) -> tuple[float, float]:
        """Take one step on a batch, `share` of the time being spent: L_text and L_mse."""
        scale = self.run.rate_scale(share, WARM_UP)
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * scale
        with torch.autocast("cpu", dtype=torch.bfloat16):
            text, mse = losses(self._llm, self._projector, batch, targets)
        torch.autograd.backward(text + mse_weight * mse)
        nn.utils.clip_grad_norm_(self._learned, 1.0)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.run.step += 1
        return text.item(), mse.item()

    def save(self) -> None:
        """Write the LLM with its tokenizer, the projector, and the checkpoint to go on from."""
        self._llm.save_pretrained(self._out / "llm")
        self.tokenizer.save_pretrained(self._out / "llm")
        save_file(self._projector.state_dict(), self._out / "projector.safetensors")
        state = {
            "llm": self._llm.state_dict(),
            "projector": self._projector.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "step": self.run.step,
            "spent_s": self.run.spent_s,
        }
        torch.save(state, self._out / "checkpoint.tmp")
        (self._out / "checkpoint.tmp").rename(self._out / "checkpoint.pt")

    def _resume(self, state: dict[str, Any]) -> None:
        self._llm.load_state_dict(state["llm"])
        self._projector.load_state_dict(state["projector"])
        self._optimiser.load_state_dict(state["optimiser"])
        self.run.step, self.run.spent_s = state["step"], state["spent_s"]


class Targets:
    """The text encoder's features [S, F] of captions, each computed once."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder, self._known = encoder, dict[str, Tensor]()

    def of(self, batch: Sequence[Example]) -> dict[str, Tensor]:
        """Features of a batch's captions (and of all before them)."""
        new = sorted({caption for example in batch for caption in example.captions} - self._known.keys())
        self._known.update(zip(new, self._encoder.targets(new, SEMANTIC), strict=True))
        return self._known


def main() -> None:
    args = _arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    training = NarratorTraining(args.base, args.out, args.minutes, args.lr, args.frozen_layers)
    run, targets = training.run, Targets(TextEncoder(args.text_encoder))
    encoder = PlanEncoder(training.tokenizer, PlanStyle(), SEMANTIC, RESIDUAL)
    source = batches(examples(encoder, args.captions, args.sounds, args.seed + run.step), args.tokens)
    text_mean = mse_mean = 0.0
    for share in run.shares():
        batch = next(source)
        text, mse = training.learn(batch, targets.of(batch), args.mse_weight, share)
        if text > 0:  # a batch of bare captions has none
            text_mean = run.smoothed(text_mean, text, 0.95)
        mse_mean = run.smoothed(mse_mean, mse, 0.95)
        if run.is_due(10):
            run.show(f"text {text_mean:.3f}  mse {mse_mean:.4f}")
        if run.is_due(150):
            training.save()
    training.save()


def _add(example: Example, ids: Sequence[int], decided: bool) -> None:
    example.ids.extend(ids)
    example.learned.extend([decided] * len(ids))


def _add_event(example: Example, encoder: PlanEncoder, event: Timed, decided: bool) -> None:
    chunk, at = encoder.event(event), len(example.ids)
    head = chunk.semantic.start - 1  # up to </timestamp> is decided, the query block is forced
    example.ids.extend(chunk.ids)
    example.learned.extend([decided and k < head for k in range(len(chunk.ids))])
    example.captions.append(" ".join(event.caption.split()))
    example.semantic.append(slice(at + chunk.semantic.start, at + chunk.semantic.stop))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", type=Path, required=True, help="SmolLM2-135M-Instruct, transformers format")
    parser.add_argument("--text-encoder", type=Path, required=True, help="all-MiniLM-L6-v2 folder")
    parser.add_argument("--captions", type=Path, help="made by scripts/pocket/captions.py")
    parser.add_argument("--sounds", type=Path, required=True, help="sounds.csv: the words of file names")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=90.0)
    parser.add_argument("--tokens", type=int, default=700, help="tokens a batch")
    parser.add_argument("--lr", type=float, default=2.5e-4)
    parser.add_argument("--mse-weight", type=float, default=1.0)
    parser.add_argument("--frozen-layers", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
