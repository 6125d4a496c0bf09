"""Train pocket's LLM: written scenes -> plans, and captions -> the text encoder's features at its semantic queries.

    python scripts/pocket/train_narrator.py --base SMOLLM2_FOLDER --text-encoder MINILM_FOLDER --captions captions.json --sounds sounds.csv -o RUN

Losses as in the paper's whole stage without the flow: L = L_mse + L_text. L_mse: semantic projector against the text encoder's
features of the caption; L_text: next token on everything a planner decides (reasoning, captions, times, whether another event
follows), none on forced tokens. Half of the tokens are stories, the rest bare captions (the bank's and the users' way in).
Resumes from RUN/checkpoint.pt. Writes RUN/llm (transformers format) and RUN/projector.safetensors.
"""

import argparse
import csv
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from stories import TrainingStory, read_scenes, stories
from text_encoder import FEATURES, TextEncoder
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from diegetic.model.bridge import Projector
from diegetic.model.grammar import FOREGROUND, PlanStyle, Timed
from diegetic.model.sequence import PlanEncoder
from diegetic.model.special_tokens import special_tokens

SEMANTIC, RESIDUAL = 8, 4


@dataclass(frozen=True, slots=True)
class Example:
    """One sequence: ids, which positions' next token is learned, and its captions with where their semantic queries lie."""

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
    llm: nn.Module, projector: Projector, batch: Sequence[Example], targets: dict[str, Tensor]
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


def main() -> None:
    args = _arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(args.base)
    tokenizer.add_tokens(special_tokens(SEMANTIC, RESIDUAL))
    llm = AutoModelForCausalLM.from_pretrained(args.base, dtype=torch.float32)
    llm.resize_token_embeddings(len(tokenizer))
    projector = Projector(llm.config.hidden_size, FEATURES)
    for layer in llm.model.layers[: args.frozen_layers]:
        layer.requires_grad_(False)
    groups = [
        {"params": [p for p in llm.parameters() if p.requires_grad], "lr": args.lr, "weight_decay": 0.01},
        {"params": list(projector.parameters()), "lr": 3 * args.lr, "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.95), fused=True)
    checkpoint, first, spent = args.out / "checkpoint.pt", 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        llm.load_state_dict(state["llm"])
        projector.load_state_dict(state["projector"])
        optimiser.load_state_dict(state["optimiser"])
        first, spent = state["step"], state["spent_s"]
    text_encoder, targets = TextEncoder(args.text_encoder), {}
    encoder = PlanEncoder(tokenizer, PlanStyle(), SEMANTIC, RESIDUAL)
    source = batches(examples(encoder, args.captions, args.sounds, args.seed + first), args.tokens)
    started, mean = time.monotonic() - spent, [0.0, 0.0]
    step = first
    while (elapsed := time.monotonic() - started) < args.minutes * 60:
        batch = next(source)
        new = sorted({c for e in batch for c in e.captions} - targets.keys())
        targets.update(zip(new, text_encoder.targets(new, SEMANTIC), strict=True))
        part = elapsed / (args.minutes * 60)
        scale = min(1.0, (step + 1) / 40) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * part)))
        for group, lr in zip(optimiser.param_groups, (args.lr, 3 * args.lr), strict=True):
            group["lr"] = lr * scale
        with torch.autocast("cpu", dtype=torch.bfloat16):
            text, mse = losses(llm, projector, batch, targets)
        (text + args.mse_weight * mse).backward()
        nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        if text.item() > 0:
            mean[0] = text.item() if step < 3 else 0.95 * mean[0] + 0.05 * text.item()
        mean[1] = mse.item() if step < 3 else 0.95 * mean[1] + 0.05 * mse.item()
        if step % 10 == 0:
            print(
                f"step {step}  text {mean[0]:.3f}  mse {mean[1]:.4f}  {elapsed / 60:.1f} of {args.minutes} min",
                flush=True,
            )
        if step % 150 == 0:
            _save(args.out, llm, tokenizer, projector, optimiser, step, elapsed)
    _save(args.out, llm, tokenizer, projector, optimiser, step, elapsed)


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


def _save(
    out: Path,
    llm: nn.Module,
    tokenizer: object,
    projector: nn.Module,
    optimiser: torch.optim.Optimizer,
    step: int,
    spent_s: float,
) -> None:
    llm.save_pretrained(out / "llm")
    tokenizer.save_pretrained(out / "llm")
    save_file(projector.state_dict(), out / "projector.safetensors")
    state = {"llm": llm.state_dict(), "projector": projector.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save(state | {"step": step, "spent_s": spent_s}, out / "checkpoint.tmp")
    (out / "checkpoint.tmp").rename(out / "checkpoint.pt")


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
