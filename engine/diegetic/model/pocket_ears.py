"""How pocket understands recordings: its ear names concepts, its LLM says where a question's words lie beside them.

Knows nothing of stories or files.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from diegetic.errors import Failure
from diegetic.model.bank.describe import SAMPLE_RATE, LatentSpace, describe
from diegetic.model.codec import Drawn
from diegetic.model.ear import LEVEL_DB, Ear, levelled, loudness_db
from diegetic.model.ear import Heard as HeardConcept
from diegetic.protocol import Heard, Samples
from diegetic.story import BED, FOREGROUND, GAIN_RANGE_DB

Array = NDArray[np.float32]


class PocketEars:
    """An ear with words. call: a caption's vector [F] where the ear's are."""

    def __init__(self, ear: Ear, space: LatentSpace, call: Callable[[str], Array]) -> None:
        self._ear, self._space, self._call = ear, space, call

    def hear(self, samples: Samples) -> tuple[Heard, ...]:
        """What sounds when."""
        gain_db = _gain_db(_mono(samples))
        return tuple(_said(each, gain_db) for each in self._ear.hear_in_time(_mono(samples)))

    def hear_whole(self, samples: Samples) -> Heard:
        """What it is as a whole. Raises Failure where it is silent."""
        mono = _mono(samples)
        heard = self._ear.hear(mono)
        if heard is None:
            raise Failure("recording: is silent, so there is nothing to hear; give another one")
        return _said(heard, _gain_db(mono))

    def ask(self, samples: Samples, question: str) -> str:
        """Where the recording sounds most like the words of the question, and how near it comes."""
        mono, called = _mono(samples), self._call(question)
        windows = self._ear.hear_in_time(mono)
        if not windows:
            return "nothing sounds in it"
        nearness = [float(each.called @ called / (np.linalg.norm(called) + 1e-9)) for each in windows]
        best = int(np.argmax(nearness))
        near = windows[best]
        whole = self.hear_whole(samples)
        return (
            f"nearest to that from {near.start_s:.1f} to {near.end_s:.1f} s ({nearness[best]:.2f} of 1), "
            f"which sounds like {near.concept.caption}; as a whole like {whole.caption}"
        )

    def what_follows(self, samples: Samples) -> str:
        """Nothing else: a small model has no idea of what a sound leads to."""
        return ""

    def listen(self, samples: Samples, called: Array, caption: str, seed: int) -> Drawn:
        """Latents of a recording. called: of its caption, which counts where that isn't the ear's own word for it."""
        features = levelled(describe(_mono(samples)))
        if features is None:
            raise Failure("recording: is silent, so nothing can go on from it; give another one")
        heard = self._ear.hear(_mono(samples))
        own = heard is not None and heard.concept.caption == caption
        called = heard.called if heard is not None and own else called
        return Drawn(self._space.encode(features), called, seed)


def _said(heard: HeardConcept, gain_db: float) -> Heard:
    lane = BED if heard.concept.kind == "bed" else FOREGROUND
    return Heard(heard.concept.caption, lane, heard.start_s, heard.end_s, heard.sure, gain_db)


def _mono(samples: Samples) -> Array:
    """Both sides [frames], without an offset of the recorder's: it would be heard as a deep rumble."""
    mono: Array = samples.mean(1, dtype=np.float32)
    mono -= np.float32(mono.mean(dtype=np.float64))
    return mono


def _gain_db(mono: Array) -> float:
    """From the level that recordings are heard at to this one's own."""
    loud = loudness_db(describe(mono[: 60 * SAMPLE_RATE]))
    low, high = GAIN_RANGE_DB
    return low if loud is None else min(high, max(low, loud - LEVEL_DB))
