"""Datagrams to messages and back: python-osc's codec, after a check that keeps its traps out.

Seen in python-osc 1.10.2, and why this file does not hand it a packet as it came:
- an unknown type (c, S and I are) is skipped with its bytes unread, so that every later argument is wrong, silently;
- a bundle element of negative size is read again for ever, and 1000 nested bundles end in RecursionError;
- a string that isn't UTF-8 raises UnicodeDecodeError, a float beyond 32 bits OverflowError;
- a blob of negative size, and a float cut short, are read as something that was never sent;
- its builder has no type t.
So bundles are walked here, sizes are checked here, and types it lacks are read under the name of one as wide.

Knows nothing of addresses, and nothing of what a message means.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pythonosc.osc_message import OscMessage, ParseError
from pythonosc.osc_message_builder import OscMessageBuilder

from diegetic.live.jobs import Refused
from diegetic_bridges.registry import Value

MAX_ARGUMENTS = 64
MAX_MESSAGE_BYTES = 16_384
MAX_MESSAGES = 256
MAX_DEPTH = 16
MAX_ADDRESS_BYTES = 255
MAX_PACKET_BYTES = 65_536

_BUNDLE = b"#bundle\x00"
_HEAD_BYTES = len(_BUNDLE) + 8
_BYTES = {"i": 4, "f": 4, "h": 8, "d": 8, "t": 8, "c": 4, "r": 4, "m": 4} | dict.fromkeys("TFNI[]", 0)
_READ_AS = str.maketrans({"S": "s", "c": "i", "t": "h", "I": "N"})
_NTP_EPOCH_S = 2_208_988_800
_ERA_S = 2**32
_INT32 = 2**31
_LARGEST_FLOAT32 = 3.4028234e38


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it came. at: when it is to be played, seconds since 1970; None for now. t is raw NTP, I is True."""

    address: str
    types: str
    arguments: tuple[Value | list[object] | tuple[int, ...], ...]
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """A part of a packet that can't be read, with the address and the request number where there are; else -1."""

    address: str
    refused: Refused
    req: int = -1


def decode(packet: bytes, now: float) -> list[Incoming | Malformed]:
    """All messages of a packet, in order; what can't be read is in its place. now: seconds since 1970. Never raises."""
    found: list[Incoming | Malformed] = []
    for element, at in _elements(packet, now):
        if len(found) == MAX_MESSAGES:
            found.append(
                Malformed("", Refused(413, f"packet: must hold {MAX_MESSAGES} messages at most; send several"))
            )
            break
        if isinstance(element, Malformed):
            found.append(element)
        else:
            found.append(_message(element, at))
    return found


def encode(address: str, types: str, values: Sequence[Value]) -> bytes:
    """One message. Numbers beyond their type are held at its ends; t is raw NTP."""
    builder = OscMessageBuilder(address=address)
    for tag, value in zip(types, values, strict=True):
        builder.add_arg(_fit(tag, value), tag.translate(_READ_AS))
    packet: bytes = builder.build().dgram
    if "t" not in types:
        return packet
    tags = _padded(address.encode())
    return packet[: tags + 1] + types.encode() + packet[tags + 1 + len(types) :]


def time_tag(at: float) -> int:
    """Seconds since 1970 as raw NTP."""
    return int((at + _NTP_EPOCH_S) % _ERA_S * 2**32)


def seconds_of(tag: int, now: float) -> float | None:
    """The time of a raw NTP tag, in the era nearest to now; None for "immediately", and for the 0 that many send."""
    if tag <= 1:
        return None
    at = tag / 2**32 - _NTP_EPOCH_S
    return at + round((now - at) / _ERA_S) * _ERA_S


def _elements(packet: bytes, now: float) -> Iterator[tuple[bytes | Malformed, float | None]]:
    """The messages inside nested bundles, each with its time: no earlier than that of the bundles around it."""
    stack: list[tuple[bytes, int, float | None]] = [(packet, 0, None)]
    while stack:
        element, depth, outer = stack.pop()
        if not element.startswith(_BUNDLE):
            yield element, outer
            continue
        if len(element) < _HEAD_BYTES or depth == MAX_DEPTH:
            yield Malformed("", _bad_bundle(element)), None
            continue
        own = seconds_of(int.from_bytes(element[len(_BUNDLE) : _HEAD_BYTES], "big"), now)
        at = outer if own is None else own if outer is None else max(own, outer)
        parts, bad = _split(element)
        if bad is not None:
            yield Malformed("", bad), None
        stack += [(part, depth + 1, at) for part in reversed(parts)]


def _split(bundle: bytes) -> tuple[list[bytes], Refused | None]:
    """The elements of a bundle up to the first that can't be one."""
    parts: list[bytes] = []
    index = _HEAD_BYTES
    while index < len(bundle):
        size = int.from_bytes(bundle[index : index + 4], "big", signed=True)
        rest = len(bundle) - index - 4
        if not 0 < size <= rest or size % 4:
            rule = f"bundle: an element must have 4..{max(rest, 0)} bytes in fours, got {size}"
            return parts, Refused(400, f"{rule}; the packet may be cut short")
        parts.append(bundle[index + 4 : index + 4 + size])
        if len(parts) > MAX_MESSAGES:
            break
        index += 4 + size
    return parts, None


