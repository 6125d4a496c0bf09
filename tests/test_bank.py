"""A user's library taken into a bank, and read again, on sounds made here."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bank_sounds import SECOND, Array, by_first_letter, hiss, latent_space, library
from diegetic.errors import Failure, InputError
from diegetic.model.bank.add import add_to_bank, caption_of_name, read_captions
from diegetic.model.bank.decoder import BankDecoder
from diegetic.model.bank.describe import SAMPLE_RATE, UNIT_FRAMES, LatentSpace, describe
from diegetic.model.bank.library import INDEX, Bank
from diegetic.model.codec import Drawn
from diegetic.story import Event


@pytest.fixture(scope="module")
def space() -> LatentSpace:
    return latent_space()


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("Dog_Bark 01.wav", "dog bark"),
        ("doorSlam-2.flac", "door slam"),
        ("RAIN (heavy) [v2].wav", "rain heavy v"),
        ("Gebrüll.wav", "gebrüll"),
    ],
)
def test_a_caption_is_the_words_of_a_name(name: str, caption: str) -> None:
    assert caption_of_name(Path(name)) == caption


def test_a_library_is_taken_in_and_sounds(tmp_path: Path, space: LatentSpace) -> None:
    folder = library(tmp_path)
    steps = list(add_to_bank(folder, tmp_path / "bank", {"wind.wav": "cold wind"}, space, by_first_letter))
    assert [(step.done, step.total, step.caption, step.problem) for step in steps] == [
        (1, 2, "bell", ""),
        (2, 2, "cold wind", ""),
    ]
    decoder = BankDecoder([Bank(tmp_path / "bank")], space, [0.0], 0.4)
    event = Event("e1", "cold wind", 0, 2, "bed")
    drawn = Drawn(space.encode(describe(hiss(2, seed=7))), by_first_letter(["cold"])[0], 1)
    first, again = decoder.decode(drawn, event), decoder.decode(drawn, event)
    assert first.shape == (25 * UNIT_FRAMES, 2)
    assert np.array_equal(first, again)
    assert describe(first.mean(1))[5:20, -2].mean() < 0.5, "wind was told, and a bell sounds"


def test_a_sound_in_a_long_silence_is_taken_in_as_loud_as_by_itself(tmp_path: Path, space: LatentSpace) -> None:
    folder = tmp_path / "sounds"
    folder.mkdir()
    knock = hiss(1, 0.1)
    soundfile.write(folder / "knock.wav", knock, SAMPLE_RATE)
    soundfile.write(folder / "late knock.wav", np.concatenate([knock, np.zeros(39 * SECOND, np.float32)]), SAMPLE_RATE)
    assert not any(step.problem for step in add_to_bank(folder, tmp_path / "bank", {}, space, by_first_letter))
    by_itself, late = Bank(tmp_path / "bank").index.gains_db
    assert by_itself == pytest.approx(late, abs=0.5)


def test_adding_again_reads_only_what_is_new(tmp_path: Path, space: LatentSpace) -> None:
    folder, bank = library(tmp_path), tmp_path / "bank"
    called: list[str] = []

    def caller(captions: list[str]) -> Array:
        called.extend(captions)
        return by_first_letter(captions)

    list(add_to_bank(folder, bank, {}, space, caller))
    soundfile.write(folder / "drum.wav", hiss(1), SAMPLE_RATE)
    (folder / "wind.wav").unlink()
    list(add_to_bank(folder, bank, {}, space, caller))
    assert called == ["bell", "wind", "drum"]
    assert {Path(row["file"]).name for row in Bank(bank).table} == {"bell.wav", "drum.wav"}


def test_damaged_audio_is_named_and_the_rest_goes_in(tmp_path: Path, space: LatentSpace) -> None:
    folder = library(tmp_path)
    (folder / "broken.wav").write_bytes(b"RIFF, but no more than that")
    soundfile.write(folder / "nothing.wav", np.zeros(0, np.float32), SAMPLE_RATE)
    soundfile.write(folder / "silent.wav", np.zeros(SECOND, np.float32), SAMPLE_RATE)
    steps = {
        step.file.name: step.problem for step in add_to_bank(folder, tmp_path / "bank", {}, space, by_first_letter)
    }
    assert {name for name, problem in steps.items() if problem} == {"broken.wav", "nothing.wav", "silent.wav"}
    assert "broken.wav" not in steps["broken.wav"]  # it is named beside it
    assert Bank(tmp_path / "bank").index.recordings == 2


@pytest.mark.parametrize("make", ["no folder", "empty", "only damaged"])
def test_a_folder_without_audio_is_refused_and_nothing_written(tmp_path: Path, space: LatentSpace, make: str) -> None:
    folder = tmp_path / "folder"
    if make != "no folder":
        folder.mkdir()
    if make == "only damaged":
        (folder / "broken.wav").write_bytes(b"nothing")
    with pytest.raises(InputError, match=str(folder)):
        list(add_to_bank(folder, tmp_path / "bank", {}, space, by_first_letter))
    assert not (tmp_path / "bank").exists()


def test_a_csv_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "captions.csv"
    path.write_text("name;words\na;b\n", encoding="utf-8")
    with pytest.raises(InputError, match="columns file and caption"):
        read_captions(path)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["file", "caption"], ["a.wav", "rain, heavy"], ["b.wav", ""]])
    assert read_captions(path) == {"a.wav": "rain, heavy"}


def test_a_damaged_bank_is_a_failure_with_its_name(tmp_path: Path, space: LatentSpace) -> None:
    bank = tmp_path / "bank"
    list(add_to_bank(library(tmp_path), bank, {}, space, by_first_letter))
    (bank / INDEX).write_bytes((bank / INDEX).read_bytes()[:100])
    with pytest.raises(Failure, match=str(bank)):
        Bank(bank)


def test_a_recording_that_went_away_is_a_failure_with_its_name(tmp_path: Path, space: LatentSpace) -> None:
    folder = library(tmp_path)
    list(add_to_bank(folder, tmp_path / "bank", {}, space, by_first_letter))
    (folder / "bell.wav").unlink()
    with pytest.raises(Failure, match=r"bell\.wav"):
        Bank(tmp_path / "bank").audio(0)


def test_a_bank_from_before_ears_listened_and_music_was_played_is_read(tmp_path: Path, space: LatentSpace) -> None:
    list(add_to_bank(library(tmp_path), tmp_path / "bank", {}, space, by_first_letter))
    path = tmp_path / "bank" / INDEX
    with np.load(path) as stored:
        without = {name: stored[name] for name in stored.files if name not in ("typical", "performed")}
    np.savez(path.with_suffix(""), **without)
    bank = Bank(tmp_path / "bank")
    assert not bank.typical.any()
    assert not bank.index.performed.any()
