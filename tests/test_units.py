"""Descriptors of sound, the path of units through recordings, and their overlap-add."""

from itertools import pairwise

import numpy as np
import pytest

from bank_sounds import SECOND, hiss, latent_space, silent, tone
from diegetic.model.bank.describe import FLOOR_DB, UNIT_FRAMES, LatentSpace, describe
from diegetic.model.bank.overlap_add import overlap_add
from diegetic.model.bank.units import APART_UNITS, SILENCE, Run, follow


@pytest.fixture(scope="module")
def space() -> LatentSpace:
    return latent_space()


def test_a_unit_is_described_by_its_level() -> None:
    features = describe(tone(1, 440, level=0.1))
    assert features.shape == (13, 56)
    assert features[3:9, 0] == pytest.approx(-20.0, abs=0.3)
    assert describe(np.zeros(100, np.float32))[0, 0] == pytest.approx(FLOOR_DB, abs=0.01)


def test_pitch_is_found_in_tones_and_not_in_hiss() -> None:
    voiced, noisy = describe(tone(1, 240))[5], describe(hiss(1))[5]
    assert voiced[-2] > 0.9 > 0.5 > noisy[-2]
    assert voiced[-1] == pytest.approx(0.0, abs=0.05)


def test_a_path_keeps_to_a_recording_that_fits(space: LatentSpace) -> None:
    wind, bell = (space.encode(describe(sound)) for sound in (hiss(3), tone(3, 440)))
    path = follow(
        np.concatenate([bell[5:15], wind[5:15]]), [wind, bell], silent(space), np.ones(12, np.float32), jump=1.0
    )
    assert [(run.recording, run.units) for run in path] == [(1, 10), (0, 10)]


def test_a_path_is_silent_where_nothing_sounds(space: LatentSpace) -> None:
    wind = space.encode(describe(hiss(2)))
    target = np.concatenate([wind[:8], np.repeat(silent(space)[None], 10, axis=0)])
    path = follow(target, [wind], silent(space), np.ones(12, np.float32), jump=1.0)
    assert path[-1].recording == SILENCE
    assert path[-1].units == pytest.approx(10, abs=1)


def test_runs_cover_the_whole_target_in_order(space: LatentSpace) -> None:
    rng = np.random.default_rng(0)
    recordings = [space.encode(describe(hiss(1, seed=k))) for k in range(3)]
    path = follow(
        rng.standard_normal((60, 12)).astype(np.float32), recordings, silent(space), np.ones(12, np.float32), jump=0.1
    )
    assert [run.at for run in path] == list(np.cumsum([0, *(run.units for run in path)])[:-1])
    assert sum(run.units for run in path) == 60


def test_a_recording_played_through_is_itself() -> None:
    sound = hiss(2)[:, None]
    built = overlap_add([Run(0, 0, 20, 0)], {0: sound}, np.zeros(20, np.float32))
    np.testing.assert_allclose(built[: 19 * UNIT_FRAMES], sound[: 19 * UNIT_FRAMES], atol=1e-6)


def test_a_jump_in_a_tone_is_aligned_and_not_heard() -> None:
    sound = tone(4, 200)[:, None]
    built = overlap_add([Run(0, 0, 12, 0), Run(0, 31, 12, 12)], {0: sound}, np.zeros(24, np.float32))[:, 0]
    middle = built[12 * UNIT_FRAMES - 4800 : 12 * UNIT_FRAMES + 4800]
    level = np.sqrt(np.convolve(middle**2, np.ones(480) / 480, mode="valid"))
    assert level.min() > 0.09
    assert level.max() < 0.11


def test_the_level_follows_what_was_drawn() -> None:
    built = overlap_add(
        [Run(0, 0, 40, 0)], {0: hiss(4)[:, None]}, np.concatenate([np.zeros(20), np.full(20, -20.0)]).astype(np.float32)
    )
    loud, soft = (
        20 * np.log10(np.std(part)) for part in (built[: 15 * UNIT_FRAMES], built[25 * UNIT_FRAMES : 39 * UNIT_FRAMES])
    )
    assert loud - soft == pytest.approx(14.0, abs=1.0)


def test_into_silence_a_recording_rings_on_as_loud_as_it_was_and_fades() -> None:
    gains_db = np.concatenate([np.full(20, -20.0), np.full(30, np.nan)]).astype(np.float32)
    built = overlap_add([Run(0, 0, 20, 0), Run(SILENCE, 0, 30, 20)], {0: hiss(8)[:, None]}, gains_db)[:, 0]
    levels_db = [20 * np.log10(built[unit * UNIT_FRAMES :][:UNIT_FRAMES].std() + 1e-9) for unit in range(40)]
    assert levels_db[22] == pytest.approx(levels_db[15], abs=3.0)
    assert all(later < earlier + 0.5 for earlier, later in pairwise(levels_db[20:33]))
    assert levels_db[33] < -100


