"""Tunes are read strictly, and each kind of music has some, in the bank too."""

from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("mido")

from captions import read_concepts
from diegetic.model.bank.library import Bank
from diegetic.settings import presets_folder
from performances import Tune, read_tunes

TUNE = "X:7\nT:Waltz\nC:Diegetic\nG:piano\n{more}M:3/4\nL:1/8\nK:C\n%%MIDI program 0\nc2e2g2|\n"


def test_a_tune_says_what_it_is_of_and_who_made_it(tmp_path: Path) -> None:
    book = tmp_path / "tunes.abc"
    book.write_text("% a book\n\n" + TUNE.format(more="") + "\n" + TUNE.format(more="R:groove\n"), encoding="utf-8")
    first, second = read_tunes(book)
    assert (first.number, first.title, first.concept, first.composer) == (7, "Waltz", "piano", "Diegetic")
    assert (first.is_groove, second.is_groove) == (False, True)
    assert first.abc.startswith("X:7\n")


def test_a_tune_without_a_group_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tunes.abc").write_text(TUNE.format(more="").replace("G:piano\n", ""), encoding="utf-8")
    with pytest.raises(ValueError, match=r"must have the fields G: 'X:7"):
        read_tunes(tmp_path / "tunes.abc")


@pytest.fixture(name="tunes")
def _tunes() -> tuple[Tune, ...]:
    return read_tunes()


def test_each_kind_of_music_has_tunes_and_each_tune_a_number(tunes: tuple[Tune, ...]) -> None:
    concepts = {each.name: each.performed for each in read_concepts().concepts}
    assert {tune.concept for tune in tunes if concepts[tune.concept]} == {name for name in concepts if concepts[name]}
    assert {tune.concept for tune in tunes if not concepts[tune.concept]} == {"applause"}
    assert max(Counter(tune.number for tune in tunes).values()) == 1


def test_the_bank_plays_every_tune(tunes: tuple[Tune, ...]) -> None:
    bank = Bank(presets_folder() / "models/pocket/bank")
    played = {row["file"]: bool(each) for row, each in zip(bank.table, bank.index.performed, strict=True)}
    made = {f"made/{tune.concept.replace(' ', '-')}-{tune.number}": tune.concept != "applause" for tune in tunes}
    assert made.items() <= played.items()
    assert sum(played.values()) == sum(made.values())
