"""The samples that the live engine played, beside what was planned and bounced."""

import asyncio
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

import live_models
from diegetic.audio.wav import read_wav
from diegetic.live.news import JobEnded, Late, SegmentEnd, SegmentReady, SegmentStart
from diegetic.story import OVERLAP_S
from live_engine import LEADS_S, RATE, TEXT, Live, live


def test_with_blocks_of_any_length_a_story_sounds_from_its_first_sample_on(tmp_path: Path) -> None:
    async def body(live: Live) -> None:
        await live.done(live.engine.tell("storm", "rain", 3.0))
        await live.until(lambda: len(live.of(SegmentStart)) == 2)

    late = {each.subject for each in live(body, tmp_path, block_frames=4096).of(Late)}
    assert "storm/e1" not in late


def test_what_was_played_is_the_bounce_sample_for_sample(tmp_path: Path) -> None:
    record = tmp_path / "played.wav"
    frames: list[int] = []

    async def body(live: Live) -> None:
        for lead_s in LEADS_S:
            heard = len(live.of(SegmentEnd))
            await live.done(live.engine.tell("storm", TEXT, 3.0, time.perf_counter() + lead_s))
            await live.until(lambda: len(live.of(SegmentEnd)) == heard + 4)  # noqa: B023
            if not live.of(Late):
                break
            live.news.clear()
        frames.append(round(min(each.at_s for each in live.of(SegmentStart)) * RATE))
        await live.done(live.engine.bounce("storm", "out"))

    live(body, tmp_path / "project", record=record)
    mix, _ = read_wav(tmp_path / "project" / "out" / "mix.wav")
    played, _ = soundfile.read(record, dtype="float32")
    loud = int(np.argmax(np.abs(mix).max(1)))
    begins = [
        int(frame) - loud for frame in np.flatnonzero(np.abs(np.abs(played).max(1) - np.abs(mix[loud]).max()) < 2**-22)
    ]
    whole = [played[begin : begin + len(mix)] for begin in begins if begin >= 0]
    assert min(np.abs(each - mix).max() for each in whole if len(each) == len(mix)) <= 2**-24
    assert np.abs(mix).max() > 0.05


def test_a_bed_goes_on_until_what_follows_it_is_rendered(tmp_path: Path) -> None:
    """Two windows of a bed, 2 s each; the second is held back until the first has faded out."""
    record = tmp_path / "played.wav"
    (tmp_path / "held").touch()

    async def body(live: Live) -> None:
        job = live.engine.tell("storm", "wind", 4.0)
        await live.until(lambda: bool(live.of(SegmentEnd)))
        await asyncio.sleep(1.0)
        (tmp_path / "held").unlink()
        await live.done(job)
        await live.until(lambda: len(live.of(SegmentEnd)) == 2)

    heard = live(body, tmp_path / "project", loader=live_models.holding(tmp_path / "held"), record=record)
    assert heard.of(Late)[0].subject == "storm/e2"
    played, _ = soundfile.read(record, dtype="float32")
    level = np.sqrt(np.mean(played[: len(played) // 1200 * 1200].reshape(-1, 1200 * 2) ** 2, axis=1))
    sounding = np.flatnonzero(level > 1e-3)
    assert level[sounding[0] + 1 : sounding[-1] - 16].min() > 0.2 * np.median(level[sounding])


def test_a_bed_does_not_go_on_into_a_silence_that_is_planned(tmp_path: Path) -> None:
    """Two seconds of a bed, two of silence, two of another, which is held back until the first has faded out."""
    record = tmp_path / "played.wav"
    (tmp_path / "held").touch()

    async def body(live: Live) -> None:
        job = live.engine.tell("storm", "wind", 6.0)
        await live.until(lambda: bool(live.of(SegmentEnd)))
        (tmp_path / "held").unlink()
        await live.done(job)
        await live.until(lambda: len(live.of(SegmentEnd)) == 2)

    live(body, tmp_path / "project", loader=live_models.holding(tmp_path / "held", 2.0), record=record)
    played, _ = soundfile.read(record, dtype="float32")
    sounding = np.flatnonzero(np.abs(played).max(1) > 1e-3)
    silence, longest = np.diff(sounding), int(np.argmax(np.diff(sounding)))
    assert (sounding[longest] - sounding[0]) / RATE == pytest.approx(2.0 + OVERLAP_S, abs=0.1)
    assert silence[longest] / RATE >= 2.0 - OVERLAP_S - 0.01


@pytest.mark.parametrize("crashes", [False, True])
def test_an_event_sounds_before_it_is_whole_and_is_whole_when_it_has_sounded(tmp_path: Path, crashes: bool) -> None:
    """Its decoder stops after two of four seconds; or its process ends there, and another one does all of it."""
    held, crash, record = tmp_path / "held", tmp_path / "crash", tmp_path / "played.wav"
    held.touch()

    async def body(live: Live) -> None:
        job = live.engine.tell("storm", "wind", 4.0)
        await live.until(lambda: bool(live.of(SegmentStart)))
        assert not live.of(JobEnded)
        if crashes:
            crash.touch()
            await live.until(lambda: not crash.exists())
        held.unlink()
        await live.done(job)
        await live.until(lambda: bool(live.of(SegmentEnd)))
        told = [len(live.of(kind)) for kind in (SegmentReady, SegmentStart, SegmentEnd)]
        assert told == [1 + crashes, 1, 1]  # what is begun again is told again
        await live.done(live.engine.bounce("storm", "out"))

    live(body, tmp_path / "project", live_models.piecewise(held, crash), record=record)
    played, _ = soundfile.read(record, dtype="float32")
    bounced, _ = read_wav(tmp_path / "project/out/mix.wav")
    last_played, last_bounced = (int(np.flatnonzero(np.abs(each).max(1) > 0.01)[-1]) for each in (played, bounced))
    heard = played[last_played - last_bounced :][: len(bounced)]
    # What was due while nobody had decoded it was silence.
    there = heard.any(axis=1) if crashes else np.full(len(heard), True)
    np.testing.assert_allclose(heard[there], bounced[there], atol=1e-6)
