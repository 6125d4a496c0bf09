"""The rules of the wire, without sockets."""

import gc
import inspect
import random
import struct
import time
import tracemalloc
from dataclasses import dataclass, field, fields
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from diegetic.engine import Engine
from diegetic.errors import InputError
from diegetic.live.cues import Cue
from diegetic.live.jobs import Refused
from diegetic.live.laying import Laying
from diegetic.live.news import (
    CueChanged,
    DeviceChanged,
    EventPlanned,
    JobProgress,
    Late,
    Meters,
    SegmentEnd,
    SegmentReady,
    SegmentStart,
    StateChanged,
    Trouble,
    Underrun,
)
from diegetic.live.parameters import SLEW_S
from diegetic.story import Event
from diegetic_bridges.actions import METHODS
from diegetic_bridges.clients import FAILS_AT_ONCE, LEASE_S, MAX_CLIENTS, MAX_PENDING, Peer
from diegetic_bridges.codec import Incoming, decode, encode, time_tag
from diegetic_bridges.commands import Commands
from diegetic_bridges.event_log import KEPT
from diegetic_bridges.outgoing import Clock, event_of
from diegetic_bridges.registry import BY_MESSAGE, MESSAGES, ROOT, VERBS
from diegetic_bridges.session import Session
from fake_engine import FakeEngine

WALL_S = 1_800_000_000.0


