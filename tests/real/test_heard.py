"""Pocket heard by a tagger that others trained: YAMNet, in the folder DIEGETIC_EAR or beside the repository."""

import os
from pathlib import Path

import numpy as np
import pytest

from diegetic.model.registry import load_model
from diegetic.settings import Settings

FOLDER = Path(os.environ.get("DIEGETIC_EAR", Path(__file__).parents[3] / "shared/evaluators"))

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not (FOLDER / "yamnet.tflite").exists(), reason=f"needs yamnet.tflite in {FOLDER}"),
]


def test_the_right_one_of_ten_kinds_is_heard_in_four_of_five_events() -> None:
    pytest.importorskip("ai_edge_litert", reason="needs the extra `evaluate`")
    from ear import Ear
    from evaluation.esc10 import controls, hear_events

    ear = Ear(FOLDER)
    heard = list(hear_events(load_model("pocket", Settings()), ear, seeds=2, keep=None))
    right = float(np.mean([each.kind == each.heard for each in heard]))
    print(f"right: {right:.0%} of {len(heard)}")
    assert len(heard) == 60
    assert right >= 0.8
    assert "Rain" not in controls(ear)["white noise"]
