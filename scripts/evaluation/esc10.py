"""Whether events of ESC-10's ten kinds are heard as what was told: each told, drawn and built, then heard by YAMNet.

For every kind a few captions with several seeds; the ear is right when the kind told has the highest score of the ten.
Beside it: the same on real recordings. `controls`: what the ear says of white and pink noise and of silence.
"""

import csv
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from diegetic.protocol import StoryModel
from diegetic.story import BED, FOREGROUND, Event
from ear import ESC10, Ear
from evaluation.context import Context
from evaluation.row import Row

Samples = NDArray[np.float32]
SECONDS, NEEDED = 6.0, 0.8

TOLD: Mapping[str, tuple[str, str, str]] = {
    "dog": ("dog barking", "a dog barks twice", "dog barking, close"),
    "rain": ("heavy rain falling", "rain on the water", "steady rain"),
    "sea_waves": ("sea waves rolling in", "waves breaking on the shore", "ocean surf"),
    "crying_baby": ("baby crying", "an infant cries loudly", "crying baby, close"),
    "clock_tick": ("clock ticking", "slow tick of a clock", "clock ticking on the wall"),
    "sneezing": ("person sneezing", "a loud sneeze", "man sneezing"),
    "helicopter": ("helicopter flying overhead", "helicopter rotor", "helicopter hovering"),
    "chainsaw": ("chainsaw cutting wood", "chainsaw revving", "chainsaw running"),
    "rooster": ("rooster crowing", "a rooster crows at dawn", "rooster crowing loudly"),
    "crackling_fire": ("fire crackling", "campfire burning", "crackling fire, close"),
}
BEDS = {"rain", "sea_waves", "crackling_fire", "helicopter"}


@dataclass(frozen=True, slots=True)
class Heard:
    """One event and what the ear took it for."""

    kind: str
    caption: str
    seed: int
    heard: str
    seconds_per_second: float


def measure(context: Context) -> list[Row]:
    """The share of events that are heard as their kind."""
    results = list(hear_events(context.model, context.ear, 1 if context.quick else 2, context.keep))
    right = float(np.mean([each.kind == each.heard for each in results]))
    beside = {"real recordings": real_recordings(context.sounds, context.ear)}
    note = f"{len(results)} events; noise is heard as {controls(context.ear)}"
    return [Row("ESC-10: right of ten kinds", right, beside, NEEDED, True, note)]


def hear_events(model: StoryModel, ear: Ear, seeds: int, keep: Path | None) -> Iterator[Heard]:
    """Render every caption of `TOLD` with `seeds` seeds and hear it; `keep`: a folder for the wav files."""
    for kind, captions in TOLD.items():
        for caption in captions:
            for seed in range(seeds):
                began = time.monotonic()
                samples = render(model, caption, BED if kind in BEDS else FOREGROUND, seed)
                took = (time.monotonic() - began) / SECONDS
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    soundfile.write(keep / f"{kind}_{caption.replace(' ', '-')}_{seed}.wav", samples, model.sample_rate)
                yield Heard(kind, caption, seed, ear.best(ear.hear(samples, model.sample_rate), ESC10), took)


def render(model: StoryModel, caption: str, lane: str, seed: int) -> Samples:
    """One event by itself, [frames, channels]."""
    event = Event("e1", caption, 0.0, SECONDS, lane)
    memory = model.begin(caption, SECONDS)
    (condition,) = model.recall(memory, "1 event.", [event])
    latents = model.imagine(condition, event, seed, None, lambda done, total: None)
    return model.decode(latents, condition, event, seed)


def controls(ear: Ear) -> dict[str, str]:
    """The ear's best label for what is no sound of anything."""
    rng = np.random.default_rng(0)
    white = rng.standard_normal(96_000).astype(np.float32) * 0.1
    spectrum = np.fft.rfft(white)
    pink = np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1) ** 0.5).astype(np.float32)
    sounds = {
        "white noise": white,
        "pink noise": pink / np.abs(pink).max() * 0.5,
        "silence": np.zeros(96_000, np.float32),
    }
    return {name: "{} {:.2f}".format(*ear.guesses(ear.hear(sound, 48_000), 1)[0]) for name, sound in sounds.items()}


def real_recordings(folder: Path, ear: Ear) -> float:
    """How often the ear is right on every fifth real clip of ESC-10."""
    with (folder / "sounds.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"].endswith("ESC-10")][::5]
    kinds = dict(zip((f"{number:03}" for number in range(1, 11)), _ESC10_ORDER, strict=True))
    right = []
    for row in rows:
        samples, rate_hz = soundfile.read(folder / "audio" / row["file"], dtype="float32")
        right.append(ear.best(ear.hear(samples, rate_hz), ESC10) == kinds[row["original_name"][:3]])
    return float(np.mean(right))


_ESC10_ORDER = (
    "dog",
    "rain",
    "sea_waves",
    "crying_baby",
    "clock_tick",
    "sneezing",
    "helicopter",
    "chainsaw",
    "rooster",
    "crackling_fire",
)
