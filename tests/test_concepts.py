"""What pocket's concepts promise: read strictly, told by names and tags, never by guesswork."""

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from diegetic.errors import InputError
from diegetic.model.bank.library import CAPTIONS, COLUMNS, INDEX, TABLE, Bank, Index, write_index, write_table

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts/pocket"))

from captions import (  # noqa: E402
    Concept,
    Concepts,
    Matcher,
    Recording,
    Row,
    caption_all,
    captions_of,
    found_by,
    read_concepts,
    words_of,
)

ESC_10 = (
    "dog barking", "rain", "sea waves", "crying baby", "clock ticking",
    "sneezing", "helicopter", "chainsaw", "rooster", "fire crackling",
)  # fmt: skip
LABELS = ROOT.parent / "shared/evaluators/yamnet_labels.txt"


@pytest.fixture(scope="module")
def known() -> Concepts:
    return read_concepts()


def recording(name: str, source: str = "a/pack", **guesses: float) -> Recording:
    return Recording("1.opus", source, name, True, 2.0, guesses)


def test_the_ten_classes_of_the_evaluation_are_there(known: Concepts) -> None:
    assert set(ESC_10) <= {concept.name for concept in known.concepts}


def test_every_label_is_one_that_the_tagger_knows(known: Concepts) -> None:
    if not LABELS.exists():
        pytest.skip("needs the tagger's labels beside the repository")
    labels = set(LABELS.read_text(encoding="utf-8").splitlines())
    used = {label for concept in known.concepts for label in (*concept.yamnet, *concept.tags)} | set(known.neutral)
    assert used <= labels


def test_no_caption_belongs_to_two_concepts(known: Concepts) -> None:
    captions = [caption for concept in known.concepts for caption in set(concept.captions)]
    assert sorted({caption for caption in captions if captions.count(caption) > 1}) == []


def test_no_wording_belongs_to_two_concepts_or_is_a_caption(known: Concepts) -> None:
    wordings = [wording for concept in known.concepts for wording in concept.wordings]
    captions = {caption for each in known.concepts for caption in (*each.captions, *each.special.values())}
    assert sorted({wording for wording in wordings if wordings.count(wording) > 1 or wording in captions}) == []


def test_every_concept_has_wordings_beside_its_captions(known: Concepts) -> None:
    assert [concept.name for concept in known.concepts if len(concept.wordings) < 10] == []


def test_a_recording_is_found_by_what_its_concept_is_told_by() -> None:
    rain = Concept("rain", "bed", ("rain falls",) * 6, ("Rain",), wordings=("a wet day", "drizzle"))
    assert found_by(["rain at night", "rain falls"], rain) == ("rain at night", "rain falls", "a wet day", "drizzle")


def test_nothing_trains_on_wordings(known: Concepts) -> None:
    rain = next(concept for concept in known.concepts if concept.name == "rain")
    assert not set(captions_of(recording("night_rain.ogg"), rain)) & set(rain.wordings)


def test_a_wording_of_nine_words_is_refused() -> None:
    with pytest.raises(ValueError, match="1 to 8 words"):
        Concept("rain", "bed", ("rain falls",) * 6, ("Rain",), wordings=("a b c d e f g h i",))


def test_the_shipped_bank_is_found_by_all_wordings(known: Concepts) -> None:
    bank = Bank(ROOT / "presets/models/pocket/bank")
    told = {concept.captions: found_by((), concept) for concept in known.concepts}
    offsets = bank.index.caption_offsets
    for first, after in pairwise(offsets):
        captions = {bank.captions[k] for k in bank.index.captions[first:after]}
        assert any(captions >= set(each) for each in told.values())


