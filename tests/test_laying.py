"""How a bounce is laid out: as usual, but for what is asked."""

import pytest

from diegetic.bounce import Output
from diegetic.errors import InputError
from diegetic.live.laying import Laying
from diegetic.story import Event, Story
from diegetic.targets import Targets

STORY = Story("rain", 4.0, 0, "mock", "", (Event("e1", "rain", 0.0, 4.0, "bed"),))
USUAL = Output(44_100, "lane", targets=Targets(-23.0, {"bed": -30.0, "foreground": -20.0}), bpm=93.0, handles_s=1.0)


def test_what_is_not_asked_is_as_usual_but_for_lanes_that_the_story_has_not() -> None:
    output = Laying().over(USUAL, STORY)
    assert output.targets == Targets(-23.0, {"bed": -30.0})
    assert (output.rate_hz, output.stems, output.bpm, output.handles_s) == (44_100, "lane", 93.0, 1.0)


def test_all_that_is_asked_is_taken() -> None:
    asked = Laying("flac", "mono", "event", -16.0, "bed=-28, foreground=-18", -3.0, 0.0, 120.0, 96_000)
    output = asked.over(USUAL, STORY)
    assert output == Output(
        96_000, "event", "equal_power", Targets(-16.0, {"bed": -28.0, "foreground": -18.0}), -3.0, 120.0, "flac", "mono"
    )
    assert Laying(lane_loudness="").over(USUAL, STORY).targets == Targets(-23.0)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (Laying(format="mp3"), "format: unknown format 'mp3'; known: wav24, wav32f, flac"),
        (Laying(channels="5.1"), "channels: unknown channels '5.1'; known: mono, stereo"),
        (Laying(stems="lanes"), "stems: unknown stems 'lanes'; did you mean 'lane'?"),
        (Laying(lane_loudness="bed"), "lane_loudness: must be LANE=LUFS, got 'bed'; for instance bed=-30"),
        (Laying(loudness=3.0), "loudness: must be -50..-5 LUFS, got 3"),
        (Laying(rate=12), "rate: must be 8000..192000 Hz, got 12"),
        (Laying(handles=0.01), "handles: must be 0, or 0.05..10 seconds, got 0.01"),
    ],
)
def test_what_can_not_be_is_refused(asked: Laying, text: str) -> None:
    with pytest.raises(InputError) as refused:
        asked.over(USUAL, STORY)
    assert str(refused.value).startswith(text)
