"""How a sound is heard: what captions say of it, and what is then done to it, on sounds made here."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from diegetic.audio.loudness import true_peak_db
from diegetic.audio.rooms import CAVE, HALL, INDOORS, SMALL_ROOM, in_room, response
from diegetic.audio.stretch import stretched
from diegetic.audio.treatment import Treatment, treat
from diegetic.model.attributes import treatment_of
from diegetic.model.moves import course_of
from diegetic.story import BED, FOREGROUND, Event

RATE_HZ = 48_000
Array = NDArray[np.float32]


def told(caption: str, place: str = "", lane: str = FOREGROUND) -> Treatment:
    return treatment_of(Event("e1", caption, 0.0, 5.0, lane), place)


def clicks(every_s: float, count: int) -> Array:
    sound = np.zeros((round(every_s * RATE_HZ) * (count + 1), 1), np.float32)
    burst = np.random.default_rng(0).standard_normal(960) * np.exp(-np.arange(960) / 200)
    for number in range(count):
        start = round(every_s * RATE_HZ) * number + 4_800
        sound[start : start + 960, 0] = burst
    return sound


def attacks_s(sound: Array) -> list[float]:
    loud = np.flatnonzero(np.abs(sound).max(1) > 0.3)
    return [float(loud[0]) / RATE_HZ] + [float(b) / RATE_HZ for a, b in pairwise(loud) if b - a > 4_800]


@pytest.mark.parametrize(
    ("more", "less", "quantity"),
    [
        ("a dog barks, close", "a dog barks in the distance", "gain_db"),
        ("loud thunder", "soft thunder", "gain_db"),
        ("fast footsteps", "slow footsteps", "speed"),
        ("heavy footsteps", "light footsteps", "size"),
        ("muffled voices", "voices", "order"),
        ("music through a wall", "music", "order"),
        ("crying in the next room", "crying", "order"),
        ("a bell on the right", "a bell on the left", "pan"),
    ],
)
def test_what_is_said_moves_what_is_heard(more: str, less: str, quantity: str) -> None:
    assert getattr(told(more), quantity) > getattr(told(less), quantity)


@pytest.mark.parametrize(
    "caption",
    ["a light bulb breaks", "a door closes", "birds at first light", "the door is closed", "a farm in a bright field"],
)
def test_words_that_say_something_else_change_nothing(caption: str) -> None:
    plain = told(caption)
    assert (plain.size, plain.speed, plain.gain_db, plain.cutoff_hz, plain.room) == (1.0, 1.0, 0.0, 0.0, None)


def test_what_is_faint_by_itself_is_softer_than_what_is_mighty() -> None:
    assert told("a clock ticking").gain_db < told("a dog barks").gain_db < told("thunder").gain_db
    assert told("ticking", lane=BED).gain_db < told("rain", lane=BED).gain_db
    assert told("a light switch").gain_db == told("a switch").gain_db
    assert told("loud ticking").gain_db > told("ticking").gain_db


HISS = np.float32(0.1) * np.random.default_rng(0).standard_normal((RATE_HZ, 1)).astype(np.float32)


def levels_db(caption: str) -> list[float]:
    """At the beginning, in the middle and at the end of a second of noise, less what it has by itself."""
    course = course_of(caption, seconds=1.0)
    heard = treat(HISS, Treatment(course=course), RATE_HZ)[:, 0]
    parts = [slice(0, 2_400), slice(22_800, 25_200), slice(-2_400, None)]
    return [20 * np.log10(heard[part].std() / HISS[part].std()) for part in parts]


@pytest.mark.parametrize(
    ("caption", "levels"),
    [
        ("the wind dies down", (0, -9, -18)),
        ("footsteps fade away", (0, -9, -18)),
        ("the rain eases", (0, -9, -18)),
        ("the alarm gets ever quieter", (0, -9, -18)),
        ("a siren comes nearer", (-18, -9, 0)),
        ("footsteps approach", (-18, -9, 0)),
        ("the drums grow louder", (-18, -9, 0)),
        ("the wind picks up, then dies down again", (-18, 0, -18)),
        ("music fades away, and swells", (0, -18, 0)),
        ("the wind howls", (0, 0, 0)),
        ("she picks up the phone", (0, 0, 0)),
        ("he eases the door open", (0, 0, 0)),
    ],
)
def test_what_dies_down_ends_softer_and_what_comes_nearer_louder(caption: str, levels: tuple[int, ...]) -> None:
    assert levels_db(caption) == pytest.approx(levels, abs=1.0)


def test_a_bed_comes_and_goes_through_its_windows() -> None:
    def level_db(caption: str, at_s: float, since_s: float) -> float:
        return float(np.interp(at_s, *zip(*course_of(caption, None, since_s), strict=True)))

    for caption, levels in (
        ("rain, gets heavier", (-12, -6, 0, 0)),
        ("the fire dies down", (0, -9, -18, -18)),
        ("the fire slowly dies down", (0, -4.5, -9, -18)),
        ("the wind picks up, then dies down", (-12, -6, 0, -18)),
    ):
        assert [level_db(caption, at_s, 0.0) for at_s in (0, 10, 20, 40)] == pytest.approx(levels)
        assert [level_db(caption, at_s, 15.0) for at_s in (5, 25)] == pytest.approx(levels[2:])
    assert treatment_of(Event("e2", "rain, gets heavier", 15.0, 15.0, BED), "", 15.0).course == ((-15, -12), (5, 0))
    gone_on = treatment_of(Event("e2", "a siren comes nearer", 15.0, 15.0), "", 15.0).course
    assert [level for _, level in gone_on] == [0.0], "it has come already"


def test_what_moved_stays_where_it_began_before_a_sound_and_where_it_came_to_behind_it() -> None:
    passing = told("a car passes by on the left")
    assert (passing.at_start().pan_to, passing.at_end().pan) == (passing.pan, passing.pan_to)
    falls, rises = told("the wind dies down"), told("a siren comes nearer")
    moved = [falls.at_start(), falls.at_end(), rises.at_start(), rises.at_end()]
    assert [[level for _, level in each.course] for each in moved] == [[0.0], [-18.0], [-18.0], [0.0]]


def test_a_room_that_only_the_story_tells_is_heard_less() -> None:
    assert told("a bell in a cave").wet_db > told("a bell", "a cave").wet_db
    assert told("a bell in a cave").room == told("a bell", "a cave").room


@pytest.mark.parametrize(
    ("caption", "place", "room"),
    [
        ("a dog barks in a large hall", "", HALL),
        ("a dog barks", "deep cave, cave. 3 events.", CAVE),
        ("a dog barks in the kitchen", "deep cave, cave. 3 events.", INDOORS),
        ("a dog barks outside", "kitchen, indoors", None),
        ("a dog barks", "nursery, small room", SMALL_ROOM),
        ("a dog barks", "house by the sea, outdoors. 2 events.", None),
        ("a dog barks", "", None),
    ],
)
def test_the_room_is_the_captions_or_else_the_storys(caption: str, place: str, room: object) -> None:
    assert told(caption, place).room == room


def test_the_size_of_a_hall_is_not_the_dogs() -> None:
    assert told("a dog barks in a large hall").size == 1.0


def test_heavy_rain_is_louder_and_not_lower() -> None:
    assert told("heavy rain", lane=BED).gain_db > 0
    assert told("heavy rain", lane=BED).size == 1.0


def test_the_same_room_always_answers_the_same_and_unlike_left_and_right() -> None:
    answer = response(HALL, RATE_HZ)
    assert np.array_equal(answer, response.__wrapped__(HALL, RATE_HZ))
    assert abs(np.corrcoef(answer[4_800:].T)[0, 1]) < 0.1
    assert 10 * np.log10((answer**2).sum() / 2) == pytest.approx(HALL.wet_db, abs=0.1)


def test_a_hall_fades_by_60_db_in_its_time() -> None:
    power = response(HALL, RATE_HZ).astype(np.float64) ** 2
    left = 10 * np.log10(np.cumsum(power.sum(1)[::-1])[::-1])
    fallen_s = np.flatnonzero(left < left[0] - 30)[0] / RATE_HZ
    assert fallen_s == pytest.approx(HALL.decay_s[1] / 2, rel=0.35)


def test_a_sound_that_goes_on_finds_the_room_already_full() -> None:
    hiss = np.random.default_rng(0).standard_normal((RATE_HZ * 4, 2)).astype(np.float32) * 0.1
    begins, goes_on = in_room(hiss, HALL, RATE_HZ), in_room(hiss, HALL, RATE_HZ, sounding=True)
    first, last = slice(0, 9_600), slice(-48_000, None)
    assert begins[first].std() < 0.97 * begins[last].std()
    assert goes_on[first].std() == pytest.approx(goes_on[last].std(), rel=0.03)


@pytest.mark.parametrize("rate", [0.7, 1.4])
def test_stretched_clicks_come_sooner_or_later_and_are_as_many(rate: float) -> None:
    sound = clicks(0.5, 6)
    there, here = attacks_s(sound), attacks_s(stretched(sound, rate, RATE_HZ))
    assert len(here) == len(there)
    assert np.diff(here).mean() == pytest.approx(0.5 / rate, rel=0.05)
    assert len(stretched(sound, rate, RATE_HZ)) == round(len(sound) / rate)


def test_a_stretched_tone_keeps_pitch_and_level() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE_HZ * 2) / RATE_HZ).astype(np.float32)[:, None]
    slow = stretched(tone, 0.75, RATE_HZ)[4_800:-9_600, 0]
    spectrum = np.abs(np.fft.rfft(slow * np.hanning(len(slow))))
    assert spectrum.argmax() * RATE_HZ / len(slow) == pytest.approx(440, abs=2)
    assert slow.std() == pytest.approx(tone.std(), rel=0.05)


def test_what_is_large_sounds_lower_and_longer() -> None:
    tone = np.sin(2 * np.pi * 600 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)[:, None]
    large = treat(tone, Treatment(size=1.2), RATE_HZ)
    spectrum = np.abs(np.fft.rfft(large[:, 0]))
    assert large.shape == (round(RATE_HZ * 1.2), 2)
    assert spectrum.argmax() * RATE_HZ / len(large) == pytest.approx(500, abs=2)


def test_a_sound_on_the_left_is_on_the_left_and_as_loud() -> None:
    hiss = np.float32(0.1) * np.random.default_rng(0).standard_normal((RATE_HZ, 1)).astype(np.float32)
    left = treat(hiss, Treatment(pan=-0.7, pan_to=-0.7), RATE_HZ)
    assert left[:, 0].std() > 3 * left[:, 1].std()
    assert (left**2).sum() == pytest.approx(2 * (hiss**2).sum(), rel=0.01)


def test_what_passes_goes_from_side_to_side() -> None:
    way = told("a car passes by")
    assert way.pan == -way.pan_to != 0.0


def test_what_is_too_loud_comes_out_whole_and_the_louder_still_is_louder() -> None:
    quiet, loud, louder = (treat(level * clicks(0.5, 6) / 4, Treatment(), RATE_HZ) for level in (0.2, 2.0, 6.0))
    assert np.array_equal(quiet[:, 0], np.float32(0.2) * clicks(0.5, 6)[:, 0] / 4)
    for sound in (loud, louder):
        assert true_peak_db(sound) <= -0.99
    assert np.square(quiet).mean() < np.square(loud).mean() < np.square(louder).mean()
