"""Put trained parts together as the model in the box: presets/models/pocket/.

    python scripts/pocket/export.py --narrator RUN_LLM --flow RUN_FLOW [--long RUN_LONG] -o presets/models/pocket

--narrator: written by train_narrator.py; --flow: by train_flow.py; --long: by train_long.py, whose parts replace those
of --flow. The bank is built by build_bank.py.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import nn
from transformers import AutoModelForCausalLM

from diegetic.atomic import write_atomically
from diegetic.model.audiostory import AudioStory
from diegetic.model.config import read_config
from diegetic.model.loading import LLM, NETWORK, SPACE
from diegetic.model.quantised import write_quantised

PRESET = Path(__file__).parents[2] / "presets/models/pocket.toml"


def main() -> None:
    args = _arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    llm = AutoModelForCausalLM.from_pretrained(args.narrator / "llm", dtype=torch.float32)
    state = {key: tensor for key, tensor in llm.state_dict().items() if key != "lm_head.weight"}  # tied
    write_quantised(state, args.out, LLM)
    for name in ("tokenizer.json", "config.json"):
        shutil.copyfile(args.narrator / "llm" / name, args.out / name)
    _forget_origin(args.out / "config.json")
    write_atomically(args.out / NETWORK, save(_network(args, llm)))
    write_atomically(args.out / SPACE, (args.flow / "latents.safetensors").read_bytes())
    size = sum(path.stat().st_size for path in args.out.rglob("*") if path.is_file())
    print(f"{args.out}: {size / 1e6:.1f} MB")


def _network(args: argparse.Namespace, llm: nn.Module) -> dict[str, torch.Tensor]:
    """All but the LLM, in float16."""
    torch.manual_seed(0)
    network = AudioStory(read_config(args.preset), llm=llm)
    network.semantic.load_state_dict(load_file(args.narrator / "projector.safetensors"))
    network.flow.load_state_dict(load_file(args.flow / "flow.safetensors"))
    if args.long is not None:
        trained = load_file(args.long / "network.safetensors")
        network.load_state_dict(trained, strict=False)
        print(f"{len(trained)} tensors of {args.long}")
    return {
        key: tensor.half().contiguous() for key, tensor in network.state_dict().items() if not key.startswith("llm.")
    }


def _forget_origin(config: Path) -> None:
    """Leave out of the LLM's config where it was read from."""
    table = json.loads(config.read_text(encoding="utf-8"))
    table.pop("_name_or_path", None)
    table.pop("_model_name_or_path", None)
    write_atomically(config, (json.dumps(table, indent=2, sort_keys=True) + "\n").encode())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--narrator", type=Path, required=True)
    parser.add_argument("--flow", type=Path, required=True)
    parser.add_argument("--long", type=Path)
    parser.add_argument("--preset", type=Path, default=PRESET)
    parser.add_argument("-o", "--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
