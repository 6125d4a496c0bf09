"""Train pocket's last stage: what makes an event belong to its story.

    python scripts/pocket/train_long.py --narrator RUN_LLM --flow RUN_FLOW --captions captions.json \
        --features features.npz --text-encoder MINILM_FOLDER -o RUN_LONG

The paper's long stage with the LLM frozen: residual projector, fusion and transformer learn from the flow's loss alone.
Stories are told by the trained narrator's states; each event's sound is a recording near its caption, as it would sound
in the story's place: what follows a sound in a hall or a cave, what walls and distance take from its heights. Only the
residual tokens can know that place from a caption that doesn't say it. States of all stories are cached in
RUN_LONG/states.pt, so that an epoch costs no LLM.
"""

import argparse
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from diegetic.model.audiostory import AudioStory
from diegetic.model.bank.describe import BANDS, FLOOR_DB, UNITS_PER_S, LatentSpace, band_centres_hz
from diegetic.model.config import ModelConfig, StageConfig, read_config
from diegetic.model.flow import draw_sigma, drop_condition, flow_loss
from diegetic.model.grammar import Timed
from diegetic.model.loading import read_space
from diegetic.model.narrator import Narrator
from diegetic.model.sequence import PlanEncoder
from diegetic.story import OVERLAP_S
from sounds import Sounds, as_told, read_sounds
from stories import stories
from text_encoder import TextEncoder
from timed_run import TimedRun

Array = NDArray[np.float32]
PRESET = Path(__file__).parents[2] / "presets/models/pocket.toml"
TRAINED = {"residual": "residual", "fusion": "fusion", "flow": "transformer"}
"""What learns, and what the preset calls it."""
WARM_UP = 50

DECAY_DB_PER_S = {"large hall": 25.0, "cave": 32.0, "indoors": 110.0, "small room": 160.0, "outdoors": 400.0}
"""How fast sound dies away in a place: 60 dB over its reverberation time."""
TILT_DB = {"large hall": 1.5, "cave": 2.5, "indoors": 0.5, "small room": 0.0, "outdoors": 0.0}
"""What a place takes for each octave above 2 kHz."""


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """One event of a told story: states of its query tokens, and the kind of place the story is in."""

    event: Timed
    place: str
    semantic: Tensor
    residual: Tensor


def in_place(features: Array, place: str) -> Array:
    """How features sound in a kind of place: levels die away no faster than it lets them, and heights are taken."""
    heard = features.copy()
    fall = DECAY_DB_PER_S[place] / UNITS_PER_S
    for unit in range(1, len(heard)):
        tail = heard[unit - 1, 0] - fall
        if heard[unit, 0] < tail:
            # What is left of the sound before: its spectrum, its level on the way down.
            heard[unit, 1:] = heard[unit - 1, 1:]
            heard[unit, 0] = tail
    octaves = np.clip(np.log2(band_centres_hz() / 2000.0), 0.0, 3.0)
    heard[:, 1 : 1 + BANDS] -= TILT_DB[place] * octaves
    heard[:, 0] = np.maximum(heard[:, 0], FLOOR_DB)
    return heard


class Near:
    """Recordings near captions."""

    def __init__(self, sounds: Sounds, encoder: TextEncoder) -> None:
        self._sounds, self._encoder = sounds, encoder
        self._names = list(sounds.by_concept)
        texts = [
            (caption, k)
            for k, name in enumerate(self._names)
            for caption in {c for r in sounds.by_concept[name] for c in r.captions}
        ]
        self._of = np.array([k for _, k in texts])
        self._known = encoder.targets([text for text, _ in texts], 1)[:, 0].numpy()
        self._found: dict[str, str] = {}

    def draw(self, event: Timed, units: int, rng: random.Random) -> Array:
        """Features of an event by recordings of the concept nearest to its caption."""
        if event.caption not in self._found:
            query = self._encoder.targets([event.caption], 1)[0, 0].numpy()
            self._found[event.caption] = self._names[self._of[(self._known @ query).argmax()]]
        return as_told(self._sounds.draw_of(self._found[event.caption], units, rng, event.lane == "bed"), event.caption)


@torch.inference_mode()
def tell(narrator: Narrator, captions: Path, count: int, seed: int) -> Iterator[ToldEvent]:
    """Events of `count` stories with the narrator's states."""
    source = stories(captions, seed)
    for number in range(1, count + 1):
        story = next(source)
        memory = narrator.begin(story.instruction, story.seconds)
        narrator.reason(memory, story.reasoning)
        place = next((kind for kind in DECAY_DB_PER_S if kind in story.reasoning), "outdoors")
        for event in story.events:
            read = narrator.read(memory, event)
            yield ToldEvent(event, place, read.semantic.bfloat16(), read.residual.bfloat16())
        if number % 50 == 0:
            print(f"{number} of {count} stories told", flush=True)


