"""Pocket measured: each measure is a module of scripts/evaluation, and all figures make one table.

    python scripts/evaluate_pocket.py --ear EVALUATORS --sounds SOUNDS --text-encoder MINILM --base-llm SMOLLM2 \
        [--only stories,coherence] [--quick] [--json FILE]

Exits 1 where an aim isn't met.
"""

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path

import evaluation
from diegetic.atomic import write_atomically
from diegetic.model.registry import load_model
from diegetic.settings import Settings
from ear import Ear
from evaluation.context import Context
from evaluation.row import Row, as_values, write_table


def measures() -> list[str]:
    """The names of all modules that measure."""
    names = sorted(module.name for module in pkgutil.iter_modules(evaluation.__path__))
    return [name for name in names if hasattr(importlib.import_module(f"evaluation.{name}"), "measure")]


def main() -> None:
    args = _arguments()
    chosen = args.only.split(",") if args.only else measures()
    if unknown := set(chosen) - set(measures()):
        sys.exit(f"--only: must be of {', '.join(measures())}, got {', '.join(sorted(unknown))}")
    context = Context(
        load_model(args.model, Settings()),
        Ear(args.ear),
        args.sounds,
        args.quick,
        args.text_encoder,
        args.base_llm,
        args.keep,
    )
    rows: list[Row] = []
    for name in chosen:
        rows += importlib.import_module(f"evaluation.{name}").measure(context)
        print(write_table(rows), flush=True)
    if args.json:
        values = [as_values(row) for row in rows]
        write_atomically(args.json, (json.dumps(values, indent=2) + "\n").encode())
    sys.exit(not all(row.met for row in rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ear", type=Path, required=True, help="folder with yamnet.tflite and yamnet_labels.txt")
    parser.add_argument("--sounds", type=Path, required=True, help="folder with sounds.csv and audio/")
    parser.add_argument("--text-encoder", type=Path, help="all-MiniLM-L6-v2 folder: for the comparison with a search")
    parser.add_argument("--base-llm", type=Path, help="made by scripts/pocket/base_llm.py: for the untuned planner")
    parser.add_argument("--only", help="measures, separated by commas")
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--quick", action="store_true", help="a few of each, to see whether it works")
    parser.add_argument("--keep", type=Path, help="folder to keep the sounds in")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