def test_what_begins_anew_behind_a_run_is_not_heard_in_its_fade() -> None:
    bark, pause = hiss(0.8), np.zeros(round(0.4 * SECOND), np.float32)
    barks = np.concatenate([bark * np.linspace(1, 0.01, len(bark), dtype=np.float32), pause, bark])[:, None]
    built = overlap_add([Run(0, 0, 10, 0), Run(SILENCE, 0, 20, 10)], {0: barks}, np.zeros(30, np.float32))
    assert np.abs(built[11 * UNIT_FRAMES :]).max() < 0.01
    once = barks[: round(0.9 * SECOND)]  # a recording that ends
    built = overlap_add([Run(0, 0, 10, 0), Run(SILENCE, 0, 20, 10)], {0: once}, np.zeros(30, np.float32))
    assert not built[12 * UNIT_FRAMES :].any()


def test_what_happens_anew_over_another_keeps_its_attack() -> None:
    knock = hiss(0.4, seed=1)[:, None] * np.exp(-np.arange(round(0.4 * SECOND)) / 1_000).astype(np.float32)[:, None]
    audio = {0: hiss(2, level=0.01)[:, None], 1: knock}
    runs = [Run(0, 0, 10, 0), Run(1, 0, 5, 10), Run(1, 0, 5, 15)]
    built = overlap_add(runs, audio, np.zeros(20, np.float32))
    for at in (10, 15):
        np.testing.assert_allclose(built[at * UNIT_FRAMES :][:1_440], knock[:1_440], atol=0.05)
    bed = overlap_add(runs, audio, np.zeros(20, np.float32), flowing=True)
    assert np.abs(bed[10 * UNIT_FRAMES :][:240]).max() < 0.5 * np.abs(knock[:240]).max(), "a bed fades in"


def test_a_short_silence_ends_before_what_follows() -> None:
    audio = {0: hiss(8)[:, None], 1: hiss(2, seed=1)[:, None]}
    for units in (1, 2, 5):
        runs = [Run(0, 0, 20, 0), Run(SILENCE, 0, units, 20), Run(1, 0, 10, 20 + units)]
        built = overlap_add(runs, audio, np.zeros(30 + units, np.float32))[:, 0]
        np.testing.assert_allclose(
            built[(20 + units) * UNIT_FRAMES :][: 8 * UNIT_FRAMES], audio[1][: 8 * UNIT_FRAMES, 0], atol=1e-6
        )
        assert np.abs(built[(20 + units) * UNIT_FRAMES - 480 :][:480]).max() < (0.2 if units == 1 else 0.05)


def test_what_follows_a_recording_s_end_is_as_loud_as_it_is_itself() -> None:
    ends = hiss(2)[: 20 * UNIT_FRAMES, None]
    ends = (ends * np.linspace(1, 0, len(ends), dtype=np.float32)[:, None] ** 2).astype(np.float32)  # it fades away
    goes_on = hiss(8, seed=1)[:, None].astype(np.float32)
    audio = {0: ends, 1: goes_on}
    built = overlap_add([Run(0, 0, 20, 0), Run(1, 30, 30, 20)], audio, np.zeros(50, np.float32))[:, 0]
    just_behind, later = built[22 * UNIT_FRAMES : 24 * UNIT_FRAMES], built[40 * UNIT_FRAMES : 44 * UNIT_FRAMES]
    assert just_behind.std() == pytest.approx(later.std(), rel=0.15)


@pytest.mark.parametrize("recordings", [1, 3])
def test_no_run_is_longer_than_it_may_be_nor_goes_on_beside_a_cut(space: LatentSpace, recordings: int) -> None:
    winds = [space.encode(describe(hiss(6, seed=k))) for k in range(recordings)]
    target = np.concatenate([winds[0], winds[0]])[:80]
    path = follow(target, winds, silent(space), np.ones(12, np.float32), jump=1.0, longest=20)
    assert sum(run.units for run in path) == 80
    assert max(run.units for run in path) <= 20
    for earlier, later in pairwise(path):
        if earlier.recording == later.recording:
            assert abs(later.first - earlier.first - earlier.units) >= APART_UNITS


def test_a_short_sound_is_not_told_again_and_again_where_others_may_sound(space: LatentSpace) -> None:
    knocks = [space.encode(describe(hiss(0.4, seed=k))) for k in range(3)]
    target = np.concatenate([knocks[0]] * 12)[:50]
    path = follow(target, knocks, silent(space), np.ones(12, np.float32), jump=1.0, longest=12)
    assert all(a.recording != b.recording for a, b in pairwise(path) if SILENCE not in (a.recording, b.recording))
