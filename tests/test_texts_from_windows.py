"""Texts as they come from Windows and macOS: UTF-16, byte order marks, CRLF, semicolons, letters taken apart."""

import unicodedata
from pathlib import Path

import pytest

from diegetic.cli.asked import Wishes, asked_for
from diegetic.cli.wildcards import expanded
from diegetic.errors import InputError
from diegetic.live.jobs import Refused
from diegetic.live.shelf import Shelf
from diegetic.model.bank.add import _caption, read_captions
from diegetic.scenes import Scene, check_apart
from diegetic.story import Event, Story, Told, check_told
from diegetic.story_file import read_story, story_text, write_story

SCENE = "INT. KITCHEN - NIGHT\r\n\r\nSFX: a kettle\r\n"
STORY = Story("rain", 4.0, 0, "mock", "", (Event("e1", "rain, schöner", 0.0, 4.0),))
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_scene_is_read_as_notepad_and_powershell_save_it(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes(SCENE.encode(encoding))
    told = asked_for(str(tmp_path / "a.txt"), Wishes())
    assert told.instruction == "INT. KITCHEN - NIGHT\n\nSFX: a kettle"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_story_file_is_read_and_edited_as_notepad_saves_it(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "story.toml"
    path.write_bytes(("# mine\r\n" + story_text(STORY).replace("\n", "\r\n")).encode(encoding))
    assert read_story(path) == STORY
    write_story(path, STORY)
    assert path.read_text(encoding="utf-8").startswith("# mine\n")
    assert read_story(path) == STORY


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_plan_of_audiostory_is_read_as_notepad_saves_it(tmp_path: Path, encoding: str) -> None:
    plan = "It rains.\r\n<caption>rain on a roof<timestamp>4.0</timestamp>\r\n"
    from diegetic.written_plan import MARK

    (tmp_path / "a.txt").write_bytes(plan.replace("<caption>", MARK).encode(encoding))
    story = asked_for(str(tmp_path / "a.txt"), Wishes())
    assert isinstance(story, Story)
    assert story.events[0].caption == "rain on a roof"


def test_a_text_with_other_letters_says_how_to_save_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("ein schöner Regen".encode("cp1252"))
    with pytest.raises(InputError, match="must be UTF-8 text, byte 7 is not; save it as UTF-8"):
        asked_for(str(tmp_path / "a.txt"), Wishes())


def test_a_text_that_is_pasted_or_sent_has_the_same_lines() -> None:
    told = asked_for("0:05\r\nrain\r\n0:12\r\nthunder", Wishes())
    assert told == asked_for("0:05\nrain\n0:12\nthunder", Wishes())
    assert check_told(Told("rain\r\nwind\rfire", 4.0)).instruction == "rain\nwind\nfire"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("comma", [",", ";", "\t"])
def test_captions_are_read_as_spreadsheets_save_them(tmp_path: Path, comma: str, encoding: str) -> None:
    rows = (f"file{comma}caption", f'Tür.wav{comma}"a door, heavy"', f"far\\Café.wav{comma}cups")
    (tmp_path / "a.csv").write_bytes("\r\n".join(rows).encode(encoding))
    captions = read_captions(tmp_path / "a.csv")
    for name, caption in (("Tür.wav", "a door, heavy"), ("far/Café.wav", "cups"), ("Dog_Bark.wav", "dog bark")):
        for form in ("NFC", "NFD"):  # a file's name as Windows has it, and as a Mac's disk may
            assert _caption(captions, tmp_path, tmp_path / unicodedata.normalize(form, name)) == caption


def test_scenes_whose_folders_are_one_to_macos_and_windows_are_refused() -> None:
    def scene(name: str) -> Scene:
        return Scene(Path(f"{name}.txt"), Told(name, 4.0), "mock", Path("out") / name)

    check_apart([scene("Storm"), scene("Storms")])
    with pytest.raises(InputError, match=r"storm.txt: goes into out/storm, as Storm.txt does; rename one of them"):
        check_apart([scene("Storm"), scene("storm")])
    with pytest.raises(InputError, match="rename one of them"):
        check_apart([scene("Caf\u00e9"), scene("Cafe\u0301")])


def test_a_story_whose_folder_is_anothers_to_the_disk_is_refused(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    (tmp_path / "storm").mkdir()
    shelf.set("storm", STORY)
    assert shelf.folder("Storm") == tmp_path / "Storm"
    (tmp_path / "Storm").symlink_to(tmp_path / "storm")  # as a disk has it that doesn't tell the two apart
    with pytest.raises(Refused, match="story Storm: is storm to this disk, which takes A for a"):
        shelf.folder("Storm")
    assert shelf.folder("storm") == tmp_path / "storm"


def test_patterns_of_files_are_what_they_mean_where_no_shell_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("b.txt", "a.txt", "c.toml"):
        Path(name).touch()
    texts = ["what is **that**?", "[5-15s] rain", "~ 5 s of rain", "--seconds", "4"]
    assert expanded(["render", "*.txt", *texts]) == ["render", "a.txt", "b.txt", *texts]
    assert expanded(["bank", "add", "~/Sounds"]) == ["bank", "add", str(tmp_path / "home" / "Sounds")]
