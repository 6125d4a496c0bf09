"""What a generator keeps between tasks: what goes on for hours costs no more than its first minute."""

from pathlib import Path

from diegetic.generator.perform import Performer
from diegetic.generator.tasks import Continue, Finished, Tell
from diegetic.progress import Progress
from diegetic.story import Story, Told
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


def test_warming_up_reads_an_event_and_draws_one_step() -> None:
    model = MockModel()
    Performer(model).warm_up()
    assert model.calls == ["recall e1", "imagine e1"]
