"""THIRD_PARTY.md is what its script writes, and names every recording's source and licence."""

import csv
from pathlib import Path

import pytest

import third_party

pytestmark = pytest.mark.skipif(not third_party.TABLE.exists(), reason="the bank of pocket isn't in presets/")


def test_models_and_recordings_are_what_the_script_writes() -> None:
    kept = Path(third_party.PATH).read_text(encoding="utf-8").partition(third_party.DEPENDENCIES)[0]
    assert kept == third_party.models_and_recordings(), "run scripts/third_party.py"


def test_every_recording_that_ships_has_a_licence_that_allows_it() -> None:
    with third_party.TABLE.open(encoding="utf-8", newline="") as file:
        licences = {row["licence"] for row in csv.DictReader(file)}
    allowed = ("CC0", "CC-BY", "BSD", "MIT", "public domain")
    assert licences, "the bank's table is empty"
    refused = [each for each in licences if not each.startswith(allowed) or "-NC" in each or "-ND" in each]
    assert not refused
