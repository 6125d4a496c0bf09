"""From a told text to files, with a model that costs nothing: what is rendered, what is kept, what survives."""

import json
import multiprocessing
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from diegetic.audio.loudness import true_peak_db
from diegetic.audio.wav import read_wav
from diegetic.director import Output, Progress, Rendered, continue_story, plan_story, render_story
from diegetic.errors import Cancelled, Failure, InputError
from diegetic.folder import StoryFolder
from diegetic.story import Story, Told
from diegetic.story_file import read_story, write_story
from mock_model import MockModel

TOLD = Told("rain, a bell, thunder", 9.0, 3)
OUTPUT = Output(rate_hz=24_000)


def silent(progress: Progress) -> None:
    pass


def render(folder: Path, asked: Told | Story = TOLD, model: MockModel | None = None, **output: Any) -> Rendered:
    return render_story(model or MockModel(), asked, StoryFolder(folder), replace(OUTPUT, **output), silent)


def mix(folder: Path) -> NDArray[np.float32]:
    return read_wav(folder / "mix.wav")[0]


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_told_text_becomes_a_folder_of_aligned_files(tmp_path: Path) -> None:
    done = render(tmp_path)
    stems = {
        "stems/01-bed.wav",
        "stems/02-foreground.wav",
        "stems/events/01-bed_quiet-air.wav",
        "stems/events/02-foreground_rain.wav",
        "stems/events/03-foreground_a-bell.wav",
        "stems/events/04-foreground_thunder.wav",
    }
    assert {laid.path for laid in done.files} == stems | {"mix.wav"}
    assert stems | {"mix.wav", "story.toml", "manifest.json", "memory.bin"} <= files(tmp_path)
    assert len(list((tmp_path / "takes").glob("*.wav"))) == 4
    assert {len(read_wav(tmp_path / path)[0]) for path in stems} == {9 * 24_000}
    assert not [name for name in files(tmp_path) if name.endswith(".tmp") or "holder" in name]


def test_each_event_is_rendered_before_the_next_is_planned(tmp_path: Path) -> None:
    model = MockModel()
    render(tmp_path, model=model)
    assert model.calls[:6] == ["plan e1", "imagine e1", "decode e1", "plan e2", "imagine e2", "decode e2"]


def test_the_story_file_gives_the_samples_of_the_first_telling(tmp_path: Path) -> None:
    render(tmp_path / "a", Told("rain, a bell, thunder over the sea", 10.0, 3))
    story = read_story(tmp_path / "a" / "story.toml")
    done = render(tmp_path / "b", story)
    assert len(done.rendered) == 4
    assert np.array_equal(mix(tmp_path / "a"), mix(tmp_path / "b"))


def test_stems_add_up_to_the_mix(tmp_path: Path) -> None:
    done = render(tmp_path)
    assert (done.level.limited_db, done.level.stems_gain_db) == (0, 0)
    for kind in ("lane", "event"):
        total = np.sum([read_wav(tmp_path / laid.path)[0] for laid in done.files if laid.kind == kind], axis=0)
        assert np.abs(total - mix(tmp_path)).max() < 4 * 2**-23


def test_a_hot_story_is_limited_and_its_stems_turned_down_together(tmp_path: Path) -> None:
    done = render(tmp_path, model=MockModel(level=3.0))
    for laid in done.files:
        assert true_peak_db(read_wav(tmp_path / laid.path)[0]) <= -0.99
    assert done.level.limited_db > 3
    assert done.level.stems_gain_db < -3


def test_an_edit_renders_only_what_it_changes(tmp_path: Path) -> None:
    render(tmp_path)
    story = read_story(tmp_path / "story.toml")
    takes = {path.name for path in (tmp_path / "takes").iterdir()}
    before = {laid: read_wav(tmp_path / laid)[0] for laid in ("stems/01-bed.wav", "mix.wav")}
    edited = replace(story.events[2], caption="a bigger bell")
    done = render(tmp_path, replace(story, events=(*story.events[:2], edited, story.events[3])))
    assert done.rendered == ("e3",)
    assert done.kept == ("e1", "e2", "e4")
    assert takes < {path.name for path in (tmp_path / "takes").iterdir()}
    assert np.array_equal(read_wav(tmp_path / "stems/01-bed.wav")[0], before["stems/01-bed.wav"])
    assert not np.array_equal(mix(tmp_path), before["mix.wav"])
    assert "stems/events/03-foreground_a-bell.wav" not in files(tmp_path)
    assert "stems/events/03-foreground_a-bigger-bell.wav" in files(tmp_path)


def test_undoing_an_edit_finds_the_older_take(tmp_path: Path) -> None:
    render(tmp_path)
    story, heard = read_story(tmp_path / "story.toml"), mix(tmp_path)
    render(tmp_path, replace(story, seed=4))
    assert not np.array_equal(mix(tmp_path), heard)
    assert render(tmp_path, story).rendered == ()
    assert np.array_equal(mix(tmp_path), heard)


