"""Messages as JSON objects: the address, and each argument by its name in the registry.

    {"address": "/diegetic/cue/go", "req": 1, "name": "slam", "at": 1767225600.25}

"at" is a bundle's time tag: seconds since 1970. Times that are sent are seconds since 1970 too.

Knows nothing of sockets.
"""

import json
import math
from collections.abc import Mapping

from diegetic.live.jobs import Refused
from diegetic.schema import unknown
from diegetic_bridges.arguments import find, request_number
from diegetic_bridges.codec import Incoming, Malformed
from diegetic_bridges.outgoing import Clock, Reply
from diegetic_bridges.patterns import is_pattern
from diegetic_bridges.registry import Argument, Value, Verb

ADDRESS, AT = "address", "at"

_LARGEST = 2**63
_TYPES: tuple[tuple[type, str], ...] = ((bool, "T"), (int, "d"), (float, "d"), (str, "s"))


def read_message(text: str | bytes) -> Incoming | Malformed:
    """A message from its JSON. Never raises."""
    given = read_object(text)
    if isinstance(given, Malformed):
        return given
    address = given.pop(ADDRESS, None)
    if not isinstance(address, str):
        return Malformed("", Refused(400, f'message: must have an "{ADDRESS}", such as "/diegetic/status"'))
    return incoming(address, given)


def read_object(text: str | bytes) -> dict[str, object] | Malformed:
    """A JSON object; nothing at all is an empty one."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        return Malformed("", Refused(400, f"message: is no JSON ({str(error)[:80]})"))
    if not isinstance(found, dict):
        return Malformed("", Refused(400, "message: must be a JSON object, with each argument by its name"))
    return found


def incoming(address: str, given: Mapping[str, object]) -> Incoming | Malformed:
    """The message that an address and named arguments are. Never raises."""
    try:
        if is_pattern(address) and not given:
            return Incoming(address, "", ())
        verb, _ = find(address)
        taken = verb.arguments[verb.in_address :]
        at = _time(verb, given)
        for name in given:
            if name not in {each.name for each in taken} and name != AT:
                raise Refused(400, f"{verb.address}: {unknown('argument', name, [each.name for each in taken])}")
        values = [_value(verb, each, given) for each in taken]
        while values and values[-1] is None:
            values.pop()
        return Incoming(address, "".join(map(_type, values)), tuple(values), at)
    except Refused as error:
        req = given.get("req")
        named = (req,) if isinstance(req, bool | int | float | str) else ()
        return Malformed(address, error, request_number(Incoming(address, "", named)))


def pack_json(reply: Reply, accepted: str, clock: Clock) -> bytes:
    """A reply as a JSON object. What JSON has no number for (infinite, not a number) is null."""
    pairs = zip(reply.message.arguments, reply.values, strict=True)
    named = {argument.name: _sent(argument, value, clock) for argument, value in pairs}
    return json.dumps({ADDRESS: reply.address} | named, ensure_ascii=False).encode(errors="replace")


def _time(verb: Verb, given: Mapping[str, object]) -> float | None:
    at = given.get(AT)
    if at is None:
        return None
    if not verb.timed:
        raise Refused(400, f'{verb.address}: isn\'t timed; leave "{AT}" out')
    if isinstance(at, bool) or not isinstance(at, int | float) or not abs(at) < _LARGEST:
        raise Refused(400, f"{verb.address}: {AT} must be in seconds since 1970")
    return float(at)


def _value(verb: Verb, argument: Argument, given: Mapping[str, object]) -> Value:
    value = given.get(argument.name)
    if value is None and not argument.optional:
        known = ", ".join(each.name for each in verb.arguments[verb.in_address :])
        raise Refused(400, f"{verb.address}: {argument.name} is missing; it takes {known}")
    if value is not None and not isinstance(value, bool | int | float | str):
        raise Refused(400, f"{verb.address}: {argument.name} must be a number, a string, true or false")
    if isinstance(value, str) and not value.isascii() and any("\ud800" <= each <= "\udfff" for each in value):
        raise Refused(400, f"{verb.address}: {argument.name} must be Unicode, has half a surrogate pair")
    if isinstance(value, int) and abs(value) >= _LARGEST:
        raise Refused(422, f"{verb.address}: {argument.name} is too large")
    return value


def _type(value: Value) -> str:
    return next((tag for kind, tag in _TYPES if isinstance(value, kind)), "N")


def _sent(argument: Argument, value: Value, clock: Clock) -> Value:
    if argument.type == "t" and isinstance(value, float):
        value = clock.world_s(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
