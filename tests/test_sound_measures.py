"""The measures of pocket's sound, and the recordings that are made, on toy sounds."""

import random
from pathlib import Path

import numpy as np
import pytest

from captions import read_concepts
from diegetic.model.bank.decoder import Path as UnitPath
from diegetic.model.bank.decoder import Pick
from diegetic.model.bank.describe import SAMPLE_RATE
from diegetic.model.bank.units import SILENCE, Run
from evaluation.attributes import attack_rate, centroid_hz, decay_s, edge_hz, level_db
from evaluation.decoder import Beyond, Built, beyond_usual
from evaluation.events import longest_units
from evaluation.told import read_told, seen_in_training
from procedural import SECONDS, WALK, bell_telephone, in_a_row

RATE_HZ = 48_000


def path(*runs: Run) -> UnitPath:
    return UnitPath(Pick(((0, 0), (0, 1)), 1.0), runs, np.zeros(sum(run.units for run in runs), np.float32), False)


def test_no_wording_of_the_evaluation_was_trained_on() -> None:
    told = read_told()
    assert len(told) >= 60
    assert {len(each.wordings) for each in told} == {8}
    assert {each.concept for each in told} <= {concept.name for concept in read_concepts().concepts}
    assert list(seen_in_training(told, read_concepts())) == []


def test_a_wording_that_was_trained_on_is_found(tmp_path: Path) -> None:
    (tmp_path / "scenes.txt").write_text("fg the bells for a wedding, far away 0-10\n", encoding="utf-8")
    seen = list(seen_in_training(read_told(), read_concepts(), tmp_path))
    assert seen == ["bells for a wedding"]


def test_a_run_goes_on_over_a_jump_that_is_hardly_one_and_not_over_silence() -> None:
    assert longest_units(path(Run(0, 0, 5, 0), Run(0, 7, 5, 5), Run(0, 40, 6, 10))) == 10
    assert longest_units(path(Run(0, 0, 5, 0), Run(SILENCE, 0, 2, 5), Run(0, 5, 4, 7))) == 5


def test_a_join_that_clicks_is_beyond_what_is_usual() -> None:
    hiss = np.random.default_rng(0).standard_normal(RATE_HZ * 4).astype(np.float32) * 0.05
    clicks = hiss.copy()
    clicks[RATE_HZ * 2 : RATE_HZ * 2 + 480] *= 30
    joined = path(Run(0, 0, 25, 0), Run(1, 3, 25, 25))
    assert beyond_usual([Built("rain", hiss, hiss, joined, 1.0)], begin=False) == Beyond(1, 0.0, 0.0)
    assert beyond_usual([Built("rain", hiss, clicks, joined, 1.0)], begin=False) == Beyond(1, 100.0, 100.0)
    assert beyond_usual([Built("rain", hiss, clicks, joined, 1.0)], begin=True).count == 0


def test_quantities_move_as_their_names_say() -> None:
    rng = np.random.default_rng(0)
    hiss = rng.standard_normal(RATE_HZ * 3).astype(np.float32) * 0.1
    dull = np.convolve(hiss, np.ones(32) / 32, "same").astype(np.float32)
    assert level_db(hiss, RATE_HZ) == pytest.approx(-20, abs=1)
    assert edge_hz(hiss, RATE_HZ) > edge_hz(dull, RATE_HZ)
    assert centroid_hz(hiss, RATE_HZ) > centroid_hz(dull, RATE_HZ)
    short, long = (
        np.exp(-np.arange(RATE_HZ) / RATE_HZ / decay).astype(np.float32) * hiss[:RATE_HZ] for decay in (0.02, 0.2)
    )
    assert decay_s(long, RATE_HZ) > 3 * decay_s(short, RATE_HZ)
    assert attack_rate(np.tile(short[: RATE_HZ // 4], 8), RATE_HZ) == pytest.approx(4.0, rel=0.05)


def test_steps_in_a_row_keep_a_walking_pace_and_take_turns() -> None:
    left, right = (np.zeros(4_800, np.float32) for _ in range(2))
    left[0], right[0] = 1.0, -1.0
    row = in_a_row([left, right], WALK, random.Random(0))
    steps = np.flatnonzero(row)
    assert len(row) == round(SECONDS * SAMPLE_RATE)
    assert WALK.period_s[0] * 0.9 < np.diff(steps).mean() / SAMPLE_RATE < WALK.period_s[1] * 1.1
    assert (np.sign(row[steps[1:]]) != np.sign(row[steps[:-1]])).all()


def test_a_telephone_rings_twice_with_a_pause() -> None:
    ring = bell_telephone(0)
    loud = np.abs(ring[: len(ring) // 480 * 480]).reshape(-1, 480).max(1) > 0.01
    assert loud[0]
    assert loud[-20]
    assert not loud[len(loud) // 2]
