"""The take store: kept for good, whole or not there; and the names of its files."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diegetic.errors import Failure
from diegetic.names import shortened, slug
from diegetic.takes import Made, Recipe, TakeStore

RECIPE = Recipe("Ship's bell / ünïcode 🔔", 6.8, "foreground", 7, None, "abc")
MADE = Made("pocket", "0.1.0", "2026-01-02T03:04:05Z", 0.25)
SAMPLES = np.random.default_rng(0).standard_normal((100, 2)).astype(np.float32)


def test_a_take_comes_back_bit_by_bit_with_its_lineage(tmp_path: Path) -> None:
    store = TakeStore(tmp_path / "takes")
    take = store.add("e2", RECIPE, SAMPLES, 48_000, MADE)
    found = store.find(RECIPE.key)
    assert found == take
    assert (take.recipe, take.made, take.event, take.frames) == (RECIPE, MADE, "e2", 100)
    assert np.array_equal(store.samples(take), SAMPLES)
    assert take.file == f"e2_ships-bell-unicode_{RECIPE.key}.wav"
    assert list(store.all()) == [take]


@pytest.mark.parametrize(
    "change",
    [
        {"caption": "x"},
        {"duration_s": 7.0},
        {"lane": "bed"},
        {"seed": 8},
        {"variation": 0.5},
        {"model_digest": "x"},
        {"continues": "x"},
    ],
)
def test_whatever_shapes_the_sound_shapes_the_key(change: dict[str, object]) -> None:
    assert replace(RECIPE, **change).key != RECIPE.key  # type: ignore[arg-type]


def test_keys_are_the_same_everywhere() -> None:
    assert RECIPE.key == "8438886be63193a9"


def test_a_take_is_never_overwritten(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    store.add("e2", RECIPE, SAMPLES, 48_000, MADE)
    take = store.add("e2", RECIPE, SAMPLES * 0, 48_000, MADE)
    assert np.array_equal(store.samples(take), SAMPLES)


def test_sound_without_its_sidecar_is_no_take(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    take = store.add("e2", RECIPE, SAMPLES, 48_000, MADE)
    (tmp_path / take.file).with_suffix(".json").unlink()
    assert store.find(RECIPE.key) is None
    assert list(store.all()) == []


def test_a_deleted_sound_is_rendered_again(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    take = store.add("e2", RECIPE, SAMPLES, 48_000, MADE)
    (tmp_path / take.file).unlink()
    assert store.find(RECIPE.key) is None
    assert store.add("e2", RECIPE, SAMPLES, 48_000, MADE) == take


def test_damage_is_told_by_file(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    take = store.add("e2", RECIPE, SAMPLES, 48_000, MADE)
    sound, sidecar = tmp_path / take.file, (tmp_path / take.file).with_suffix(".json")
    sound.write_bytes(sound.read_bytes()[:-400])
    with pytest.raises(Failure, match=take.file):
        store.samples(take)
    for damage in ("{", "[]", json.dumps({"key": 1})):
        sidecar.write_text(damage)
        with pytest.raises(Failure, match=r"is damaged .* delete it and render again"):
            store.find(RECIPE.key)


@given(st.text())
def test_names_are_safe_whatever_captions_hold(text: str) -> None:
    name = slug(text)
    assert 1 <= len(name) <= 40
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert name.strip("-") == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Rain on water", "rain-on-water"),
        ("../../etc/passwd", "etc-passwd"),
        ("雨の音", "sound"),
        ("a very long caption that goes on for ever and ever", "a-very-long-caption-that-goes-on-for"),
        ("x" * 60, "x" * 40),
        ("CON", "con-sound"),
        ("LPT1.", "lpt1-sound"),
        ("con air", "con-air"),
    ],
)
def test_names_are_readable(text: str, name: str) -> None:
    assert slug(text) == name


@pytest.mark.parametrize(
    ("text", "short"),
    [("a bell rings", "a bell rings"), ("a bell rings twice", "a bell..."), ("雨" * 20, "雨" * 9 + "...")],
)
def test_a_long_text_is_cut_at_a_word(text: str, short: str) -> None:
    assert shortened(text, 12) == short
