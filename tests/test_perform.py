"""What a generator keeps between tasks: what goes on for hours costs no more than its first minute."""

from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diegetic.audio.shared_sound import SharedSound
from diegetic.bounce import Output
from diegetic.folder import StoryFolder
from diegetic.generator.perform import Performer
from diegetic.generator.tasks import Bounce, Continue, Finished, LoadState, ReadyEvent, Render, SaveState, Tell
from diegetic.manifest import read_manifest
from diegetic.progress import Progress
from diegetic.story import Story, Told
from diegetic.story_file import read_story
from diegetic.takes import Take, TakeStore
from mock_model import MockModel


def watch(progress: Progress) -> None:
    pass


def goes_on(performer: Performer, folder: Path, story: Story) -> Story:
    *_, done = performer.perform(Continue(folder, story, "a hum", 2.0, 0, 0, True), watch)
    assert isinstance(done, Finished)
    return done.story


def told(performer: Performer, folder: Path) -> Story:
    *_, done = performer.perform(Tell(folder, Told("a hum", 4.0, 3), True, 0), watch)
    assert isinstance(done, Finished)
    return done.story


def test_a_sound_that_goes_on_is_drawn_from_its_last_window_not_from_its_first(tmp_path: Path) -> None:
    model = MockModel()
    performer = Performer(model)
    story = told(performer, tmp_path / "kept")
    for _ in range(4):
        model.calls.clear()
        story = goes_on(performer, tmp_path / "kept", story)
        assert [call.split()[0] for call in model.calls] == ["continue", *2 * ["imagine", "decode"]]
    assert [f"imagine {event.id} held" in model.calls for event in story.events[-2:]] == [True, True]


@pytest.mark.parametrize("go_on", [next, Generator.close])
def test_an_event_is_heard_before_a_disk_has_its_take_which_is_kept_whatever_comes_next(
    tmp_path: Path, go_on: Callable[[Any], object]
) -> None:
    performer, takes = Performer(MockModel()), StoryFolder(tmp_path).takes
    steps = performer.perform(Tell(tmp_path, Told("rain, a bell", 9.0, 3), True, 24_000), watch)
    heard = next(each for each in steps if isinstance(each, ReadyEvent))
    assert heard.sound is not None
    SharedSound.open(heard.sound).remove()
    assert not list(takes.all())
    go_on(steps)
    assert [take.event for take in takes.all()] == [heard.event.id]


def test_others_come_between_the_files_of_a_bounce_and_a_stopped_one_is_laid_out_anew(tmp_path: Path) -> None:
    performer, folder, out = Performer(MockModel()), tmp_path / "story", StoryFolder(tmp_path / "out")
    story = told(performer, folder)
    bounce = Bounce(folder, story, out.path, Output())
    files = [
        sum(1 for _ in (*out.path.glob("mix.wav"), *out.path.glob("stems/**/*.wav")))
        for _ in performer.perform(bounce, watch)
    ]
    assert max(np.diff(files)) == 1
    assert files[-1] >= 3
    (out.path / "mix.wav").unlink()
    steps = performer.perform(bounce, watch)
    while not (out.path / "mix.wav").exists():
        next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert read_manifest(out.manifest).finished_at is None
    *_, done = performer.perform(bounce, watch)
    assert isinstance(done, Finished)
    assert read_manifest(out.manifest).finished_at is not None


def test_a_bounce_has_the_takes_of_its_story_and_none_of_cues_that_never_sounded(tmp_path: Path) -> None:
    performer, folder = Performer(MockModel()), tmp_path / "story"
    story = told(performer, folder)
    retaken = replace(story, events=(replace(story.events[0], seed=7), *story.events[1:]))
    for task in (
        Render(folder, retaken, 0),
        Continue(folder, story, "a door slams", 2.0, 0, 0, keep=False),
        Bounce(folder, story, tmp_path / "out", Output()),
    ):
        list(performer.perform(task, watch))
    takes = {take.key: take for take in StoryFolder(folder).takes.all()}
    bounced = list(StoryFolder(tmp_path / "out").takes.all())
    slams = {key for key, take in takes.items() if "slams" in take.recipe.caption}
    assert slams
    assert {take.key for take in bounced} == takes.keys() - slams
    assert 7 in {take.recipe.seed for take in bounced}


def test_warming_up_reads_an_event_and_draws_one_step() -> None:
    model = MockModel()
    Performer(model).warm_up()
    assert model.calls == ["recall e1", "imagine e1"]


def test_a_story_file_that_was_broken_by_hand_is_set_aside_by_what_is_told_anew(tmp_path: Path) -> None:
    performer = Performer(MockModel())
    told(performer, tmp_path)
    (tmp_path / "story.toml").write_text("a word too many")
    story = told(performer, tmp_path)
    assert read_story(tmp_path / "story.toml") == story
    assert (tmp_path / "story-1.toml").read_text() == "a word too many"


def test_a_state_that_is_loaded_sets_the_story_aside_that_was_there(tmp_path: Path) -> None:
    performer = Performer(MockModel())
    first = told(performer, tmp_path / "a")
    list(performer.perform(SaveState(tmp_path / "a", first, tmp_path / "state"), watch))
    longer = goes_on(performer, tmp_path / "a", first)
    for _ in range(2):
        list(performer.perform(LoadState(tmp_path / "a", tmp_path / "state"), watch))
    assert read_story(tmp_path / "a" / "story.toml") == first
    assert read_story(tmp_path / "a" / "story-1.toml") == longer
    assert not (tmp_path / "a" / "story-2.toml").exists()


def test_takes_are_not_looked_for_the_more_often_the_longer_a_sound_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    find = TakeStore.find

    def counting(store: TakeStore, key: str) -> Take | None:
        looked.append(key)
        return find(store, key)

    monkeypatch.setattr(TakeStore, "find", counting)
    performer = Performer(MockModel())
    story, counts = told(performer, tmp_path), []
    for _ in range(6):
        looked.clear()
        story = goes_on(performer, tmp_path, story)
        counts.append(len(looked))
    assert len(set(counts)) == 1