def test_moving_an_event_or_its_gain_renders_nothing(tmp_path: Path) -> None:
    render(tmp_path)
    story = read_story(tmp_path / "story.toml")
    moved = replace(story.events[3], start_s=4.5, gain_db=-6)
    assert render(tmp_path, replace(story, events=(*story.events[:3], moved))).rendered == ()


def test_telling_the_same_text_again_goes_on_with_what_was_edited(tmp_path: Path) -> None:
    render(tmp_path)
    story = read_story(tmp_path / "story.toml")
    write_story(tmp_path / "story.toml", replace(story, events=story.events[:2]))
    assert render(tmp_path).kept == ("e1", "e2")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (replace(TOLD, instruction="snow"), 'holds another story \\("rain, a bell, thunder"\\); give another folder'),
        (replace(TOLD, seconds=12), "holds this story with seconds = 9.0, got 12; edit story.toml there"),
        (replace(TOLD, seed=4), "with seed = 3, got 4"),
    ],
)
def test_a_folder_of_another_story_is_refused_with_a_way_out(tmp_path: Path, told: Told, said: str) -> None:
    story = render(tmp_path).story
    before = mix(tmp_path)
    with pytest.raises(InputError, match=said):
        render(tmp_path, told)
    with pytest.raises(InputError, match="holds another story"):
        render(tmp_path, replace(story, instruction="snow"))
    (tmp_path / "story.toml").unlink()
    with pytest.raises(InputError, match=said):
        render(tmp_path, told)
    with pytest.raises(InputError, match="holds another story"):
        render(tmp_path, replace(story, instruction="snow"))
    assert np.array_equal(mix(tmp_path), before)


def test_somebody_s_own_sound_is_not_overwritten(tmp_path: Path) -> None:
    planned = render(tmp_path / "other").story
    (tmp_path / "mix.wav").write_bytes(b"mine")
    for asked in (TOLD, planned):
        with pytest.raises(InputError, match="has sound in it that isn't this story's"):
            render(tmp_path, asked)
    assert (tmp_path / "mix.wav").read_bytes() == b"mine"


def test_a_long_bed_goes_on_from_window_to_window(tmp_path: Path) -> None:
    model = MockModel()
    done = render(tmp_path, Told("rain", 60.0), model)
    assert [call for call in model.calls if "held" in call] == ["imagine e3 held", "imagine e4 held"]
    bed = [take for take in done.takes if take.recipe.lane == "bed"]
    assert [take.recipe.continues for take in bed] == [None, bed[0].key, bed[1].key]


def test_what_a_lost_window_continued_is_imagined_again(tmp_path: Path) -> None:
    told = Told("rain", 60.0)
    done = render(tmp_path, told)
    heard, last = mix(tmp_path), next(take for take in done.takes if take.event == "e4")
    (tmp_path / "takes" / last.file).unlink()
    model = MockModel()
    assert render(tmp_path, told, model).rendered == ("e4",)
    assert [call for call in model.calls if "imagine" in call] == ["imagine e1", "imagine e3 held", "imagine e4 held"]
    assert np.array_equal(mix(tmp_path), heard)


@pytest.mark.parametrize("stage", ["plan", "diffuse", "decode", "write"])
def test_what_is_stopped_in_any_stage_goes_on_from_there(tmp_path: Path, stage: str) -> None:
    def stop(progress: Progress) -> None:
        late = progress.event is not None and progress.event.id == "e3"
        if progress.stage == stage and (late or stage == "write"):
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        render_story(MockModel(), TOLD, StoryFolder(tmp_path / "a"), OUTPUT, stop)
    assert not [name for name in files(tmp_path) if name.endswith(".tmp")]
    done = render(tmp_path / "a")
    assert len(done.kept) >= 2
    render(tmp_path / "b")
    assert np.array_equal(mix(tmp_path / "a"), mix(tmp_path / "b"))


def test_a_disk_that_fills_up_is_one_failure_and_no_half_file(tmp_path: Path, full_disk: Path) -> None:
    with pytest.raises(Failure, match=r"the disk is full .* free some space and run the same command again"):
        render(full_disk / "story", Told("rain, bell", 20.0))
    for name in files(full_disk):
        assert not name.endswith(".tmp")
        if name.endswith(".wav"):
            read_wav(full_disk / name)


def test_a_folder_in_use_names_its_holder_and_a_dead_holder_is_forgotten(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    holder = context.Process(target=_hold, args=(str(tmp_path), ready), daemon=True)
    holder.start()
    assert ready.wait(20)
    with pytest.raises(Failure, match=f"is being worked on by process {holder.pid} on .* since 20"):
        render(tmp_path)
    holder.kill()
    holder.join()
    assert render(tmp_path).rendered


def _hold(folder: str, ready: Any) -> None:
    with StoryFolder(Path(folder)).held():
        ready.set()
        multiprocessing.Event().wait()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(InputError, match="must be a folder, is a file"):
        StoryFolder(tmp_path / "a").check()
    with pytest.raises(InputError, match="can't be written to"):
        StoryFolder(tmp_path / "a" / "b").check()
    if sys.platform == "linux":
        with pytest.raises(InputError, match="can't be written to"):
            StoryFolder(Path("/proc/story")).check()
    StoryFolder(tmp_path / "new" / "er").check()
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("stems", "count"), [("lane", 2), ("event", 4), ("both", 6)])
def test_only_the_stems_asked_for_are_left(tmp_path: Path, stems: str, count: int) -> None:
    render(tmp_path)
    render(tmp_path, stems=stems)
    assert len([name for name in files(tmp_path) if name.startswith("stems")]) == count


