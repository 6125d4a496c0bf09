"""Loops: the end meets the start, measured as joins are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from diegetic.audio.riff import read_chunks
from diegetic.audio.seams import level_jump_db, spectrum_jump_db
from diegetic.audio.wav import read_wav
from diegetic.delivery import is_delivered
from diegetic.director import Output, render_story
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.loops import looped, looping
from diegetic.manifest import read_manifest
from diegetic.story import OVERLAP_S, Event, Story, Told
from diegetic.story_file import read_story, write_story
from mock_model import MockModel

RATE = 24_000
Samples = NDArray[np.float32]


def wind(seconds: float, seed: int) -> Samples:
    """Noise that grows by 12 dB, so that a plain cut would be heard."""
    frames = round(seconds * RATE)
    noise = np.random.default_rng(seed).standard_normal((frames, 2)) * np.geomspace(0.05, 0.2, frames)[:, None]
    return noise.astype(np.float32)


def rendered(folder: Path, output: Output | None = None, told: Told | None = None, **looping: bool) -> StoryFolder:
    """A story whose events loop that are named, e1=True."""
    story = StoryFolder(folder)
    render_story(MockModel(), told or Told("rain, a bell", 4.0), story, Output(RATE), lambda progress: None)
    events = tuple(replace(event, loop=looping.get(event.id, False)) for event in read_story(story.story).events)
    asked = replace(read_story(story.story), events=events)
    render_story(MockModel(), asked, story, output or Output(RATE), lambda progress: None)
    return story


def loop_of(folder: StoryFolder) -> str:
    (path,) = [laid.path for laid in read_manifest(folder.manifest).files if laid.kind == "loop"]
    return path


@pytest.mark.parametrize("seed", range(6))
def test_the_seam_jumps_less_than_the_sound_does_inside_at_the_median(seed: int) -> None:
    loop = looped(wind(6 + OVERLAP_S, seed), RATE)
    assert len(loop) == 6 * RATE
    twice, seam = np.concatenate([loop, loop]).mean(axis=1), len(loop) / RATE
    for jump in (level_jump_db, spectrum_jump_db):
        inside = [jump(twice, RATE, at) for at in np.arange(0.5 + OVERLAP_S, seam - 0.5, 0.05)]
        assert jump(twice, RATE, seam) < np.median(inside)


def test_a_plain_cut_would_be_heard() -> None:
    cut = wind(6, 1)
    assert level_jump_db(np.concatenate([cut, cut]).mean(axis=1), RATE, 6) > 6


def test_the_end_goes_on_at_the_start_sample_by_sample() -> None:
    frames = round((3 + OVERLAP_S) * RATE)
    tone = np.sin(2 * np.pi * 100.3 * np.arange(frames) / RATE).astype(np.float32)[:, None]
    loop = looped(tone, RATE)
    assert len(loop) == 3 * RATE
    twice = np.concatenate([loop, loop])[:, 0]
    step = np.abs(np.diff(twice))
    assert step[len(loop) - 1] <= np.abs(np.diff(tone[:, 0])).max() * 1.01


def test_the_shortest_event_and_silence_can_loop() -> None:
    for sound in (wind(1 + OVERLAP_S, 1), np.zeros((round(1.8 * RATE), 1), np.float32)):
        assert len(looped(sound, RATE)) == RATE


def test_an_event_that_loops_is_written_with_its_loop_points(tmp_path: Path) -> None:
    folder = rendered(tmp_path / "storm", Output(48_000), e1=True)
    assert loop_of(folder) == "loops/01-bed_quiet-air.wav"
    path = folder.path / "loops/01-bed_quiet-air.wav"
    assert read_wav(path)[0].shape == (4 * 48_000, 2)
    (smpl,) = [chunk.content for chunk in read_chunks(path.read_bytes()) if chunk.name == b"smpl"]
    assert [int.from_bytes(smpl[at : at + 4], "little") for at in (44, 48)] == [0, 4 * 48_000 - 1]
    wavinfo = pytest.importorskip("wavinfo")
    read = wavinfo.WavInfoReader(str(path))
    assert [(cue.sample_offset, read.cues.range(cue.name)) for cue in read.cues.cues] == [(0, 4 * 48_000)]


def test_no_stem_changes_and_nothing_is_rendered_for_a_loop_and_it_goes_when_it_is_not_wanted(tmp_path: Path) -> None:
    folder = rendered(tmp_path / "storm")
    story, before = read_story(folder.story), (folder.path / "mix.wav").read_bytes()
    model, looping = MockModel(), replace(story, events=(replace(story.events[0], loop=True), *story.events[1:]))
    assert is_delivered(folder, story, Output(RATE))
    assert not is_delivered(folder, looping, Output(RATE))
    render_story(model, looping, folder, Output(RATE), lambda progress: None)
    assert not [call for call in model.calls if call.startswith("decode")]
    assert (folder.path / "mix.wav").read_bytes() == before
    assert (folder.path / loop_of(folder)).is_file()
    render_story(model, story, folder, Output(RATE), lambda progress: None)
    assert list((folder.path / "loops").iterdir()) == []


def test_the_windows_of_one_sound_are_one_loop(tmp_path: Path) -> None:
    told = Told("rain", 28.0)
    folder = rendered(tmp_path / "storm", None, told, e1=True, e3=True)
    chains = looping(read_story(folder.story))
    assert [[event.caption for event in chain] for chain in chains] == [["quiet air"] * 2]
    assert len(read_wav(folder.path / loop_of(folder))[0]) == 28 * RATE


def test_events_that_do_not_follow_loop_alone() -> None:
    events = (
        Event("e1", "rain", 0, 4, "bed", loop=True),
        Event("e2", "wind", 4, 4, "bed", loop=True),
        Event("e3", "rain", 8, 4, "bed", loop=True),
        Event("e4", "rain", 12, 4, "bed"),
    )
    chains = looping(Story("x", 16, 0, "mock", "", events))
    assert [[event.id for event in chain] for chain in chains] == [["e1"], ["e2"], ["e3"]]


@pytest.mark.parametrize(("file_format", "ending"), [("wav32f", ".wav"), ("flac", ".flac")])
def test_a_loop_has_the_format_of_the_stems(tmp_path: Path, file_format: str, ending: str) -> None:
    folder = rendered(tmp_path / "storm", Output(RATE, file_format=file_format, channels="mono"), e1=True)  # type: ignore[arg-type]
    path = folder.path / loop_of(folder)
    assert path.suffix == ending
    info = soundfile.info(path)
    assert (info.channels, info.subtype) == (1, "FLOAT" if file_format == "wav32f" else "PCM_24")


def test_loop_is_written_in_the_story_and_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "story.toml"
    story = Story("x", 4, 0, "mock", "", (Event("e1", "rain", 0, 4, loop=True), Event("e2", "bell", 0, 2)))
    write_story(path, story)
    assert path.read_text(encoding="utf-8").count("\nloop = true\n") == 1
    assert read_story(path) == story
    path.write_text(path.read_text(encoding="utf-8").replace("loop = true", 'loop = "yes"'), encoding="utf-8")
    with pytest.raises(InputError, match="loop must be true or false, got the string 'yes'"):
        read_story(path)
