"""What words mean, in a table: the text encoder's embedding of each of the commonest English words, as a short vector.

    python scripts/pocket/word_vectors.py --text-encoder MINILM_FOLDER -o presets/models/pocket/words.npz

Static embeddings distilled from a sentence encoder (as Model2Vec does, Tulkens and van Dongen, 2024): principal
components of the embeddings of single words, of unit length, in eight bits. The decoder finds recordings by them where
a caption's words aren't those of any recording.
"""

import argparse
import io
import re
from pathlib import Path

import numpy as np
from wordfreq import top_n_list

from captions import read_concepts
from diegetic.atomic import write_atomically
from diegetic.model.bank.words import STEP
from text_encoder import TextEncoder


def main() -> None:
    args = _arguments()
    concepts = read_concepts().concepts
    captions = " ".join(caption for each in concepts for caption in (*each.captions, *each.wordings))
    common = [word for word in top_n_list("en", args.words, wordlist="best") if re.fullmatch(r"[a-z]{2,}", word)]
    words = sorted({*common, *re.findall(r"[a-z]{2,}", captions.lower())})
    embedded = TextEncoder(args.text_encoder).targets(words, 2)[:, 0].numpy()
    embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
    centred = embedded - embedded.mean(0)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    short = centred @ vectors[:, ::-1][:, : args.channels]
    short /= np.linalg.norm(short, axis=1, keepdims=True)
    stored = io.BytesIO()
    quantised = np.clip(np.round(short / STEP), -127, 127).astype(np.int8)
    np.savez_compressed(stored, words=np.frombuffer("\n".join(words).encode(), np.uint8), vectors=quantised)
    write_atomically(args.out, stored.getvalue())
    print(f"{len(words)} words, {len(stored.getvalue()) / 1e6:.1f} MB")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text-encoder", type=Path, required=True, help="all-MiniLM-L6-v2 folder")
    parser.add_argument("--words", type=int, default=50_000, help="how many of the commonest")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("-o", "--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