def batch(
    told: list[ToldEvent], near: Near, space: LatentSpace, tokens: int, rng: random.Random
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Latents [B, T, C], states [B, S, D] and [B, R, D], seconds [B] of events of like length."""
    lead = rng.choice(told)
    length = lead.event.end_s - lead.event.start_s
    alike = [each for each in told if abs(each.event.end_s - each.event.start_s - length) <= 1.0]
    seconds = length + OVERLAP_S
    units = math.ceil(seconds * UNITS_PER_S)
    drawn = rng.choices(alike, k=max(4, tokens // units))
    latents = [space.encode(in_place(near.draw(each.event, units, rng), each.place)) for each in drawn]
    semantic, residual = (
        torch.stack([getattr(each, name) for each in drawn]).float() for name in ("semantic", "residual")
    )
    return torch.from_numpy(np.stack(latents)), semantic, residual, torch.full((len(drawn),), seconds)


class LongTraining:
    """The network's parts that learn in this stage, on states that the narrator told."""

    def __init__(self, network: AudioStory, stage: StageConfig, minutes: float) -> None:
        self._network, self._stage, self.run = network, stage, TimedRun(minutes)
        groups = [
            {"params": getattr(network, part).parameters(), "lr": stage.rates[said]} for part, said in TRAINED.items()
        ]
        self._optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        self._rates = [group["lr"] for group in self._optimiser.param_groups]

    def learn(self, latents: Tensor, semantic: Tensor, residual: Tensor, seconds: Tensor, share: float) -> float:
        """Take one step on a batch (see `batch`), `share` of the time being spent; its loss."""
        scale = self.run.rate_scale(share, WARM_UP)
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * scale
        loss = self._loss(latents, semantic, residual, seconds)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_([p for group in self._optimiser.param_groups for p in group["params"]], 1.0)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.run.step += 1
        return loss.item()

    def save(self, path: Path) -> None:
        """Write the parts that learned."""
        state = self._network.state_dict()
        save_file({key: tensor for key, tensor in state.items() if key.split(".")[0] in TRAINED}, path)

    def _loss(self, latents: Tensor, semantic: Tensor, residual: Tensor, seconds: Tensor) -> Tensor:
        network = self._network
        with torch.no_grad():
            features = network.semantic(semantic)
        condition = network.fusion(features, network.residual(residual))
        condition = drop_condition(condition, network.null, self._stage.condition_dropout)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            noise, sigma = torch.randn_like(latents), draw_sigma(len(latents))
            return flow_loss(network.flow, latents, condition, seconds, noise, sigma)


def main() -> None:
    args = _arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    config = read_config(args.preset)
    network, narrator = _networks(config, args.narrator, args.flow)
    told = _told(args, narrator)
    space, encoder = read_space(args.flow / "latents.safetensors"), TextEncoder(args.text_encoder)
    near = Near(read_sounds(args.captions, args.features), encoder)
    training = LongTraining(network, config.training["long"], args.minutes)
    run, rng, mean = training.run, random.Random(args.seed), 0.0
    for share in run.shares():
        loss = training.learn(*batch(told, near, space, args.tokens, rng), share)
        mean = run.smoothed(mean, loss, 0.98)
        if run.is_due(20):
            run.show(f"flow {mean:.4f}")
    training.save(args.out / "network.safetensors")


def _networks(config: ModelConfig, narrator: Path, flow: Path) -> tuple[AudioStory, Narrator]:
    """The network as the two earlier trainings left it, and the narrator on its LLM."""
    llm: Any = AutoModelForCausalLM.from_pretrained(narrator / "llm", dtype=torch.bfloat16)
    network = AudioStory(config, llm=llm.eval())
    network.semantic.load_state_dict(load_file(narrator / "projector.safetensors"))
    network.flow.load_state_dict(load_file(flow / "flow.safetensors"))
    tokenizer = AutoTokenizer.from_pretrained(narrator / "llm")
    return network, Narrator(llm, PlanEncoder(tokenizer, config.plan, config.bridge.semantic, config.bridge.residual))


def _told(args: argparse.Namespace, narrator: Narrator) -> list[ToldEvent]:
    cache = args.out / "states.pt"
    if not cache.exists():
        told = list(tell(narrator, args.captions, args.stories, args.seed))
        rows = [(e.event.caption, e.event.lane, e.event.start_s, e.event.end_s, e.place) for e in told]
        torch.save(
            {
                "rows": rows,
                "semantic": torch.stack([e.semantic for e in told]),
                "residual": torch.stack([e.residual for e in told]),
            },
            cache,
        )
    kept = torch.load(cache, weights_only=True)
    return [
        ToldEvent(Timed(caption, lane, start, end), place, semantic, residual)
        for (caption, lane, start, end, place), semantic, residual in zip(
            kept["rows"], kept["semantic"], kept["residual"], strict=True
        )
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--narrator", type=Path, required=True)
    parser.add_argument("--flow", type=Path, required=True)
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--text-encoder", type=Path, required=True)
    parser.add_argument("--preset", type=Path, default=PRESET)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--stories", type=int, default=600)
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--tokens", type=int, default=1800, help="latent frames a batch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
