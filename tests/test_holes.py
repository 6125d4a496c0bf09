"""A bed doesn't stop for a moment; what pulses goes on pulsing."""

import numpy as np

from diegetic.model.bank.decoder import without_holes

HUSHED_DB = -50.0


def filled(level_db: np.ndarray) -> np.ndarray:
    """Levels with their holes filled, where the one channel of the latents is the level."""
    return without_holes(level_db[:, None].astype(np.float32), level_db, HUSHED_DB)[:, 0]


def test_a_moment_of_silence_is_filled_with_what_is_around_it() -> None:
    level_db = np.full(75, -30.0)
    level_db[61:63] = -36.0, -55.0
    assert np.allclose(filled(level_db), -30.0)


def test_so_is_a_moment_that_is_only_much_softer() -> None:
    level_db = np.full(75, -28.0)
    level_db[37] = -47.0
    assert np.allclose(filled(level_db), -28.0)
    level_db[37] = -36.0  # as a gust may be
    assert np.allclose(filled(level_db), level_db)


def test_a_swell_and_a_pulse_and_a_real_silence_are_left_alone() -> None:
    swell_db = -35.0 + 10.0 * np.sin(np.arange(100) / 15)
    pulse_db = np.where(np.arange(100) % 6 < 4, -30.0, -60.0)
    ended_db = np.where(np.arange(100) < 50, -30.0, -70.0)
    for level_db in (swell_db, pulse_db, ended_db, np.full(100, -80.0)):
        assert np.allclose(filled(level_db), level_db)
