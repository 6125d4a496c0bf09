"""Parameters: what a fader may move while the engine runs, with range and unit.

Those with a `mix` move what sounds now, in the time of a slew; all of them go in words into what is told for the next
event.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from diegetic.audio.voices import MOVE_S
from diegetic.live.jobs import Refused


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. words: said of its low and of its high end; "" where it is only about the mix."""

    name: str
    low: float
    high: float
    default: float
    unit: str
    help: str
    mix: Literal["gain", "lowpass", ""] = ""
    words: tuple[str, str] = ("", "")


PARAMETERS = (
    Parameter("gain", -60.0, 12.0, 0.0, "dB", "level of all that sounds", "gain"),
    Parameter("lowpass", 100.0, 20_000.0, 20_000.0, "Hz", "low-pass over all that sounds; 20000 is open", "lowpass"),
    Parameter("intensity", 0.0, 1.0, 0.5, "", "how strong the next events are", "", ("softly", "loudly")),
    Parameter("distance", 0.0, 1.0, 0.0, "", "how far away the next events are", "", ("", "in the distance")),
)
BY_NAME = {each.name: each for each in PARAMETERS}

SLEW_S, LONGEST_SLEW_S = MOVE_S, 60.0
"""How long what sounds takes to follow a parameter: where nobody says, and at most."""

_LOW, _HIGH = 0.25, 0.75
"""Shares of a range up to and from where a parameter is put in words."""
_CLAUSE_END = re.compile(r"[.,;:!?](?=\s|$)")
_SAID: Mapping[str, str] = {"place": "in the {}", "weather": "in {} weather", "time": "at {}"}
"""How a state key is said; others by their words alone."""


def said(text: str, values: Mapping[str, float], words: Mapping[str, str]) -> str:
    """A text with what parameters and state keys add to it: what is told to the model for the next event.

    A parameter at its default adds nothing. It is said within the first clause, and with no comma before or in it: a
    clause of its own would be told as a sound of its own.
    """
    added = []
    for each in PARAMETERS:
        value = values.get(each.name, each.default)
        share = (value - each.low) / (each.high - each.low)
        if value != each.default and (share <= _LOW or share >= _HIGH):
            added.append(each.words[share >= _HIGH])
    plain = {key: _CLAUSE_END.sub("", told).strip() for key, told in words.items()}
    added += [_SAID.get(key, "{}").format(told) for key, told in plain.items() if told]
    added = [each for each in added if each]
    end = _CLAUSE_END.search(text)
    place = end.start() if end else len(text)
    return " ".join([text[:place].rstrip(), *added]) + text[place:] if added else text


def check_parameter(name: str, value: float, slew_s: float = 0.0) -> Parameter:
    """The parameter of that name. Raises Refused: 404 where there is none, 422 for what is out of range."""
    if name not in BY_NAME:
        raise Refused(404, f"param {name[:64]}: there is none of that name; there are {', '.join(BY_NAME)}")
    known = BY_NAME[name]
    if not known.low <= value <= known.high:
        given = f"must be {known.low:g}..{known.high:g} {known.unit}".rstrip()
        raise Refused(422, f"param {name}: {given}, got {value:g}")
    if not 0.0 <= slew_s <= LONGEST_SLEW_S:
        raise Refused(422, f"param {name}: slew must be 0..{LONGEST_SLEW_S:g} s, got {slew_s:g}")
    return known
