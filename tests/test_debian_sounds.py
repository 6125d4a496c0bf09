"""What the table of Debian's sounds promises, and what its script makes of a package."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from diegetic.errors import InputError

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts/pocket"))

from captions import Matcher, Recording, Row, read_concepts, read_recordings  # noqa: E402
from debian_sounds import Package, fetched, files_of, levelled, main  # noqa: E402


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with one sound at 22.05 kHz that doesn't swing about zero."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("needs dpkg-deb")
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: bells\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <n@example.org>\nDescription: bells\n"
    )
    (tree / "usr/share/bells").mkdir(parents=True)
    tone = 0.2 * np.sin(np.arange(22_050) / 10) + 0.1
    soundfile.write(tree / "usr/share/bells/Door Bell1.wav", tone, 22_050)
    debs = tmp_path / "debs"
    debs.mkdir()
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", tree, debs / "bells_1_all.deb"], check=True, capture_output=True
    )
    return debs / "bells_1_all.deb"


def table_of(path: Path) -> Path:
    path.write_text(
        '[[packages]]\nname = "bells"\nfolder = "usr/share/bells"\nlicence = "CC0-1.0"\nauthor = "A. Nobody"\n'
        'link = "https://example.org"\nsounds = { "Door Bell1.wav" = "gong" }\n'
    )
    return path


def test_a_licence_that_may_not_ship_is_refused() -> None:
    with pytest.raises(ValueError, match=r"licence of bells must be one of .*GPL-2"):
        Package("bells", "usr", "GPL-2", "A. Nobody", "", {"a.wav": "doorbell"})


def test_an_end_of_a_sound_that_is_not_taken_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ends of bells .*b\.wav"):
        Package("bells", "usr", "CC0-1.0", "A. Nobody", "", {"a.wav": "doorbell"}, {"b.wav": 1.0})


def test_a_sound_ends_where_it_is_said_to_swings_about_zero_and_peaks_a_decibel_under_full_scale() -> None:
    level = levelled(np.concatenate([np.ones(24_000), np.zeros(24_000), np.ones(48_000)]).astype(np.float32), 1.0)
    assert (len(level), level.dtype) == (48_000, np.float32)
    assert abs(level.mean()) < 1e-6
    assert np.abs(level).max() == pytest.approx(10 ** (-1 / 20))


def test_a_package_becomes_a_folder_of_sounds_that_say_what_they_are(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, out = table_of(tmp_path / "table.toml"), tmp_path / "further"
    monkeypatch.setattr(sys, "argv", ["-", "--packages", str(package.parent), "--table", str(table), "-o", str(out)])
    main()
    (recording,) = read_recordings(out)
    assert (recording.file, recording.source) == ("bells-door-bell1.flac", "bells")
    assert recording.original_name == "usr/share/bells/Door Bell1.wav"
    assert recording.may_ship and recording.seconds == pytest.approx(1.0)
    samples, rate_hz = soundfile.read(out / "audio" / recording.file)
    assert (rate_hz, samples.ndim) == (48_000, 1)
    assert abs(samples.mean()) < 1e-3
    told = Matcher(read_concepts()).concept_of(recording)
    assert told is not None and told.name == "gong", "what it is called beats its name"


def test_a_sound_that_a_package_lacks_is_named(package: Path) -> None:
    with pytest.raises(InputError, match=r"bells_1_all.deb: has no usr/share/bells/gong.wav"):
        files_of(package, frozenset(("usr/share/bells/gong.wav",)))


def test_a_package_that_is_there_is_not_fetched(package: Path) -> None:
    assert fetched("bells", package.parent) == package


def test_a_concept_that_is_none_is_refused() -> None:
    recording = Recording("1.flac", "bells", "door.wav", True, 1.0, {}, "dorbell")
    with pytest.raises(InputError, match=r"concept must be one of concepts.toml, got 'dorbell'"):
        Matcher(read_concepts()).concept_of(recording)


def test_to_join_is_for_what_is_not_there_whatever_its_kind() -> None:
    pytest.importorskip("transformers")
    from build_bank import to_add

    rows = [
        Row(file=file, concept=kind, kind="event", captions=[], seconds=1, may_ship=True, held_out=False)
        for file, kind in (("old", "owl"), ("new", "owl"), ("gong", "gong"))
    ]
    assert [row["file"] for row in to_add(rows, {"old"}, {"owl"}, join=True)] == ["new", "gong"]
    assert [row["file"] for row in to_add(rows, {"old"}, {"owl"}, join=False)] == ["gong"]
