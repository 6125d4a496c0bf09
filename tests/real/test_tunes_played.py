"""Tunes as abc2midi reads them and FluidSynth plays them, with whatever SoundFont is installed."""

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mido")

from diegetic.model.bank.describe import SAMPLE_RATE
from performances import Tune, play, read_tunes

SOUNDFONT = next(iter(sorted(Path("/usr/share/sounds/sf2").glob("*.sf2"))), None)
MISSING = [name for name in ("abc2midi", "fluidsynth") if shutil.which(name) is None]
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(bool(MISSING) or SOUNDFONT is None, reason=f"not installed: {MISSING or 'a SoundFont'}"),
]


@pytest.fixture(scope="module", name="tunes")
def _tunes() -> dict[str, Tune]:
    return {tune.title: tune for tune in read_tunes()}


def test_a_groove_ends_with_its_last_bar(tunes: dict[str, Tune]) -> None:
    assert SOUNDFONT is not None
    beat = play(tunes["Beat"], SOUNDFONT)  # four bars of four beats, 100 a minute
    assert len(beat) == round(16 * 0.6 * SAMPLE_RATE)
    assert np.abs(beat).max() == pytest.approx(0.5, abs=1e-3)


def test_a_tune_is_played_the_same_again_and_in_another_key_by_its_variant(tunes: dict[str, Tune]) -> None:
    assert SOUNDFONT is not None
    first, again, other = (play(tunes["Taps"], SOUNDFONT, variant) for variant in (0, 0, 1))
    assert np.array_equal(first, again)
    assert len(other) != len(first)
    assert 10 < len(first) / SAMPLE_RATE < 30
    assert np.abs(first[:480]).max() > 0.001, "begins with its first note"
