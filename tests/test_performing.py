"""Music is played to its end, by nobody twice at once, and goes on in a next window where it was."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from diegetic.model.bank.add import add_to_bank
from diegetic.model.bank.decoder import BankDecoder
from diegetic.model.bank.describe import SAMPLE_RATE, UNIT_FRAMES, describe
from diegetic.model.bank.library import INDEX, Bank, write_index
from diegetic.model.bank.performing import played
from diegetic.model.codec import Drawn
from diegetic.model.loading import SPACE, read_space
from diegetic.settings import presets_folder
from diegetic.story import BED, FOREGROUND, Event

Array = NDArray[np.float32]
TUNE_UNITS = (50, 40)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(-100, 200), st.integers(1, 120))
def test_what_is_played_has_no_gap_and_goes_on_in_its_own_order(lengths: list[int], begins: int, units: int) -> None:
    runs = played(lengths, begins, units)
    timeline = [(number, unit) for number, length in enumerate(lengths) for unit in range(length)]
    heard = [(run.recording, run.first + unit) for run in runs for unit in range(run.units)]
    assert heard == [timeline[(begins + unit) % len(timeline)] for unit in range(units)]
    assert [run.at for run in runs] == [sum(run.units for run in runs[:number]) for number in range(len(runs))]


@pytest.mark.parametrize("lengths", [[], [3, 0]])
def test_nothing_is_not_played(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="each must last"):
        played(lengths, 0, 10)


def melody(units: int, low_hz: float) -> Array:
    """Notes of a third of a second, each of another pitch, a rest behind every fourth."""
    notes, note = [], round(SAMPLE_RATE / 3)
    for number in range(-(-units * UNIT_FRAMES // note)):
        time_s = np.arange(note) / SAMPLE_RATE
        loud = 0.0 if number % 4 == 3 else 0.3
        notes.append(loud * np.exp(-time_s / 0.2) * np.sin(2 * np.pi * low_hz * 1.06 ** (number % 11) * time_s))
    return np.concatenate(notes)[: units * UNIT_FRAMES].astype(np.float32)


@pytest.fixture(name="decoder")
def _decoder(tmp_path: Path) -> BankDecoder:
    """Two tunes by one player, called alike, and two recordings of rain that is nearly called so."""
    space = read_space(presets_folder() / "models/pocket" / SPACE)
    for number, units in enumerate(TUNE_UNITS):
        soundfile.write(tmp_path / f"tune{number}.wav", melody(units, 300.0 + 200 * number), SAMPLE_RATE, "FLOAT")
        rain = np.random.default_rng(number).standard_normal(4 * SAMPLE_RATE).astype(np.float32)
        soundfile.write(tmp_path / f"rain{number}.wav", 0.1 * rain, SAMPLE_RATE)

    def called(captions: list[str]) -> Array:
        return np.array([[1.0, 0.0] if "tune" in caption else [0.999, 0.04471] for caption in captions], np.float32)

    list(add_to_bank(tmp_path, tmp_path / "bank", {}, space, called))  # type: ignore[arg-type]
    bank = Bank(tmp_path / "bank")
    performed = np.array([row["caption"] == "tune" for row in bank.table])
    (tmp_path / "bank" / INDEX).write_bytes(write_index(replace(bank.index, performed=performed)))
    return BankDecoder([Bank(tmp_path / "bank")], space, [0.0], 0.4)


def drawn_for(decoder: BankDecoder, units: int, query: tuple[float, float] = (1.0, 0.0), **more: object) -> Drawn:
    """What a flow draws of music that it was never taught: noise that comes and goes."""
    sound = 0.1 * np.random.default_rng(5).standard_normal(units * UNIT_FRAMES)
    sound *= np.abs(np.sin(np.arange(len(sound)) / SAMPLE_RATE))
    return replace(
        Drawn(decoder.space.encode(describe(sound.astype(np.float32))), np.array(query, np.float32), 3), **more
    )


def event_of(units: int, lane: str = BED, variation: float | None = None) -> Event:
    return Event("e1", "tune", 0.0, units * UNIT_FRAMES / SAMPLE_RATE, lane, variation=variation)


@pytest.mark.parametrize("variation", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("lane", [BED, FOREGROUND])
def test_a_tune_is_heard_as_it_was_played(decoder: BankDecoder, lane: str, variation: float) -> None:
    (path,) = decoder.paths(drawn_for(decoder, 70), event_of(70, lane, variation))
    first, second = path.runs
    assert {first.recording, second.recording} == {0, 1}
    bank, recording = path.pick.recordings[first.recording]
    assert (first.first, first.units) == (0, decoder.banks[bank].length(recording))
    built = decoder.build(path)[: (first.units - 1) * UNIT_FRAMES, 0]
    own = decoder.banks[bank].audio(recording)[: len(built), 0]
    assert np.corrcoef(built, own)[0, 1] > 0.9999, "a tune's own loud and soft is kept"


def test_nobody_plays_two_tunes_at_once(decoder: BankDecoder) -> None:
    built = decoder.decode(drawn_for(decoder, 70), event_of(70))
    assert np.array_equal(built[:, 0], built[:, 1])


def test_what_goes_on_is_played_on(decoder: BankDecoder) -> None:
    whole = decoder.paths(drawn_for(decoder, 120), event_of(120))[0]
    after = decoder.paths(drawn_for(decoder, 40, window="after", begins=80), event_of(40))[0]
    before = decoder.paths(drawn_for(decoder, 25, window="before", begins=-15), event_of(25))[0]
    assert after.pick == before.pick == whole.pick

    heard, later, sooner = (
        [(run.recording, run.first + unit) for run in path.runs for unit in range(run.units)]
        for path in (whole, after, before)
    )
    assert later == heard[80:]
    assert sooner[15:] == heard[:10]


def test_rain_is_not_built_from_a_tune(decoder: BankDecoder) -> None:
    bank = decoder.banks[0]
    pick = decoder.pick(np.array([0.999, 0.0447], np.float32), "rain", 1.0, np.random.default_rng(0))
    assert {bank.table[recording]["caption"] for _, recording in pick.recordings} == {"rain"}
    pick = decoder.pick(np.array([1.0, 0.0], np.float32), "tune", 1.0, np.random.default_rng(0))
    assert {bank.table[recording]["caption"] for _, recording in pick.recordings} == {"tune"}


def test_two_tunes_of_a_story_are_as_loud_as_drawn(decoder: BankDecoder) -> None:
    path = decoder.paths(drawn_for(decoder, 90), event_of(90))[0]
    built = decoder.build(path)[:, 0]
    levels = [
        20 * np.log10(np.std(built[run.at * UNIT_FRAMES : (run.at + run.units) * UNIT_FRAMES])) for run in path.runs
    ]
    assert abs(levels[0] - levels[1]) < 4.0
