"""What happens begins with its attack, isn't begun as the event ends, and happens once where that is told."""

import numpy as np
import pytest

from diegetic.model.bank.happenings import as_it_is, ends_by_itself, first_alone, with_attacks, without_stumps
from diegetic.model.bank.units import SILENCE, Run
from diegetic.model.once import happens, happens_once, says_how_often

SLAM_DB = np.array([-15.0, -20.0, -30.0, -40.0, -60.0], np.float32)
STEPS_DB = np.array([-70.0, -18.0, -20.0, -50.0, -70.0, -17.0, -22.0, -50.0], np.float32)


@pytest.mark.parametrize(
    "caption",
    ["a heavy oak door slams", "thunder, far away", "A gunshot", "door slam, interior", "the lightning strikes nearby",
     "a ship's bell", "a bell tolls over the sea", "a rooster crows at dawn", "a car horn", "a glass shatters",
     "UI click", "a confirm chime", "a camera shutter", "a toilet flushes", "a spring goes boing",
     "a whistle is blown"],
)  # fmt: skip
def test_what_is_told_in_the_singular_happens_once(caption: str) -> None:
    assert happens_once(caption)


@pytest.mark.parametrize(
    "caption",
    ["doors slam", "a door slams again and again", "three gunshots", "gunshots", "the clock strikes twelve",
     "a bell rings twice", "thunder and rain", "thunder rolling", "a dog barks", "footsteps on gravel", "people scream",
     "a horse gallops past", "rain on the roof", "someone knocks on the door", "a door opens and shuts",
     "a wind chime"],
)  # fmt: skip
def test_what_goes_on_or_is_told_of_many_does_not(caption: str) -> None:
    assert not happens_once(caption)


def test_what_happens_once_is_its_first_recording_whole() -> None:
    drawn = [Run(SILENCE, 0, 2, 0), Run(0, 2, 3, 2), Run(1, 0, 4, 5), Run(SILENCE, 0, 6, 9), Run(0, 0, 5, 15)]
    runs = first_alone(drawn, [SLAM_DB, STEPS_DB])
    assert runs == [Run(SILENCE, 0, 2, 0), Run(0, 0, 5, 2), Run(SILENCE, 0, 13, 7)]
    levels_db = as_it_is(runs, [SLAM_DB, STEPS_DB], -10.0)
    assert list(levels_db[2:7]) == list(SLAM_DB + 5)  # as it fades itself, at its loudest as drawn


def test_a_recording_ends_by_itself_where_it_is_over() -> None:
    assert ends_by_itself(SLAM_DB)
    assert not ends_by_itself(np.full(40, -20.0, np.float32))  # as of wind
    assert ends_by_itself(np.full(3, -20.0, np.float32))  # as of a click, cut close


def test_a_recording_s_own_silence_before_it_is_left_out() -> None:
    late = np.concatenate([np.full(45, -70.0), SLAM_DB]).astype(np.float32)
    assert first_alone([Run(0, 0, 60, 0)], [late]) == [Run(0, 44, 6, 0), Run(SILENCE, 0, 54, 6)]
    assert first_alone([Run(0, 0, 4, 0)], [late]) == [Run(0, 44, 4, 0)]


def test_what_begins_in_the_midst_of_a_step_begins_with_it() -> None:
    assert with_attacks([Run(0, 6, 2, 0)], [STEPS_DB]) == [Run(0, 5, 2, 0)]
    assert with_attacks([Run(1, 2, 2, 0)], [STEPS_DB, SLAM_DB]) == [Run(1, 0, 2, 0)]
    rain = np.full(40, -20.0, np.float32)
    for runs in ([Run(0, 4, 2, 0)], [Run(0, 5, 2, 0)], [Run(0, 0, 1, 0), Run(0, 6, 2, 1)]):
        assert with_attacks(runs, [STEPS_DB]) == runs
    assert with_attacks([Run(0, 20, 9, 0)], [rain]) == [Run(0, 20, 9, 0)]


def test_nothing_begins_while_an_event_fades_out() -> None:
    slam, silence = Run(0, 0, 5, 0), Run(SILENCE, 0, 60, 5)
    assert without_stumps([slam, silence, Run(0, 0, 3, 65)]) == [slam, Run(SILENCE, 0, 63, 5)]
    assert without_stumps([slam, Run(1, 0, 3, 5)]) == [slam, Run(SILENCE, 0, 3, 5)]
    for kept in ([slam, silence, Run(0, 0, 11, 65)], [Run(0, 4, 50, 0), Run(1, 3, 6, 50)], [slam]):
        assert without_stumps(kept) == kept


@pytest.mark.parametrize(
    ("caption", "times"),
    [("a taxi honks twice", 2), ("Three knocks at the door", 3), ("two loud gunshots", 2), ("coin pickup x3", 3),
     ("a bell tolls 12 times", 12), ("the clock strikes five", 5), ("a door slams", 1), ("dogs bark", 0),
     ("five dogs bark", 0), ("two men scream", 0), ("it strikes 100 times", 0), ("rain", 0)],
)  # fmt: skip
def test_what_is_counted_happens_so_often(caption: str, times: int) -> None:
    assert happens(caption) == times


def test_a_number_says_how_often_or_how_many() -> None:
    assert all(says_how_often(said) for said in ("twice", "x3", "two big gates", "four times", "3x"))
    assert not any(says_how_often(said) for said in ("one day", "often", "someone"))


def test_what_is_counted_is_a_recording_begun_again() -> None:
    twice = np.concatenate([SLAM_DB, SLAM_DB]).astype(np.float32)
    for own_db, times, begun in ((SLAM_DB, 1, 1), (SLAM_DB, 3, 3), (twice, 3, 2), (twice, 2, 1)):
        runs = first_alone([Run(SILENCE, 0, 2, 0), Run(0, 0, 5, 2), Run(SILENCE, 0, 53, 7)], [own_db], times)
        assert sum(run.recording != SILENCE for run in runs) == begun
        assert strokes_in(runs, own_db) == times
        assert sum(run.units for run in runs) == 60
        assert [run.at for run in runs] == list(np.cumsum([0, *(run.units for run in runs[:-1])]))


def test_what_is_counted_fits_its_event_and_none_begins_as_it_fades_out() -> None:
    bell_db = np.linspace(-10, -60, 60).astype(np.float32)
    runs = [run for run in first_alone([Run(0, 0, 62, 0)], [bell_db], 4) if run.recording != SILENCE]
    assert len(runs) == 4
    assert runs[-1].at < 62 - 10
    tolling_db = np.concatenate([bell_db] * 3)
    assert strokes_in(first_alone([Run(0, 0, 62, 0)], [tolling_db], 3), tolling_db) == 3, "all of it is too long"


def strokes_in(runs: list[Run], own_db: np.ndarray) -> int:
    loudest = np.flatnonzero(own_db >= own_db.max() - 0.5)
    return sum(((loudest >= run.first) & (loudest < run.first + run.units)).sum() for run in runs if run.recording == 0)
