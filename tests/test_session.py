"""The rules of the wire, without sockets: what is acknowledged, answered, refused, and ended."""

import inspect
from dataclasses import fields
from typing import Any

import pytest

from diegetic.engine import Engine
from diegetic.errors import InputError
from diegetic.live.cues import Cue
from diegetic.live.jobs import Refused
from diegetic.live.laying import Laying
from diegetic.live.parameters import SLEW_S
from diegetic_bridges.actions import METHODS
from diegetic_bridges.codec import encode
from diegetic_bridges.commands import Commands
from diegetic_bridges.registry import VERBS
from fake_engine import FakeEngine
from wire_stage import WALL_S, Stage, bundle


@pytest.fixture
def stage() -> Stage:
    return Stage()


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
