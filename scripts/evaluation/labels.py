"""What pocket has no sound of: every class of AudioSet that a scene may have, told by its own name.

A list that nobody here wrote: what somebody may ask for. Left out are speech, which pocket doesn't make, styles of
music, which the ear hardly tells apart, and rooms and noises, which nobody tells. Instruments and songs without words
have a row of their own. Right where the class is among the ear's five best. The ear is the one that helped to say what
the bank's recordings are, so the figures are good for comparing banks, and flatter any of them.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from diegetic.story import FOREGROUND, Event
from evaluation.context import Context
from evaluation.events import BEST, SECONDS, condition_of
from evaluation.row import Row

Samples = NDArray[np.float32]
Spans = Sequence[tuple[str, str]]

SPANS = (
    ("Shout", "Sigh"),
    ("Groan", "Whale vocalization"),
    ("Bell", "Bicycle bell"),
    ("Chime", "Wind chime"),
    ("Wind", "Thunk"),
    ("Basketball bounce", "Crunch"),
)
"""First and last of AudioSet's classes, in its order."""
MUSIC = (("Singing", "Humming"), ("Musical instrument", "Harp"), ("Harmonica", "Singing bowl"))
"""The same, of instruments and voices."""
AIM = 50.0


def measure(context: Context) -> list[Row]:
    """Two rows: the share of the classes that are heard, and which are not; of sounds, and of music."""
    return [
        _row(context, f"AudioSet's {what} heard by their names", spans)
        for what, spans in (("classes", SPANS), ("instruments and voices", MUSIC))
    ]


def _row(context: Context, name: str, spans: Spans) -> Row:
    labels = list(told_labels(context.ear.labels, spans))[:: 20 if context.quick else 1]
    lost = [label for number, label in enumerate(labels) if not _is_heard(context, label, number)]
    heard = 100 * (1 - len(lost) / len(labels))
    return Row(f"{name}, of {len(labels)}, %", heard, {}, AIM, True, "; ".join(lost))


def told_labels(labels: list[str], spans: Spans = SPANS) -> Iterator[str]:
    """The classes that a scene may have."""
    for first, last in spans:
        yield from labels[labels.index(first) : labels.index(last) + 1]


def name_of(label: str) -> str:
    """What a class is told by: the first of its names ("Hammer, tool" -> "hammer")."""
    return label.split(",")[0].split(" (")[0].lower()


def _is_heard(context: Context, label: str, seed: int) -> bool:
    model, event = context.model, Event("e1", name_of(label), 0.0, SECONDS, FOREGROUND)
    condition = condition_of(model, event)
    drawn = model.imagine(condition, event, seed, None, lambda done, total: None)
    heard = sounding(model.decode(drawn, condition, event, seed))
    return label in dict(context.ear.guesses(context.ear.hear(heard, model.sample_rate), BEST))


def sounding(samples: Samples) -> Samples:
    """From the first to the last frame that is less than 40 dB under the loudest: silence says nothing of a click."""
    level = np.abs(samples).max(1)
    audible = np.flatnonzero(level > 0.01 * level.max())
    return samples[audible[0] : audible[-1] + 1] if len(audible) else samples
