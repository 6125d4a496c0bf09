"""An ear: YAMNet says what a sound is (AudioSet's 521 classes).

Needs `ai-edge-litert` (the `evaluate` extra) and the model's files.

Knows nothing of what was asked for.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

RATE_HZ = 16_000
WINDOW = 15_600

ESC10: Mapping[str, tuple[str, ...]] = {
    "dog": ("Dog", "Bark", "Bow-wow", "Yip", "Howl", "Growling", "Whimper (dog)", "Domestic animals, pets"),
    "rain": ("Rain", "Raindrop", "Rain on surface"),
    "sea_waves": ("Waves, surf", "Ocean"),
    "crying_baby": ("Baby cry, infant cry", "Crying, sobbing", "Whimper"),
    "clock_tick": ("Tick-tock", "Tick", "Clock", "Mechanisms"),
    "sneezing": ("Sneeze",),
    "helicopter": ("Helicopter",),
    "chainsaw": ("Chainsaw",),
    "rooster": ("Chicken, rooster", "Crowing, cock-a-doodle-doo", "Fowl"),
    "crackling_fire": ("Fire", "Crackle"),
}
"""AudioSet labels that count as each of ESC-10's classes."""


class Ear:
    """YAMNet from a folder with yamnet.tflite and yamnet_labels.txt."""

    def __init__(self, folder: Path) -> None:
        self.labels = [line.strip() for line in (folder / "yamnet_labels.txt").read_text(encoding="utf-8").splitlines()]
        from ai_edge_litert.interpreter import Interpreter  # not before: what only names an ear runs without it

        self._interpreter = Interpreter(model_path=str(folder / "yamnet.tflite"), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def hear(self, samples: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """Scores [521] of samples [frames, channels]: mean over half overlapping windows."""
        mono = samples.mean(1) if samples.ndim == 2 else samples
        sound = soxr.resample(mono, rate_hz, RATE_HZ).astype(np.float32)
        sound = np.pad(sound, (0, max(0, WINDOW - len(sound))))
        starts = range(0, len(sound) - WINDOW + 1, WINDOW // 2)
        scores: NDArray[np.float32] = np.mean([self._scores(sound[start : start + WINDOW]) for start in starts], axis=0)
        return scores

    def best(self, scores: NDArray[np.float32], among: Mapping[str, Sequence[str]]) -> str:
        """Which of several kinds, each with its labels, has the highest score."""
        return max(among, key=lambda kind: max(scores[self.labels.index(label)] for label in among[kind]))

    def guesses(self, scores: NDArray[np.float32], count: int = 5) -> list[tuple[str, float]]:
        """The best labels with their scores."""
        return [(self.labels[k], float(scores[k])) for k in np.argsort(-scores)[:count]]

    def _scores(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        self._interpreter.set_tensor(self._input, window.reshape(self._interpreter.get_input_details()[0]["shape"]))
        self._interpreter.invoke()
        scores: NDArray[np.float32] = self._interpreter.get_tensor(self._output).reshape(-1)
        return scores
