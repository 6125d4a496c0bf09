"""The live engine on a JACK server: fired by liblo's oscsend, heard by a client that keeps every frame."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from jack_server import PERIOD, RATE, Jack
from late_wakes import LateWakes
from numpy.typing import NDArray

import live_models
from diegetic.audio.wav import read_wav
from diegetic.engine import Engine, LiveConfig, Loader
from diegetic.live.cues import Cue
from diegetic.live.jobs import Job
from diegetic.live.news import DeviceChanged, Late, News, SegmentEnd, SegmentStart, Underrun
from diegetic.model.registry import load_model
from diegetic.protocol import StoryModel
from diegetic.settings import Settings
from diegetic_bridges.osc import OscServer
from diegetic_bridges.session import Session

pytestmark = [
    pytest.mark.real,
    pytest.mark.alone,
    pytest.mark.skipif(shutil.which("oscsend") is None, reason="needs oscsend (apt install liblo-tools)"),
]

Samples = NDArray[np.float32]
GOES = 200
TOLD_WITHIN_S = 0.5
"""From a missed block until it is told of."""


class Live:
    """An engine on the server, with its OSC port, and all it told."""

    def __init__(self, engine: Engine, port: int) -> None:
        self.engine, self.port = engine, port
        self.news: list[News] = []
        engine.subscribe(self.news.append)

    def starts(self) -> list[SegmentStart]:
        return [each for each in self.news if isinstance(each, SegmentStart)]

    def over(self, story: str) -> int:
        """How many events of a story, or of a cue in it, have sounded, or went by unheard."""
        ends = (isinstance(each, SegmentEnd) and each.story == story for each in self.news)
        dropped = (isinstance(each, Late) and each.action == "drop" for each in self.news)
        return sum(ends) + sum(dropped)

    def disturbed(self) -> bool:
        """Whether the machine was so busy that something was moved, or left out."""
        return any(isinstance(each, Late | DeviceChanged) for each in self.news)

    async def done(self, job: Job) -> None:
        ended = await self.engine.ended(job.id)
        assert ended.state == "done", ended

    async def oscsend(self, *words: str) -> None:
        process = await asyncio.create_subprocess_exec("oscsend", f"osc.udp://127.0.0.1:{self.port}/", *words)
        assert await process.wait() == 0

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            await asyncio.sleep(0.005)


def live(
    body: Callable[[Live], Awaitable[None]],
    project: Path,
    loader: Loader,
    record: Path | None = None,
    limit_s: float = 120.0,
) -> None:
    async def run() -> None:
        engine = Engine(LiveConfig(project, "pocket", "ear", RATE, PERIOD, record=record), loader)
        async with engine, OscServer(Session(engine), port=0) as server:
            played = Live(engine, server.port)
            try:
                async with asyncio.timeout(limit_s):
                    await body(played)
            except TimeoutError:
                pytest.fail(f"not over after {limit_s:g} s; told last: {played.news[-20:]}")

    asyncio.run(run())


def pocket(name: str) -> StoryModel:
    return load_model(name, Settings(threads=1))


def test_a_cue_fired_by_oscsend_is_heard_and_a_story_is_its_bounce_to_the_sample(jack: Jack, tmp_path: Path) -> None:
    bounced: list[Samples] = []

    async def body(live: Live) -> None:
        engine = live.engine
        assert engine.status().device == "ear"
        await live.oscsend("/diegetic/cue/define", "isss", "1", "slam", "hall", "a door slams")
        await live.oscsend("/diegetic/cue/slam", "f", "1.0")
        await live.until(lambda: live.over("hall") == 2)
        for lead_s in (1.0, 4.0, 12.0, 4.0):  # a busy machine may be late, which moves what sounds
            live.news.clear()
            await live.done(engine.tell("storm", "rain, a bell, thunder", 6.0, time.monotonic() + lead_s))
            await live.until(lambda: live.over("storm") == 4)
            if not live.disturbed():
                break
        await live.done(engine.bounce("storm", "out"))
        bounced.append(read_wav(tmp_path / "out" / "mix.wav")[0])

    live(body, tmp_path, live_models.quick)
    heard, _ = jack.heard()
    mix = bounced[0]
    loud = int(np.argmax(np.abs(mix).max(1)))
    alike = np.flatnonzero(np.abs(heard[:, 0] - mix[loud, 0]) <= 2**-24)
    places = [place - loud for place in alike if 0 <= place - loud <= len(heard) - len(mix)]
    assert min(np.abs(heard[place : place + len(mix)] - mix).max() for place in places) <= 2**-24


def test_an_armed_cue_sounds_within_a_block_of_being_asked_for(jack: Jack, tmp_path: Path) -> None:
    """200 times: how long from go until the block that its first sample is in begins to be mixed."""
    waits: list[float] = []

    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.plan("hall", "quiet", 4.0))
        await live.done(engine.cue_define(Cue("slam", "hall", "a door slams")))
        await live.done(engine.cue_arm("slam"))
        for _ in range(GOES):
            live.news.clear()
            asked_s = time.monotonic()
            await live.done(engine.cue_go("slam"))
            waits.append(live.starts()[0].at_s - asked_s)
            await live.done(engine.cue_stop("slam"))
            await asyncio.sleep(0.02)

    live(body, tmp_path, live_models.quick)
    jack.heard()
    blocks = np.array(waits) * RATE / PERIOD
    print(f"go to first sample, in blocks of {PERIOD}: median {np.median(blocks):.2f}, worst {blocks.max():.2f}")
    assert np.median(blocks) <= 2.0


def test_two_minutes_of_rendering_without_pause_do_not_stop_the_sound(jack: Jack, tmp_path: Path) -> None:
    """Each block that was mixed is in the capture, once; cycles begin late only where the machine itself is late."""
    told: list[tuple[float, int]] = []
    played: list[int] = []

    async def body(live: Live) -> None:
        engine = live.engine
        await live.done(engine.tell("storm", "wind and rain", 20.0))
        await live.done(engine.cue_define(Cue("bell", "storm", "a bell rings")))
        await live.done(engine.cue_arm("bell"))
        until_s, number = time.monotonic() + 120, 0
        engine.subscribe(
            lambda news: told.append((time.monotonic(), news.blocks)) if isinstance(news, Underrun) else None
        )
        while time.monotonic() < until_s:
            number += 1
            await live.done(engine.cue_go("bell"))
            await live.done(engine.tell(f"story-{number}", f"wind, rain and {number} crows", 8.0))
        played.extend((number, round((time.monotonic() - until_s + 120) * RATE / PERIOD)))

    wakes = LateWakes()
    try:
        live(body, tmp_path, pocket, tmp_path / "played.wav", limit_s=400)
    finally:
        late = wakes.stop()
    heard, xruns = jack.heard()
    mixed, _ = soundfile.read(tmp_path / "played.wav", dtype="float32")
    alike, of = _blocks_alike(heard, mixed)
    print(f"{alike} of {of} blocks captured as they were mixed, one after another")
    stories, blocks = played
    missed = sum(count for _, count in told)
    ours = sum(count for at_s, count in told if not any(at_s - TOLD_WITHIN_S < each < at_s for each in late))
    print(f"{missed} late cycles of {blocks}, beside {stories} stories; {xruns} xruns of the server")
    print(f"cores were late {len(late)} times; {ours} late cycles without that")
    assert alike == of >= 120 * RATE // PERIOD
    assert (ours == 0) if wakes.watches else (missed <= blocks / 1000)
    assert stories >= 3


def _blocks_alike(heard: Samples, mixed: Samples) -> tuple[int, int]:
    """How many blocks are the same from the first that sounds on, until one is missing or doubled; of how many."""
    heard, mixed = (each[np.flatnonzero(np.abs(each).max(1))[0] :] for each in (heard, mixed))
    of = min(len(heard), len(mixed)) // PERIOD
    shape = (of, PERIOD * mixed.shape[1])
    same = (heard[: of * PERIOD].reshape(shape) == mixed[: of * PERIOD].reshape(shape)).all(1)
    return (of if same.all() else int(np.argmin(same))), of
