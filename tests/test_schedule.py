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


def test_an_event_whose_time_went_by_unheard_is_told_as_late_and_dropped() -> None:
    told: list[News] = []
    given: list[Play] = []
    player: Any = SimpleNamespace(
        config=SimpleNamespace(rate_hz=RATE, block_frames=64),
        frame_at=lambda at_s: round(at_s * RATE),
        time_of=lambda frame: frame / RATE,
        play=given.append,
    )
    schedule = Schedule(player, Sounds(), told.append)
    over: list[bool] = []
    play = Playing("storm", time.monotonic() + 1, over=lambda: over.append(True))
    sound = SharedSound.make(np.ones((RATE, 2), np.float32), np.ones(RATE, np.float32))
    schedule.begin(play)
    schedule.add(play, ReadyEvent(Event("e1", "rain", 0.0, 1.0), sound.handle, None))
    schedule.finish(play)
    schedule.hear(VoiceNews("ended", given[0].voice, given[0].start + 3 * RATE, 3 * RATE))
    assert told == [Late("storm/e1", 3.0, "drop")]
    assert over == [True]
    sound.close()
