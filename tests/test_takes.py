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
from diegetic.takes import AHEAD, Made, Recipe, TakeStore

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


def test_only_sidecars_of_what_is_asked_for_are_read(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    for event in ("e2", "e2_b", "e22"):
        store.add(event, replace(RECIPE, caption=f"{event} bell"), SAMPLES, 48_000, MADE)
    for sidecar in tmp_path.glob("e22*.json"):
        sidecar.write_text("damaged", encoding="utf-8")
    assert [take.event for take in store.of("e2")] == ["e2"]
    assert store.add("e2", RECIPE, SAMPLES, 48_000, MADE).number == 2
    assert store.find(RECIPE.key)
    with pytest.raises(Failure, match="damaged"):
        list(store.all())
    assert not TakeStore(tmp_path / "none").of("e2")


def test_a_cue_s_take_is_kept_without_reading_those_of_all_cues_before(tmp_path: Path) -> None:
    store = TakeStore(tmp_path / "takes")
    earlier = store.add(AHEAD, replace(RECIPE, seed=8), SAMPLES, 48_000, MADE)
    sidecar = (store.folder / earlier.file).with_suffix(".json")
    sidecar.write_text("damaged: to read it fails", encoding="utf-8")
    assert store.add(AHEAD, RECIPE, SAMPLES, 48_000, MADE).number == 1


def test_what_was_rendered_ahead_becomes_an_event_s_take_by_its_name_too(tmp_path: Path) -> None:
    store = TakeStore(tmp_path)
    ahead = store.add(AHEAD, RECIPE, SAMPLES, 48_000, MADE)
    store.add("e2", replace(RECIPE, seed=8), SAMPLES, 48_000, MADE)
    given = store.given_to("e2", ahead)
    assert store.given_to("e3", given) == given
    assert [(take.event, take.number) for take in store.of("e2")] == [("e2", 1), ("e2", 2)]
    assert store.find(RECIPE.key) == given
    assert np.array_equal(store.samples(given), SAMPLES)
    assert store.of(AHEAD) == ()
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".json", ".wav", ".wav"]


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
