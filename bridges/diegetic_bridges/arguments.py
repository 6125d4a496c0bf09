"""From an address and its arguments to a verb and its values: types that fit are taken, all else is refused.

Knows nothing of clients or of the engine.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from diegetic.live.jobs import Refused
from diegetic_bridges.codec import Incoming
from diegetic_bridges.registry import LONGEST_TEXT, RESERVED_CUES, ROOT, VERBS, Argument, Value, Verb

_EXACT = {verb.address: verb for verb in VERBS if "<" not in verb.address}
_TEMPLATES = [(re.compile(re.sub("<[a-z]+>", "([^/]+)", verb.address)), verb) for verb in VERBS if "<" in verb.address]
_NUMBERS = (bool, int, float)
_INT32 = 2**31


@dataclass(frozen=True, slots=True)
class Call:
    """A verb with values for all its arguments; None for those left out. double: the first came as d."""

    verb: Verb
    values: tuple[Value, ...]
    at: float | None
    double: bool = False

    @property
    def req(self) -> int:
        """The request number; -1 where the verb takes none."""
        return int(self.values[0] or 0) if self.verb.slow else -1

    @property
    def address(self) -> str:
        """The address with its name or number in it."""
        return re.sub("<[a-z]+>", lambda _: str(self.values[0]), self.verb.address)

    @property
    def sent(self) -> tuple[Value, ...]:
        """The values that don't stand in the address, without those left out at the end."""
        values = list(self.values[self.verb.in_address :])
        while values and values[-1] is None:
            values.pop()
        return tuple(values)

    @property
    def bare(self) -> bool:
        """Whether all that could be left out was: a query, of verbs that can be asked."""
        return all(value is None for value in self.values[self.verb.in_address :])


def find(address: str) -> tuple[Verb, tuple[str, ...]]:
    """The verb of an address, and the parts that stand for arguments. Raises Refused 405."""
    if address in _EXACT:
        return _EXACT[address], ()
    for template, verb in _TEMPLATES:
        match = template.fullmatch(address)
        if match:
            return verb, match.groups()
    raise Refused(405, f"{address[:80]}: is no address of this engine")


def nearest(address: str) -> str:
    """The way out of an unknown address."""
    known = [verb.address.removeprefix(ROOT) for verb in VERBS]
    near = get_close_matches(address.removeprefix(ROOT)[:40], known, n=1, cutoff=0.5)
    return f"did you mean {ROOT}{near[0]}?" if near else f"send {ROOT}/dump to see what there is"


def read(incoming: Incoming) -> Call:
    """The call that a message is. Raises Refused: 405, 400 for types that don't fit, 422 for values out of range."""
    verb, parts = find(incoming.address)
    given = [_part(verb, part) for part in parts]
    sent = incoming.arguments
    least = sum(not each.optional for each in verb.arguments[verb.in_address :])
    if not least <= len(sent) <= len(verb.arguments) - verb.in_address:
        raise Refused(400, f"{verb.address}: takes {_say_types(verb)}, got ,{incoming.types}")
    values = [_take(verb, each, value) for each, value in zip(verb.arguments, (*given, *sent), strict=False)]
    values += [None] * (len(verb.arguments) - len(values))
    if verb.name == "cue_define" and values[1] in RESERVED_CUES:
        raise Refused(422, f"{verb.address}: name must be no verb of /diegetic/cue, got {values[1]}; choose another")
    return Call(verb, tuple(values), incoming.at if verb.timed else None, incoming.types[:1] == "d")


def request_number(incoming: Incoming) -> int:
    """The request number of a message that may be wrong in all else; -1 where it has none that can be read."""
    verb = _EXACT.get(incoming.address)
    first = incoming.arguments[0] if verb is not None and verb.slow and incoming.arguments else None
    if isinstance(first, int | float) and not isinstance(first, bool) and 0 <= first < _INT32 and first == int(first):
        return int(first)
    return -1


def _part(verb: Verb, part: str) -> str | int:
    """An argument that stands in the address."""
    return int(part) if verb.arguments[0].type == "i" and re.fullmatch("-?[0-9]{1,19}", part) else part


def _take(verb: Verb, argument: Argument, value: object) -> Value:
    if value is None and argument.optional:
        return None
    if isinstance(value, str) and "s" in argument.type:
        return _word(verb, argument, value)
    if isinstance(value, _NUMBERS) and argument.type != "s":
        return _number(verb, argument, value)
    rule = {"s": "a string", "i": "a whole number", "fs": "a number or a string"}.get(argument.type, "a number")
    raise Refused(
        400, f"{verb.address}: {argument.name} must be {rule}, got {_say(value)}; it takes {_say_types(verb)}"
    )


def _word(verb: Verb, argument: Argument, value: str) -> str:
    if len(value) > LONGEST_TEXT:
        rule = f"must have {LONGEST_TEXT} characters at most, got {len(value)}"
        raise Refused(413, f"{verb.address}: {argument.name} {rule}")
    return value


def _number(verb: Verb, argument: Argument, value: float) -> int | float:
    low = -math.inf if argument.low is None else argument.low
    high = math.inf if argument.high is None else argument.high
    if not math.isfinite(value) or not low <= value <= high:
        bounds = f"{low:g}..{high:g}" if math.isfinite(high) else f"{low:g} or more"
        rule = f"must be {bounds}" if math.isfinite(low) else "must be finite"
        raise Refused(422, f"{verb.address}: {argument.name} {rule}, got {value:g}")
    if argument.type != "i":
        return float(value)
    if value != int(value) or abs(value) >= _INT32:
        raise Refused(422, f"{verb.address}: {argument.name} must be a whole number of 32 bits, got {value:g}")
    return int(value)


def _say_types(verb: Verb) -> str:
    return f",{verb.types}" if verb.types else "no arguments"


def _say(value: object) -> str:
    kinds: Sequence[tuple[type, str]] = ((str, "a string"), (bytes, "a blob"), (list, "an array"), (tuple, "MIDI"))
    return next((word for kind, word in kinds if isinstance(value, kind)), "nil" if value is None else "a number")
