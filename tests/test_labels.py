"""AudioSet's classes as what is told: which of them, by what name, and what of a sound is heard."""

from collections.abc import Sequence

import numpy as np
import pytest

from evaluation.labels import MUSIC, SPANS, name_of, sounding, told_labels


@pytest.mark.parametrize("spans", [SPANS, MUSIC])
def test_of_all_classes_those_are_told_that_a_scene_may_have(spans: Sequence[tuple[str, str]]) -> None:
    ends = [label for span in spans for label in span]
    labels = ["Speech", *ends[:2], "Pop music", *ends[2:], "Silence"]
    assert list(told_labels(labels, spans)) == ends


@pytest.mark.parametrize(
    ("label", "name"),
    [("Baby cry, infant cry", "baby cry"), ("Car passing by", "car passing by"), ("Coin (dropping)", "coin")],
)
def test_a_class_is_told_by_the_first_of_its_names(label: str, name: str) -> None:
    assert name_of(label) == name


def test_silence_around_a_sound_is_not_heard() -> None:
    samples = np.zeros((1_000, 2), np.float32)
    samples[300:310] = 0.5
    assert sounding(samples).shape == (10, 2)
    assert sounding(np.zeros((7, 2), np.float32)).shape == (7, 2)
