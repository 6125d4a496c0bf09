"""Files as Windows has them: one that somebody has open is neither renamed onto nor deleted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diegetic import atomic
from diegetic.atomic import nearest, remove, rename, write_atomically
from diegetic.errors import Failure
from diegetic.folder import StoryFolder


@pytest.fixture
def held_for(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Make Windows refuse what a Path is asked, so many times."""

    def refusing(name: str, times: int) -> None:
        real: Any = getattr(Path, name)
        left = [times]

        def refused(path: Path, *arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] >= 0:
                raise PermissionError(13, "Access is denied")
            return real(path, *arguments, **named)

        monkeypatch.setattr(Path, name, refused)

    monkeypatch.setattr(atomic, "_IS_WINDOWS", True)
    monkeypatch.setattr(atomic.time, "sleep", lambda seconds: None)
    return refusing


def test_a_file_that_is_open_for_a_moment_is_written_when_it_is_free(
    held_for: Callable[[str, int], None], tmp_path: Path
) -> None:
    held_for("replace", 2)
    held_for("unlink", 2)
    write_atomically(tmp_path / "a", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_that_a_daw_has_open_fails_and_says_to_close_it(
    held_for: Callable[[str, int], None], tmp_path: Path
) -> None:
    (tmp_path / "mix.wav").write_bytes(b"old")
    held_for("replace", 100)
    with pytest.raises(Failure, match=r"access is denied.*or close it in the program that has it open"):
        write_atomically(tmp_path / "mix.wav", b"new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"mix.wav": b"old"}


def test_what_is_deleted_is_waited_for_and_then_a_failure(held_for: Callable[[str, int], None], tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    held_for("unlink", 3)
    remove(tmp_path / "a")
    remove(tmp_path / "a")
    assert not list(tmp_path.iterdir())
    held_for("unlink", 100)
    with pytest.raises(Failure, match=r"a: can't be deleted .access is denied.; close it in the program"):
        remove(tmp_path / "a")


def test_what_is_moved_aside_is_waited_for(held_for: Callable[[str, int], None], tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    held_for("replace", 3)
    rename(tmp_path / "a", tmp_path / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_elsewhere_nobody_waits_for_permissions_to_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, **named: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refused)
    monkeypatch.setattr(atomic.time, "sleep", lambda seconds: pytest.fail("it waits"))
    with pytest.raises(Failure, match=r"permission denied.; change its permissions"):
        remove(tmp_path / "a")


def test_a_path_that_windows_finds_too_long_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, **named: object) -> None:
        raise FileNotFoundError(2, "The system cannot find the path specified")

    monkeypatch.setattr(atomic, "_IS_WINDOWS", True)
    monkeypatch.setattr(Path, "mkdir", refused)
    far = tmp_path / "a" / ("b" * 120) / ("c" * 120) / "mix.wav"
    with pytest.raises(Failure, match=r"its path has \d+ characters, which are too many for Windows; choose a folder"):
        write_atomically(far, b"new")
    with pytest.raises(Failure, match="cannot find the path specified"):
        write_atomically(tmp_path / "near" / "mix.wav", b"new")


def test_a_drive_that_is_not_there_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda path: False)
    with pytest.raises(Failure, match="is on a drive that isn't there"):
        nearest(Path("Z:/Sounds/storm"))
    assert StoryFolder(Path("Z:/Sounds/storm")).unwritable() == "is on a drive that isn't there"