def test_files_come_at_the_rate_asked_for(tmp_path: Path) -> None:
    render(tmp_path, rate_hz=44_100)
    samples, rate_hz = read_wav(tmp_path / "mix.wav")
    assert (rate_hz, len(samples)) == (44_100, 9 * 44_100)


def test_the_manifest_says_what_made_each_file(tmp_path: Path) -> None:
    done = render(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["model_digest"] == "mock-1"
    assert manifest["finished_at"] >= manifest["begun_at"]
    assert [event["take"] for event in manifest["events"]] == [take.key for take in done.takes]
    assert {file["path"] for file in manifest["files"]} == {laid.path for laid in done.files}
    assert manifest["level"]["true_peak_dbtp"] <= -1
    assert {"diegetic", "numpy"} <= set(manifest["versions"])


def test_a_plan_can_be_made_without_sound(tmp_path: Path) -> None:
    model = MockModel()
    story = plan_story(model, TOLD, silent)
    assert [event.caption for event in story.events] == ["quiet air", "rain", "a bell", "thunder"]
    assert not any("imagine" in call for call in model.calls)
    assert len(render(tmp_path, story).rendered) == 4


def test_captions_of_any_kind_make_safe_names(tmp_path: Path) -> None:
    done = render(tmp_path, Told("CON, 雨の音 🌧, ../../up, a\\b:c*?", 8.0))
    assert all(name.isascii() for name in files(tmp_path))
    assert {str(Path(laid.path).parent) for laid in done.files} == {".", "stems", "stems/events"}


def test_a_story_is_continued_from_its_memory(tmp_path: Path) -> None:
    render(tmp_path)
    model = MockModel()
    done = continue_story(model, StoryFolder(tmp_path), "the door slams", 3.0, OUTPUT, silent)
    assert done.rendered == ("e5", "e6")
    assert (done.story.events[-1].start_s, done.story.seconds) == (9.0, 12.0)
    assert model.calls[0] == "continue after 7"  # the text, its length, the reasoning, four events
    assert len(mix(tmp_path)) == 12 * 24_000
    assert render(tmp_path, read_story(tmp_path / "story.toml")).rendered == ()


def test_a_bed_that_sounds_to_the_end_goes_on_as_it_was_edited(tmp_path: Path) -> None:
    story = render(tmp_path).story
    louder = [replace(each, gain_db=-9.0, variation=0.25) if each.lane == "bed" else each for each in story.events]
    render(tmp_path, replace(story, events=tuple(louder)))
    model = MockModel()
    bed, door = continue_story(model, StoryFolder(tmp_path), "the door slams", 3.0, OUTPUT, silent).story.events[-2:]
    assert (bed.caption, bed.lane, bed.start_s, bed.end_s) == ("quiet air", "bed", 9.0, 12.0)
    assert (bed.gain_db, bed.variation) == (-9.0, 0.25)
    assert f"imagine {bed.id} held" in model.calls, "it begins as what it goes on from ends"
    assert (door.caption, door.gain_db, door.variation) == ("the door slams", 0.0, None)


def test_a_bed_that_ended_before_stays_ended(tmp_path: Path) -> None:
    story = render(tmp_path).story
    events = [replace(each, duration_s=5.0) if each.lane == "bed" else each for each in story.events]
    render(tmp_path, replace(story, events=tuple(events)))
    model = MockModel()
    done = continue_story(model, StoryFolder(tmp_path), "the door slams", 3.0, OUTPUT, silent)
    assert [event.caption for event in done.story.events[len(events) :]] == ["the door slams"]
    assert not any("recall" in call for call in model.calls)


def test_a_memory_of_another_model_or_story_is_read_again(tmp_path: Path) -> None:
    render(tmp_path)
    for model in (MockModel(digest="mock-2"), MockModel()):
        done = continue_story(model, StoryFolder(tmp_path), "a step", 1.0, OUTPUT, silent)
        assert "recall e1" in model.calls
        assert done.story.events[-1].caption == "a step"


def test_variation_is_written_for_every_event(tmp_path: Path) -> None:
    render(tmp_path, replace(TOLD, variation=0.25))
    assert {event.variation for event in read_story(tmp_path / "story.toml").events} == {0.25}
    assert len(render(tmp_path, replace(TOLD, variation=0.5)).rendered) == 4