def test_a_bank_is_called_anew_and_keeps_its_audio(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from build_bank import call_anew

    index = Index(
        np.zeros((3, 4), np.int8), np.array([0, 1, 3]), np.zeros(2, np.float32), np.ones(2, np.int64),
        np.zeros((1, 384), np.float16), np.array([0, 0]), np.array([0, 1, 2]), *np.arange(6).reshape(3, 2),
        np.array([0.25, np.nan], np.float32), np.array([False, True]),
    )  # fmt: skip
    rows = [{**dict.fromkeys(COLUMNS, ""), "file": file, "caption": "rain falls"} for file in ("1.opus", "made/rain")]
    for name, data in ((INDEX, write_index(index)), (TABLE, write_table(rows)), (CAPTIONS, b"old\n")):
        (tmp_path / name).write_bytes(data)
    rain = Concept("rain", "bed", ("rain falls",) * 6, ("Rain",), wordings=("drizzle",))
    row = Row(
        file="1.opus", concept="rain", kind="bed", captions=["night rain"], seconds=1, may_ship=True, held_out=False
    )
    call_anew(tmp_path, [row], [rain], OneHot())
    bank = Bank(tmp_path)
    assert bank.captions == ["drizzle", "night rain", "rain falls"]
    assert bank.index.captions.tolist() == [1, 2, 0, 2, 0]
    assert bank.index.caption_offsets.tolist() == [0, 3, 5]
    assert np.array_equal(bank.index.starts, index.starts)
    assert np.array_equal(bank.index.typical, index.typical, equal_nan=True)
    assert bank.index.performed.tolist() == [False, True]
    assert bank.scores(np.eye(384, dtype=np.float32)[1], "").tolist() == pytest.approx([1 / 3, 0.0])


def test_new_kinds_lie_behind_what_a_bank_has() -> None:
    pytest.importorskip("transformers")
    from build_bank import joined, kinds_of_table

    def index(units: int, shard: int, typical: float) -> Index:
        return Index(
            np.full((units, 4), shard, np.int8), np.array([0, units]), np.zeros(1, np.float32), np.ones(1, np.int64),
            np.zeros((1, 384), np.float16), np.array([0]), np.array([0, 1]), np.array([shard]), np.array([5]),
            np.array([7]), np.array([typical], np.float32), np.array([np.isnan(typical)]),
        )  # fmt: skip

    both = joined(index(3, 0, 0.25), index(2, 1, np.nan))
    assert both.recordings == 2
    assert both.unit_offsets.tolist() == [0, 3, 5]
    assert both.units[:, 0].tolist() == [0, 0, 0, 1, 1]
    assert both.shards.tolist() == [0, 1]
    assert both.typical[0] == 0.25 and np.isnan(both.typical[1])
    assert both.performed.tolist() == [False, True]

    rain, gong = (Concept(name, "bed", (f"{name} sounds",) * 6, ("Rain",), wordings=()) for name in ("rain", "gong"))
    row = Row(file="1.opus", concept="rain", kind="bed", captions=[], seconds=1, may_ship=True, held_out=False)
    assert kinds_of_table([{"file": "1.opus", "caption": ""}], [row], [rain, gong]) == {"rain"}
    assert kinds_of_table([{"file": "made/gong-0", "caption": "gong sounds"}], [row], [rain, gong]) == {"gong"}


class OneHot:
    """A text encoder to which no two captions are alike."""

    def targets(self, captions: Sequence[str], queries: int) -> torch.Tensor:
        rows = torch.eye(384)[: len(captions), None] * 384**0.5
        return rows.expand(-1, queries, -1)


def test_labels_that_need_no_name_also_count_as_right(known: Concepts) -> None:
    assert [concept.name for concept in known.concepts if not set(concept.tags) <= set(concept.yamnet)] == []


def test_an_unknown_key_is_refused_with_file_and_key(tmp_path: Path) -> None:
    path = tmp_path / "concepts.toml"
    path.write_text("leave_outs = []\ntrusted = []\nneutral = []\ncontradiction = 0.5\nconcepts = []\n")
    with pytest.raises(InputError, match=r"concepts.toml.*leave_outs"):
        read_concepts(path)


def test_a_pattern_that_does_not_compile_is_refused() -> None:
    with pytest.raises(ValueError, match="regular expression"):
        Concept("rain", "bed", ("rain falls down",) * 6, ("Rain",), include=("rain(",))


def test_two_concepts_of_one_name_are_refused() -> None:
    rain = Concept("rain", "bed", ("rain falls down",) * 6, ("Rain",))
    with pytest.raises(ValueError, match="rain"):
        Concepts((), (), (), 0.6, (rain, rain))


def test_words_of_a_name_are_split_at_capitals_digits_and_folders() -> None:
    assert words_of(recording("Fire.ocg/FuseShort12.wav")) == "a / pack / fire ocg / fuse short"


@pytest.mark.parametrize(
    ("name", "concept"),
    [
        ("sounds_owl_hoot.ogg", "owl"),
        ("weather/heavy-rain.ogg", "heavy rain"),
        ("003 - Sea waves/2-132157-B.ogg", "sea waves"),
        ("ambient/dogbark3.ogg", "dog barking"),
        ("footsteps/snow/snow_walk2.ogg", "footsteps in snow"),
        ("units/horseman/sounds/train_whistle_1.wav", "train whistle"),
    ],
)
def test_a_name_tells_the_concept(known: Concepts, name: str, concept: str) -> None:
    told = Matcher(known).concept_of(recording(name))
    assert told is not None and told.name == concept


def test_a_name_that_the_tagger_strongly_contradicts_is_left_out(known: Concepts) -> None:
    assert Matcher(known).concept_of(recording("sounds_owl_hoot.ogg", Speech=0.9)) is None


def test_a_trusted_name_outweighs_the_tagger(known: Concepts) -> None:
    told = Matcher(known).concept_of(recording("002 - Rain/1-1-A.ogg", "karoldvl/ESC-10", Speech=0.9))
    assert told is not None and told.name == "rain"


def test_the_tagger_alone_needs_a_high_score(known: Concepts) -> None:
    matcher = Matcher(known)
    heard = matcher.concept_of(recording("osfx_24.wav", Helicopter=0.77))
    assert heard is not None and heard.name == "helicopter"
    assert matcher.concept_of(recording("osfx_24.wav", Helicopter=0.4)) is None


def test_music_and_voices_are_left_out(known: Concepts) -> None:
    matcher = Matcher(known)
    assert matcher.concept_of(recording("mesecons_noteblock_cowbell.ogg")) is None
    assert matcher.concept_of(recording("sounds/horseman_select2.wav", Horse=0.9)) is None


def test_captions_are_four_to_eight_and_the_same_each_time(known: Concepts) -> None:
    rain = next(concept for concept in known.concepts if concept.name == "rain")
    captions = captions_of(recording("night_rain.ogg"), rain)
    assert captions == captions_of(recording("night_rain.ogg"), rain)
    assert 4 <= len(captions) <= 8 and captions[0] == "rain at night" and len(set(captions)) == len(captions)


def test_the_fifth_fold_is_held_out(known: Concepts) -> None:
    held = recording("001 - Dog bark/5-117271-A.ogg", "karoldvl/ESC-10")
    learned = recording("001 - Dog bark/2-117271-A.ogg", "karoldvl/ESC-10")
    assert [row["held_out"] for row in caption_all([held, learned], known)] == [True, False]
