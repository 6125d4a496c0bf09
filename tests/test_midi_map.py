"""What MIDI means, without ports."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diegetic.errors import InputError
from diegetic.live.cues import Cue
from diegetic.live.parameters import PARAMETERS
from diegetic_bridges.midi_clock import TICKS_A_BEAT, MidiClock
from diegetic_bridges.midi_map import Fires, Heard, MidiMap, Moves, feedback, play, read_map, scaled, write_map
from fake_engine import FakeEngine

DEFAULT = Path(__file__).parents[1] / "presets" / "midi" / "default.toml"

MAP = MidiMap(
    note=(Fires(36, slot=1), Fires(60, cue="slam", hold=True)),
    controller=(Moves(1, "intensity"), Moves(7, "gain", 0.0, -60.0), Moves(9, "nothing")),
    program=(Fires(1, cue="storm"),),
)

MEANT = [
    (Heard("note_on", 1, 36, 127), [("cue/go", "1", None, 1.0)]),
    (Heard("note_on", 1, 60, 64), [("cue/go", "slam", None, pytest.approx(0.504, abs=1e-3))]),
    (Heard("note_on", 1, 60, 0), [("cue/stop", "slam")]),
    (Heard("note_off", 1, 60, 64), [("cue/stop", "slam")]),
    (Heard("note_off", 1, 36, 64), []),
    (Heard("note_on", 1, 61, 64), []),
    (Heard("program_change", 1, 0), [("cue/go", "storm", None, 1.0)]),
    (Heard("program_change", 1, 1), []),
    (Heard("control_change", 1, 123, 0), [("transport_stop",)]),
    (Heard("control_change", 1, 120, 0), [("panic",)]),
    (Heard("control_change", 1, 9, 5), []),
]


@pytest.mark.parametrize(("heard", "calls"), MEANT)
def test_messages_reach_the_engine_as_the_map_says(heard: Heard, calls: list[Any]) -> None:
    engine = FakeEngine()
    play(heard, MAP, engine)
    assert engine.calls == calls


def test_controllers_move_parameters_over_their_range_or_the_maps() -> None:
    engine = FakeEngine()
    play(Heard("control_change", 1, 1, 127), MAP, engine)
    play(Heard("control_change", 1, 7, 127), MAP, engine)
    assert (engine.values["intensity"], engine.values["gain"]) == (1.0, -60.0)
    assert scaled(0, Moves(74, "lowpass"), PARAMETERS) == 100.0


def test_another_channel_means_nothing() -> None:
    engine = FakeEngine()
    play(Heard("note_on", 2, 36, 127), replace(MAP, channel=1), engine)
    assert engine.calls == []


def test_pads_show_idle_pending_and_sounding() -> None:
    slam = Cue("slam", "storm", "the door slams", slot=1)
    for state, velocity in (("idle", 0), ("armed", 0), ("arming", 64), ("pending", 64), ("sounding", 127)):
        cue = replace(slam, state=state)  # type: ignore[arg-type]
        assert list(feedback(cue, MAP)) == [(36, velocity), (60, velocity)]
    assert list(feedback(Cue("other", "storm", "x"), MAP)) == []


def test_a_learned_controller_moves_one_parameter_and_no_other_moves_it() -> None:
    learned = MAP.learn(7, "intensity")
    assert learned.controller == (Moves(9, "nothing"), Moves(7, "intensity"))


def test_a_map_that_was_learned_is_written_and_read_again(tmp_path: Path) -> None:
    learned = MAP.learn(7, "intensity")
    write_map(tmp_path / "midi.toml", learned)
    assert read_map(tmp_path / "midi.toml") == learned


def test_the_shipped_map_plays_all_slots_and_only_parameters_that_there_are() -> None:
    shipped = read_map(DEFAULT)
    assert sorted(rule.slot for rule in shipped.note) == list(range(1, 17))
    assert {rule.parameter for rule in shipped.controller} <= {parameter.name for parameter in PARAMETERS}


REFUSED = [
    ("note = [{ number = 36 }]", "must have a slot or a cue"),
    ('note = [{ number = 36, slot = 1, cue = "slam" }]', "and not both"),
    ("note = [{ number = 36, slot = 17 }]", "slot must be 1..16, got 17"),
    ('note = [{ number = 200, cue = "slam" }]', "got 200"),
    ("channel = 17", "channel must be 1..16"),
    ('controller = [{ number = 121, parameter = "gain" }]', "must be 0..119"),
    ("notes = []", "did you mean 'note'?"),
]


@pytest.mark.parametrize(("text", "says"), REFUSED)
def test_a_wrong_map_is_refused_with_what_would_be_right(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=says.replace("?", r"\?")) as refused:
        read_map(path)
    assert str(path) in str(refused.value)


def clock_at(bpm: float, ticks: int, kind: str = "start", pos: int = 0) -> MidiClock:
    """A clock that heard so many ticks, the first at 0 s."""
    clock = MidiClock()
    if kind == "continue":
        clock.hear("songpos", 0.0, pos)
    clock.hear(kind, 0.0)
    for tick in range(ticks):
        clock.hear("clock", tick * 60 / bpm / TICKS_A_BEAT)
    return clock


def test_tempo_and_the_next_bar_come_from_the_ticks() -> None:
    clock = clock_at(120, 30)
    assert clock.tempo_bpm() == pytest.approx(120)
    assert clock.next_bar_s(0.61) == pytest.approx(2.0)
    assert clock.next_bar_s(0.0) == pytest.approx(2.0)


def test_a_bar_is_never_in_the_past_even_when_ticks_are_late() -> None:
    clock = clock_at(120, 96)
    last_s = 95 * 0.5 / 24
    assert clock.next_bar_s(last_s + 0.4) == pytest.approx(4.0)


def test_song_position_moves_the_bars() -> None:
    assert clock_at(120, 13, "continue", pos=8).next_bar_s(0.3) == pytest.approx(1.0)


def test_there_is_no_bar_while_the_song_stands_still_or_the_sender_is_gone() -> None:
    clock = clock_at(120, 30)
    assert clock.next_bar_s(5.0) is None
    clock.hear("stop", 0.7)
    assert not clock.running
    assert clock.next_bar_s(0.7) is None
    assert MidiClock().tempo_bpm() is None
