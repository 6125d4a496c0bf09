"""What was asked, written down; and played again."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import live_models
from capture_file import write_capture
from diegetic.audio.wav import read_wav
from diegetic.engine import Engine, LiveConfig
from diegetic.errors import Failure, InputError
from diegetic.live.cues import Cue
from diegetic.live.jobs import Refused
from diegetic.story_file import read_story
from diegetic_bridges.capture import Capture, Taken, Witnessed, read_capture
from diegetic_bridges.clients import Peer
from diegetic_bridges.codec import Incoming, encode
from diegetic_bridges.midi_map import Fires, Heard, MidiMap, Moves, play
from diegetic_bridges.outgoing import Clock
from diegetic_bridges.replay import FAST, Replayed, replay
from diegetic_bridges.session import Session
from fake_engine import FakeEngine
from wire_stage import WALL_S, bundle


class Captured:
    """A session that is captured, with a clock that the test moves."""

    def __init__(self, path: Path) -> None:
        self.now, self.engine = 100.0, FakeEngine()
        clock = Clock(lambda: self.now, lambda: WALL_S + self.now - 100, 100.0)
        self.capture = Capture(path, clock)
        self.session = Session(self.engine, clock, self.capture)
        self.peer = Peer("udp 127.0.0.1:5000", lambda packet: None)

    def send(self, address: str, types: str = "", *values: Any) -> None:
        self.session.receive(self.peer, encode(address, types, values))


def test_each_accepted_command_is_a_line_with_its_times_client_and_job(tmp_path: Path) -> None:
    captured = Captured(tmp_path / "session.jsonl")
    captured.send("/diegetic/tell", "issf", 7, "storm", "rain", 20.0)
    captured.now = 102.5
    captured.session.receive(captured.peer, bundle(WALL_S + 4, encode("/diegetic/cue/slam", "f", (0.5,))))
    captured.send("/diegetic/param/intensity", "f", 0.75)
    captured.send("/diegetic/param/place", "s", "cave")
    captured.send("/diegetic/job/cancel", "i", 1)
    captured.capture.close()
    client = "udp 127.0.0.1:5000"
    assert read_capture(tmp_path / "session.jsonl") == [
        Taken(100.0, WALL_S, client, "/diegetic/tell", (7, "storm", "rain", 20.0), None, 1),
        Taken(102.5, WALL_S + 2.5, client, "/diegetic/cue/slam", (0.5,), WALL_S + 4, 2),
        Taken(102.5, WALL_S + 2.5, client, "/diegetic/param/intensity", (0.75,)),
        Taken(102.5, WALL_S + 2.5, client, "/diegetic/param/place", ("cave",)),
        Taken(102.5, WALL_S + 2.5, "engine", "/diegetic/job", (1, "cancelled")),
        Taken(102.5, WALL_S + 2.5, client, "/diegetic/job/cancel", (1,)),
    ]


def test_queries_what_is_refused_and_what_is_about_the_client_is_no_command(tmp_path: Path) -> None:
    captured = Captured(tmp_path / "session.jsonl")
    for path in ("ping", "status", "jobs", "dump", "param/intensity", "slot/*/gain", "nothing"):
        captured.send(f"/diegetic/{path}")
    captured.send("/diegetic/notify", "i", 1)
    captured.send("/diegetic/sync", "i", 1)
    captured.send("/diegetic/tell", "iss", 1, "storm", "rain")
    captured.engine.refuses = Refused(429, "queue: is full")
    captured.send("/diegetic/render", "is", 1, "storm")
    captured.capture.close()
    assert read_capture(tmp_path / "session.jsonl") == []


def test_midi_and_cue_sheets_are_written_down_as_osc_would_say_it(tmp_path: Path) -> None:
    engine, capture = FakeEngine(), Capture(tmp_path / "session.jsonl")
    midi_map = MidiMap(note=(Fires(36, slot=2), Fires(60, cue="slam", hold=True)), controller=(Moves(1, "intensity"),))
    played = Witnessed(engine, capture, "midi")
    for heard in (
        Heard("note_on", 1, 36, 127),
        Heard("note_on", 1, 60, 127),
        Heard("note_off", 1, 60),
        Heard("control_change", 1, 1, 127),
        Heard("control_change", 1, 123, 0),
        Heard("control_change", 1, 120, 0),
    ):
        play(heard, midi_map, played)
    sheet = Witnessed(engine, capture, "cues")
    sheet.cue_define(Cue("door", "hall", "a door", "drop", 3, seconds=8.0, lane="bed"))
    sheet.slot_gain(3, -6.0)
    sheet.cue_arm("door")
    capture.close()
    taken = read_capture(tmp_path / "session.jsonl")
    assert [(each.client, each.address.removeprefix("/diegetic"), each.arguments) for each in taken] == [
        ("midi", "/slot/2/go", (1.0,)),
        ("midi", "/cue/slam", (1.0,)),
        ("midi", "/cue/stop", (0, "slam")),
        ("midi", "/param/intensity", (1.0,)),
        ("midi", "/transport/stop", ()),
        ("midi", "/panic", ()),
        ("cues", "/cue/define", (0, "door", "hall", "a door", "drop", 3, "bed", 8.0)),
        ("cues", "/slot/3/gain", (pytest.approx(10 ** (-6 / 20)),)),
        ("cues", "/cue/arm", (0, "door")),
    ]
    assert [each.job for each in taken] == [1, 2, 3, None, None, None, 4, None, 5]
    first, again = engine.calls[:], FakeEngine(at_once=True)
    run_replay(again, tmp_path / "session.jsonl", FAST)
    assert [call for call in again.calls if call[0] != "slot_gain"] == [c for c in first if c[0] != "slot_gain"]
    assert next(call for call in again.calls if call[0] == "slot_gain")[2] == pytest.approx(-6.0)


def test_a_capture_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    paths = []
    for _ in range(3):
        capture = Capture(tmp_path / "session.jsonl")
        capture.take("me", "/diegetic/panic", ())
        capture.close()
        capture.close()
        capture.take("me", "/diegetic/panic", ())
        paths.append(capture.path.name)
        assert len(read_capture(capture.path)) == 1
    assert paths == ["session.jsonl", "session-2.jsonl", "session-3.jsonl"]
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match="can't be captured to"):
        Capture(tmp_path / "file" / "session.jsonl")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rain\n", "line 1: is no JSON"),
        ("[1]\n", "line 1: must be an object"),
        ('{"clock": 1.0, "wall": 1.0, "client": "me", "adress": "/x"}\n', "did you mean 'address'"),
        ('{"clock": 1.0, "wall": 1.0, "client": "me", "address": "/x", "arguments": [[1]]}\n', "argument 1 must be"),
    ],
)
def test_a_file_that_is_no_capture_is_refused_by_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "x.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"x\.jsonl, line 1") as refused:
        read_capture(tmp_path / "x.jsonl")
    assert said in str(refused.value)
    with pytest.raises(InputError, match="can't be read"):
        read_capture(tmp_path / "none.jsonl")


def test_a_line_cut_short_by_a_crash_is_left_out(tmp_path: Path) -> None:
    capture = Capture(tmp_path / "session.jsonl")
    capture.take("me", "/diegetic/panic", ())
    capture.close()
    with capture.path.open("a", encoding="utf-8") as file:
        file.write('{"clock": 1.0, "wa')
    assert len(read_capture(capture.path)) == 1


def run_replay(engine: FakeEngine, path: Path, speed: float, bounce: str = "") -> Replayed:
    return asyncio.run(asyncio.wait_for(replay(engine, path, speed, bounce), 20))


def test_fast_leaves_out_times_and_what_was_cancelled_and_bounces_each_story(tmp_path: Path) -> None:
    path = write_capture(
        tmp_path / "session.jsonl",
        {"address": "/diegetic/tell", "arguments": [1, "storm", "rain", 20.0], "job": 11, "at": WALL_S + 9},
        {"address": "/diegetic/tell", "arguments": [2, "calm", "sea", 20.0], "job": 12, "clock": 5000.0},
        {"address": "/diegetic/job/cancel", "arguments": [12], "clock": 5001.0},
        {"address": "/diegetic/cue/slam", "arguments": [0.5], "job": 13, "clock": 9000.0},
        {"address": "/diegetic/slot/2/stop", "clock": 9001.0},
        {"address": "/diegetic/param/intensity", "arguments": [0.25], "clock": 9002.0},
        {"address": "/diegetic/param/nothing", "arguments": [0.25], "clock": 9003.0},
    )
    engine = FakeEngine(at_once=True)
    engine.cues = [Cue("slam", "hall", "the door slams", slot=2)]
    result = run_replay(engine, path, FAST, "out")
    assert engine.calls == [
        ("tell", "storm", "rain", 20.0, None),
        ("cue/go", "slam", None, 0.5),
        ("cue/stop", "2"),
        ("bounce", "storm", "out/storm"),
        ("bounce", "hall", "out/hall"),
    ]
    assert engine.values["intensity"] == 0.25
    assert (result.commands, result.failed, result.stories) == (5, 1, ["storm", "hall"])


def test_what_was_dropped_or_stopped_before_it_sounded_is_not_in_a_fast_replay(tmp_path: Path) -> None:
    file = tmp_path / "session.jsonl"

    async def play_it(engine: Engine) -> None:
        capture = Capture(file)
        session = Session(engine, capture=capture)

        def send(address: str, types: str, *values: Any, at: float | None = None) -> None:
            message = Incoming(f"/diegetic/{address}", types, values, at)
            session.take(Peer("me", lambda packet: None), [message])

        async def ended() -> None:
            while engine.jobs():
                await asyncio.sleep(0.01)

        for req, name in enumerate(("late", "later", "heard")):
            send("cue/define", "issss", req, name, "hall", f"a {name} bell", "drop")
            await ended()
        send("cue/go", "is", 4, "late", at=time.time() - 1)
        await ended()
        send("cue/go", "is", 5, "later", at=time.time() + 60)
        send("cue/stop", "is", 6, "later")
        await ended()
        send("cue/go", "is", 7, "heard")
        await ended()
        capture.close()

    live(tmp_path / "first", play_it)
    live(tmp_path / "again", lambda engine: replay(engine, file, FAST, "out"))
    told = read_story(tmp_path / "again/hall/story.toml")
    assert [each.caption for each in told.events if "bell" in each.caption] == ["a heard bell"]


def test_in_its_own_time_gaps_and_leads_are_kept_and_cancels_meet_their_jobs(tmp_path: Path) -> None:
    path = write_capture(
        tmp_path / "session.jsonl",
        {"address": "/diegetic/render", "arguments": [1, "storm"], "job": 77},
        {"address": "/diegetic/cue/go", "arguments": [2, "slam"], "clock": 0.2, "wall": WALL_S + 1, "at": WALL_S + 9},
        {"address": "/diegetic/job/cancel", "arguments": [77], "clock": 0.3},
    )
    engine = FakeEngine()

    async def whole() -> tuple[float, float]:
        engine.subscribe(lambda news: engine.end(2) if not engine.known[2].ended else None)
        began_s = time.perf_counter()
        await asyncio.wait_for(replay(engine, path, 1.0), 20)
        return began_s, time.perf_counter()

    began_s, ended_s = asyncio.run(whole())
    render, go = engine.calls
    assert render == ("render", "storm")
    assert began_s + 0.2 + 8 <= go[2] <= ended_s - 0.1 + 8
    assert ended_s - began_s >= 0.3
    assert engine.known[1].state == "cancelled"


def engine_at(project: Path) -> Engine:
    return Engine(LiveConfig(project, "mock", "null", 24_000, 64), live_models.quick)


def live(project: Path, body: Callable[[Engine], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        async with engine_at(project) as engine, asyncio.timeout(60):
            return await body(engine)

    return asyncio.run(whole())


def test_a_session_replayed_fast_bounces_to_the_same_samples(tmp_path: Path) -> None:
    file = tmp_path / "session.jsonl"

    async def play_it(engine: Engine) -> None:
        capture = Capture(file)
        session, jobs = Session(engine, capture=capture), list[int]()
        peer = Peer("me", lambda packet: None)

        async def send(address: str, types: str, *values: Any) -> None:
            known = {job.id for job in engine.jobs()} | set(jobs)
            session.receive(peer, encode(f"/diegetic/{address}", types, values))
            for job in engine.jobs():
                if job.id not in known:
                    jobs.append(job.id)
                    assert (await engine.ended(job.id)).state == "done"

        await send("tell", "issf", 1, "storm", "rain, a bell", 3.0)
        await send("param/place", "s", "cave")
        await send("continue", "iss", 2, "storm", "thunder")
        await send("cue/define", "isss", 3, "slam", "storm", "a door slams")
        await send("cue/slam", "f", 1.0)
        while len(engine.dump().stories[0][1].events) < 5:
            await asyncio.sleep(0.01)
        await engine.ended(engine.bounce("storm", "out").id)
        capture.close()

    live(tmp_path / "first", play_it)
    result = live(tmp_path / "again", lambda engine: replay(engine, file, FAST, "out"))
    assert (result.commands, result.failed, result.stories) == (5, 0, ["storm"])
    mixes = [tmp_path / "first/out/mix.wav", tmp_path / "again/out/storm/mix.wav"]
    first, again = (read_wav(path) for path in mixes)
    assert len(first[0]) > 0
    assert (first[0] == again[0]).all()
