"""Pictures for docs/pocket.md: the nearest recording as it is, and what is built of the bank at three variations.

    python scripts/pocket/spectrograms.py -o docs/pocket-spectrograms.png

Needs matplotlib.
"""

import argparse
import io
from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray

from diegetic.atomic import write_atomically
from diegetic.model.bank.decoder import BankDecoder
from diegetic.model.registry import load_model
from diegetic.model.storyteller import Storyteller
from diegetic.settings import Settings
from diegetic.story import BED, FOREGROUND, Event

SECONDS, SEED = 6.0, 3
CAPTIONS = (("rain on the leaves", BED), ("a dog barks", FOREGROUND), ("footsteps on gravel", FOREGROUND))
VARIATIONS = (0.0, 0.5, 1.0)


def main() -> None:
    """Draw them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    matplotlib.use("Agg")
    from matplotlib import pyplot

    model = load_model("pocket", Settings())
    assert isinstance(model, Storyteller)
    figure, rows = pyplot.subplots(len(CAPTIONS), 1 + len(VARIATIONS), figsize=(9, 5), sharex=True, sharey=True)
    for axes, (caption, lane) in zip(rows, CAPTIONS, strict=True):
        for place, (title, samples) in zip(axes, sounds(model, caption, lane), strict=True):
            padding = (0, round(SECONDS * model.sample_rate) - len(samples))
            sound = np.pad(samples, padding) + np.random.default_rng(0).normal(0, 1e-6, padding[1] + len(samples))
            place.specgram(sound, NFFT=1024, noverlap=0, Fs=model.sample_rate, vmin=-150, vmax=-50, cmap="magma")
            place.set_title(title, fontsize=8)
            place.set_ylim(0, 12_000)
    figure.supxlabel("seconds", fontsize=9)
    figure.supylabel("Hz", fontsize=9)
    figure.tight_layout()
    picture = io.BytesIO()
    figure.savefig(picture, dpi=70, format="png", pil_kwargs={"optimize": True})
    write_atomically(args.output, picture.getvalue())


def sounds(model: Storyteller, caption: str, lane: str) -> list[tuple[str, NDArray[np.float32]]]:
    """Titles and mono samples of a row."""
    event = Event("e1", caption, 0.0, SECONDS, lane)
    (condition,) = model.recall(model.begin(caption, SECONDS), "1 event.", [event])
    assert isinstance(model.codec, BankDecoder)
    bank = model.codec.banks[0]
    nearest = int(bank.scores(condition.called, caption).argmax())
    row = [(f"recording: {bank.table[nearest]['caption']}", bank.audio(nearest)[: round(SECONDS * model.sample_rate)])]
    for variation in VARIATIONS:
        told = Event("e1", caption, 0.0, SECONDS, lane, variation=variation)
        latents = model.imagine(condition, told, SEED, None, lambda done, total: None)
        row.append((f"{caption}, variation {variation:g}", model.decode(latents, condition, told, SEED)))
    return [(title, samples.mean(1)) for title, samples in row]


if __name__ == "__main__":
    main()
