"""Sounds of every day are found: in kinds of their own, or where recordings joined those that were there."""

import csv
import sys
from pathlib import Path

import pytest

from diegetic.model.bank.library import Bank
from diegetic.model.lasting import is_heard, lasts

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts/pocket"))

from captions import read_concepts  # noqa: E402
from debian_sounds import read_packages  # noqa: E402

BANK = ROOT / "presets/models/pocket/bank"
EVERYDAY = (
    "motorcycle", "car passing", "doorbell", "bicycle bell", "wind chimes", "goose", "sea lion", "swimming",
    "boiling water", "coughing", "slurping", "finger snap", "sewing machine", "windmill", "lift or tram",
)  # fmt: skip


@pytest.fixture(scope="module")
def bank() -> Bank:
    return Bank(BANK)


def test_every_kind_of_every_day_has_a_recording(bank: Bank) -> None:
    said = {concept.name: set(concept.captions) for concept in read_concepts().concepts}
    captions = [
        {bank.captions[k] for k in bank.index.captions[first:after]}
        for first, after in zip(bank.index.caption_offsets, bank.index.caption_offsets[1:], strict=False)
    ]
    assert [name for name in EVERYDAY if not any(said[name] <= each for each in captions)] == []


def test_a_recording_that_joined_lies_in_a_file_of_audio_of_its_own(bank: Bank) -> None:
    joined = [number for number, row in enumerate(bank.table) if row["file"].startswith("scratch-")]
    assert len(joined) > 20
    assert {int(bank.index.shards[number]) for number in joined} == {3}
    assert all(len(bank.audio(number)) for number in joined[:3])


def test_the_table_names_concepts_that_are_and_every_sound_once() -> None:
    packages = read_packages()
    concepts = {concept.name for concept in read_concepts().concepts}
    assert {concept for package in packages for concept in package.sounds.values()} <= concepts
    files = [package.file(path) for package in packages for path in package.sounds]
    assert len(files) == len(set(files)) > 40


def test_the_bank_says_licence_author_and_source_of_each_as_the_table_does() -> None:
    with (BANK / "recordings.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    for package in read_packages():
        for path in package.sounds:
            row = rows[package.file(path)]
            assert (row["licence"], row["author"], row["link"]) == (package.licence, package.author, package.link)
            assert row["source"] == f"{package.name}: {package.folder}/{path}"


@pytest.mark.parametrize("clause", ["water boils on the stove", "the kitchen tap runs", "wind chimes tinkle"])
def test_what_boils_runs_and_tinkles_goes_on(clause: str) -> None:
    assert lasts(clause)


@pytest.mark.parametrize("place", ["A tavern at night", "The old inn", "Bazaar"])
def test_taverns_and_bazaars_are_heard_by_themselves(place: str) -> None:
    assert is_heard(place)
    assert not is_heard("A chapel at noon")
