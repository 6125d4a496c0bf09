"""Takes and undo: what is rendered again, what comes back, what is cleared away."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diegetic.audio.wav import read_wav
from diegetic.delivery import is_delivered
from diegetic.director import Output, render_story
from diegetic.errors import InputError
from diegetic.folder import StoryFolder
from diegetic.manifest import read_manifest
from diegetic.retakes import find_event, list_takes, prune, retake, unused, use
from diegetic.story import Story, Told
from diegetic.story_file import read_story
from mock_model import MockModel

OUTPUT = Output(24_000)


def silent(progress: object) -> None:
    pass


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = StoryFolder(tmp_path_factory.mktemp("rendered") / "storm")
    render_story(MockModel(), Told("rain, a bell, thunder", 9.0, 3), folder, OUTPUT, silent)
    return folder.path


@pytest.fixture
def storm(rendered: Path, tmp_path: Path) -> StoryFolder:
    """A copy of the rendered story for each test."""
    return StoryFolder(Path(shutil.copytree(rendered, tmp_path / "storm")))


def render(folder: StoryFolder, story: Story, model: Any = None) -> None:
    render_story(model or MockModel(), story, folder, OUTPUT, silent)


def mix(folder: StoryFolder) -> Any:
    return read_wav(folder.path / "mix.wav")[0]


def test_a_retake_renders_one_event_and_leaves_the_rest(storm: StoryFolder) -> None:
    before, model = mix(storm), MockModel()
    done = retake(model, storm, "3", 7, OUTPUT, silent)
    assert done.rendered == ("e3",)
    assert [call for call in model.calls if "imagine" in call] == ["imagine e3"]
    changed = np.flatnonzero(np.abs(mix(storm) - before).max(axis=1))
    assert (changed[0] / 24_000, changed[-1] / 24_000) == pytest.approx((3.0, 6.8), abs=0.01)
    assert read_story(storm.story).events[2].seed == 7


def test_the_manifest_keeps_the_lineage_of_every_sound(storm: StoryFolder) -> None:
    (first,) = storm.takes.of("e3")
    retake(MockModel(), storm, "3", 7, OUTPUT, silent)
    kept, taken = read_manifest(storm.manifest).events[1:3]
    assert (kept.number, kept.before, kept.continues) == (1, (), None)
    assert (taken.number, taken.before, taken.seed, taken.made.model) == (2, (first.key,), 7, "mock")
    assert storm.takes.samples(storm.takes.of("e3")[1]) is not None
    assert (storm.path / taken.file).is_file()
    chain = StoryFolder(storm.path.parent / "long")
    render_story(MockModel(), Told("rain", 30.0, 3), chain, OUTPUT, silent)
    bed = [event for event in read_manifest(chain.manifest).events if event.lane == "bed"]
    assert [event.continues for event in bed] == [None, bed[0].take]


def test_a_retake_writes_only_the_files_in_which_it_is_heard(storm: StoryFolder) -> None:
    before = {path: path.stat().st_mtime_ns for path in storm.path.rglob("*.wav")}
    retake(MockModel(), storm, "3", 7, OUTPUT, silent)
    changed = {path.name for path, written in before.items() if path.stat().st_mtime_ns != written}
    assert changed == {"mix.wav", "02-foreground.wav", "03-foreground_a-bell.wav"}


def test_retakes_without_a_seed_are_all_different(storm: StoryFolder) -> None:
    for _ in range(2):
        assert retake(MockModel(), storm, "e3", None, OUTPUT, silent).rendered == ("e3",)
    listed = [each for each in list_takes(storm) if each.take.event == "e3"]
    assert [(each.place, each.take.number, each.current) for each in listed] == [
        (3, 1, False),
        (3, 2, False),
        (3, 3, True),
    ]
    assert [each.take.recipe.seed for each in listed[1:]] == [1, 2]


def test_using_an_older_take_brings_back_its_samples_without_a_model(storm: StoryFolder) -> None:
    first, first_story = mix(storm), read_story(storm.story)
    retake(MockModel(), storm, "3", 7, OUTPUT, silent)
    second = mix(storm)
    use(storm, "3", 1, OUTPUT)
    assert np.array_equal(mix(storm), first)
    assert read_story(storm.story) == first_story
    use(storm, "3", 2, OUTPUT)
    assert np.array_equal(mix(storm), second)
    model = MockModel()
    render(storm, read_story(storm.story), model)
    assert not any("imagine" in call for call in model.calls)


def test_retake_and_use_leave_the_comments_of_the_story_alone(storm: StoryFolder) -> None:
    mine = storm.story.read_text().replace('caption = "a bell"', 'caption = "a bell" # the ship is gone')
    storm.story.write_text(mine)
    retake(MockModel(), storm, "3", 7, OUTPUT, silent)
    assert storm.story.read_text() != mine
    use(storm, "3", 1, OUTPUT)
    assert storm.story.read_text() == mine


def test_an_edited_caption_is_undone_by_using_the_take_of_the_old_one(storm: StoryFolder) -> None:
    story, before = read_story(storm.story), mix(storm)
    edited = replace(story.events[3], caption="a gong", duration_s=2.0)
    render(storm, replace(story, events=(*story.events[:3], edited)))
    use(storm, "4", 1, OUTPUT)
    assert read_story(storm.story).events[3] == story.events[3]
    assert np.array_equal(mix(storm), before)


@pytest.mark.parametrize(
    ("event", "number", "said"),
    [
        ("3", 2, "take 2: of event e3 there is 1; `diegetic takes` lists all"),
        ("3", 0, "take 0"),
        ("9", 1, "event '9': must be 1..4 or an id"),
        ("0", 1, "must be 1..4"),
        ("e33", 1, "did you mean 'e3'"),
        ("²", 1, "must be 1..4"),
    ],
)
def test_what_is_not_there_is_refused_and_nothing_changes(
    storm: StoryFolder, event: str, number: int, said: str
) -> None:
    before = storm.manifest.read_bytes(), storm.story.read_bytes()
    with pytest.raises(InputError, match=said):
        use(storm, event, number, OUTPUT)
    assert (storm.manifest.read_bytes(), storm.story.read_bytes()) == before


def test_a_take_of_another_model_is_not_passed_off_as_this_one_s(storm: StoryFolder) -> None:
    render(storm, read_story(storm.story), MockModel(digest="mock-2"))
    with pytest.raises(InputError, match="was made by another model or goes on from another take"):
        use(storm, "3", 1, OUTPUT)


def test_an_event_is_found_by_place_or_id(storm: StoryFolder) -> None:
    story = read_story(storm.story)
    assert find_event(story, "2") == find_event(story, "e2") == story.events[1]


def test_pruning_deletes_what_is_not_heard_and_no_project_plays(storm: StoryFolder) -> None:
    retake(MockModel(), storm, "3", 7, OUTPUT, silent)
    heard, clips = mix(storm), len(list((storm.path / "clips").iterdir()))
    (old,) = unused(storm)
    done = prune(storm, OUTPUT)
    assert (done.takes, len(done.clips)) == ((old,), clips - len(list((storm.path / "clips").iterdir())))
    assert done.size_bytes > 100_000
    assert unused(storm) == ()
    assert np.array_equal(mix(storm), heard)
    timeline = read_manifest(storm.manifest).timeline
    assert timeline is not None
    played = {clip.path for track in timeline.tracks for item in track.items for clip in item.takes}
    assert {f"clips/{path.name}" for path in (storm.path / "clips").iterdir()} == played


def test_what_was_edited_since_is_rendered_before_it_is_pruned(storm: StoryFolder) -> None:
    retake(MockModel(), storm, "3", 7, OUTPUT, silent)
    before, text = mix(storm), storm.story.read_text()
    storm.story.write_text(text.replace("seed = 7", "seed = 8"))
    with pytest.raises(InputError, match=r"story.toml was changed since it was rendered; render it, then prune"):
        prune(storm, OUTPUT)
    assert len(unused(storm)) == 1
    assert np.array_equal(mix(storm), before)
    storm.story.write_text(text)
    prune(storm, OUTPUT)
    assert unused(storm) == ()


def test_another_instruction_is_in_the_manifest_too(storm: StoryFolder) -> None:
    story = replace(read_story(storm.story), instruction="rain and a bell")
    storm.story.write_text(storm.story.read_text().replace("rain, a bell, thunder", story.instruction))
    assert not is_delivered(storm, story, OUTPUT)
    render(storm, story)
    assert read_manifest(storm.manifest).instruction == story.instruction
    assert is_delivered(storm, story, OUTPUT)


@pytest.mark.parametrize("name", ["my edit.rpp", "MY EDIT.RPP", "storm.rpp-bak", "edit/my.RPP", "../all.RPP"])
def test_pruning_keeps_what_a_saved_project_plays(storm: StoryFolder, name: str) -> None:
    saved = storm.path / name
    saved.parent.mkdir(exist_ok=True)
    saved.write_bytes((storm.path / "storm.rpp").read_bytes())
    played = {path.name for path in (storm.path / "clips").iterdir()}
    retake(MockModel(), storm, "3", 7, OUTPUT, silent)
    prune(storm, OUTPUT)
    assert played <= {path.name for path in (storm.path / "clips").iterdir()}
