"""Datagrams, whole and damaged: what is read of them, and that nothing is read that was not sent."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_message import OscMessage

from counted_calls import calls_in
from diegetic_bridges.codec import (
    MAX_MESSAGES,
    Incoming,
    Malformed,
    decode,
    encode,
    seconds_of,
    time_tag,
)
from diegetic_bridges.framing import Framing
from diegetic_bridges.patterns import is_pattern, matches

NOW = 1_800_000_000.0


def string(text: bytes) -> bytes:
    return text + b"\0" * (4 - len(text) % 4)


def message(address: bytes, types: bytes, body: bytes = b"") -> bytes:
    return string(address) + string(b"," + types) + body


def bundle(tag: int, *elements: bytes) -> bytes:
    sized = b"".join(struct.pack(">i", len(element)) + element for element in elements)
    return b"#bundle\0" + struct.pack(">Q", tag) + sized


def one(packet: bytes) -> Incoming:
    (found,) = decode(packet, NOW)
    assert isinstance(found, Incoming), found
    return found


def refusal(packet: bytes) -> tuple[int, str]:
    (found,) = decode(packet, NOW)
    assert isinstance(found, Malformed), found
    return found.refused.code, str(found.refused)


READ = [
    (b"i", struct.pack(">i", -7), (-7,)),
    (b"f", struct.pack(">f", 0.5), (0.5,)),
    (b"s", string(b"rain"), ("rain",)),
    (b"b", struct.pack(">i", 5) + b"12345\0\0\0", (b"12345",)),
    (b"TFN", b"", (True, False, None)),
    (b"h", struct.pack(">q", -(2**40)), (-(2**40),)),
    (b"d", struct.pack(">d", 1 / 3), (1 / 3,)),
    (b"Si", string(b"symbol") + struct.pack(">i", 9), ("symbol", 9)),
    (b"ci", struct.pack(">i", ord("x")) + struct.pack(">i", 9), ("x", 9)),
    (b"ti", struct.pack(">Q", 2**63 + 5) + struct.pack(">i", 9), (2**63 + 5, 9)),
    (b"Ii", struct.pack(">i", 9), (True, 9)),
    (b"m", bytes([0, 0x90, 60, 100]), ((0, 0x90, 60, 100),)),
    (b"[ii]i", struct.pack(">iii", 1, 2, 3), ([1, 2], 3)),
    (b"", b"", ()),
    (b"s", string("Tür".encode()), ("Tür",)),
]


@pytest.mark.parametrize(("types", "body", "values"), READ)
def test_every_type_is_read_and_so_is_what_follows_it(types: bytes, body: bytes, values: tuple[object, ...]) -> None:
    found = one(message(b"/a", types, body))
    assert (found.address, found.types, found.arguments) == ("/a", types.decode(), values)


def test_an_address_without_type_tags_is_a_message_without_arguments() -> None:
    assert one(string(b"/diegetic/status")) == Incoming("/diegetic/status", "", ())


REFUSED = [
    (b"", 400, "must end with NULs"),
    (b"/abc", 400, "must end with NULs"),
    (message(b"abc", b""), 400, "must start with /"),
    (message(b"/a", b"x"), 400, "got 'x'"),
    (string(b"/a") + string(b"ii") + b"\0" * 8, 400, "must start with a comma"),
    (message(b"/a", b"ii", b"\0" * 4), 400, "argument 2: its type i needs more bytes"),
    (message(b"/a", b"i", b"\0" * 8), 400, "has 4 bytes more"),
    (message(b"/a", b"f", b"\0"), 400, "argument 1: its type f"),
    (message(b"/a", b"b", struct.pack(">i", -8) + b"\0" * 8), 400, "argument 1: its type b"),
    (message(b"/a", b"b", struct.pack(">i", 2**31 - 1)), 400, "argument 1: its type b"),
    (message(b"/a", b"s", b"\xff\xfe\0\0"), 400, "must be UTF-8"),
    (message(b"/\xff", b""), 400, "must be UTF-8"),
    (message(b"/a", b"c", struct.pack(">i", 2**30)), 400, "must be of ASCII"),
    (message(b"/a", b"[i", b"\0" * 4), 400, "can't be read"),
    (message(b"/a", b"i" * 65, b"\0" * 260), 413, "64 arguments"),
    (message(b"/a", b"s", string(b"x" * 20_000)), 413, "16384 bytes"),
    (message(b"/" + b"x" * 300, b""), 413, "255 bytes"),
    (b"#bundle\0\0\0", 400, "must have a time tag"),
    (bundle(1) + struct.pack(">i", -4) + b"abcd", 400, "got -4"),
    (bundle(1) + struct.pack(">i", 400), 400, "cut short"),
]


@pytest.mark.parametrize(("packet", "code", "text"), REFUSED)
def test_damage_is_refused_with_what_would_be_right(packet: bytes, code: int, text: str) -> None:
    assert refusal(packet)[0] == code
    assert text in refusal(packet)[1]


def test_a_bundle_gives_its_time_to_its_messages_and_an_inner_one_is_no_earlier() -> None:
    early, late = time_tag(NOW + 1), time_tag(NOW + 2)
    ping = message(b"/p", b"")
    packet = bundle(late, ping, bundle(early, ping), bundle(1, ping), bundle(time_tag(NOW + 3), ping))
    times = [found.at for found in decode(packet, NOW) if isinstance(found, Incoming)]
    assert times == pytest.approx([NOW + 2, NOW + 2, NOW + 2, NOW + 3], abs=1e-6)


def test_what_is_whole_in_a_damaged_bundle_is_read() -> None:
    found = decode(bundle(1, message(b"/a", b""), message(b"/b", b"x")) + b"\0\0", NOW)
    assert [type(each) for each in found] == [Malformed, Incoming, Malformed]
    assert {each.address for each in found} == {"", "/a", "/b"}


def test_a_thousand_nested_bundles_are_refused_at_once() -> None:
    packet = message(b"/a", b"")
    for _ in range(1000):
        packet = bundle(1, packet)
    assert refusal(packet)[0] == 413
    assert calls_in(lambda: decode(packet, NOW)) < 1000


@pytest.mark.parametrize("element", [message(b"/a", b""), b"#bundle\0" + b"\0" * 8, b"\0" * 4])
def test_64_kilobytes_of_small_elements_are_read_up_to_the_limit(element: bytes) -> None:
    packet = bundle(1, *([element] * (65_000 // (len(element) + 4))))
    assert len(decode(packet, NOW)) <= MAX_MESSAGES + 1
    assert calls_in(lambda: decode(packet, NOW)) < 100 * MAX_MESSAGES


def test_time_tags_of_any_century_are_times_near_now_or_none() -> None:
    assert seconds_of(0, NOW) is None
    assert seconds_of(1, NOW) is None
    assert seconds_of(time_tag(NOW), NOW) == pytest.approx(NOW, abs=1e-6)
    after_2036 = 2_100_000_000.0
    assert seconds_of(time_tag(after_2036), NOW) == pytest.approx(after_2036, abs=1e-6)
    for tag in (2, 2**32, 2**63, 2**64 - 1):
        at = seconds_of(tag, NOW)
        assert at is not None
        assert abs(at - NOW) <= 2**31


WRITTEN = [
    ("isf", (1, "rain", 0.5)),
    ("bTF", (b"123", True, False)),
    ("hdi", (2**40, 1 / 3, 4)),
    ("its", (1, 2**63 + 5, "after")),
    ("", ()),
]


@pytest.mark.parametrize(("types", "values"), WRITTEN)
def test_what_is_written_is_read_again(types: str, values: tuple[object, ...]) -> None:
    found = one(encode("/diegetic/x", types, values))  # type: ignore[arg-type]
    assert (found.types, found.arguments) == (types, values)
    if "t" not in types:
        assert tuple(OscMessage(encode("/diegetic/x", types, values)).params) == values  # type: ignore[arg-type]


def test_what_does_not_fit_its_type_is_held_at_its_ends() -> None:
    packet = encode("/a", "ifs", (2**40, 1e300, "a\0b\ud800"))
    assert one(packet).arguments == (2**31 - 1, pytest.approx(3.4028234e38), "ab?")


PATTERNS = [
    ("/a/*/c", "/a/b/c", True),
    ("/a/*", "/a/b/c", False),
    ("/a/?", "/a/b", True),
    ("/a/?", "/a/", False),
    ("/[a-c]x", "/bx", True),
    ("/[!a-c]x", "/bx", False),
    ("/[a-]", "/-", True),
    ("/{go,stop}", "/stop", True),
    ("/{go,stop}p", "/stopp", True),
    ("/{go,stop}", "/gain", False),
    ("/[a", "/[a", True),
    ("/*b*", "/abc", True),
]


@pytest.mark.parametrize(("pattern", "name", "holds"), PATTERNS)
def test_patterns_mean_what_osc_says(pattern: str, name: str, holds: bool) -> None:
    assert is_pattern(pattern)
    assert matches(pattern, name) == holds


def test_no_pattern_takes_long() -> None:
    """One that tried every way to share the letters among the stars would never come to its end."""
    assert not matches("/" + "*a" * 120, "/" + "a" * 100 + "b")


def test_slip_and_sized_packets_come_out_of_any_pieces() -> None:
    packets = [message(b"/a", b"i", b"\xc0\xdb\xc0\xdb"), message(b"/b", b"")]
    for first in (b"\xc0", b"\0"):
        sender = Framing()
        sender.feed(first)
        stream = b"".join(sender.wrap(packet) for packet in packets)
        for step in (1, 3, len(stream)):
            receiver = Framing()
            found = [p for start in range(0, len(stream), step) for p in receiver.feed(stream[start : start + step])]
            assert found == packets
            assert receiver.refused == 0


def test_a_stream_without_end_is_dropped_and_the_next_packet_is_read() -> None:
    framing = Framing()
    for _ in range(40):
        assert framing.feed(b"/" * 10_000) == []
    assert framing.feed(b"\xc0/b\0\0\xc0") == [b"/b\0\0"]
    assert framing.feed(b"/\xdbx\xc0") == []
    assert framing.refused == 2
    sized = Framing()
    assert sized.feed(b"\0\xff\xff\xff12345") == []
    assert sized.broken


WHOLE = st.sampled_from([message(b"/diegetic/ping", types, body) for types, body, _ in READ] + [r[0] for r in REFUSED])
CUTS = st.tuples(st.integers(0, 80), st.integers(0, 80), st.binary(max_size=8))


@settings(max_examples=2000, deadline=None)
@given(st.one_of(st.binary(max_size=200), WHOLE), st.lists(CUTS, max_size=4), st.booleans())
def test_no_bytes_raise_and_all_are_accounted_for(
    packet: bytes, cuts: list[tuple[int, int, bytes]], inside: bool
) -> None:
    for start, length, put in cuts:
        packet = packet[:start] + put + packet[start + length :]
    packet = bundle(time_tag(NOW), packet, packet) if inside else packet
    assert decode(packet, NOW) or packet.startswith(b"#bundle")  # one without elements holds nothing
    assert all(isinstance(each, Incoming | Malformed) for each in decode(packet, NOW))
    framing = Framing()
    assert len(framing.feed(packet + b"\xc0")) <= len(packet) + 1
