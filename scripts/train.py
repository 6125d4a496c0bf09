"""Train one stage of a model, as its configuration says.

    python scripts/train.py presets/models/NAME.toml --stage long --data SHARDS --out FOLDER [--weights CHECKPOINT]
    python scripts/train.py --preset audiostory-3b --stage long --dry-run [--processes 16]
    torchrun --nproc-per-node 8 scripts/train.py --preset audiostory-3b --stage long ...

SHARDS is a folder of examples with cached features and latents (scripts/cache_training.py writes it). A stage starts
from the LLM in the preset's folder, if it is there, and from --weights: a checkpoint of the stage before, weights that
this wrote, or the released pytorch_model.bin; all else is random. It writes FOLDER/STAGE.safetensors now and then, and
goes on from there if it is there; at its end FOLDER/weights.safetensors has all weights, LoRA merged. One line says how
far it is; --losses keeps all of them.

Under `torchrun` or `accelerate launch --multi_gpu` the processes share out each step's batch: they learn what one
process would, which computes as many examples at once. --dry-run builds the model at its full shape on the meta device,
which takes no memory, and prints what the stage takes of each device.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from diegetic.atomic import write_atomically
from diegetic.errors import DiegeticError, InputError
from diegetic.model.audiostory import AudioStory
from diegetic.model.checkpoint_names import load_released
from diegetic.model.config import ModelConfig, StageConfig, read_config
from diegetic.model.lora import add_lora, merge_lora
from diegetic.model.memory_plan import Shape, plan_memory
from diegetic.model.memory_plan import describe as describe_memory
from diegetic.model.quantised import read_quantised
from diegetic.model.training import Alone, Peers, Trainer, load_weights, unshared
from diegetic.model.training_data import Shards
from diegetic.schema import unknown
from diegetic.settings import presets_folder

SHOWN_EVERY_S = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.preset:
            options.config = _preset(options.preset)
        if options.config is None:
            raise InputError("train: which model? give a TOML, or --preset NAME")
        if options.dry_run:
            print("\n".join(dry_run(options)))
            return 0
        train(options)
    except DiegeticError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


def _preset(name: str) -> Path:
    models = {file.stem: file for file in sorted((presets_folder() / "models").glob("*.toml"))}
    if name not in models:
        raise InputError(f"--preset: {unknown('preset', name, list(models))}")
    return models[name]


def train(options: argparse.Namespace) -> None:
    """Train the stage that the options name. Raises InputError for what can't be."""
    config = read_config(options.config)
    if options.stage is None:
        raise InputError(f"train: which stage? give --stage; known: {', '.join(config.training) or 'none'}")
    if options.stage not in config.training:
        raise InputError(f"{options.config}: {unknown('stage', options.stage, list(config.training))}")
    stage = config.training[options.stage]
    if options.data is None or options.out is None:
        raise InputError("train: needs --data and --out; or give --dry-run to see what it would take")
    peers, device = find_peers(options.device)
    model = build_model(config, options.config.parent, options.weights, options.seed)
    model.to(device)
    precision = getattr(torch, options.precision)
    trainer = Trainer(model, options.stage, stage, Shards(options.data), options.seed, precision, peers)
    if peers.count > 1 and not peers.rank:
        print(f"{options.stage} on {peers.count} processes", flush=True)
    checkpoint = options.out / f"{options.stage}.safetensors"
    if checkpoint.exists():
        trainer.resume(checkpoint)
        if not peers.rank:
            print(f"{options.stage} goes on from step {trainer.done}")
    run(trainer, stage, checkpoint, options.save_every, options.losses)
    if not peers.rank:
        merge_lora(model)
        weights = {name: weight.contiguous() for name, weight in unshared(model)}
        write_atomically(options.out / "weights.safetensors", save(weights))


def dry_run(options: argparse.Namespace) -> list[str]:
    """What a stage, or all of them, would take of a device. Raises InputError."""
    config = read_config(options.config)
    if options.stage and options.stage not in config.training:
        raise InputError(f"{options.config}: {unknown('stage', options.stage, list(config.training))}")
    for flag in ("processes", "tokens", "events"):
        if (given := getattr(options, flag)) < 1:
            raise InputError(f"--{flag}: must be 1 or more, got {given}")
    shape = Shape(options.tokens, options.events)
    lines = []
    for name in [options.stage] if options.stage else config.training:
        plan = plan_memory(config, name, shape, options.config.parent)
        lines += describe_memory(config, name, plan, shape, options.processes)
    return lines


