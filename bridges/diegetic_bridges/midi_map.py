"""What MIDI means, by a map in TOML (presets/midi/): notes fire, controllers move parameters, programs fire scenes.

Knows nothing of ports: a message comes as its type and numbers, an action goes to the engine, feedback comes back as
notes with velocity 0 (idle), 64 (pending) and 127 (sounding).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

import tomlkit

from diegetic.atomic import write_atomically
from diegetic.live.cue_sheet import CueSheet
from diegetic.live.cues import SLOTS, Cue
from diegetic.live.jobs import Job
from diegetic.live.news import News
from diegetic.live.parameters import SLEW_S, Parameter
from diegetic.schema import read_strict, read_toml

ALL_SOUND_OFF, ALL_NOTES_OFF = 120, 123
IDLE, PENDING, SOUNDING = 0, 64, 127

_HIGHEST = 127
_FEEDBACK = {"idle": IDLE, "armed": IDLE, "arming": PENDING, "pending": PENDING, "sounding": SOUNDING}


class Played(Protocol):
    """What MIDI plays: what is used of the engine."""

    def subscribe(self, listener: Callable[[News], None]) -> Callable[[], None]: ...
    def parameters(self) -> tuple[Parameter, ...]: ...
    def param(self, name: str, value: float, slew_s: float = SLEW_S) -> None: ...
    def cue_go(self, name: str, at_s: float | None = None, intensity: float = 1.0) -> Job: ...
    def cue_stop(self, name: str) -> Job: ...
    def slot_go(self, slot: int, at_s: float | None = None, intensity: float = 1.0) -> Job: ...
    def slot_stop(self, slot: int) -> Job: ...
    def transport_stop(self) -> None: ...
    def panic(self) -> None: ...
    def report(self, code: int, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """A channel message. type: note_on, note_off, control_change or program_change. channel: 1..16. value: 0..127."""

    type: str
    channel: int
    number: int
    value: int = 0


@dataclass(frozen=True, slots=True)
class Fires:
    """A note, or a program, that fires a slot or a cue. hold: stop it on release."""

    number: int
    slot: int = 0
    cue: str = ""
    hold: bool = False

    def __post_init__(self) -> None:
        if bool(self.slot) == bool(self.cue):
            raise ValueError(f"number {self.number}: must have a slot or a cue, and not both")
        if self.slot and self.slot not in SLOTS:
            raise ValueError(f"number {self.number}: slot must be {SLOTS[0]}..{SLOTS[-1]}, got {self.slot}")
        if not 0 <= self.number <= _HIGHEST + 1:
            raise ValueError(f"number must be 0..127 for a note, 1..128 for a program, got {self.number}")


@dataclass(frozen=True, slots=True)
class Moves:
    """A controller that moves a parameter. low, high: what 0 and 127 mean; None: the parameter's own range."""

    number: int
    parameter: str
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.number < ALL_SOUND_OFF:
            raise ValueError(f"controller {self.number}: must be 0..119; those above are about the device itself")


@dataclass(frozen=True, slots=True)
class MidiMap:
    """A map. channel: 1..16, or 0 for all."""

    channel: int = 0
    note: tuple[Fires, ...] = ()
    controller: tuple[Moves, ...] = ()
    program: tuple[Fires, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.channel <= 16:
            raise ValueError(f"channel must be 1..16, or 0 for all, got {self.channel}")

    def learn(self, controller: int, parameter: str) -> "MidiMap":
        """The map with a controller moved to a parameter, which no other moves then."""
        moved = Moves(controller, parameter)
        others = [each for each in self.controller if each.number != controller and each.parameter != parameter]
        return replace(self, controller=(*others, moved))

    def with_notes(self, notes: Sequence[Fires]) -> "MidiMap":
        """The map with notes that come before its own of the same number."""
        taken = {each.number for each in notes}
        return replace(self, note=(*notes, *(each for each in self.note if each.number not in taken)))


def notes_of(sheet: CueSheet) -> tuple[Fires, ...]:
    """The notes that a cue sheet names."""
    return tuple(Fires(cue.note, cue=cue.name, hold=cue.hold) for cue in sheet.cue if cue.note is not None)


def read_map(path: Path) -> MidiMap:
    """Read a map. Raises InputError with file, key and the nearest right one."""
    return read_strict(MidiMap, read_toml(path), str(path))


def write_map(path: Path, midi_map: MidiMap) -> None:
    """Write a map that `read_map` reads. Raises Failure."""
    rules = {
        name: [{key: value for key, value in asdict(rule).items() if value is not None} for rule in rules]
        for name, rules in (("note", midi_map.note), ("controller", midi_map.controller), ("program", midi_map.program))
    }
    write_atomically(path, tomlkit.dumps({"channel": midi_map.channel, **rules}).encode())


def play(heard: Heard, midi_map: MidiMap, engine: Played) -> None:
    """Do what a message means by the map; nothing where it means nothing. Raises what the engine refuses with."""
    if midi_map.channel not in (0, heard.channel):
        return
    if heard.type == "control_change":
        _control(heard, midi_map, engine)
    elif heard.type == "program_change":
        for rule in midi_map.program:
            if rule.number == heard.number + 1:
                _fire(rule, 1.0, engine)
    else:
        pressed = heard.type == "note_on" and heard.value > 0  # a note-on without velocity is a note-off
        for rule in midi_map.note:
            if rule.number == heard.number and pressed:
                _fire(rule, heard.value / _HIGHEST, engine)
            elif rule.number == heard.number and rule.hold:
                _stop(rule, engine)


def feedback(cue: Cue, midi_map: MidiMap) -> Iterator[tuple[int, int]]:
    """Notes and velocities that show a cue's state on the pads that fire it."""
    for rule in midi_map.note:
        if rule.cue == cue.name or (rule.slot and rule.slot == cue.slot):
            yield rule.number, _FEEDBACK[cue.state]


def scaled(value: int, rule: Moves, parameters: Sequence[Parameter]) -> float | None:
    """A controller's 0..127 as the parameter's value; None where there is no such parameter."""
    own = next((each for each in parameters if each.name == rule.parameter), None)
    if own is None:
        return None
    low = own.low if rule.low is None else rule.low
    high = own.high if rule.high is None else rule.high
    return low + (high - low) * value / _HIGHEST


def _control(heard: Heard, midi_map: MidiMap, engine: Played) -> None:
    if heard.number == ALL_SOUND_OFF:
        engine.panic()
    elif heard.number == ALL_NOTES_OFF:
        engine.transport_stop()
    for rule in midi_map.controller:
        value = scaled(heard.value, rule, engine.parameters()) if rule.number == heard.number else None
        if value is not None:
            engine.param(rule.parameter, value)


def _fire(rule: Fires, intensity: float, engine: Played) -> None:
    if rule.slot:
        engine.slot_go(rule.slot, None, intensity)
    else:
        engine.cue_go(rule.cue, None, intensity)


def _stop(rule: Fires, engine: Played) -> None:
    if rule.slot:
        engine.slot_stop(rule.slot)
    else:
        engine.cue_stop(rule.cue)
