"""What is told of voices, with a player that plays nothing."""

import time
from types import SimpleNamespace
from typing import Any

import numpy as np

from diegetic.audio.shared_sound import SharedSound
from diegetic.generator.tasks import ReadyEvent
from diegetic.live.news import Late, News
from diegetic.live.schedule import Playing, Schedule
from diegetic.live.sounds import Sounds
from diegetic.player.messages import Play, VoiceNews
from diegetic.story import Event

RATE = 8_000


def schedule_of(told: list[News], given: list[Play]) -> Schedule:
    player: Any = SimpleNamespace(
        config=SimpleNamespace(rate_hz=RATE, block_frames=64),
        frame_at=lambda at_s: round(at_s * RATE),
        time_of=lambda frame: frame / RATE,
        play=given.append,
        stop_voice=lambda *_: None,
    )
    return Schedule(player, Sounds(), told.append)


def second_of_sound() -> SharedSound:
    return SharedSound.make(np.ones((RATE, 2), np.float32), np.ones(RATE, np.float32))


def test_an_event_whose_time_went_by_unheard_is_told_as_late_and_dropped() -> None:
    told: list[News] = []
    given: list[Play] = []
    schedule = schedule_of(told, given)
    over: list[bool] = []
    play = Playing("storm", time.perf_counter() + 1000, over=lambda: over.append(True))
    sound = second_of_sound()
    schedule.begin(play)
    schedule.add(play, ReadyEvent(Event("e1", "rain", 0.0, 1.0), sound.handle, None))
    schedule.finish(play)
    schedule.hear(VoiceNews("ended", given[0].voice, given[0].start + 3 * RATE, 3 * RATE))
    assert told == [Late("storm/e1", 3.0, "drop")]
    assert over == [True]
    sound.close()


def test_a_story_that_begins_with_silence_is_silent_as_long_as_its_bounce() -> None:
    given: list[Play] = []
    schedule, sound = schedule_of([], given), second_of_sound()
    play = schedule.begin(Playing("storm"))
    asked = round(time.perf_counter() * RATE)
    schedule.add(play, ReadyEvent(Event("e1", "a gunshot", 5.0, 1.0), sound.handle, None))
    schedule.add(play, ReadyEvent(Event("e2", "a dog barks", 6.0, 1.0), sound.handle, None))
    first, second = (each.start for each in given)
    assert first >= asked + 5 * RATE
    assert second - first == RATE
    schedule.stop(play)
    sound.close()
