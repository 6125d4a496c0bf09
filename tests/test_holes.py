"""A bed doesn't stop for a moment; what pulses goes on pulsing."""

import numpy as np

from diegetic.model.bank.holes import silences, without_holes


def filled(level_db: np.ndarray) -> np.ndarray:
    """Levels with their holes filled, where the one channel of the latents is the level."""
    return without_holes(level_db[:, None].astype(np.float32), level_db)[:, 0]


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


def test_an_end_and_a_new_beginning_are_filled_with_how_one_fades_into_the_other() -> None:
    level_db = np.full(100, -28.0)
    level_db[50:64] = -36.0, -44.0, *(-75.0,) * 5, -48.0, *(-78.0,) * 5, -46.0
    assert np.allclose(filled(level_db), -28.0)


def test_a_call_now_and_then_stays_one() -> None:
    calls_db = np.where(np.arange(100) % 25 < 12, -30.0, -60.0)
    long_db = np.where((np.arange(100) > 30) & (np.arange(100) < 70), -70.0, -30.0)
    for level_db in (calls_db, long_db):
        assert np.allclose(filled(level_db), level_db)


def test_a_place_is_only_still_where_it_is_for_a_second() -> None:
    level_db = np.full(60, -30.0)
    level_db[10:20], level_db[30:45] = -60.0, -60.0
    assert list(np.flatnonzero(silences(level_db))) == list(range(30, 45))
