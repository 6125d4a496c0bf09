"""The bank: descriptors, the path of units, overlap-add, and a user's library, on sounds made here."""

import csv
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from diegetic.errors import Failure, InputError
from diegetic.model.bank.add import add_to_bank, caption_of_name, read_captions
from diegetic.model.bank.decoder import BankDecoder
from diegetic.model.bank.describe import FLOOR_DB, SAMPLE_RATE, UNIT_FRAMES, LatentSpace, describe
from diegetic.model.bank.library import CAPTIONS, INDEX, Bank, Index, kinds_told, write_index
from diegetic.model.bank.overlap_add import overlap_add
from diegetic.model.bank.units import APART_UNITS, SILENCE, Run, follow
from diegetic.model.bank.words import Vocabulary, Words
from diegetic.model.codec import Drawn
from diegetic.story import Event

Array = NDArray[np.float32]
SECOND = SAMPLE_RATE


def hiss(seconds: float, level: float = 0.1, seed: int = 0) -> Array:
    return (np.random.default_rng(seed).standard_normal(round(seconds * SECOND)) * level).astype(np.float32)


def tone(seconds: float, pitch_hz: float, level: float = 0.1) -> Array:
    return (np.sin(2 * np.pi * pitch_hz * np.arange(round(seconds * SECOND)) / SECOND) * level * 2**0.5).astype(
        np.float32
    )


@pytest.fixture(scope="module")
def space() -> LatentSpace:
    sounds = [hiss(2, level) for level in (0.01, 0.1, 0.5)] + [tone(2, pitch) for pitch in (110, 440, 3000)]
    return LatentSpace.fit(np.concatenate([describe(sound) for sound in sounds]), 12)


def test_a_unit_is_described_by_its_level() -> None:
    features = describe(tone(1, 440, level=0.1))
    assert features.shape == (13, 56)
    assert features[3:9, 0] == pytest.approx(-20.0, abs=0.3)
    assert describe(np.zeros(100, np.float32))[0, 0] == pytest.approx(FLOOR_DB, abs=0.01)


def test_pitch_is_found_in_tones_and_not_in_hiss() -> None:
    voiced, noisy = describe(tone(1, 240))[5], describe(hiss(1))[5]
    assert voiced[-2] > 0.9 > 0.5 > noisy[-2]
    assert voiced[-1] == pytest.approx(0.0, abs=0.05)


def test_a_path_keeps_to_a_recording_that_fits(space: LatentSpace) -> None:
    wind, bell = (space.encode(describe(sound)) for sound in (hiss(3), tone(3, 440)))
    path = follow(
        np.concatenate([bell[5:15], wind[5:15]]), [wind, bell], silent(space), np.ones(12, np.float32), jump=1.0
    )
    assert [(run.recording, run.units) for run in path] == [(1, 10), (0, 10)]


def test_a_path_is_silent_where_nothing_sounds(space: LatentSpace) -> None:
    wind = space.encode(describe(hiss(2)))
    target = np.concatenate([wind[:8], np.repeat(silent(space)[None], 10, axis=0)])
    path = follow(target, [wind], silent(space), np.ones(12, np.float32), jump=1.0)
    assert path[-1].recording == SILENCE
    assert path[-1].units == pytest.approx(10, abs=1)


def test_runs_cover_the_whole_target_in_order(space: LatentSpace) -> None:
    rng = np.random.default_rng(0)
    recordings = [space.encode(describe(hiss(1, seed=k))) for k in range(3)]
    path = follow(
        rng.standard_normal((60, 12)).astype(np.float32), recordings, silent(space), np.ones(12, np.float32), jump=0.1
    )
    assert [run.at for run in path] == list(np.cumsum([0, *(run.units for run in path)])[:-1])
    assert sum(run.units for run in path) == 60


def test_a_recording_played_through_is_itself() -> None:
    sound = hiss(2)[:, None]
    built = overlap_add([Run(0, 0, 20, 0)], {0: sound}, np.zeros(20, np.float32))
    np.testing.assert_allclose(built[: 19 * UNIT_FRAMES], sound[: 19 * UNIT_FRAMES], atol=1e-6)


