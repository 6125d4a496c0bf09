"""What is heard of a segment while it is still being decoded is what is heard of it whole."""

import numpy as np
import pytest
from numpy.typing import NDArray

from diegetic.audio.shared_sound import SharedSound, SoundHandle
from diegetic.generator.hearing import Hearing
from diegetic.generator.tasks import ReadyEvent
from diegetic.story import OVERLAP_S, Event

CLIP_HZ, FIRST_S = 44_100, 2.0
EVENTS = [Event("e1", "rain", 0.0, 3.0, "bed"), Event("e2", "hail", 3.0, 5.0, "bed", gain_db=-6.0)]


def clip(event: Event) -> NDArray[np.float32]:
    frames = round((event.duration_s + OVERLAP_S) * CLIP_HZ)
    noise = np.random.default_rng(len(event.caption)).normal(size=(frames, 2)).astype(np.float32)
    return np.float32(0.1) * noise


def content(handle: SoundHandle, frames: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The first samples of a sound, and all its gains."""
    sound = SharedSound.open(handle)
    found = sound.samples[:frames].copy(), sound.envelope.copy()
    sound.close()
    return found


@pytest.mark.parametrize("rate_hz", [CLIP_HZ, 48_000, 96_000])
def test_a_sound_fills_ahead_of_what_is_heard_and_is_the_whole_one_in_the_end(rate_hz: int) -> None:
    early: list[ReadyEvent] = []
    waited, heard = (Hearing(8.0, CLIP_HZ, rate_hz, early.append) for _ in range(2))
    handles = []
    for event in EVENTS:
        samples = clip(event)
        expected = waited.add(event, samples)
        first = round(FIRST_S * CLIP_HZ)
        heard.begin(event, samples[:first])
        ready = early[-1]
        assert ready.sound is not None
        assert expected.sound is not None
        whole, gains = content(expected.sound, expected.sound.frames)
        there = round((FIRST_S - 0.05) * rate_hz)  # what resampling still waits for is its filter's length
        np.testing.assert_allclose(content(ready.sound, there)[0], whole[:there], atol=2e-6)
        np.testing.assert_allclose(content(ready.sound, 1)[1], gains, atol=1e-6)
        heard.begin(event, samples[first : 2 * first])
        there = round((min(2 * FIRST_S, event.duration_s) - 0.05) * rate_hz)
        np.testing.assert_allclose(content(ready.sound, there)[0], whole[:there], atol=2e-6)
        again = heard.add(event, samples)
        assert again.sound == ready.sound
        np.testing.assert_array_equal(content(ready.sound, len(whole))[0], whole)
        assert (ready.joint is None) == (expected.joint is None) == (event.id == "e1")
        if ready.joint is not None and expected.joint is not None:
            np.testing.assert_allclose(ready.joint.gain, expected.joint.gain, atol=1e-6)
        handles += [expected.sound, ready.sound]
    assert len(early) == 2
    for handle in handles:
        SharedSound.open(handle).remove()


def test_a_sound_that_was_stopped_while_it_filled_is_made_anew() -> None:
    early: list[ReadyEvent] = []
    hearing, samples = Hearing(8.0, CLIP_HZ, 48_000, early.append), clip(EVENTS[0])
    hearing.begin(EVENTS[0], samples[:CLIP_HZ])
    (begun,) = early
    assert begun.sound is not None
    SharedSound.open(begun.sound).remove()
    hearing.begin(EVENTS[0], samples[CLIP_HZ : 2 * CLIP_HZ])
    ready = hearing.add(EVENTS[0], samples)
    assert ready.sound is not None
    assert ready.sound != begun.sound
    SharedSound.open(ready.sound).remove()
