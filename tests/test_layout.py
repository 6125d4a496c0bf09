"""What sounds when: places, fades and joins, on clips of constant level and of noise."""

import numpy as np
import pytest
from numpy.typing import NDArray

from diegetic.audio.seams import measure
from diegetic.layout import lay_out, mixed
from diegetic.project.clips import straightened
from diegetic.story import OVERLAP_S, Event, Story

RATE = 8_000
Samples = NDArray[np.float32]


def story(*events: Event, seconds: float = 8.0) -> Story:
    return Story("x", seconds, 0, "pocket", "", events)


def noise(event: Event, seed: int, level: float = 0.1) -> Samples:
    frames = round((event.duration_s + OVERLAP_S) * RATE)
    return (np.random.default_rng(seed).standard_normal((frames, 1)) * level).astype(np.float32)


def level_db(samples: Samples, start_s: float, end_s: float) -> float:
    return float(10 * np.log10((samples[round(start_s * RATE) : round(end_s * RATE)] ** 2).mean() + 1e-12))


WIND, RAIN = Event("e1", "wind", 0, 4, "bed"), Event("e2", "rain", 4, 4, "bed")
STEPS, SLAM = Event("e1", "steps", 0, 4), Event("e2", "a door slams", 4, 2)


def test_an_event_alone_starts_and_ends_softly_and_rings_out_behind_its_end() -> None:
    event = Event("e1", "a bell", 1, 2)
    sound = mixed([lay_out(story(event), {"e1": noise(event, 0)}, RATE, RATE)["e1"]], 8 * RATE)
    assert not sound[:RATE].any()
    assert abs(sound[RATE, 0]) < 1e-6
    assert level_db(sound, 1.1, 3) == pytest.approx(-20, abs=0.5)
    assert -40 < level_db(sound, 3.4, 3.8) < -22
    assert not sound[round(3.8 * RATE) :].any()


def test_what_the_story_s_end_cuts_off_fades() -> None:
    event = Event("e1", "wind", 0, 8)
    sound = lay_out(story(event), {"e1": np.ones((9 * RATE, 1), np.float32)}, RATE, RATE)["e1"].samples
    assert len(sound) == 8 * RATE
    assert np.abs(np.diff(sound[RATE:, 0])).max() < 0.001
    assert abs(sound[-1, 0]) < 1e-6
    assert sound[-RATE // 2, 0] == 1


def test_a_bed_becomes_another_at_an_even_level() -> None:
    placed = lay_out(story(WIND, RAIN), {"e1": noise(WIND, 1), "e2": noise(RAIN, 2)}, RATE, RATE)
    sound = mixed([placed["e1"], placed["e2"]], 8 * RATE)
    levels = [level_db(sound, at, at + 0.2) for at in np.arange(3.0, 6.0, 0.2)]
    assert np.abs(np.array(levels) + 20).max() < 1.0
    (seam,) = measure(sound, RATE, [4.0], OVERLAP_S)
    assert not seam.heard


def test_a_sound_that_goes_on_passes_its_join_as_it_is() -> None:
    on = Event("e2", "wind", 4, 3, "bed")
    whole = noise(Event("e0", "wind", 0, 8), 3)
    clips = {"e1": whole[: round(4.8 * RATE)], "e2": whole[4 * RATE : round(7.8 * RATE)]}
    placed = lay_out(story(WIND, on), clips, RATE, RATE)
    sound = mixed([placed["e1"], placed["e2"]], 8 * RATE)
    middle = slice(RATE, 7 * RATE)
    assert np.abs(sound[middle] - whole[middle]).max() < 0.02


def test_another_sound_keeps_its_attack() -> None:
    clips = {"e1": noise(STEPS, 1), "e2": noise(SLAM, 2)}
    placed = lay_out(story(STEPS, SLAM), clips, RATE, RATE)
    attack = slice(round(0.006 * RATE), RATE)
    assert np.array_equal(placed["e2"].samples[attack], clips["e2"][attack])
    assert level_db(placed["e1"].samples, 4.6, 4.8) < -30


def test_the_linear_curve_fades_in_as_the_reference_does() -> None:
    ones = {event.id: np.ones((round((event.duration_s + OVERLAP_S) * RATE), 1), np.float32) for event in (STEPS, SLAM)}
    placed = lay_out(story(STEPS, SLAM), ones, RATE, RATE, "linear")
    middle = round(OVERLAP_S / 2 * RATE)
    assert placed["e2"].samples[middle, 0] == pytest.approx(0.5, abs=1e-3)
    total = mixed([placed["e1"], placed["e2"]], 8 * RATE)
    assert np.allclose(total[4 * RATE + 100 : round(4.8 * RATE)], 1, atol=1e-3)


def test_lanes_overlap_freely() -> None:
    bell = Event("e2", "a bell", 1, 2)
    clips = {"e1": noise(WIND, 1), "e2": noise(bell, 2)}
    together = lay_out(story(WIND, bell), clips, RATE, RATE)
    alone = lay_out(story(WIND), clips, RATE, RATE)
    assert np.array_equal(together["e1"].samples, alone["e1"].samples)


def test_gain_rate_and_width_are_brought_to_the_story_s() -> None:
    loud = Event("e1", "wind", 0, 4, "bed", gain_db=-6.0206)
    bell = Event("e2", "a bell", 1, 2)
    clips = {"e1": np.ones((10 * 4_000, 1), np.float32), "e2": np.ones((10 * 4_000, 2), np.float32)}
    placed = lay_out(story(loud, bell), clips, 4_000, RATE)
    assert placed["e1"].samples.shape == (round(4.8 * RATE), 2)
    assert placed["e1"].samples[2 * RATE] == pytest.approx([0.5, 0.5], abs=1e-3)


def test_a_clip_that_came_out_short_ends_in_silence() -> None:
    placed = lay_out(story(WIND), {"e1": np.ones((RATE, 1), np.float32)}, RATE, RATE)
    assert len(placed["e1"].samples) == round(4.8 * RATE)


def test_a_hard_cut_is_heard_as_a_seam() -> None:
    cut = np.concatenate([noise(WIND, 1, 0.01), noise(WIND, 2, 0.3)])
    (seam,) = measure(cut, RATE, [4.8], 0.0)
    assert seam.heard
    assert seam.level_db == pytest.approx(29.5, abs=2)
    assert measure(cut[:100], RATE, [0.0], 0.0) == ()


def test_a_fade_taken_off_leaves_the_sound() -> None:
    clips = {"e1": noise(WIND, 1), "e2": noise(RAIN, 2)}
    placed = lay_out(story(WIND, RAIN), clips, RATE, RATE)["e1"]
    straight = straightened(placed)
    assert np.array_equal(straight[100:30_000], placed.segment[100:30_000])
    assert np.abs(straight).max() <= np.abs(placed.segment).max() * 1.6
    assert np.abs(straight[-50:]).max() > 0.05
