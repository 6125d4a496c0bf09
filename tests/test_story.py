"""A story's values and rules, and story.toml as people edit it."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diegetic import atomic
from diegetic.errors import Failure, InputError
from diegetic.story import Event, Story, Told, check_story, check_told, continues, event_seed, follows, lanes
from diegetic.story_file import read_story, write_ids, write_story

RAIN = Event("e1", "rain on water", 0, 12.5, "bed")
BELL = Event("e2", "ship's bell", 4, 6, seed=7, gain_db=-3, variation=0.5)
STORM = Story("A storm over a harbour.", 12.5, 3, "pocket", "rain, then a bell", (RAIN, BELL))


def test_a_story_file_gives_the_same_story_back(tmp_path: Path) -> None:
    write_story(tmp_path / "story.toml", STORM)
    assert read_story(tmp_path / "story.toml") == STORM


def test_a_story_file_reads_like_a_person_wrote_it(tmp_path: Path) -> None:
    write_story(tmp_path / "story.toml", STORM)
    text = (tmp_path / "story.toml").read_text()
    assert text.startswith("# A story. Edit it")
    assert 'seconds = 12.5\nseed = 3\nmodel = "pocket"\n' in text
    assert text.endswith(
        "[[events]]\n"
        'id = "e1"\ncaption = "rain on water"\nlane = "bed"\nstart_s = 0\nduration_s = 12.5\n\n'
        "[[events]]\n"
        'id = "e2"\ncaption = "ship\'s bell"\nlane = "foreground"\nstart_s = 4\nduration_s = 6\n'
        "gain_db = -3\nseed = 7\nvariation = 0.5\n"
    )


captions = st.text(min_size=1, max_size=40).map(str.strip).filter(bool)


@given(caption=captions, start=st.integers(0, 20_000), length=st.integers(1000, 27_000), instruction=captions)
def test_whatever_a_caption_holds_survives_the_file(
    tmp_path_factory: pytest.TempPathFactory, caption: str, start: int, length: int, instruction: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "hypothesis.toml"
    story = Story(instruction, 60.0, 1, "pocket", "", (Event("e1", caption, start / 1000, length / 1000),))
    write_story(path, story)
    assert read_story(path) == story


EDITED = """\
# mine
instruction = "x"  # why
seconds = 12
model = "pocket"

# the bed
[[events]]
caption = "rain"   # wet
lane = "bed"
start_s = 0
end_s = 9.0

# a bell
[[events]]
id = "b"
caption = "bell"
start_s = 3.00
duration_s = 3 # short
gain_db = -3

