"""The generator as a process: what comes of each task, its model and memory; with models that cost nothing."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import live_models
from diegetic.audio.shared_sound import SharedSound
from diegetic.audio.wav import read_wav
from diegetic.bounce import Output
from diegetic.generator.tasks import Bounce, Continue, LoadState, PlannedEvent, ReadyEvent, Render, SaveState
from diegetic.live.jobs import Refused
from diegetic.story_file import read_story
from generator_bench import RATE, Bench, tell, work


def test_a_story_is_told_event_by_event(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        done = await bench.do(1, tell(tmp_path))
        kinds = [type(outcome) for _, outcome in bench.outcomes]
        assert kinds == [PlannedEvent, ReadyEvent] * 4
        assert done.story == read_story(tmp_path / "story.toml")
        assert {"plan", "diffuse", "decode"} == {within.stage for within in bench.watched}

    work(body)


def test_the_sounds_add_up_to_the_bounce_bit_by_bit(tmp_path: Path) -> None:
    heard = np.zeros((9 * RATE, 2), np.float32)

    async def body(bench: Bench) -> None:
        done = await bench.do(1, tell(tmp_path / "a"))
        sounds = {each.event.id: SharedSound.open(each.sound) for each in bench.ready(1) if each.sound}
        for each in bench.ready(1):
            if each.joint is not None:
                sounds[each.joint.event].envelope[each.joint.begin :] = each.joint.gain
        for event in done.story.events:
            sound, start = sounds[event.id], round(event.start_s * RATE)
            heard[start : start + len(sound.samples)] += sound.samples * sound.envelope[:, None]
            sound.close()
        await bench.do(2, Bounce(tmp_path / "a", done.story, tmp_path / "b", Output(RATE)))

    work(body)
    mix, _ = read_wav(tmp_path / "b" / "mix.wav")
    assert np.abs(mix - heard).max() <= 2**-24
    assert len(list((tmp_path / "b" / "takes").glob("*.wav"))) == 4


def test_only_planning_renders_nothing_and_rendering_comes_later(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        done = await bench.do(1, tell(tmp_path, render=False))
        assert bench.ready(1) == []
        assert (await bench.do(2, Render(tmp_path, done.story, 0))).text == "4 events rendered, 0 kept"
        assert (await bench.do(3, Render(tmp_path, done.story, 0))).text == "0 events rendered, 4 kept"

    work(body)


def test_what_is_rendered_ahead_leaves_the_story_s_memory_as_it_was(tmp_path: Path) -> None:
    def on(story: Any, text: str, keep: bool) -> Continue:
        return Continue(tmp_path, story, text, 3.0, 3, RATE, keep)

    async def body(bench: Bench) -> None:
        story = (await bench.do(1, tell(tmp_path))).story
        ahead = (await bench.do(2, on(story, "a door slams", False))).story
        assert read_story(tmp_path / "story.toml") == story
        assert (await bench.do(3, on(story, "a door slams", False))).story == ahead
        assert [event.caption for event in ahead.events[4:]] == ["a door slams"], "a cue is only what it says"
        kept = (await bench.do(4, on(story, "a door slams", True))).story
        assert kept == read_story(tmp_path / "story.toml")
        assert [event.caption for event in kept.events[4:]] == ["quiet air", "a door slams"]
        assert kept.seconds == ahead.seconds == 12.0
        first, second = (bench.ready(job)[0].sound for job in (2, 3))
        assert first is not None
        assert second is not None
        assert np.array_equal(SharedSound.open(first).samples, SharedSound.open(second).samples)

    work(body)


def test_a_saved_state_goes_on_as_the_story_itself_does(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        story = (await bench.do(1, tell(tmp_path / "a"))).story
        await bench.do(2, SaveState(tmp_path / "a", story, tmp_path / "saved.bin"))
        loaded = (await bench.do(3, LoadState(tmp_path / "b", tmp_path / "saved.bin"))).story
        assert loaded == story
        longer = [
            (await bench.do(job, Continue(tmp_path / name, story, "a crow", 3.0, 3, 0, True))).story
            for job, name in ((4, "a"), (5, "b"))
        ]
        assert longer[0] == longer[1]
        one, two = (sorted((tmp_path / name / "takes").glob("e5*.wav"))[0] for name in "ab")
        assert one.name == two.name

    work(body)


def test_a_damaged_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.bin").write_bytes(b"{}\nnonsense")

    async def body(bench: Bench) -> None:
        with pytest.raises(Refused, match=r"bad.bin: is no saved state") as refused:
            await bench.do(1, LoadState(tmp_path / "b", tmp_path / "bad.bin"))
        assert refused.value.code == 422

    work(body)


def test_a_model_that_can_t_be_loaded_says_why(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(Refused, match="its weights are missing"):
            await bench.generator.load("mock")
        with pytest.raises(Refused, match="its weights are missing"):
            await bench.do(1, tell(tmp_path))

    work(body, live_models.missing)


def test_a_model_is_unloaded_after_a_while_and_loaded_when_needed(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        await bench.generator.load("mock")
        await bench.do(1, tell(tmp_path / "a"))
        assert bench.generator.loaded == "mock"
        while bench.generator.loaded:
            await asyncio.sleep(0.01)
        await bench.do(2, tell(tmp_path / "b"))
        assert bench.generator.loaded == "mock"

    work(body, keep_alive_s=0.3)


@pytest.mark.parametrize("loads", [True, False])
def test_a_job_goes_on_where_the_model_is_unloaded_or_another_is_loaded_meanwhile(tmp_path: Path, loads: bool) -> None:
    async def body(bench: Bench) -> None:
        await bench.generator.load("mock")
        telling = asyncio.create_task(bench.do(1, tell(tmp_path)))
        while not bench.ready(1):
            await asyncio.sleep(0.01)
        await (bench.generator.load("other") if loads else bench.generator.unload())
        done = await telling
        assert [event.id for event in done.story.events] == ["e1", "e2", "e3", "e4"]
        assert bench.generator.loaded == ("other" if loads else "mock")

    work(body, live_models.slow)


def test_a_model_over_the_budget_is_refused(tmp_path: Path) -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(Refused, match=r"memory: mock takes \d+ MB, 1 are allowed") as refused:
            await bench.do(1, tell(tmp_path))
        assert refused.value.code == 507
        assert bench.generator.loaded == ""

    work(body, budget_bytes=1_000_000)