def test_a_jump_in_a_tone_is_aligned_and_not_heard() -> None:
    sound = tone(4, 200)[:, None]
    built = overlap_add([Run(0, 0, 12, 0), Run(0, 31, 12, 12)], {0: sound}, np.zeros(24, np.float32))[:, 0]
    middle = built[12 * UNIT_FRAMES - 4800 : 12 * UNIT_FRAMES + 4800]
    level = np.sqrt(np.convolve(middle**2, np.ones(480) / 480, mode="valid"))
    assert level.min() > 0.09
    assert level.max() < 0.11


def test_the_level_follows_what_was_drawn() -> None:
    built = overlap_add(
        [Run(0, 0, 40, 0)], {0: hiss(4)[:, None]}, np.concatenate([np.zeros(20), np.full(20, -20.0)]).astype(np.float32)
    )
    loud, soft = (
        20 * np.log10(np.std(part)) for part in (built[: 15 * UNIT_FRAMES], built[25 * UNIT_FRAMES : 39 * UNIT_FRAMES])
    )
    assert loud - soft == pytest.approx(14.0, abs=1.0)


def test_into_silence_a_recording_rings_on_as_loud_as_it_was_and_fades() -> None:
    gains_db = np.concatenate([np.full(20, -20.0), np.full(30, np.nan)]).astype(np.float32)
    built = overlap_add([Run(0, 0, 20, 0), Run(SILENCE, 0, 30, 20)], {0: hiss(8)[:, None]}, gains_db)[:, 0]
    levels_db = [20 * np.log10(built[unit * UNIT_FRAMES :][:UNIT_FRAMES].std() + 1e-9) for unit in range(40)]
    assert levels_db[22] == pytest.approx(levels_db[15], abs=3.0)
    assert all(later < earlier + 0.5 for earlier, later in pairwise(levels_db[20:33]))
    assert levels_db[33] < -100


def test_what_begins_anew_behind_a_run_is_not_heard_in_its_fade() -> None:
    bark, pause = hiss(0.8), np.zeros(round(0.4 * SECOND), np.float32)
    barks = np.concatenate([bark * np.linspace(1, 0.01, len(bark), dtype=np.float32), pause, bark])[:, None]
    built = overlap_add([Run(0, 0, 10, 0), Run(SILENCE, 0, 20, 10)], {0: barks}, np.zeros(30, np.float32))
    assert np.abs(built[11 * UNIT_FRAMES :]).max() < 0.01
    once = barks[: round(0.9 * SECOND)]  # a recording that ends
    built = overlap_add([Run(0, 0, 10, 0), Run(SILENCE, 0, 20, 10)], {0: once}, np.zeros(30, np.float32))
    assert not built[12 * UNIT_FRAMES :].any()


def test_what_happens_anew_over_another_keeps_its_attack() -> None:
    knock = hiss(0.4, seed=1)[:, None] * np.exp(-np.arange(round(0.4 * SECOND)) / 1_000).astype(np.float32)[:, None]
    audio = {0: hiss(2, level=0.01)[:, None], 1: knock}
    runs = [Run(0, 0, 10, 0), Run(1, 0, 5, 10), Run(1, 0, 5, 15)]
    built = overlap_add(runs, audio, np.zeros(20, np.float32))
    for at in (10, 15):
        np.testing.assert_allclose(built[at * UNIT_FRAMES :][:1_440], knock[:1_440], atol=0.05)
    bed = overlap_add(runs, audio, np.zeros(20, np.float32), flowing=True)
    assert np.abs(bed[10 * UNIT_FRAMES :][:240]).max() < 0.5 * np.abs(knock[:240]).max(), "a bed fades in"


