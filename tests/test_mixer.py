"""The mixer, block by block: where sounds start, how they start, stop and move, and that the sum is the bounce's."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from diegetic.audio.live_limiter import CEILING, LiveLimiter
from diegetic.audio.lowpass import LowPass, coefficient
from diegetic.audio.mixer import Heard, Mixer
from diegetic.audio.ramp import Ramp
from diegetic.audio.voices import EDGE_S, MOVE_S, Voice
from diegetic.layout import lay_out, mixed
from diegetic.story import OVERLAP_S, Event, Story

RATE = 8_000
BLOCK = 64
EDGE, MOVE = round(EDGE_S * RATE), round(MOVE_S * RATE)
Samples = NDArray[np.float32]


def mixer(channels: int = 2, **options: object) -> Mixer:
    return Mixer(RATE, channels, BLOCK, **options)  # type: ignore[arg-type]


def play(mixer: Mixer, frames: int, block: int = BLOCK) -> Samples:
    out = np.full((frames, mixer.channels), np.nan, np.float32)
    for start in range(0, frames, block):
        mixer.mix(out[start : start + block])
    assert mixer.failures == 0
    return out


def flat(voice_id: int = 1, frames: int = 1000, level: float = 0.25, **options: object) -> Voice:
    options.setdefault("faded", True)
    return Voice(voice_id, np.full((frames, 1), level, np.float32), **options)  # type: ignore[arg-type]


def noise(frames: int, seed: int = 0, level: float = 0.1) -> Samples:
    return (np.random.default_rng(seed).standard_normal((frames, 2)) * level).astype(np.float32)


def add(mixer: Mixer, voice: Voice) -> None:
    mixer.post(partial(Mixer.add, voice=voice))


def kinds(mixer: Mixer) -> list[tuple[str, int]]:
    return [(heard.kind, heard.voice) for heard in mixer.news]


@pytest.mark.parametrize("start", [0, 1, 63, 64, 65, 127, 500])
@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_a_voice_starts_at_its_frame_whatever_the_blocks_are(start: int, block: int) -> None:
    desk = mixer()
    add(desk, flat(start=start, frames=100))
    out = play(desk, 1000, block)
    assert np.flatnonzero(out[:, 0]).tolist() == list(range(start, start + 100))
    assert [(heard.kind, heard.frame) for heard in desk.news] == [("started", start), ("ended", start + 100)]


def test_a_voice_without_a_time_starts_with_the_next_block() -> None:
    desk = mixer()
    play(desk, BLOCK * 3)
    add(desk, flat())
    assert play(desk, BLOCK)[0, 0] == np.float32(0.25)
    assert desk.news[0] == Heard("started", 1, BLOCK * 3)


def test_a_late_voice_leaves_out_what_is_past_and_ramps_in() -> None:
    desk = mixer()
    play(desk, BLOCK * 2)
    sound = noise(2000)
    add(desk, Voice(1, sound, start=28, faded=True))
    out = play(desk, 1000)
    assert desk.news[0] == Heard("started", 1, 128, late=100)
    assert np.array_equal(out[EDGE:], sound[100 + EDGE : 1100])
    assert abs(out[0, 0]) < abs(sound[100, 0]) / 10 + 1e-6


def test_a_voice_that_is_late_altogether_ends_unheard() -> None:
    desk = mixer()
    play(desk, BLOCK * 20)
    add(desk, flat(frames=100, start=5))
    assert not play(desk, BLOCK).any()
    assert kinds(desk) == [("ended", 1)]


def test_a_story_s_voices_add_up_to_the_mix_of_its_layout_bit_by_bit() -> None:
    events = (
        Event("e1", "wind", 0, 4, "bed"),
        Event("e2", "steps", 0.5, 2),
        Event("e3", "a bell", 1.25, 3, "accents"),
        Event("e4", "wind", 4, 4, "bed"),
        Event("e5", "a slam", 2.5, 2),
    )
    story = Story("x", 8.0, 0, "mock", "", tuple(sorted(events, key=lambda event: event.start_s)))
    clips = {
        event.id: noise(round((event.duration_s + OVERLAP_S) * RATE), seed) for seed, event in enumerate(story.events)
    }
    placed = lay_out(story, clips, RATE, RATE)
    desk = mixer()
    for number, event in enumerate(reversed(story.events)):
        part = placed[event.id]
        voice = Voice(
            number,
            part.segment,
            event.lane,
            part.start_frame,
            part.gain[:, 0],
            True,
            (event.start_s, len(events) - number),
        )
        add(desk, voice)
    heard = play(desk, 8 * RATE)
    assert np.array_equal(heard, mixed([placed[event.id] for event in story.events], 8 * RATE))
    assert desk.least_gain == 1.0


def test_an_envelope_may_change_ahead_of_what_is_heard() -> None:
    desk, envelope = mixer(), np.ones(1000, np.float32)
    add(desk, flat(envelope=envelope))
    play(desk, 5 * BLOCK)
    envelope[500:] = 0
    assert np.flatnonzero(play(desk, 700)[:, 0]).tolist() == list(range(180))


def test_samples_without_fades_of_their_own_get_ramps_at_both_ends() -> None:
    desk = mixer()
    add(desk, flat(frames=500, faded=False))
    out = play(desk, 600)[:, 0]
    assert np.abs(np.diff(out)).max() <= 0.25 / EDGE + 1e-6
    assert (out[EDGE : 500 - EDGE] == 0.25).all()
    assert not out[500:].any()


@pytest.mark.parametrize("fade", [1, 10, 64, 500])
def test_a_stop_fades_in_the_time_asked_for_and_ends_the_voice(fade: int) -> None:
    desk = mixer()
    add(desk, flat(frames=5000))
    play(desk, 2 * BLOCK)
    desk.post(lambda desk: desk.stop(1, fade))
    out = play(desk, 1000)[:, 0]
    assert np.abs(np.diff(out, prepend=0.25)).max() <= 0.25 / fade + 1e-6
    assert not out[fade:].any()
    assert desk.sounding == 0
    assert kinds(desk)[-1] == ("ended", 1)


def test_a_stop_has_ended_its_fade_after_the_frame_asked_for() -> None:
    desk = mixer()
    add(desk, flat(frames=5000))
    desk.post(lambda desk: desk.stop(1, 100, at=300))
    out = play(desk, 1000)[:, 0]
    assert (out[:256] == 0.25).all()
    assert out[398] > 0
    assert not out[400:].any()


def test_a_second_shorter_stop_wins_and_a_longer_one_does_not() -> None:
    desk = mixer()
    add(desk, flat(frames=5000))
    desk.post(lambda desk: desk.stop(1, 1000))
    play(desk, BLOCK)
    desk.post(lambda desk: desk.stop(1, 2000))
    desk.post(lambda desk: desk.stop(1, 32))
    assert not play(desk, 200)[32:].any()


def test_of_two_stops_at_a_frame_the_earlier_counts_whichever_comes_last() -> None:
    heard = []
    for frames in ((300, 600), (600, 300)):
        desk = mixer()
        add(desk, flat(frames=1000))
        for frame in frames:
            desk.post(lambda desk, frame=frame: desk.stop(1, 100, at=frame))  # type: ignore[misc]
        heard.append(play(desk, 1000))
    assert not heard[0][400:].any()
    assert np.array_equal(*heard)


def test_stopping_a_voice_that_waits_forgets_it() -> None:
    desk = mixer()
    add(desk, flat(start=500))
    play(desk, BLOCK)
    desk.post(lambda desk: desk.stop(1, 10))
    assert not play(desk, 1000).any()
    assert kinds(desk) == [("ended", 1)]


def test_stop_all_leaves_silence_and_no_voice() -> None:
    desk = mixer()
    for number in range(5):
        add(desk, flat(number, start=number * 100, frames=5000))
    play(desk, 250)
    desk.post(lambda desk: desk.stop_all(EDGE))
    assert not play(desk, 1000)[EDGE:].any()
    assert (desk.sounding, desk.waiting) == (0, 0)


@pytest.mark.parametrize("what", ["set_voice", "set_lane", "set_master"])
def test_a_gain_moves_in_a_straight_line_and_rests_where_it_should(what: str) -> None:
    desk = mixer()
    add(desk, flat(frames=5000, lane="bed"))
    play(desk, BLOCK)
    name = {"set_voice": (1,), "set_lane": ("bed",), "set_master": ()}[what]
    desk.post(lambda desk: getattr(desk, what)(*name, 0.5))
    out = play(desk, 1000)[:, 0]
    assert np.abs(np.diff(out, prepend=0.25)).max() <= 0.125 / MOVE + 1e-6
    assert (out[MOVE:] == 0.125).all()


def test_a_gain_takes_the_time_of_its_slew_and_never_less_than_a_move() -> None:
    for slew_s, frames in ((0.1, round(0.1 * RATE)), (0.0, MOVE)):
        desk = mixer()
        add(desk, flat(frames=2 * RATE, lane="bed"))
        play(desk, BLOCK)
        desk.post(lambda desk, slew_s=slew_s: desk.set_master(0.0, slew_s=slew_s))
        out = play(desk, frames + 100)[:, 0]
        assert out[frames // 2] == pytest.approx(0.125, rel=0.02)
        assert out[frames - 2] > 0
        assert not out[frames:].any()


def test_a_lane_s_gain_leaves_other_lanes_alone() -> None:
    desk = mixer()
    desk.post(lambda desk: desk.set_lane("bed", 0.0))
    play(desk, 1000)
    add(desk, flat(1, lane="bed", start=1000))
    add(desk, flat(2, lane="foreground", start=1000, level=0.125))
    assert (play(desk, 900)[:, 0] == 0.125).all()


def test_a_low_pass_closes_smoothly_and_opens_to_the_very_samples() -> None:
    desk, sound = mixer(), noise(RATE)
    add(desk, Voice(1, sound, "bed", 0, faded=True))
    desk.post(lambda desk: desk.set_lane("bed", cutoff_hz=200))
    closed = play(desk, 2000)
    desk.post(lambda desk: desk.set_lane("bed", cutoff_hz=20_000))
    opened = play(desk, 2000)
    assert np.sqrt((closed[1000:] ** 2).mean()) < 0.5 * np.sqrt((sound[1000:2000] ** 2).mean())
    assert np.array_equal(opened[MOVE + 10 :], sound[2000 + MOVE + 10 : 4000])


def test_the_filter_is_the_one_pole_recursion() -> None:
    sound, pole = noise(300), np.linspace(0.9, 0.2, 300, dtype=np.float32)
    wanted, last = np.zeros_like(sound), np.zeros(2)
    for n in range(300):
        last = (1 - pole[n]) * sound[n] + pole[n] * last
        wanted[n] = last
    low_pass, heard = LowPass(128, 2), sound.copy()
    for start in range(0, 300, 128):
        low_pass.filter(heard[start : start + 128], pole[start : start + 128])
    assert np.abs(heard - wanted).max() < 1e-6
    assert coefficient(20_000, RATE) == 0.0


def test_a_ramp_arrives_exactly_whatever_the_blocks_are() -> None:
    steps = np.arange(1, 65, dtype=np.float32)
    for block in (1, 5, 64):
        ramp, out = Ramp.at(1.0), np.zeros(320, np.float32)
        ramp.move(0.25, 300)
        for start in range(0, 320, block):
            ramp.fill(out[start : start + block], steps)
        assert np.abs(out[:300] - np.linspace(1, 0.25, 301)[1:]).max() < 1e-5
        assert (out[299:] == 0.25).all()


def test_lanes_go_to_their_output_channels() -> None:
    desk = mixer(channels=5, outputs={"bed": (0, 1), "foreground": (2, 3), "sub": (4,), "nowhere": (9,)})
    stereo = np.tile(np.float32([[0.1, 0.2]]), (100, 1))
    for number, lane in enumerate(("bed", "foreground", "sub", "nowhere"), start=1):
        voice = Voice(number, stereo * np.float32(number), lane, 0, faded=True)
        add(desk, voice)
    assert play(desk, 50)[0].tolist() == pytest.approx([0.1, 0.2, 0.2, 0.4, 0.45])


def test_a_mono_voice_sounds_in_all_channels_of_its_lane() -> None:
    desk = mixer()
    add(desk, flat())
    assert play(desk, 10).tolist() == [[0.25, 0.25]] * 10


@pytest.mark.parametrize(("steal", "gone"), [("quietest", 2), ("oldest", 1)])
def test_beyond_the_limit_a_voice_is_faded_away(steal: str, gone: int) -> None:
    desk = mixer(voices=3, steal=steal)
    for number, level in enumerate((0.5, 0.125, 0.25), start=1):
        voice = flat(number, frames=5000, level=0.5)
        voice.gain = Ramp.at(level)
        add(desk, voice)
        play(desk, BLOCK)
    add(desk, flat(4, frames=5000, level=0.125))
    before = desk.news.copy()
    out = play(desk, 1000)[:, 0]
    assert [heard.voice for heard in desk.news if heard.kind == "stolen"] == [gone]
    assert desk.sounding == 3
    assert np.abs(np.diff(out)).max() <= 0.25 / EDGE + 1e-6
    assert len(desk.news) == len(before) + 3


def test_with_the_policy_refuse_a_voice_too_many_is_not_heard() -> None:
    desk = mixer(voices=1, steal="refuse")
    add(desk, flat(1))
    add(desk, flat(2))
    assert play(desk, 10)[0, 0] == 0.25
    assert kinds(desk) == [("started", 1), ("refused", 2)]


def test_the_sum_never_passes_the_ceiling_and_comes_back_untouched() -> None:
    desk = mixer(voices=32)
    sounds = [noise(4000, seed, 0.2) for seed in range(20)]
    for number, sound in enumerate(sounds):
        add(desk, Voice(number, sound, start=0, faded=True))
    loud = play(desk, 4000)
    assert np.abs(loud).max() <= CEILING
    assert desk.least_gain < 0.7
    play(desk, 3 * RATE)
    add(desk, flat())
    assert (play(desk, 900)[:, 0] == 0.25).all()


def test_the_limiter_lowers_its_gain_without_a_step_before_a_peak_in_the_block() -> None:
    sound = np.full((256, 1), 0.5, np.float32)
    sound[150] = 2.0
    out = sound.copy()
    assert LiveLimiter(256, RATE).limit(out) == pytest.approx(CEILING / 2, rel=1e-3)
    assert np.abs(out).max() <= CEILING
    gain = (out / sound)[:, 0]
    assert np.abs(np.diff(gain)).max() < 0.05
    assert gain[0] == 1.0


def test_meters_show_each_lane_since_they_were_last_taken() -> None:
    desk = mixer()
    add(desk, flat(1, lane="bed", level=0.5))
    add(desk, flat(2, lane="foreground", level=-0.25))
    play(desk, 640)
    meters = desk.take_meters()
    assert meters["bed"] == pytest.approx((0.5, 0.5))
    assert meters["foreground"] == pytest.approx((0.25, 0.25))
    assert desk.take_meters()["bed"] == (0.0, 0.0)


def test_a_change_that_raises_costs_no_sound() -> None:
    desk = mixer()
    add(desk, flat())
    desk.post(lambda desk: 1 / 0)  # type: ignore[arg-type, return-value]
    out = np.full((BLOCK, 2), np.nan, np.float32)
    desk.mix(out)
    assert (out == 0.25).all()
    assert (desk.failures, desk.failure) == (1, "ZeroDivisionError('division by zero')")


def test_a_voice_that_breaks_ends_and_costs_no_other_its_sound() -> None:
    desk = mixer()
    add(desk, Voice(1, np.zeros((500, 0), np.float32), start=0))
    add(desk, flat(2))
    out = np.full((BLOCK, 2), np.nan, np.float32)
    desk.mix(out)
    assert (out == 0.25).all()
    assert [heard.voice for heard in desk.news if heard.kind == "ended"] == [1]
    assert desk.failures == 1


def test_what_is_not_a_number_is_never_heard() -> None:
    desk = mixer()
    add(desk, Voice(1, np.full((BLOCK, 2), np.nan, np.float32), start=0))
    add(desk, flat(2, start=BLOCK))
    out = np.full((2 * BLOCK, 2), 9, np.float32)
    for start in (0, BLOCK):
        desk.mix(out[start : start + BLOCK])
    assert not out[:BLOCK].any()
    assert (out[BLOCK:] == 0.25).all()
    assert (desk.failures, desk.failure) == (1, "the sum isn't a number")


def test_mixing_keeps_nothing_that_it_allocates() -> None:
    desk = mixer()
    for number in range(8):
        add(desk, flat(number, frames=200_000, level=0.01))
    out = np.zeros((BLOCK, 2), np.float32)
    for _ in range(50):
        desk.mix(out)
    tracemalloc.start()
    desk.mix(out)
    before, _ = tracemalloc.get_traced_memory()
    for _ in range(500):
        desk.mix(out)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 2_000
    assert peak - before < 20_000
