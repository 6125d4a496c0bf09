"""The evaluation: its rows and table, its told scenes, and how plans are held against them."""

import numpy as np
import pytest

import stories
from diegetic.story import BED, FOREGROUND, Event
from evaluation.overlap import nearest
from evaluation.row import Row, as_values, write_table
from evaluation.scenes import LATER, ToldScene, ToldSound, judge, read_scenes, sums

pytest.importorskip("ai_edge_litert", reason="needs the extra `evaluate`")

from evaluation.coherence import Samples, Sounded, coherence
from evaluation.planners import by_rules, read_lines
from evaluation.stories import sounding


def test_a_row_is_met_by_its_own_direction() -> None:
    assert Row("recall", 0.9, {}, 0.9, at_least=True).met
    assert not Row("recall", 0.8, {}, 0.9, at_least=True).met
    assert Row("wrong", 0.05, {}, 0.1, at_least=False).met


def test_the_table_has_a_line_for_each_row_and_says_what_stands_beside() -> None:
    rows = [Row("recall", 0.9, {"rules": 0.5}, 0.9, True, "60 scenes"), Row("a longer name", 1, {}, 2, False)]
    lines = write_table(rows).splitlines()
    assert len(lines) == 4
    assert "rules 0.5" in lines[2]
    assert [line.count("|") for line in lines] == [7] * 4


def test_a_row_as_values_says_whether_it_is_met() -> None:
    assert as_values(Row("recall", 0.5, {"rules": 0.4}, 0.9, True))["met"] is False


def test_sixty_scenes_name_their_sounds_in_words_that_they_have() -> None:
    scenes, later = read_scenes(), read_scenes(LATER)
    assert (len(scenes), len(later)) == (60, 20)
    for scene in (*scenes, *later):
        assert scene.sounds, scene.text
        for sound in scene.sounds:
            assert sound.says in scene.text
            assert sound.is_named_in(sound.says) or sound.words
            assert sound.labels


def test_no_scene_is_a_training_scene() -> None:
    trained = [scene.text for scene in stories.read_scenes()]
    overlaps = [nearest(scene.text, trained) for scene in (*read_scenes(), *read_scenes(LATER))]
    assert max(overlap.run for overlap in overlaps) <= 5
    assert max(overlap.share for overlap in overlaps) < 0.15


def test_a_copied_scene_would_be_seen() -> None:
    copied = stories.read_scenes()[0].text
    assert nearest(copied, [copied, "a dog barks"]).share == 1.0


def scene(text: str, *sounds: ToldSound, seconds: float = 20.0, never: tuple[str, ...] = ()) -> ToldScene:
    return ToldScene("toy", text, seconds, sounds, never)


def sound(word: str, bed: bool = False, order: int | None = None) -> ToldSound:
    return ToldSound(word, (word,), frozenset({word}), bed, order, 0.5)


def test_a_plan_is_held_against_its_scene() -> None:
    told = scene("", sound("rain", bed=True), sound("dog", order=1), sound("bell", order=2), never=("cars?$",))
    events = [Event("e1", "rain falling", 0, 20, BED), Event("e2", "bell", 3, 2), Event("e3", "a car passes", 9, 4)]
    judged = judge(told, events)
    assert [event is not None for event in judged.found] == [True, False, True]
    assert judged.contradictions == ("a car passes",)
    assert judged.beds == (True,)
    assert judged.sums
    assert judged.told == 2 / 3


def test_order_counts_between_sounds_that_are_planned() -> None:
    told = scene("", sound("dog", order=1), sound("bell", order=2))
    assert judge(told, [Event("e1", "bell", 0, 4), Event("e2", "dog", 4, 16)]).in_order == (False,)
    assert judge(told, [Event("e1", "dog", 0, 4), Event("e2", "bell", 4, 16)]).in_order == (True,)


def test_one_event_stands_for_one_sound() -> None:
    told = scene("", sound("dog"), sound("bell"))
    assert sum(each is not None for each in judge(told, [Event("e1", "dog and bell", 0, 20)]).found) == 1


def test_windows_of_one_bed_are_one_sound() -> None:
    told = scene("", sound("rain", bed=True), seconds=30)
    events = [Event("e1", "rain", 0, 15, BED), Event("e2", "rain", 15, 15, BED)]
    assert judge(told, events).told == 1.0


def test_a_gap_is_seen() -> None:
    assert not sums([Event("e1", "dog", 0, 4), Event("e2", "dog", 5, 15)], 20)
    assert not sums([Event("e1", "dog", 0, 4)], 20)
    assert sums([Event("e1", "dog", 0, 4), Event("e2", "dog", 5, 13)], 20, may_be_silent=True)
    assert not sums([Event("e1", "dog", 0, 4)], 20, may_be_silent=True)


def test_lines_of_a_chat_are_read_as_a_plan() -> None:
    events = read_lines("Here it is:\n- bed 0-20: rain\nforeground 3-8: thunder\nnonsense\n5-2: backwards")
    assert [(event.lane, event.caption, event.start_s, event.end_s) for event in events] == [
        (BED, "rain", 0, 20),
        (FOREGROUND, "thunder", 3, 8),
    ]


def test_rules_plan_one_clause_after_the_other() -> None:
    events = by_rules("rain falls, then a dog barks", 20)
    assert [event.caption for event in events] == ["rain falls", "a dog barks"]
    assert sums(events, 20)


def test_a_bed_that_is_itself_is_coherent() -> None:
    rng = np.random.default_rng(0)
    shapes = [rng.standard_normal(40).astype(np.float32) for _ in range(3)]

    def near(shape: Samples) -> tuple[Samples, Samples]:
        return shape + 0.1 * rng.standard_normal(40).astype(np.float32), np.abs(shape)

    spectra, _ = coherence([Sounded(near(shape), near(shape)) for shape in shapes])
    assert spectra > 3


def test_silence_around_a_sound_is_left_out() -> None:
    samples = np.zeros((96_000, 2), np.float32)
    samples[24_000:36_000] = 0.5
    assert len(sounding(samples)) == 12_000
