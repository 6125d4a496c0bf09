"""The OSCQuery tree: the registry as JSON, for clients that browse (TouchOSC, Chataigne, Max, ossia score).

After the OSCQuery proposal (github.com/Vidvox/OSCQueryProposal): FULL_PATH, CONTENTS, TYPE, ACCESS, VALUE, RANGE, UNIT,
DESCRIPTION. oscquery_server.py serves it; this file knows nothing of sockets.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from diegetic.engine import Dump
from diegetic.live.parameters import Parameter
from diegetic_bridges.admission import EVERYWHERE
from diegetic_bridges.queries import current, gain_of
from diegetic_bridges.registry import ROOT, SLOTS, VERBS, Argument, Value, Verb

ATTRIBUTES = ("FULL_PATH", "CONTENTS", "TYPE", "ACCESS", "VALUE", "RANGE", "UNIT", "DESCRIPTION")

_WRITE, _READ_WRITE = 2, 3


@dataclass(frozen=True, slots=True)
class Live:
    """What only the running engine knows: its cues, its parameters, and the values of addresses that have one."""

    cues: Sequence[str] = ()
    parameters: Mapping[str, Argument] = field(default_factory=dict)
    values: Mapping[str, Value] = field(default_factory=dict)


def live_of(dump: Dump, parameters: Sequence[Parameter]) -> Live:
    """What the engine says of itself. State keys are strings."""
    known = {each.name: Argument(each.name, "f", each.help, each.unit, each.low, each.high) for each in parameters}
    known |= {key: Argument(key, "s", "a state key, in words") for key, _ in dump.words}
    values: dict[str, Value] = {f"{ROOT}/param/{name}": value for name, value in current(dump).items()}
    values |= {f"{ROOT}/slot/{slot}/gain": gain_of(dump, slot) for slot in range(1, SLOTS + 1)}
    return Live([cue.name for cue in dump.cues], known, values)


def tree(live: Live | None = None) -> dict[str, Any]:
    """The whole tree, from "/" down, ready for json.dumps."""
    live = live or Live()
    root: dict[str, Any] = {"FULL_PATH": "/", "ACCESS": 0, "CONTENTS": {}}
    for verb in VERBS:
        for path, arguments in _concrete(verb, live):
            _hang(root, path, _node(verb, path, arguments, live.values))
    return root


def node_at(root: dict[str, Any], path: str) -> dict[str, Any] | None:
    """The node of a path in a tree; None where there is none."""
    node: dict[str, Any] | None = root
    for part in path.strip("/").split("/") if path.strip("/") else ():
        node = node.get("CONTENTS", {}).get(part) if node is not None else None
    return node


def paths(live: Live) -> frozenset[str]:
    """The addresses that come and go while the engine runs."""
    return frozenset((*(f"{ROOT}/cue/{name}" for name in live.cues), *live.values))


def host_info(name: str, host: str, port: int) -> dict[str, Any]:
    """What a server says of itself at ?HOST_INFO; without OSC_IP where a client has reached it is where its OSC is."""
    extensions = dict.fromkeys((*ATTRIBUTES[2:], "LISTEN", "PATH_ADDED", "PATH_REMOVED"), True)
    where = {} if host in EVERYWHERE else {"OSC_IP": host}
    return {"NAME": name, **where, "OSC_PORT": port, "OSC_TRANSPORT": "UDP", "EXTENSIONS": extensions}


def _concrete(verb: Verb, live: Live) -> Iterator[tuple[str, tuple[Argument, ...]]]:
    """The addresses that a verb stands for now, each with the arguments that are sent to it."""
    sent = verb.arguments[verb.in_address :]
    if verb.name == "param_name":
        for name, value in live.parameters.items():
            yield f"{ROOT}/param/{name}", (value,)
    elif verb.name == "cue_name":
        yield from ((f"{ROOT}/cue/{name}", sent) for name in live.cues)
    elif "<slot>" in verb.address:
        yield from ((verb.address.replace("<slot>", str(slot)), sent) for slot in range(1, SLOTS + 1))
    else:
        yield verb.address, sent


def _node(verb: Verb, path: str, arguments: tuple[Argument, ...], values: Mapping[str, Value]) -> dict[str, Any]:
    node: dict[str, Any] = {
        "FULL_PATH": path,
        "DESCRIPTION": verb.help,
        "ACCESS": _READ_WRITE if verb.query == "bare" else _WRITE,
        "TYPE": "".join(each.type[0] for each in arguments),
    }
    if arguments:
        node["RANGE"] = [_range(each) for each in arguments]
    if any(each.unit for each in arguments):
        node["UNIT"] = [each.unit for each in arguments]
    if path in values:
        node["VALUE"] = [values[path]]
    return node


def _range(argument: Argument) -> dict[str, float]:
    bounds = {"MIN": argument.low, "MAX": argument.high}
    return {key: bound for key, bound in bounds.items() if bound is not None}


def _hang(root: dict[str, Any], path: str, node: dict[str, Any]) -> None:
    """Put a node into the tree, and containers for the parts of its path that have none yet."""
    at, parts = root, path.strip("/").split("/")
    for depth, part in enumerate(parts, start=1):
        contents = at.setdefault("CONTENTS", {})
        at = contents.setdefault(part, {"FULL_PATH": "/" + "/".join(parts[:depth]), "ACCESS": 0})
    at.update(node)
