"""What a session bears: floods, damaged datagrams, and nothing is left behind."""

import gc
import random
import struct
import tracemalloc
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counted_calls import calls_in
from diegetic_bridges.clients import FAILS_AT_ONCE, MAX_CLIENTS, MAX_PENDING
from diegetic_bridges.codec import MAX_MESSAGES, encode
from diegetic_bridges.registry import VERBS
from wire_stage import WALL_S, Stage, bundle


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_refusals_are_limited_for_each_sender_but_never_those_with_a_request_number(stage: Stage) -> None:
    for _ in range(200):
        stage.session.receive(stage.peer, encode("/diegetic/nothing", "", ()))
    assert len(stage.got) == FAILS_AT_ONCE
    assert stage.session.counts["unanswered"] == 200 - FAILS_AT_ONCE
    assert len(stage.send("/tell", "i", 5)) == 1
    got: list[Any] = []
    stage.session.receive(stage.another("there", got), encode("/diegetic/nothing", "", ()))
    assert len(got) == 1
    stage.now += 1
    assert len(stage.send("/nothing")) == 1


def test_requests_and_clients_are_bounded(stage: Stage) -> None:
    for number in range(MAX_PENDING):
        stage.send("/render", "is", number, "storm")
    assert stage.send("/render", "is", MAX_PENDING, "storm")[0][1][3:5] == (429, "queue-full")
    for number in range(MAX_CLIENTS + 50):
        stage.session.receive(stage.another(str(number), []), encode("/diegetic/status", "", ()))
    assert len(stage.session.clients) == MAX_CLIENTS
    assert stage.session.clients.get("here") is not None


def _random_packet(draw: random.Random) -> bytes:
    """A datagram of a verb with arguments that may fit, then damaged in up to three places."""
    verb = draw.choice(VERBS)
    address = verb.address.replace("<slot>", str(draw.randint(0, 18))).replace(
        "<name>", draw.choice(["slam", "gain", "*", "go"])
    )
    values: list[tuple[str, Any]] = []
    for argument in verb.arguments[verb.in_address :]:
        odd = draw.random() < 0.2
        pool = [
            ("i", draw.randint(-5, 400)),
            ("f", draw.choice([0.5, float("nan"), float("inf"), -1.0, 20.0])),
            ("s", "storm"),
        ]
        fitting = [each for each in pool if each[0] in argument.type.replace("d", "f")]
        values.append(draw.choice(pool if odd or not fitting else fitting))
    packet = encode(address, "".join(tag for tag, _ in values), [value for _, value in values])
    if draw.random() < 0.3:
        packet = bundle(draw.choice([0.0, WALL_S, WALL_S + 9, -2e9, 4e9]), packet)
    for _ in range(draw.randint(0, 3)):
        at = draw.randrange(len(packet) + 1)
        packet = packet[:at] + draw.randbytes(draw.randint(0, 4)) + packet[at + draw.randint(0, 4) :]
    return packet


@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32), st.binary(max_size=64))
def test_ten_thousand_datagrams_are_each_answered_or_counted(seed: int, noise: bytes) -> None:
    draw = random.Random(seed)
    for packet in (_random_packet(draw), noise):
        before, calls, answers = FUZZED.session.counts.copy(), len(FUZZED.engine.calls), len(FUZZED.got)
        FUZZED.session.receive(FUZZED.peer, packet)
        counts = FUZZED.session.counts - before
        assert counts["packets"] == 1
        assert len(FUZZED.got) - answers >= counts["refused"] - counts["unanswered"]
        assert counts["refused"] <= counts["messages"]
        assert all(found[0] != "/fail" or found[2][3] != 500 for found in FUZZED.got[answers:])
        assert len(FUZZED.engine.calls) - calls <= counts["messages"]
        FUZZED.now += 1.0
    if FUZZED.engine.known:
        last = max(FUZZED.engine.known)
        if not FUZZED.engine.known[last].ended:
            FUZZED.engine.end(last)
    FUZZED.got.clear()


FUZZED = Stage()


def test_datagrams_leave_nothing_behind(stage: Stage) -> None:
    draw = random.Random(7)

    def some() -> int:
        for _ in range(2000):
            stage.session.receive(stage.peer, _random_packet(draw))
            stage.now += 1.0
        for job in [job for job in stage.engine.known.values() if not job.ended]:
            stage.engine.end(job.id)
        for kept in (stage.engine.known, stage.engine.calls, stage.engine.words, stage.got):
            kept.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    some()
    tracemalloc.start()
    try:
        before, after = some(), some()
    finally:
        tracemalloc.stop()
    assert after - before < 50_000


def test_a_packet_of_64_kilobytes_keeps_nobody_waiting(stage: Stage) -> None:
    element = encode("/diegetic/nothing/at/all", "", ())
    packet = b"#bundle\0" + b"\0" * 8 + (struct.pack(">i", len(element)) + element) * (65_000 // (len(element) + 4))
    assert calls_in(lambda: stage.session.receive(stage.peer, packet)) < 1000 * MAX_MESSAGES
    assert stage.session.counts["refused"] == MAX_MESSAGES + 1