# last words
"""


def test_a_changed_story_keeps_what_its_user_wrote_around_the_values(tmp_path: Path) -> None:
    path = tmp_path / "story.toml"
    path.write_text(EDITED)
    story = read_story(path)
    rain, bell = story.events
    changed = (replace(rain, duration_s=10.0, seed=7), replace(bell, gain_db=0.0), Event("e3", "dog", 12, 3))
    write_story(path, replace(story, seconds=15, events=changed))
    assert path.read_text() == EDITED.replace("seconds = 12", "seconds = 15").replace(
        "end_s = 9.0", 'end_s = 10\nid = "e1"\nseed = 7'
    ).replace("gain_db = -3\n", "") + (
        '\n[[events]]\nid = "e3"\ncaption = "dog"\nlane = "foreground"\nstart_s = 12\nduration_s = 3\n'
    )
    write_story(path, story)
    assert "# a bell\n" in path.read_text()
    assert read_story(path) == story


@pytest.mark.parametrize("before", ["not TOML", "events = 3", "", "\xff", EDITED.replace("[[events]]", "[[evnts]]")])
def test_a_story_is_written_whole_over_what_is_no_story(tmp_path: Path, before: str) -> None:
    path = tmp_path / "story.toml"
    path.write_bytes(before.encode("latin-1"))
    write_story(path, STORM)
    assert path.read_text().startswith("# A story. Edit it")
    assert read_story(path) == STORM


def test_ends_and_missing_ids_are_understood(tmp_path: Path) -> None:
    path = tmp_path / "story.toml"
    path.write_text(
        'instruction = "x"\nseconds = 10\nmodel = "pocket"\n# mine\n'
        '[[events]]\nid = "e4"\ncaption = "a"\nstart_s = 0\nend_s = 5.5\n'
        '[[events]]\ncaption = "b"\nstart_s = 5.5\nduration_s = 4\n'
    )
    story = read_story(path)
    assert [(event.id, event.duration_s) for event in story.events] == [("e4", 5.5), ("e5", 4.0)]
    write_ids(path)
    assert 'id = "e5"' in path.read_text()
    assert "# mine" in path.read_text()
    assert read_story(path) == story


def test_an_id_goes_below_its_event_and_above_what_is_said_of_the_next(tmp_path: Path) -> None:
    path = tmp_path / "story.toml"
    write_story(path, STORM)
    text = path.read_text().replace('id = "e1"\n', "").replace("\n[[events]]\nid", "\n# my bell\n[[events]]\nid")
    path.write_text(text)
    write_ids(path)
    assert path.read_text() == text.replace("\n\n# my bell", '\nid = "e3"\n\n# my bell')


def test_an_event_that_is_added_stands_apart(tmp_path: Path) -> None:
    path = tmp_path / "story.toml"
    write_story(path, STORM)
    added = [replace(BELL, id=name, start_s=5) for name in ("e3", "e4")]
    longer = replace(STORM, events=(*STORM.events, *added))
    write_story(path, longer)
    fresh = tmp_path / "fresh.toml"
    write_story(fresh, longer)
    assert path.read_text() == fresh.read_text()


def test_a_file_that_has_its_ids_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "story.toml"
    write_story(path, STORM)
    before = path.stat().st_mtime_ns
    write_ids(path)
    assert path.stat().st_mtime_ns == before


BROKEN = [
    (replace(RAIN, caption=""), "event e1: caption must have 1..500 characters, got 0"),
    (replace(RAIN, caption="x" * 10_000), "event e1: caption must have 1..500 characters, got 10000; reword it"),
    (replace(RAIN, duration_s=-2), "event e1: must end after its start at 0 s, got -2; move its end"),
    (replace(RAIN, duration_s=0.5), "event e1: duration_s must be 1..27, got 0.5"),
    (replace(RAIN, duration_s=45), "event e1: duration_s must be 1..27, got 45; split what is longer"),
    (replace(RAIN, duration_s=0.5), "event e1: duration_s must be 1..27, got 0.5; give it 1 s: a sound may be over"),
    (replace(RAIN, start_s=5), "event e1: must end within the story's 12.5 s, got 17.5; shorten it or raise seconds"),
    (replace(RAIN, start_s=-1), "event e1: start_s must be 0 or later, got -1"),
    (replace(RAIN, lane="My Lane"), "event e1: lane must be a lower-case letter"),
    (replace(RAIN, lane="../up"), "event e1: lane must be a lower-case letter"),
    (replace(RAIN, id="e 1"), "event 'e 1': id must be"),
    (replace(RAIN, id="e2"), "event e2: ids must be unique"),
    (replace(RAIN, gain_db=99), "event e1: gain_db must be -60..24, got 99"),
    (replace(RAIN, seed=-1), "event e1: seed: must be a whole number from 0"),
    (replace(RAIN, variation=2), "event e1: variation: must be 0..1, got 2"),
]


@pytest.mark.parametrize(("event", "sentence"), BROKEN)
def test_an_event_that_breaks_a_rule_is_named(event: Event, sentence: str) -> None:
    with pytest.raises(InputError) as refusal:
        check_story(replace(STORM, events=(event, BELL)))
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize("seconds", [0, -3, float("nan"), float("inf"), 100_000])
def test_seconds_out_of_range_are_refused(seconds: float) -> None:
    with pytest.raises(InputError, match=r"seconds: must be 1\.\.324, got"):
        check_told(Told("rain", seconds))


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(InputError, match="describe a scene"):
        check_told(Told(" \n", 30))


def test_a_text_may_have_4000_characters() -> None:
    with pytest.raises(InputError, match=r"got no word in '\.\.\. !'"):
        check_told(Told("... !", 30))
    check_told(Told("🌧️", 30))
    check_story(replace(STORM, instruction="..."))  # as older ones may say
    check_told(Told("x" * 4000, 30))
    with pytest.raises(InputError, match="text: must have at most 4000 characters, got 4001"):
        check_told(Told("x" * 4001, 30))
    with pytest.raises(InputError, match="at most 4000"):
        check_story(replace(STORM, instruction="x" * 4001))


def test_a_story_without_events_is_refused() -> None:
    with pytest.raises(InputError, match="at least one event"):
        check_story(replace(STORM, events=()))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ('captoin = "a"', "event 1: unknown key 'captoin'; did you mean 'caption'?"),
        ('caption = "a"\nduration_s = "4"', "event 1: duration_s must be a finite number, got the string '4'"),
        ('caption = "a"\nend_s = 1', "event 1 (no id yet): must end after its start at 2 s, got 1"),
        ('caption = "a"', "event 1 (no id yet): must give end_s or duration_s, got neither; keep one of them"),
        ('caption = "a"\nend_s = 4\nduration_s = 2', "event 1 (no id yet): must give end_s or duration_s, got both"),
        ('caption = "a"\nend_s = 4\nid = "e9"\nlane = "A"', "event e9: lane must be a lower-case letter"),
    ],
)
def test_a_wrong_row_is_refused_with_file_and_event(tmp_path: Path, change: str, sentence: str) -> None:
    path = tmp_path / "story.toml"
    path.write_text(f'instruction = "x"\nseconds = 10\nmodel = "pocket"\n[[events]]\nstart_s = 2\n{change}\n')
    with pytest.raises(InputError) as refusal:
        read_story(path)
    assert str(path) in str(refusal.value)
    assert sentence in str(refusal.value)


def test_an_event_seed_belongs_to_story_and_id_unless_it_has_its_own() -> None:
    assert event_seed(3, BELL) == 7
    assert event_seed(3, RAIN) == event_seed(3, replace(RAIN, caption="other", start_s=3))
    assert len({event_seed(3, RAIN), event_seed(4, RAIN), event_seed(3, replace(RAIN, id="e9"))}) == 3
    assert 0 <= event_seed(3, RAIN) < 2**63


def test_one_sound_goes_on_in_the_next_window_of_its_lane() -> None:
    second = replace(RAIN, id="e3", start_s=12.5)
    assert follows(second, RAIN)
    assert continues(second, RAIN)
    assert not continues(replace(second, caption="wind"), RAIN)
    assert not follows(replace(second, lane="foreground"), RAIN)


def test_lanes_are_in_order_of_their_first_events() -> None:
    assert lanes((BELL, RAIN)) == ("bed", "foreground")


@pytest.mark.parametrize(("code", "said"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "choose another folder")])
def test_a_write_that_fails_says_why_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    path = tmp_path / "story.toml"
    path.write_text("old")

    def refuse(descriptor: int) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(atomic.os, "fsync", refuse)
    with pytest.raises(Failure, match=said):
        atomic.write_atomically(path, b"new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