def find_peers(device: str) -> tuple[Peers, torch.device]:
    """The processes that this was started among, by accelerate; and this one's device."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Alone(), torch.device(device)
    try:
        from accelerate import Accelerator
    except ImportError:
        raise InputError("train: several processes need accelerate; pip install 'diegetic[train]'") from None
    accelerator = Accelerator(cpu=device == "cpu")
    return AcceleratedPeers(accelerator), accelerator.device


class AcceleratedPeers:
    """Processes that accelerate brought together."""

    def __init__(self, accelerator: Any) -> None:
        self._accelerator = accelerator
        self.rank, self.count = int(accelerator.process_index), int(accelerator.num_processes)

    def add_up(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum over all processes."""
        summed: torch.Tensor = self._accelerator.reduce(tensor, reduction="sum")
        return summed


def build_model(config: ModelConfig, folder: Path, weights: Path | None, seed: int) -> AudioStory:
    """The model to start from: random weights by the seed, or those given; with LoRA if the configuration has it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = AudioStory(config, folder=folder)
        if config.llm.folder and any((folder / config.llm.folder).glob("llm-*.safetensors")):
            model.llm.load_state_dict(read_quantised(folder / config.llm.folder, "llm", torch.float32), strict=False)
        if weights and weights.suffix == ".bin":
            load_released(model, torch.load(weights, map_location="cpu", weights_only=True))
        if config.lora:
            add_lora(model.llm, config.lora)
    if weights and weights.suffix != ".bin":
        load_weights(model, weights)
    return model


def run(trainer: Trainer, stage: StageConfig, checkpoint: Path, save_every: int, log: Path | None) -> None:
    """Step to the end of the stage, telling and keeping how far it is."""
    started, begun, shown = time.monotonic(), trainer.done, 0.0
    while trainer.done < stage.steps:
        said = trainer.step()
        last = trainer.done == stage.steps
        if trainer.peers.rank:
            continue  # one tells and keeps it
        if log:
            _write_log(log, trainer.done, said)
        if last or time.monotonic() - shown >= SHOWN_EVERY_S:
            shown = time.monotonic()
            rate = (trainer.done - begun) / (shown - started)
            _show(describe(trainer.name, trainer.done, stage.steps, said, rate), last)
        if last or trainer.done % save_every == 0:
            trainer.save(checkpoint)


def describe(name: str, done: int, total: int, said: Mapping[str, float], rate: float) -> str:
    """One line: where the training is, its losses, its speed in steps a second, the time left."""
    losses = "  ".join(f"{loss} {value:.4f}" for loss, value in said.items())
    left = timedelta(seconds=int((total - done) / rate))
    return f"{name} {done}/{total}  {losses}  {rate:.2f} steps/s  {left} left"


def _show(line: str, last: bool) -> None:
    """On a terminal over the line before, otherwise below it."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K{line}", end="\n" if last else "", flush=True)
    else:
        print(line, flush=True)


def _write_log(path: Path, step: int, said: Mapping[str, float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{step},{name},{value:.6g}\n" for name, value in said.items())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, nargs="?", help="a model's TOML")
    parser.add_argument("--preset", help="a model in the box, in place of its TOML")
    parser.add_argument("--stage", help="one of the model's; all of them for a dry run without it")
    parser.add_argument("--data", type=Path, help="folder of shards")
    parser.add_argument("--out", type=Path, help="folder for checkpoints and weights")
    parser.add_argument("--dry-run", action="store_true", help="only say what it takes, at the model's full shape")
    parser.add_argument("--processes", type=int, default=1, help="for a dry run: how many share the batch")
    parser.add_argument("--tokens", type=int, default=1024, help="for a dry run: tokens of an example")
    parser.add_argument("--events", type=int, default=4, help="for a dry run: events of an example")
    parser.add_argument("--weights", type=Path, help="checkpoint to start from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--save-every", type=int, default=500, help="steps between checkpoints")
    parser.add_argument("--losses", type=Path, help="append step,loss,value lines here")
    return parser


if __name__ == "__main__":
    sys.exit(main())