@dataclass
class Stage:
    """A session, an engine that only answers, and a clock that the test moves."""

    engine: FakeEngine = field(default_factory=FakeEngine)
    now: float = 100.0
    got: list[tuple[str, str, tuple[Any, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session = Session(self.engine, Clock(lambda: self.now, lambda: WALL_S + self.now - 100, 100.0))
        self.peer = self.another("here", self.got)

    def another(self, key: str, got: list[Any], local: bool = True, leased: bool = True) -> Peer:
        def send(packet: bytes) -> None:
            (found,) = decode(packet, WALL_S)
            assert isinstance(found, Incoming)
            got.append((found.address.removeprefix(ROOT), found.types, found.arguments))

        return Peer(key, send, local, leased)

    def send(
        self, path: str, types: str = "", *values: Any, peer: Peer | None = None
    ) -> list[tuple[str, tuple[Any, ...]]]:
        """What this client is answered."""
        self.got.clear()
        self.session.receive(peer or self.peer, encode(ROOT + path, types, values))
        return [(address, values) for address, _, values in self.got]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def bundle(at: float, packet: bytes) -> bytes:
    return b"#bundle\0" + struct.pack(">Q", time_tag(at)) + struct.pack(">i", len(packet)) + packet


def test_the_engine_is_what_the_bridges_need() -> None:
    engine: type[Commands] = Engine
    for verb in VERBS:
        if verb.slow:
            method = getattr(engine, METHODS.get(verb.name, verb.name))
            names = [name for name in inspect.signature(method).parameters if name not in ("self", "intensity")]
            assert ("at_s" in names) == verb.timed, verb.address
            expected = [argument.name for argument in verb.arguments[1:]]
            if names == ["cue"]:
                assert set(expected) == {each.name for each in fields(Cue)} - {"gain_db", "state"}
                continue
            if names[-1] == "laying":
                names[-1:] = [each.name for each in fields(Laying)]
            assert [name for name in names if name != "at_s"] == [n if n != "model" else "name" for n in expected]


def test_a_slow_verb_is_acknowledged_at_once_and_done_at_its_end(stage: Stage) -> None:
    assert stage.send("/tell", "issf", 7, "storm", "rain", 20.0) == [("/ack", (7, "/diegetic/tell", 1))]
    assert stage.engine.calls == [("tell", "storm", "rain", 20.0, None)]
    stage.got.clear()
    stage.engine.end(1, text="storm")
    assert [each[::2] for each in stage.got] == [("/done", (7, "/diegetic/tell", 1, "storm"))]


def test_a_bounce_says_how_it_is_laid_out_by_what_follows_the_folder(stage: Stage) -> None:
    stage.send("/bounce", "iss", 1, "storm", "out")
    stage.send("/bounce", "isssNsf", 2, "storm", "out", "flac", None, "lane", -23.0)
    assert stage.engine.calls == [
        ("bounce", "storm", "out"),
        ("bounce", "storm", "out", Laying(format="flac", stems="lane", loudness=-23.0)),
    ]
    assert stage.send("/bounce", "isssssf", 3, "storm", "out", "flac", "mono", "lane", 3.0)[0][1][3] == 422


def test_an_empty_string_leaves_an_optional_argument_out(stage: Stage) -> None:
    stage.send("/bounce", "isssssfs", 1, "storm", "out", "", "", "lane", -23.0, "")
    stage.send("/cue/define", "issssis", 2, "bell", "storm", "a bell", "", 3, "")
    assert stage.engine.calls == [
        ("bounce", "storm", "out", Laying(stems="lane", loudness=-23.0, lane_loudness="")),
        ("cue/define", "bell", "storm", "a bell", "wait", 3),
    ]


def test_a_job_that_fails_ends_with_code_symbol_and_text(stage: Stage) -> None:
    stage.send("/render", "is", 1, "storm")
    stage.got.clear()
    stage.engine.end(1, 507, "the generator ran out of memory")
    assert stage.got[0][2] == (1, "/diegetic/render", 1, 507, "memory", "the generator ran out of memory")


def test_an_end_that_comes_before_the_ack_is_sent_after_it() -> None:
    stage = Stage(FakeEngine(at_once=True))
    answers = stage.send("/cue/arm", "is", 3, "slam")
    assert [address for address, _ in answers] == ["/ack", "/done"]
    assert [address for address, _ in stage.send("/cue/arm", "is", 3, "slam")] == ["/ack", "/done"]


def test_what_the_engine_refuses_is_one_fail_with_the_request_number(stage: Stage) -> None:
    stage.engine.refuses = Refused(423, "pocket: is loading; wait for /diegetic/state ready")
    assert stage.send("/render", "is", 5, "storm") == [
        ("/fail", (5, "/diegetic/render", -1, 423, "loading", str(stage.engine.refuses)))
    ]
    stage.engine.refuses = InputError("seconds: must be 1..324")
    assert stage.send("/render", "is", 5, "storm")[0][1][3] == 422
    stage.engine.refuses = RuntimeError("a mistake of ours")
    assert stage.send("/render", "is", 5, "storm")[0][1][3:5] == (500, "internal")


def test_a_request_number_is_free_again_after_its_end(stage: Stage) -> None:
    stage.send("/render", "is", 1, "storm")
    assert stage.send("/render", "is", 1, "storm")[0][1][3] == 409
    stage.engine.end(1)
    assert stage.send("/render", "is", 1, "storm")[0][0] == "/ack"


def test_an_end_can_be_asked_for_again_by_anyone(stage: Stage) -> None:
    stage.send("/render", "is", 9, "storm")
    assert [address for address, _ in stage.send("/job/get", "i", 1)] == ["/job"]
    stage.engine.end(1, text="storm")
    answers = stage.send("/job/get", "i", 1)
    assert answers[0] == ("/job", (1, 9, "/diegetic/render", "done", "", 0.0, 0.0, "storm"))
    assert answers[1] == ("/done", (9, "/diegetic/render", 1, "storm"))
    got: list[Any] = []
    stage.session.receive(stage.another("there", got), encode("/diegetic/job/get", "i", (1,)))
    assert got[1][2] == (-1, "/diegetic/render", 1, "storm")
    assert stage.send("/job/get", "i", 5)[0][1][3] == 404


def test_cancelling_ends_the_job_once_and_a_second_time_is_refused(stage: Stage) -> None:
    stage.send("/render", "is", 1, "storm")
    assert [address for address, _ in stage.send("/job/cancel", "i", 1)] == ["/fail", "/job"]
    assert stage.send("/job/cancel", "i", 1)[0][1][3:5] == (410, "ended")


def test_clients_get_the_ends_of_their_own_jobs_only(stage: Stage) -> None:
    got: list[Any] = []
    there = stage.another("there", got)
    stage.send("/render", "is", 1, "storm")
    stage.session.receive(there, encode("/diegetic/render", "is", (1, "calm")))
    stage.got.clear(), got.clear()
    stage.engine.end(2)
    assert (len(stage.got), len(got)) == (0, 1)


def test_sync_is_answered_when_all_earlier_work_of_the_client_has_ended(stage: Stage) -> None:
    assert stage.send("/sync", "i", 1) == [("/synced", (1,))]
    stage.send("/render", "is", 1, "storm")
    stage.send("/render", "is", 2, "calm")
    assert stage.send("/sync", "i", 2) == []
    stage.send("/render", "is", 3, "later")
    stage.got.clear()
    stage.engine.end(2)
    assert [address for address, _, _ in stage.got] == ["/done"]
    stage.engine.end(1, 500, "broke")
    assert [address for address, _, _ in stage.got] == ["/done", "/fail", "/synced"]


NEWS = [
    JobProgress(1, "plan", 1, 3, 2.0),
    EventPlanned("storm", Event("e1", "rain", 0, 4)),
    SegmentReady("storm", Event("e1", "rain", 0, 4), "slam"),
    SegmentStart("storm", "e1", 101.5),
    SegmentEnd("storm", "e1", 105.5),
    CueChanged(FakeEngine().cues[0]),
    StateChanged("busy"),
    Late("slam", 0.25, "wait"),
    Underrun(1, 7),
    DeviceChanged("null", "lost", 48_000),
    Trouble(503, "the generator is being started again"),
]


def test_every_news_is_an_event_of_the_registry_and_none_is_missing(stage: Stage) -> None:
    stage.send("/notify", "i", 1)
    stage.got.clear()
    for news in NEWS:
        stage.engine.tell_news(news)
    assert {ROOT + address for address, _, _ in stage.got} == {message.address for message in MESSAGES if message.event}
    assert [values[0] for _, _, values in stage.got] == list(range(1, len(NEWS) + 1))
    for news in NEWS:
        event = event_of(news)
        assert event is not None
        assert len(event.values) + 1 == len(BY_MESSAGE[f"{ROOT}/{event.path}"].arguments)


def test_meters_go_to_who_asked_for_them_unnumbered_and_are_not_sent_again(stage: Stage) -> None:
    others: list[Any] = []
    other = stage.another("there", others)
    stage.send("/notify", "isi", 1, "", 1)
    stage.send("/notify", "i", 1, peer=other)
    stage.got.clear(), others.clear()
    stage.engine.tell_news(Meters((("bed", 0.5, 0.25), ("foreground", 1.0, 0.0))))
    assert stage.got == [("/meters", "sff", ("bed", 0.5, 0.25)), ("/meters", "sff", ("foreground", 1.0, 0.0))]
    assert others == []
    assert stage.send("/resync", "i", 0) == [("/resync.reply", (0, 0, 0))]
    stage.send("/notify", "i", 1)
    stage.got.clear()
    stage.engine.tell_news(Meters((("bed", 0.5, 0.25),)))
    assert stage.got == []


@pytest.mark.parametrize(
    ("types", "tag", "value"), [("", "f", 1.5), ("d", "d", WALL_S + 1.5), ("hdt", "t", time_tag(WALL_S + 1.5))]
)
def test_times_go_in_the_type_that_the_client_takes(stage: Stage, types: str, tag: str, value: float) -> None:
    stage.send("/notify", "is", 1, types)
    stage.got.clear()
    stage.engine.tell_news(SegmentStart("storm", "e1", 101.5))
    assert stage.got == [("/segment/start", f"iss{tag}s", (1, "storm", "e1", value, ""))]


def test_events_go_to_subscribers_until_their_lease_ends_and_any_message_renews_it(stage: Stage) -> None:
    assert stage.send("/notify", "i", 1) == [("/notify.reply", (1, LEASE_S))]
    stage.now += LEASE_S - 1
    stage.send("/status")
    stage.now += LEASE_S - 1
    stage.got.clear()
    stage.engine.tell_news(StateChanged("busy"))
    assert len(stage.got) == 1
    stage.now += 2
    stage.engine.tell_news(StateChanged("ready"))
    assert len(stage.got) == 1
    stage.send("/status")
    stage.got.clear()
    stage.engine.tell_news(StateChanged("busy"))
    assert stage.got == []


def test_a_connection_has_no_lease_and_ends_when_it_is_closed(stage: Stage) -> None:
    peer = stage.another("tcp", stage.got, leased=False)
    assert stage.send("/notify", "i", 1, peer=peer) == [("/notify.reply", (1, 0.0))]
    stage.now += 10 * LEASE_S
    stage.got.clear()
    stage.engine.tell_news(StateChanged("busy"))
    assert len(stage.got) == 1
    stage.session.forget("tcp")
    stage.engine.tell_news(StateChanged("ready"))
    assert len(stage.got) == 1


def test_missed_events_are_sent_again_with_their_numbers_and_lost_ones_show(stage: Stage) -> None:
    for _ in range(3):
        stage.engine.tell_news(StateChanged("busy"))
    answers = stage.send("/resync", "i", 2)
    assert answers[0] == ("/resync.reply", (2, 3, 2))
    assert [values[0] for _, values in answers[1:]] == [2, 3]
    assert stage.send("/resync", "i", 4) == [("/resync.reply", (0, 0, 0))]
    for _ in range(KEPT):
        stage.engine.tell_news(StateChanged("ready"))
    assert stage.send("/resync", "i", 1)[0] == ("/resync.reply", (4, KEPT + 3, KEPT))


def test_a_time_tag_is_when_to_play_on_the_engines_clock(stage: Stage) -> None:
    go = encode("/diegetic/cue/go", "is", (1, "slam"))
    stage.session.receive(stage.peer, bundle(WALL_S + 2, go))
    assert stage.engine.calls[-1] == ("cue/go", "slam", pytest.approx(102.0, abs=1e-5), 1.0)
    stage.session.receive(stage.peer, bundle(WALL_S + 86_400, encode("/diegetic/cue/go", "is", (2, "slam"))))
    assert stage.got[-1][2][3] == 422
    stage.session.receive(stage.peer, bundle(WALL_S - 86_400, encode("/diegetic/cue/go", "is", (3, "slam"))))
    assert "must be within 3600 s of now, got -86400" in stage.got[-1][2][5]
    stage.session.receive(stage.peer, bundle(WALL_S - 5, encode("/diegetic/cue/fire", "s", ("slam",))))
    assert stage.engine.calls[-1][2] == pytest.approx(95.0, abs=1e-5)
    stage.session.receive(stage.peer, bundle(WALL_S + 86_400, encode("/diegetic/param/intensity", "f", (0.75,))))
    assert stage.engine.values["intensity"] == 0.75


PADS = [
    ("/cue/slam", "f", (0.5,), [("cue/go", "slam", None, 0.5)]),
    ("/cue/slam", "f", (0.0,), []),
    ("/cue/slam", "", (), [("cue/go", "slam", None, 1.0)]),
    ("/cue/slam", "T", (True,), [("cue/go", "slam", None, 1.0)]),
    ("/cue/fire", "s", ("slam",), [("cue/go", "slam", None, 1.0)]),
    ("/slot/16/go", "i", (1,), [("cue/go", "16", None, 1.0)]),
    ("/slot/2/stop", "f", (1.0,), [("cue/stop", "2")]),
    ("/slot/2/stop", "f", (0.0,), []),
    ("/slot/2/gain", "f", (0.5,), [("slot_gain", 2, pytest.approx(-6.02, abs=0.01))]),
    ("/slot/2/gain", "f", (0.0,), [("slot_gain", 2, -60.0)]),
    ("/transport/stop", "", (), [("transport_stop",)]),
    ("/transport/stop", "f", (0.0,), []),
    ("/panic", "f", (1.0,), [("panic",)]),
]


@pytest.mark.parametrize(("path", "types", "values", "calls"), PADS)
def test_pads_and_faders_reach_the_engine_and_a_released_button_does_not(
    stage: Stage, path: str, types: str, values: tuple[Any, ...], calls: list[Any]
) -> None:
    assert stage.send(path, types, *values) == []
    assert stage.engine.calls == calls


def test_a_fired_cue_that_fails_is_told_to_subscribers(stage: Stage) -> None:
    stage.send("/notify", "i", 1)
    stage.send("/cue/slam", "f", 1.0)
    stage.engine.end(1, 500, "slam: can't be rendered")
    assert stage.got[-1] == ("/error", "iiss", (1, 500, "internal", "slam: can't be rendered"))


def test_floats_are_taken_for_whole_numbers_as_pure_data_sends_them(stage: Stage) -> None:
    assert stage.send("/tell", "fssi", 7.0, "storm", "rain", 20) == [("/ack", (7, "/diegetic/tell", 1))]
    assert stage.send("/tell", "dssd", 8.0, "storm", "rain", 20.0)[0][0] == "/ack"


WRONG = [
    ("/0123/4567/89", "", (), 405, "send /diegetic/dump"),
    ("/statos", "", (), 405, "did you mean /diegetic/status?"),
    ("/slot/2/goo", "f", (1.0,), 405, "did you mean /diegetic/slot/<slot>/go?"),
    ("/tell", "isf", (1, "storm", 3.0), 400, "takes ,issf, got ,isf"),
    ("/tell", "issff", (1, "storm", "rain", 3.0, 4.0), 400, "takes ,issf"),
    ("/tell", "isif", (1, "storm", 3, 3.0), 400, "text must be a string, got a number"),
    ("/tell", "issf", (1, "storm", "rain", float("nan")), 422, "seconds must be 1..324"),
    ("/tell", "issf", (1, "storm", "rain", 900.0), 422, "seconds must be 1..324, got 900"),
    ("/tell", "issf", (-1, "storm", "rain", 3.0), 422, "req must be 0 or more"),
    ("/tell", "fssf", (1.5, "storm", "rain", 3.0), 422, "req must be a whole number"),
    ("/tell", "issf", (1, "storm", "x" * 5000, 3.0), 413, "4000 characters"),
    ("/cue/define", "isss", (1, "go", "storm", "x"), 422, "must be no verb"),
    ("/slot/17/go", "f", (1.0,), 422, "slot must be 1..16, got 17"),
    ("/slot/x/go", "f", (1.0,), 400, "slot must be a whole number"),
    ("/slot/2/gain", "f", (float("inf"),), 422, "gain must be 0..1"),
    ("/param/nothing", "f", (1.0,), 404, "none of that name"),
    ("/param/nothing", "", (), 404, "known: gain"),
    ("/slot/*/gain", "f", (0.0,), 400, "only asks"),
    ("/slot/*/go", "", (), 404, "nothing that can be asked"),
    ("/p*c", "", (), 404, "nothing that can be asked"),
    ("/sync", "b", (b"123",), 400, "a whole number, got a blob"),
]


@pytest.mark.parametrize(("path", "types", "values", "code", "text"), WRONG)
def test_what_is_wrong_is_answered_by_what_would_be_right(
    stage: Stage, path: str, types: str, values: tuple[Any, ...], code: int, text: str
) -> None:
    ((address, answer),) = stage.send(path, types, *values)
    assert (address, answer[3]) == ("/fail", code)
    assert text in answer[5]
    assert stage.engine.calls == []


def test_queries_may_have_wildcards(stage: Stage) -> None:
    assert len(stage.send("/slot/*/gain")) == 16
    assert stage.send("/slot/[1-2]/gain") == [
        ("/slot/1/gain", (1.0,)),
        ("/slot/2/gain", (pytest.approx(0.501, abs=1e-3),)),
    ]
    assert stage.send("/param/{intensity,place}") == [("/param/intensity", (0.5,)), ("/param/place", ("cave",))]


def test_a_controller_is_learned_where_there_is_midi(stage: Stage) -> None:
    ((address, refused),) = stage.send("/midi/learn", "s", "distance")
    assert (address, refused[3:5]) == ("/fail", (409, "conflict"))
    learned: list[str] = []
    stage.session.learn = learned.append
    assert stage.send("/midi/learn", "s", "distance") == []
    assert stage.send("/midi/learn", "s", "nothing")[0][1][3] == 404
    assert learned == ["distance"]


def test_status_and_dump_say_all(stage: Stage) -> None:
    status = ("/status.reply", ("ready", 1, 2, 3, 0.25, 64.0, 48_000, 4, "pocket", "null"))
    assert stage.send("/status") == [status]
    stage.send("/render", "is", 1, "storm")
    answers = stage.send("/dump")
    assert answers[0] == status
    assert ("/cue", ("slam", "storm", 2, "idle")) in answers
    assert ("/param/place", ("cave",)) in answers
    assert ("/count", ("packets", 3)) in answers
    assert answers[-1] == ("/dump.reply", (len(answers) - 1,))
    assert [address for address, _ in stage.send("/jobs")] == ["/job", "/jobs.reply"]


def test_words_set_state_keys_and_numbers_set_parameters(stage: Stage) -> None:
    stage.send("/param/place", "s", "harbour")
    stage.send("/param/intensity", "f", 1.0)
    assert (stage.engine.words["place"], stage.engine.values["intensity"]) == ("harbour", 1.0)
    assert stage.engine.slew_s == SLEW_S
    stage.send("/param/gain", "ff", -12.0, 2.0)
    assert (stage.engine.values["gain"], stage.engine.slew_s) == (-12.0, 2.0)
    assert "slew must be" in str(stage.send("/param/gain", "ff", -12.0, 61.0))


def test_ping_is_answered_in_the_type_it_came_in(stage: Stage) -> None:
    stage.now = 102.5
    stage.send("/ping", "d", 12.25)
    assert stage.got == [("/pong", "ddd", (12.25, WALL_S + 2.5, WALL_S + 2.5))]
    stage.send("/ping", "f", 12.25)
    assert stage.got == [("/pong", "fff", (12.25, 2.5, 2.5))]


def test_quit_is_taken_from_this_machine_only(stage: Stage) -> None:
    assert stage.send("/quit", peer=stage.another("far", stage.got, local=False))[0][1][3] == 403
    stage.send("/quit")
    assert stage.engine.calls == [("quit",)]


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
    started = time.perf_counter()
    stage.session.receive(stage.peer, packet)
    assert time.perf_counter() - started < 0.25
    assert stage.session.counts["refused"] > 200
