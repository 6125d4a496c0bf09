"""Pocket's ear: windows in time, words, and where they lie; here with weights that are made up."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch.nn import functional

from diegetic.errors import Failure
from diegetic.model.bank.describe import FEATURES, LatentSpace, describe
from diegetic.model.ear import Concept, Ear, EarNetwork, Heard, joined, levelled, white
from diegetic.model.pocket_ears import PocketEars
from diegetic.story import BED, FOREGROUND

RATE = 48_000
CONCEPTS = [
    Concept("hiss", "bed", "hissing"),
    Concept("tone", "event", "a low tone"),
    Concept("none", "bed", "nothing"),
]
VECTORS = torch.eye(3, 4)


@pytest.fixture(scope="module")
def space() -> LatentSpace:
    some = np.concatenate([describe(hiss(2.0)), describe(tone(2.0))])
    return LatentSpace.fit(some, 8)


@pytest.fixture(scope="module")
def file(space: LatentSpace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ear that was taught hiss and tone in a few steps."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = EarNetwork(VECTORS, FEATURES, 16)
        sounds = [torch.from_numpy(white(heard(sound), space))[None] for sound in (hiss(2.0), tone(2.0))]
        there = torch.ones(1, sounds[0].shape[1], dtype=torch.bool)
        optimizer = torch.optim.Adam(network.parameters(), 1e-2)
        for _ in range(60):
            loss = sum(functional.cross_entropy(network(x, there)[1], torch.tensor([k])) for k, x in enumerate(sounds))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    path = tmp_path_factory.mktemp("ear") / "ear.safetensors"
    said = [{"name": each.name, "kind": each.kind, "caption": each.caption} for each in CONCEPTS]
    save_file(network.state_dict(), path, {"concepts": json.dumps(said)})
    return path


@pytest.fixture
def ears(file: Path, space: LatentSpace) -> PocketEars:
    places = {"hissing?": np.array([1, 0, 0, 0], np.float32), "a tone?": np.array([0, 1, 0, 0], np.float32)}
    return PocketEars(Ear.read(file, space), space, places.__getitem__)


def hiss(seconds: float) -> NDArray[np.float32]:
    return (0.1 * np.random.default_rng(0).standard_normal(round(seconds * RATE))).astype(np.float32)


def tone(seconds: float) -> NDArray[np.float32]:
    return (0.2 * np.sin(2 * np.pi * 220 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def heard(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    features = levelled(describe(samples))
    assert features is not None
    return features


def test_what_sounds_when_is_said_in_words(ears: PocketEars) -> None:
    samples = np.concatenate([hiss(4.0), tone(4.0)])[:, None]
    found = ears.hear(samples)
    assert [(each.caption, each.lane) for each in found] == [("hissing", BED), ("a low tone", FOREGROUND)]
    assert found[0].start_s == 0
    assert found[0].end_s == pytest.approx(4.0, abs=1.0)
    assert found[0].end_s == found[1].start_s
    assert found[1].end_s == pytest.approx(8.0)


def test_loudness_changes_the_gain_but_not_what_is_heard(ears: PocketEars) -> None:
    loud, soft = ears.hear_whole(hiss(2.0)[:, None]), ears.hear_whole(0.1 * hiss(2.0)[:, None])
    assert loud.caption == soft.caption == "hissing"
    assert loud.gain_db - soft.gain_db == pytest.approx(20.0, abs=0.5)


def test_a_recorders_offset_is_not_heard(ears: PocketEars) -> None:
    plain, offset = hiss(2.0)[:, None], 0.3 + hiss(2.0)[:, None]
    assert ears.hear_whole(offset).caption == "hissing"
    assert ears.hear_whole(offset).gain_db == pytest.approx(ears.hear_whole(plain).gain_db, abs=0.1)
    assert ears.hear(np.full((RATE, 1), 0.3, np.float32)) == ()


def test_silence_is_not_named(ears: PocketEars) -> None:
    silence = np.zeros((RATE * 3, 1), np.float32)
    assert ears.hear(silence) == ()
    assert ears.ask(silence, "hissing?") == "nothing sounds in it"
    with pytest.raises(Failure, match="is silent"):
        ears.hear_whole(silence)
    both = ears.hear(np.concatenate([silence[:, 0], hiss(3.0)])[:, None])
    assert both[0].start_s == pytest.approx(3.0, abs=0.1)


def test_what_is_over_at_once_is_heard_in_a_long_silence(ears: PocketEars) -> None:
    samples = np.zeros(20 * RATE, np.float32)
    samples[12 * RATE : 12 * RATE + 24_000] = tone(0.5)
    (found,) = ears.hear(samples[:, None])
    assert (found.caption, ears.hear_whole(samples[:, None]).caption) == ("a low tone", "a low tone")
    assert found.start_s == pytest.approx(12.0, abs=0.1)
    assert found.end_s == pytest.approx(12.5, abs=0.1)
    assert found.gain_db == pytest.approx(ears.hear_whole(tone(2.0)[:, None]).gain_db, abs=1.0)


def test_a_question_is_answered_by_where_its_words_are_nearest(ears: PocketEars) -> None:
    samples = np.concatenate([hiss(4.0), tone(4.0)])[:, None]
    answer = ears.ask(samples, "a tone?")
    assert float(answer.split()[4]) == pytest.approx(4.0, abs=1.0)
    assert "which sounds like a low tone" in answer


def test_latents_to_go_on_from_are_the_descriptors_at_the_banks_level(ears: PocketEars, space: LatentSpace) -> None:
    called = np.full(4, 0.5, np.float32)
    drawn = ears.listen(0.05 * hiss(2.0)[:, None], called, "hissing", 3)
    np.testing.assert_allclose(drawn.latents, space.encode(heard(hiss(2.0))), atol=0.05)
    assert drawn.called[0] > 0.8
    assert drawn.seed == 3
    assert ears.listen(hiss(2.0)[:, None], called, "what the user calls it", 3).called is called


def test_windows_that_differ_share_what_they_overlap() -> None:
    vector = np.zeros(4, np.float32)
    said = [(0, 0.0, 2.0), (0, 1.0, 3.0), (1, 2.0, 4.0), (0, 6.0, 8.0)]
    found = joined([Heard(CONCEPTS[k], start, end, 0.5, vector) for k, start, end in said])
    assert [(each.concept.name, each.start_s, each.end_s) for each in found] == [
        ("hiss", 0.0, 2.5),
        ("tone", 2.5, 4.0),
        ("hiss", 6.0, 8.0),
    ]


def test_a_file_that_is_no_ear_is_refused(tmp_path: Path, space: LatentSpace) -> None:
    with pytest.raises(Failure, match="is missing"):
        Ear.read(tmp_path / "ear.safetensors", space)
    save_file({"concepts": VECTORS}, tmp_path / "ear.safetensors", {"concepts": "[]"})
    with pytest.raises(Failure, match="is no ear"):
        Ear.read(tmp_path / "ear.safetensors", space)
