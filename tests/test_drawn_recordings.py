"""Which recordings of a bank are drawn for a caption, and what they sound like."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bank_sounds import SECOND, Array, by_first_letter, hiss, index_of, latent_space, library
from diegetic.errors import Failure
from diegetic.model.bank.add import add_to_bank
from diegetic.model.bank.decoder import BankDecoder
from diegetic.model.bank.describe import SAMPLE_RATE, UNIT_FRAMES, LatentSpace, describe
from diegetic.model.bank.library import CAPTIONS, INDEX, Bank, kinds_told, write_index
from diegetic.model.bank.words import Vocabulary, Words
from diegetic.model.codec import Drawn
from diegetic.story import Event


@pytest.fixture(scope="module")
def space() -> LatentSpace:
    return latent_space()


def test_words_that_few_captions_have_tell_recordings_apart() -> None:
    words = Words(["an owl hoots", "a rooster crows at night", "a crow caws at night", "rain"])
    assert words.nearness("owls hooting in the night").argmax() == 0
    assert words.nearness("the rooster crowed").argmax() == 1
    assert words.nearness("nothing that is known").max() == 0
    assert words.nearness("an owl hoots")[0] == pytest.approx(1.0)


def test_a_word_that_tells_of_many_kinds_says_less_than_the_name_of_one() -> None:
    captions = [
        "a lion roars",
        "the sea roars",
        "a dragon roars",
        "the engine roars",
        "a lorry",
        "surf",
        "a lion sleeps",
    ]
    kinds = [0, 1, 2, 3, 3, 1, 0]
    known, unknown = Words(captions, kinds=kinds), Words(captions)
    told = "a lorry roars away"
    lorry, others = captions.index("a lorry"), [0, 1, 2]
    assert known.nearness(told).argmax() == lorry
    assert known.nearness(told)[others].max() < unknown.nearness(told)[others].max()


def test_recordings_that_share_captions_are_of_a_kind(tmp_path: Path, space: LatentSpace) -> None:
    index = index_of(tmp_path, space, recordings=4)
    told = replace(
        index,
        embeddings=np.ones((6, 1), np.float16),
        captions=np.array([0, 1, 2, 1, 2, 3, 4, 5]),  # the third caption of the second recording is its own
        caption_offsets=np.array([0, 3, 6, 7, 8]),
    )
    assert kinds_told(told) == [0, 0, 0, 0, 2, 3]


def test_nothing_tells_of_kinds_where_each_recording_has_a_caption_of_its_own(
    tmp_path: Path, space: LatentSpace
) -> None:
    assert kinds_told(index_of(tmp_path, space, recordings=3)) is None


def test_words_that_mean_the_like_are_near_by_a_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "words.npz"
    vectors = np.array([[127, 0, 0], [125, 10, 0], [0, 127, 0], [0, 0, 127]], np.int8)
    np.savez(path, words=np.frombuffer(b"dog\nterrier\nbell\nrain", np.uint8), vectors=vectors)
    captions = ["a dog", "a bell", "rain"]
    assert Words(captions, Vocabulary(path)).nearness("two terriers").argmax() == 0
    assert Words(captions, Vocabulary(path)).nearness("two terriers")[1:].max() == 0
    assert Words(captions).nearness("two terriers").max() == 0


def test_a_damaged_vocabulary_is_a_failure_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "words.npz").write_bytes(b"nothing")
    with pytest.raises(Failure, match=r"words\.npz"):
        Vocabulary(tmp_path / "words.npz")


def test_several_captions_say_how_near_a_recording_is(tmp_path: Path, space: LatentSpace) -> None:
    for number in range(3):
        soundfile.write(tmp_path / f"rain{number}.wav", hiss(1, seed=number), SAMPLE_RATE)
    list(add_to_bank(tmp_path, tmp_path / "bank", {}, space, by_first_letter))
    captions = ["fire crackling", "embers in the hearth", "a log burns", "fireworks", "rockets over roofs", "festival"]
    told = replace(
        Bank(tmp_path / "bank").index,
        embeddings=np.array([[0.9], [0.1], [0.1], [0.8], [0.6], [0.6]], np.float16),
        captions=np.array([0, 1, 2, 3, 4, 5, 3]),
        caption_offsets=np.array([0, 3, 6, 7]),
    )
    (tmp_path / "bank" / INDEX).write_bytes(write_index(told))
    (tmp_path / "bank" / CAPTIONS).write_text("\n".join(captions), encoding="utf-8")
    scores = Bank(tmp_path / "bank").scores(np.ones(1, np.float32), "")
    assert scores == pytest.approx([1.1 / 3, 2 / 3, 0.8], abs=1e-3)


def test_what_sounds_like_its_name_is_drawn_rather(tmp_path: Path, space: LatentSpace) -> None:
    for number in range(12):
        soundfile.write(tmp_path / f"rain{number}.wav", hiss(1, seed=number), SAMPLE_RATE)
    list(add_to_bank(tmp_path, tmp_path / "bank", {}, space, by_first_letter))
    bank = Bank(tmp_path / "bank")
    assert not bank.typical.any()
    typical = np.array([0.2, 0.8] * 5 + [np.nan] * 2, np.float32)
    (tmp_path / "bank" / INDEX).write_bytes(write_index(replace(bank.index, typical=typical)))
    heard = Bank(tmp_path / "bank")
    assert heard.typical == pytest.approx(np.array([-0.3, 0.3] * 5 + [0.0] * 2), abs=1e-6)
    decoder = BankDecoder([heard], space, [0.0], 0.5)
    drawn = [
        recording
        for seed in range(20)
        for _, recording in decoder.pick(
            by_first_letter(["rain"])[0], "rain", 0.5, np.random.default_rng(seed)
        ).recordings
    ]
    assert np.mean([typical[recording] == np.float32(0.8) for recording in drawn]) > 0.75


def test_a_story_keeps_to_its_recordings_of_a_kind(tmp_path: Path, space: LatentSpace) -> None:
    for number in range(12):
        soundfile.write(tmp_path / f"rain{number}.wav", hiss(1, seed=number), SAMPLE_RATE)
    list(add_to_bank(tmp_path, tmp_path / "bank", {}, space, by_first_letter))
    decoder = BankDecoder([Bank(tmp_path / "bank")], space, [0.0], 0.5)
    query = by_first_letter(["rain"])[0]

    def picks(direction: Array, seed: int) -> set[tuple[int, int]]:
        return set(decoder.pick(query, "rain", 0.5, np.random.default_rng(seed), belongs=direction).recordings)

    here, *elsewhere = np.eye(32, dtype=np.float32)[:9]
    own = [len(picks(here, 1) & picks(here, seed)) for seed in range(2, 8)]
    other = [len(picks(here, 1) & picks(there, seed)) for there in elsewhere for seed in range(2, 8)]
    assert np.mean(own) > np.mean(other) + 0.5
    lies = decoder.banks[0].lie(here)
    assert np.array_equal(lies, Bank(tmp_path / "bank").lie(here))
    assert np.abs(lies).max() <= 1


def test_a_bed_is_made_of_what_lasts_where_there_is_enough_of_it(tmp_path: Path, space: LatentSpace) -> None:
    for number, seconds in enumerate([0.5] * 8 + [8.0] * 3):
        soundfile.write(tmp_path / f"rain{number:02}.wav", hiss(seconds, seed=number), SAMPLE_RATE)
    list(add_to_bank(tmp_path, tmp_path / "bank", {}, space, by_first_letter))
    decoder = BankDecoder([Bank(tmp_path / "bank")], space, [0.0], 0.5)
    query = by_first_letter(["rain"])[0]

    def lengths(lasting: bool) -> set[str]:
        picks = [decoder.pick(query, "rain", 0.5, np.random.default_rng(seed), lasting=lasting) for seed in range(5)]
        return {decoder.banks[0].table[recording]["seconds"] for pick in picks for _, recording in pick.recordings}

    assert lengths(lasting=True) == {"8.00"}
    assert lengths(lasting=False) == {"0.50", "8.00"}


def test_a_bed_of_the_only_recording_there_is_stays_in_the_middle(tmp_path: Path, space: LatentSpace) -> None:
    soundfile.write(tmp_path / "rain.wav", hiss(8.0), SAMPLE_RATE)
    list(add_to_bank(tmp_path, tmp_path / "bank", {}, space, by_first_letter))
    decoder = BankDecoder([Bank(tmp_path / "bank")], space, [0.0], 0.4)
    latents = space.encode(describe(hiss(4.0)))
    drawn = Drawn(latents, by_first_letter(["rain"])[0], 1, "", np.zeros(0, np.float32))
    built = decoder.decode(drawn, Event("e1", "rain", 0.0, 4.0, "bed"))
    left, right = (built**2).mean(0)
    assert left == pytest.approx(right, rel=1e-3)


def test_what_sounds_behind_what_died_down_is_as_soft(tmp_path: Path, space: LatentSpace) -> None:
    list(add_to_bank(library(tmp_path), tmp_path / "bank", {}, space, by_first_letter))
    codec = BankDecoder([Bank(tmp_path / "bank")], space, [0.0], 0.4)
    event = Event("e1", "cold wind dies down", 0.0, 2.0)
    drawn = Drawn(space.encode(describe(hiss(2, seed=7))), by_first_letter(["cold"])[0], 1)
    whole, after, before = (
        codec.decode(replace(drawn, window=window), event) for window in ("whole", "after", "before")
    )
    ends, begins = whole[-2 * UNIT_FRAMES : -UNIT_FRAMES].std(), whole[UNIT_FRAMES : 2 * UNIT_FRAMES].std()
    assert 20 * np.log10(after[UNIT_FRAMES : 2 * UNIT_FRAMES].std() / ends) == pytest.approx(0.0, abs=4.0)
    assert 20 * np.log10(before[-2 * UNIT_FRAMES : -UNIT_FRAMES].std() / begins) == pytest.approx(0.0, abs=4.0)


def test_a_bed_s_next_window_stays_what_the_one_before_was(tmp_path: Path, space: LatentSpace) -> None:
    list(add_to_bank(library(tmp_path), tmp_path / "bank", {}, space, by_first_letter))
    codec = BankDecoder([Bank(tmp_path / "bank")], space, [0.0], 0.5)
    soft, loud, silent = (space.encode(describe(sound)) for sound in (hiss(4, 0.02), hiss(20, 0.1), np.zeros(SECOND)))
    steady = codec.steady(loud, 10, soft)
    assert np.array_equal(steady[:10], loud[:10])
    np.testing.assert_allclose(steady[10:].mean(0), soft.mean(0), atol=1e-4)
    np.testing.assert_allclose(np.diff(steady[10:], axis=0), np.diff(loud[10:], axis=0), atol=1e-4)
    assert np.array_equal(codec.steady(loud, 10, silent), loud), "what ended in silence says nothing"
    assert np.array_equal(codec.steady(silent, 2, loud), silent)