def _bad_bundle(element: bytes) -> Refused:
    if len(element) < _HEAD_BYTES:
        return Refused(400, "bundle: must have a time tag; the packet is cut short")
    return Refused(413, f"bundle: must be nested {MAX_DEPTH} deep at most; send its messages in one bundle")


def _message(element: bytes, at: float | None) -> Incoming | Malformed:
    address = ""
    try:
        raw = _string(element, 0, "address", MAX_ADDRESS_BYTES)
        index = _padded(raw)
        address = raw.decode()
        if not address.startswith("/"):
            raise Refused(400, f"message: its address must start with /, got {address[:40]!r}")
        if len(element) > MAX_MESSAGE_BYTES:
            raise Refused(413, f"message: must have {MAX_MESSAGE_BYTES} bytes at most, got {len(element)}")
        if index >= len(element):
            return Incoming(address, "", (), at)
        tags = _string(element, index, "type tags", MAX_MESSAGE_BYTES)
        types = _types(tags)
        _check_sizes(element, index + _padded(tags), types)
        return Incoming(address, types, _arguments(element, index, types), at)
    except UnicodeDecodeError as error:
        where = f"an argument of {address}" if address else "an address"
        return Malformed(address, Refused(400, f"{where}: must be UTF-8, byte {error.start} is not"))
    except ParseError as error:
        return Malformed(address, Refused(400, f"message: can't be read ({error})"))
    except Refused as error:
        return Malformed(address, error)


def _types(tags: bytes) -> str:
    types = tags.decode()
    if not types.startswith(","):
        raise Refused(400, f"type tags: must start with a comma, got {types[:40]!r}")
    if len(types) > MAX_ARGUMENTS + 1:
        raise Refused(413, f"message: must have {MAX_ARGUMENTS} arguments at most, got {len(types) - 1}")
    for tag in types[1:]:
        if tag not in _BYTES and tag not in "sSb":
            raise Refused(400, f"type tags: must be of i f s b T F h d t S c r m N I [ ], got {tag!r}")
    return types[1:]


def _check_sizes(element: bytes, index: int, types: str) -> None:
    """Raise Refused unless the arguments fill the message to its last byte."""
    for number, tag in enumerate(types, start=1):
        if tag in "sS":
            size = _padded(_string(element, index, f"argument {number}", MAX_MESSAGE_BYTES))
        elif tag == "b":
            size = int.from_bytes(element[index : index + 4], "big", signed=True)
            size = 4 + size + -size % 4 if size >= 0 else len(element)
        else:
            size = _BYTES[tag]
        index += size
        if index > len(element):
            raise Refused(
                400, f"argument {number}: its type {tag} needs more bytes than there are; the packet is cut short"
            )
    if index < len(element):
        raise Refused(400, f"message: has {len(element) - index} bytes more than its type tags say")


def _arguments(element: bytes, index: int, types: str) -> tuple[Value | list[object] | tuple[int, ...], ...]:
    packet = element[: index + 1] + types.translate(_READ_AS).encode() + element[index + 1 + len(types) :]
    values = OscMessage(packet).params
    if "[" in types:
        return tuple(values)
    return tuple(_as_sent(tag, value) for tag, value in zip(types, values, strict=True))


def _as_sent(tag: str, value: Value) -> Value:
    """What a value is, of those that were read under another type's name."""
    if tag == "c" and isinstance(value, int):
        if not 0 < value < 128:
            raise Refused(400, f"character: must be of ASCII, 1..127, got {value}")
        return chr(value)
    if tag == "t" and isinstance(value, int):
        return value % 2**64
    return True if tag == "I" else value


def _string(element: bytes, start: int, what: str, longest: int) -> bytes:
    """The bytes up to the next NUL."""
    end = element.find(b"\x00", start)
    if end < 0 or start + _padded(element[start:end]) > len(element):
        raise Refused(400, f"{what}: must end with NULs up to a multiple of four; the packet is cut short")
    if end - start > longest:
        raise Refused(413, f"{what}: must have {longest} bytes at most, got {end - start}")
    return element[start:end]


def _padded(text: bytes) -> int:
    """How many bytes a string takes, with its NULs."""
    return len(text) // 4 * 4 + 4


def _fit(tag: str, value: Value) -> Value:
    if tag == "s":
        return str(value).replace("\x00", "").encode(errors="replace").decode()
    if tag == "f" and isinstance(value, int | float):
        return max(-_LARGEST_FLOAT32, min(_LARGEST_FLOAT32, value)) if not math.isnan(value) else value
    if tag == "i" and isinstance(value, int):
        return max(-_INT32, min(_INT32 - 1, int(value)))
    if tag == "t" and isinstance(value, int):
        return struct.unpack(">q", struct.pack(">Q", value))[0]  # type: ignore[no-any-return]
    return value
