"""The paper's size loaded from made-up weights: how much memory and time it takes.

    python scripts/full_size.py FOLDER [--preset presets/models/audiostory-3b.toml] [--json]

Writes a release of float32 weights in the released layout into FOLDER (16 GB at the paper's size; they are made up, but
each has its own bytes), then, each in a new process: loads it in bfloat16, converts it, loads what was converted. A
step's figures are its seconds and the most memory it had: `peak` with the pages of mapped files, which the system takes
back when it needs them, `own` without. What was written is deleted at the end.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any

import torch
from tokenizers import Tokenizer, models
from torch import Tensor

from diegetic.model.audiostory import AudioStory, build_text_encoder
from diegetic.model.config import ModelConfig, read_config
from diegetic.model.convert import convert
from diegetic.model.placement import Placement
from diegetic.model.release_files import find_release
from diegetic.model.released import load_codec, load_network
from made_up import released_state, write_release

PRESET = Path(__file__).parents[1] / "presets" / "models" / "audiostory-3b.toml"
STEPS = ("load the release", "convert it", "load what was converted")
CPU = torch.device("cpu")
BFLOAT16 = Placement(CPU, CPU, torch.bfloat16, torch.bfloat16)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all steps; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--preset", type=Path, default=PRESET)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(measured(options.child, read_config(options.preset), options.folder)))
        return 0
    options.folder.mkdir(parents=True)
    try:
        write_made_up(options.folder, read_config(options.preset))
        rows = [in_new_process(step, options.folder, options.preset) for step in STEPS]
    finally:
        shutil.rmtree(options.folder)
    print(json.dumps(rows) if options.json else table(rows))
    return 0


def write_made_up(folder: Path, config: ModelConfig) -> None:
    """A release under `folder`. Every weight is a mapping of the same numbers, which a state dict keeps apart."""
    assert config.text_encoder is not None
    with torch.device("meta"):
        model = AudioStory(config, text_encoder=build_text_encoder(config.text_encoder))
    state = released_state(model, config.lora.rank if config.lora else 1)
    numbers, most = folder / "numbers", max(weight.numel() for weight in state.values())
    drawn = 0.02 * torch.randn(min(most, 10_000_000), generator=torch.Generator().manual_seed(0))
    with numbers.open("wb") as file:
        for start in range(0, most, len(drawn)):
            file.write(drawn[: most - start].numpy().tobytes())
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    mapped = {name: _mapped(numbers, weight) for name, weight in state.items()}
    write_release(folder / "release", config, mapped, tokenizer)
    numbers.unlink()


def measured(step: str, config: ModelConfig, folder: Path) -> dict[str, Any]:
    """One step in this process: its seconds, and the most memory in GB."""
    before, began, watch = own_gb(), time.monotonic(), _Watch()
    with watch:
        if step == "convert it":
            convert(config, folder / "release", folder / "converted", torch.bfloat16, lambda text, share: None)
        else:
            place = folder / ("release" if step == "load the release" else "converted")
            files = find_release(place)
            network, codec = load_network(config, files, BFLOAT16), load_codec(config, files.codec)
            # Mapped weights are read where they are used: touch them, so that they count.
            total = sum(float(w.flatten()[::1024].float().sum()) for w in [*network.parameters(), *codec.parameters()])
            assert total == total
    return {
        "step": step,
        "seconds": round(time.monotonic() - began, 1),
        "peak_gb": round(_status_gb("VmHWM"), 2),
        "own_gb": round(watch.most_gb, 2),
        "before_gb": round(before, 2),
    }


def in_new_process(step: str, folder: Path, preset: Path) -> dict[str, Any]:
    """The figures of one step."""
    command = [sys.executable, __file__, str(folder), "--preset", str(preset), "--child", step]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The figures for people."""
    lines = [f"{'':26}{'seconds':>9}{'peak GB':>9}{'own GB':>8}"]
    lines += [f"{row['step']:26}{row['seconds']:9.1f}{row['peak_gb']:9.2f}{row['own_gb']:8.2f}" for row in rows]
    return "\n".join(lines)


def own_gb() -> float:
    """Memory that is this process's alone, without pages of files."""
    return _status_gb("RssAnon")


class _Watch:
    """A context that looks at the process's own memory every 20 ms.

    Threads: its thread writes `most_gb`, which is read after it has ended.
    """

    def __init__(self) -> None:
        self.most_gb = 0.0
        self._ended = Event()
        self._thread = Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(0.02):
            self.most_gb = max(self.most_gb, own_gb())
        self.most_gb = max(self.most_gb, own_gb())


def _status_gb(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(f"{name}:")).split()[1]) / 1e6


def _mapped(numbers: Path, like: Tensor) -> Tensor:
    return torch.from_file(str(numbers), shared=False, size=like.numel(), dtype=torch.float32).view(like.shape)


if __name__ == "__main__":
    sys.exit(main())
