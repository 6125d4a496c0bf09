"""From a call to the engine's method: slow verbs begin a job, the others are done at once.

Knows nothing of clients or replies.
"""

import math
from collections.abc import Callable
from typing import Any, cast

from diegetic.live.cues import Cue
from diegetic.live.jobs import Job
from diegetic.live.laying import Laying
from diegetic.live.parameters import SLEW_S
from diegetic_bridges.arguments import Call
from diegetic_bridges.commands import Commands
from diegetic_bridges.queries import MIN_GAIN_DB

METHODS = {"continue": "continue_"}
"""Where a verb's name isn't its method's."""


def begin(commands: Commands, call: Call, at_s: float | None) -> Job:
    """Begin the job of a slow verb. Raises what the engine refuses with."""
    method = getattr(commands, METHODS.get(call.verb.name, call.verb.name))
    given = list(zip(call.verb.arguments, call.values, strict=True))[1:]
    required: list[Any] = [value for argument, value in given if not argument.optional]
    chosen: dict[str, Any] = {
        argument.name: value
        for argument, value in given
        if argument.optional and value is not None and (value != "" or argument.empty)
    }
    if call.verb.name == "cue_define":
        return commands.cue_define(Cue(*required, **chosen))
    if call.verb.name == "bounce":
        story, folder = required
        return commands.bounce(story, folder, Laying(**chosen))
    timed = {"at_s": at_s} if call.verb.timed else {}
    return cast(Job, method(*required, **chosen, **timed))


def act(commands: Commands, call: Call, at_s: float | None) -> Job | None:
    """Do at once what a verb without request number says; the job that it began, if any.

    A button that is let go (0) does nothing.
    """
    return cast("Job | None", _ACTIONS[call.verb.name](commands, at_s, *call.values))


def decibels(gain: float) -> float:
    """A fader's 0..1 as the engine takes it."""
    return max(MIN_GAIN_DB, 20 * math.log10(gain)) if gain > 0 else MIN_GAIN_DB


def _cue(commands: Commands, at_s: float | None, name: str, intensity: float | None = None) -> Job | None:
    if intensity == 0:
        return None
    return commands.cue_go(name, at_s, 1.0 if intensity is None else intensity)


def _slot_go(commands: Commands, at_s: float | None, slot: int, intensity: float | None) -> Job | None:
    if intensity == 0:
        return None
    return commands.slot_go(slot, at_s, 1.0 if intensity is None else intensity)


def _slot_stop(commands: Commands, _at_s: float | None, slot: int, on: float | None) -> Job | None:
    return commands.slot_stop(slot) if on != 0 else None


def _param(commands: Commands, _at_s: float | None, name: str, value: float | str, slew_s: float | None) -> None:
    if isinstance(value, str):
        commands.word(name, value)
    else:
        commands.param(name, value, SLEW_S if slew_s is None else slew_s)


def _stop(commands: Commands, _at_s: float | None, on: float | None) -> None:
    if on != 0:
        commands.transport_stop()


def _panic(commands: Commands, _at_s: float | None, on: float | None) -> None:
    if on != 0:
        commands.panic()


_ACTIONS: dict[str, Callable[..., Any]] = {
    "cue_fire": _cue,
    "cue_name": _cue,
    "slot_go": _slot_go,
    "slot_stop": _slot_stop,
    "slot_gain": lambda commands, _, slot, gain: commands.slot_gain(slot, decibels(gain)),
    "param_name": _param,
    "transport_stop": _stop,
    "panic": _panic,
}