def test_a_short_silence_ends_before_what_follows() -> None:
    audio = {0: hiss(8)[:, None], 1: hiss(2, seed=1)[:, None]}
    for units in (1, 2, 5):
        runs = [Run(0, 0, 20, 0), Run(SILENCE, 0, units, 20), Run(1, 0, 10, 20 + units)]
        built = overlap_add(runs, audio, np.zeros(30 + units, np.float32))[:, 0]
        np.testing.assert_allclose(
            built[(20 + units) * UNIT_FRAMES :][: 8 * UNIT_FRAMES], audio[1][: 8 * UNIT_FRAMES, 0], atol=1e-6
        )
        assert np.abs(built[(20 + units) * UNIT_FRAMES - 480 :][:480]).max() < (0.2 if units == 1 else 0.05)


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


def test_what_follows_a_recording_s_end_is_as_loud_as_it_is_itself() -> None:
    ends = hiss(2)[: 20 * UNIT_FRAMES, None]
    ends = (ends * np.linspace(1, 0, len(ends), dtype=np.float32)[:, None] ** 2).astype(np.float32)  # it fades away
    goes_on = hiss(8, seed=1)[:, None].astype(np.float32)
    audio = {0: ends, 1: goes_on}
    built = overlap_add([Run(0, 0, 20, 0), Run(1, 30, 30, 20)], audio, np.zeros(50, np.float32))[:, 0]
    just_behind, later = built[22 * UNIT_FRAMES : 24 * UNIT_FRAMES], built[40 * UNIT_FRAMES : 44 * UNIT_FRAMES]
    assert just_behind.std() == pytest.approx(later.std(), rel=0.15)


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


def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    soundfile.write(folder / "bell.wav", tone(2, 440), SAMPLE_RATE)
    soundfile.write(folder / "wind.wav", hiss(3), 44_100)
    return folder


def by_first_letter(captions: list[str]) -> Array:
    """A stand-in for the LLM: captions are alike when they begin alike."""
    return np.eye(26, dtype=np.float32)[[ord(caption[0]) - ord("a") for caption in captions]]


def index_of(folder: Path, space: LatentSpace, recordings: int) -> Index:
    """The index of a bank of hiss."""
    for number in range(recordings):
        soundfile.write(folder / f"hiss{number}.wav", hiss(1, seed=number), SAMPLE_RATE)
    list(add_to_bank(folder, folder / "bank", {}, space, by_first_letter))
    return Bank(folder / "bank").index


def silent(space: LatentSpace) -> Array:
    features = np.zeros((1, 56), np.float32)
    features[0, 0] = FLOOR_DB
    return space.encode(features)[0]


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


@pytest.mark.parametrize("recordings", [1, 3])
def test_no_run_is_longer_than_it_may_be_nor_goes_on_beside_a_cut(space: LatentSpace, recordings: int) -> None:
    winds = [space.encode(describe(hiss(6, seed=k))) for k in range(recordings)]
    target = np.concatenate([winds[0], winds[0]])[:80]
    path = follow(target, winds, silent(space), np.ones(12, np.float32), jump=1.0, longest=20)
    assert sum(run.units for run in path) == 80
    assert max(run.units for run in path) <= 20
    for earlier, later in pairwise(path):
        if earlier.recording == later.recording:
            assert abs(later.first - earlier.first - earlier.units) >= APART_UNITS


def test_a_short_sound_is_not_told_again_and_again_where_others_may_sound(space: LatentSpace) -> None:
    knocks = [space.encode(describe(hiss(0.4, seed=k))) for k in range(3)]
    target = np.concatenate([knocks[0]] * 12)[:50]
    path = follow(target, knocks, silent(space), np.ones(12, np.float32), jump=1.0, longest=12)
    assert all(a.recording != b.recording for a, b in pairwise(path) if SILENCE not in (a.recording, b.recording))


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


def test_a_bank_from_before_ears_listened_and_music_was_played_is_read(tmp_path: Path, space: LatentSpace) -> None:
    list(add_to_bank(library(tmp_path), tmp_path / "bank", {}, space, by_first_letter))
    path = tmp_path / "bank" / INDEX
    with np.load(path) as stored:
        without = {name: stored[name] for name in stored.files if name not in ("typical", "performed")}
    np.savez(path.with_suffix(""), **without)
    bank = Bank(tmp_path / "bank")
    assert not bank.typical.any()
    assert not bank.index.performed.any()


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
