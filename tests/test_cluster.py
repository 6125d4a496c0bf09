"""What a batch on a cluster does without Ray: scenes that are lost and taken again, and folders in pieces."""

import threading
from pathlib import Path

import pytest

from diegetic.cluster import travel
from diegetic.cluster.travel import Piece, Unpacking, pack, pieces
from diegetic.cluster.work import Work
from diegetic.errors import Failure
from diegetic.scenes import Result, Scene
from diegetic.story import Told

A, B, C = (Scene(Path(f"{name}.txt"), Told(name, 4.0), "mock", Path(name)) for name in "abc")


def rendered(scene: Scene) -> Result:
    return Result(scene.source, scene.folder, "rendered", 1.0)


def problems(work: Work, count: int) -> list[str]:
    return [work.results.get(timeout=5).problem for _ in range(count)]


def test_a_scene_that_lost_its_generator_is_the_next_to_be_taken() -> None:
    work = Work([A, B], 2, 3)
    assert (work.take(), work.take()) == (A, B)
    work.told(A, 0.5)
    work.lost(A, "gone")
    assert work.shares == {}
    assert work.take() == A
    for scene in (A, B):
        work.done(rendered(scene), scene)
    assert (work.take(), problems(work, 2)) == (None, ["", ""])


def test_who_has_nothing_to_do_waits_for_what_others_may_lose() -> None:
    work, taken = Work([A], 2, 3), list[Scene | None]()
    assert work.take() == A
    idle = threading.Thread(target=lambda: taken.append(work.take()))
    idle.start()
    work.lost(A, "gone")
    idle.join(timeout=5)
    assert taken == [A]


def test_a_scene_over_which_too_many_are_lost_fails() -> None:
    work = Work([A], 1, 3)
    for number in range(3):
        assert work.take() == A
        work.lost(A, f"node {number} died")
    assert problems(work, 1) == ["3 generators were lost over it, the last: node 2 died"]
    assert work.take() is None


def test_when_no_generator_can_be_started_all_that_wait_fail_with_the_reason() -> None:
    work = Work([A, B, C], 2, 3)
    assert work.take() == A
    work.lost(A, "gone")
    work.leave("no room")
    assert work.results.empty()
    assert not work.ended
    work.leave("no room")
    assert problems(work, 3) == ["no room"] * 3
    assert work.ended


def test_a_stop_ends_those_who_wait() -> None:
    work = Work([A], 1, 3)
    work.take()
    work.stop()
    assert work.take() is None


def test_a_folder_arrives_as_it_was_with_sounds_before_their_sidecars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(travel, "PIECE_BYTES", 4)
    here, there = tmp_path / "here", tmp_path / "there"
    files = {"takes/a.wav": b"123456789", "takes/a.json": b"{}", "manifest.json": b"", "mix.wav": b"12345678"}
    for path, data in files.items():
        (here / path).parent.mkdir(parents=True, exist_ok=True)
        (here / path).write_bytes(data)
    (here / ".diegetic.lock").touch()
    parcels, unpacking = pack(here), Unpacking(there)
    assert [parcel.path for parcel in parcels] == ["mix.wav", "takes/a.wav", "takes/a.json", "manifest.json"]
    for parcel in parcels:
        for piece in pieces(here, parcel):
            unpacking.add(piece)
    assert pack(there) == parcels


def test_half_a_file_is_no_file(tmp_path: Path) -> None:
    unpacking = Unpacking(tmp_path)
    unpacking.add(Piece("a.wav", 0, b"1234", last=False))
    assert not list(tmp_path.iterdir())
    with pytest.raises(Failure, match="came in the wrong order"):
        unpacking.add(Piece("a.wav", 8, b"1234", last=True))


@pytest.mark.parametrize("path", ["../a", "/etc/a", "a/../../b", "..\\a", "C:a"])
def test_nothing_is_written_outside_of_the_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(Failure, match="leads out of its folder"):
        Unpacking(tmp_path / "in").add(Piece(path, 0, b"x", last=True))
    assert not list(tmp_path.iterdir())
