"""Planning by an LLM of random weights: whatever it would write, the plan is whole, and its memory is exact."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from transformers import Cache

from diegetic.model.agenda import Agenda
from diegetic.model.clauses import parts
from diegetic.model.grammar import PlanStyle, Timed, frontier
from diegetic.model.narrator import Narrated, Narrator, _Placed
from diegetic.model.sequence import PlanEncoder
from diegetic.model.stems import share_word, stems
from diegetic.model.story_memory import StoryMemory
from diegetic.story import MAX_EVENT_S, MAX_PLANNED_EVENTS, MIN_EVENT_S
from tiny_llm import RESIDUAL, SEMANTIC, tiny_narrator, tiny_tokenizer

SPAN = PlanStyle(max_reasoning_tokens=6, max_caption_tokens=5)
SEQUENCE = PlanStyle(time_step_s=0.1, form="duration", max_reasoning_tokens=6, max_caption_tokens=5)


@pytest.mark.parametrize("style", [SPAN, SEQUENCE], ids=["span", "duration"])
@pytest.mark.parametrize("seconds", [1.0, 9.8, 40.0, 300.0, 324.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_plan_fills_what_was_asked(style: PlanStyle, seconds: float, seed: int) -> None:
    _, told = plan(tiny_narrator(style, seed), seconds)
    events = [each.event for each in told]
    assert 1 <= len(events) <= MAX_PLANNED_EVENTS
    assert events[0].start_s == 0
    reached = 0.0
    for event in events:
        assert MIN_EVENT_S - 1e-6 <= event.end_s - event.start_s <= MAX_EVENT_S + 1e-6
        assert event.start_s <= reached + 1e-6, "there is a silence that nobody told"
        assert event.caption.strip()
        reached = max(reached, event.end_s)
    assert abs(reached - seconds) <= 1.0
    if style.form == "duration":
        assert sum(event.end_s - event.start_s for event in events) == pytest.approx(seconds, abs=0.1)


def test_each_event_has_the_states_of_its_query_tokens() -> None:
    _, told = plan(tiny_narrator(), 30)
    assert {each.semantic.shape for each in told} == {(SEMANTIC, 16)}
    assert {each.residual.shape for each in told} == {(RESIDUAL, 16)}
    assert not torch.equal(told[0].residual, told[-1].residual)


def test_a_plan_recalled_is_the_same_to_the_bit() -> None:
    narrator = tiny_narrator()
    memory, told = plan(narrator, 40)
    assert memory.first is told[0].residual
    again = narrator.begin("rain", 40)
    narrator.reason(again, memory.reasoning)
    for each in told:
        assert same(narrator.read(again, each.event), each)
    assert narrator.save(again) == narrator.save(memory)


def test_a_memory_loaded_goes_on_the_same_to_the_bit() -> None:
    narrator = tiny_narrator()
    memory, _ = plan(narrator, 20)
    loaded = narrator.load(narrator.save(memory))
    assert loaded.first is not None
    assert memory.first is not None
    assert torch.equal(loaded.first, memory.first)
    went_on = list(narrator.continue_(memory, "a door", 4))
    assert all(same(a, b) for a, b in zip(narrator.continue_(loaded, "a door", 4), went_on, strict=True))
    assert went_on[0].event.start_s == 20
    assert max(each.event.end_s for each in went_on) == 24


@pytest.mark.parametrize("style", [SPAN, SEQUENCE], ids=["span", "duration"])
@pytest.mark.parametrize("seconds", [7.3, 7.5, 8.5, 12.6, 20.05])
@pytest.mark.parametrize("more", [1.0, 4.4, 6.0, 6.5])
def test_a_continuation_begins_where_the_story_ends_and_is_as_long_as_was_asked(
    style: PlanStyle, seconds: float, more: float
) -> None:
    for seed in range(4):
        narrator = tiny_narrator(style, seed)
        memory, told = plan(narrator, seconds)
        assert max(each.event.end_s for each in told) <= seconds + 1e-6
        went_on = list(narrator.continue_(memory, "a door", more))
        assert memory.seconds == pytest.approx(seconds + more)
        assert went_on[0].event.start_s == pytest.approx(seconds)
        reached = seconds
        for each in went_on:
            assert MIN_EVENT_S - 1e-6 <= each.event.end_s - each.event.start_s <= MAX_EVENT_S + 1e-6
            assert each.event.start_s <= reached + 1e-6, "there is a silence that nobody told"
            reached = max(reached, each.event.end_s)
        assert reached == pytest.approx(seconds + more)
        again = narrator.begin("rain", seconds)
        narrator.reason(again, memory.reasoning)
        assert all(same(narrator.read(again, each.event), each) for each in told)


COVER = replace(SPAN, cover=True, max_caption_tokens=24)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("seconds", [1.0, 4.0, 8.5, 27.0])
def test_one_short_clause_is_one_event_of_the_whole_length(seed: int, seconds: float) -> None:
    narrator = tiny_narrator(COVER, seed)
    memory, _ = plan(narrator, 12.5, "rain falls")
    (door,) = (each.event for each in narrator.continue_(memory, "a door slams", seconds))
    assert (door.caption, door.start_s, door.end_s) == ("a door slams", 12.5, 12.5 + seconds)
    (bed,) = (each.event for each in narrator.continue_(memory, "wind without pause", seconds))
    assert (bed.lane, bed.start_s, bed.end_s) == ("bed", 12.5 + seconds, 12.5 + 2 * seconds)
    (shot,) = (each.event for each in narrator.continue_(memory, "after five seconds a shot", seconds))
    again = [each.event for each in narrator.continue_(memory, "a bell rings every four seconds", 14.0)]
    assert [event.start_s - again[0].start_s for event in again] == [0, 4, 8, 12]
    assert {(event.lane, event.end_s - event.start_s) for event in again} == {("foreground", 2)}
    assert shot.start_s == 12.5 + 2 * seconds + min(5, seconds - 1), "as late as it says, where there is the time"


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("seconds", [3.0, 20.0, 60.0])
def test_what_comes_next_has_an_event_for_each_clause_and_ends_in_time(seed: int, seconds: float) -> None:
    narrator = tiny_narrator(COVER, seed)
    memory, _ = plan(narrator, 12.5, "rain falls")
    went_on = [each.event for each in narrator.continue_(memory, "a dog barks, then a bell rings", seconds)]
    assert {"a dog barks", "a bell rings"} <= {event.caption for event in went_on}
    assert max(event.end_s for event in went_on) == 12.5 + seconds
    assert went_on[0].start_s == 12.5
    assert went_on == sorted(went_on, key=lambda event: event.start_s)


def test_beds_go_on_under_what_comes_next_but_for_those_that_it_tells_of() -> None:
    beds = ("rain on the roof", "wind")
    seen = 0

    def went_on(text: str, seconds: float) -> list[tuple[str, float, float]] | None:
        """The windows of beds; None where the LLM begins with a bed of its own."""
        memory, _ = plan(narrator, 12.0, "rain falls")
        told = [each.event for each in narrator.continue_(memory, text, seconds, beds)]
        assert told == sorted(told, key=lambda event: event.start_s)
        windows = [(event.caption, event.start_s, event.end_s) for event in told if event.caption in beds]
        return windows if told[0].caption in beds or told[0].lane != "bed" else None

    for seed in range(12):
        narrator = tiny_narrator(COVER, seed)
        wanted = {
            ("a door slams", 4.5): [("rain on the roof", 12, 16.5), ("wind", 12, 16.5)],
            ("the rain on the roof stops, birds sing", 4.0): [("wind", 12, 16)],
            ("a door slams, a dog barks", 60.0): [(bed, 12 + k, 32 + k) for k in (0, 20, 40) for bed in beds],
        }
        for (text, seconds), windows in wanted.items():
            found = went_on(text, seconds)
            assert found in (None, windows)
            seen += found is not None
        assert went_on("waves break without pause", 4.0) is None
        assert went_on("the rain on the roof stops", 4.0) == [("wind", 12, 16)]
        assert went_on("a while later", 4.0) == [("rain on the roof", 12, 16), ("wind", 12, 16)]
    assert seen >= 6


def test_continuing_feeds_only_what_is_new() -> None:
    narrator = tiny_narrator()
    memory, _ = plan(narrator, 20)
    fed = chunks_fed_to(narrator)
    list(narrator.continue_(memory, "a door", 4))
    assert fed[0] == len(narrator.encoder.continuation("a door", 4))
    assert sum(fed) < memory.length - 20


def test_query_tokens_are_fed_in_one_pass() -> None:
    narrator = tiny_narrator()
    memory = narrator.begin("rain", 10)
    fed = chunks_fed_to(narrator)
    narrator.read(memory, Timed("rain", "bed", 0, 10))
    assert fed == [len(narrator.encoder.event(Timed("rain", "bed", 0, 10)).ids)]


def test_later_events_see_earlier_residual_tokens() -> None:
    narrator = tiny_narrator()
    after = []
    for first in ("rain", "fire"):
        memory = narrator.begin("a scene", 10)
        narrator.read(memory, Timed(first, "bed", 0, 10))
        after.append(narrator.read(memory, Timed("a door", "foreground", 2, 4)))
    assert not torch.equal(after[0].residual, after[1].residual)


@pytest.mark.parametrize("text", ["<|im_end|><|gen|>", "</t5><timestamp>9</timestamp>", "雨 🌧️", "a\n\nb\x00c"])
def test_no_text_can_pass_for_a_marker(text: str) -> None:
    encoder = PlanEncoder(tiny_tokenizer(), SPAN, SEMANTIC, RESIDUAL)
    markers = {encoder.gen_open, encoder.gen_close, encoder.time_open, encoder.think_close}
    assert not markers & set(encoder.prompt(text, 10))
    event = encoder.event(Timed(text, "bed", 0, 10))
    assert event.ids.count(encoder.time_open) == 1
    _, told = plan(tiny_narrator(), 10, text)
    assert told


def test_a_damaged_memory_is_refused() -> None:
    narrator = tiny_narrator()
    with pytest.raises(ValueError, match="damaged"):
        narrator.load(narrator.save(narrator.begin("rain", 5))[:-9])


def test_a_tokenizer_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the marker"):
        PlanEncoder(tiny_tokenizer(), SPAN, semantic=99, residual=RESIDUAL)


def test_whoever_looks_between_tokens_may_stop_a_plan_anywhere_in_it() -> None:
    narrator = tiny_narrator()
    fed, looks = chunks_fed_to(narrator), []
    list(narrator.plan(narrator.begin("rain", 20), lambda: looks.append(len(fed))))
    assert len(looks) > 20
    for stop in range(len(looks)):
        memory, left = narrator.begin("rain", 20), list(range(stop))
        fed.clear()
        with pytest.raises(IndexError):  # what a look raises comes out as it is
            list(narrator.plan(memory, left.pop))
        assert len(fed) <= stop, "nothing is fed without a look before it"


def chunks_fed_to(narrator: Narrator) -> list[int]:
    """How many tokens the LLM is fed from now on, in each pass."""
    fed: list[int] = []
    reader, read = narrator._reader, narrator._reader.read

    def counted(cache: Cache, ids: Sequence[int] | Tensor) -> Tensor:
        fed.append(len(ids))
        return read(cache, ids)

    reader.read = counted  # type: ignore[method-assign]
    return fed


def plan(narrator: Narrator, seconds: float, text: str = "rain") -> tuple[StoryMemory, list[Narrated]]:
    memory = narrator.begin(text, seconds)
    return memory, list(narrator.plan(memory))


def same(a: Narrated, b: Narrated) -> bool:
    return a.event == b.event and torch.equal(a.semantic, b.semantic) and torch.equal(a.residual, b.residual)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("seconds", [3.0, 20.0, 90.0])
def test_each_clause_has_its_event_whatever_the_llm_would_write(seed: int, seconds: float) -> None:
    narrator = tiny_narrator(replace(SPAN, cover=True, max_caption_tokens=24), seed)
    text = "rain falls without pause, a dog barks, then a bell rings"
    told = [each.event for each in narrator.plan(narrator.begin(text, seconds))]
    starts = [
        next(event.start_s for event in told if share_word(part.stems, stems(event.caption))) for part in parts(text)
    ]
    assert starts[1] <= starts[2]
    rain = next(event for event in told if "rain" in event.caption)
    assert rain.lane == "bed"
    assert max(event.end_s for event in told) == seconds


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_the_text_says_when_is_heard_then(seed: int) -> None:
    narrator = tiny_narrator(replace(SPAN, cover=True, max_caption_tokens=24), seed)
    text = "a dog barks, at eight seconds a bell rings, five seconds later a door slams, twice"
    told = {each.event.caption: each.event for each in narrator.plan(narrator.begin(text, 30))}
    assert told["a bell rings"].start_s == 8
    assert told["a door slams, twice"].start_s == 13
    text = "a dog barks for four seconds, then a bell rings for nine seconds, then rain"
    told = {each.event.caption: each.event for each in narrator.plan(narrator.begin(text, 30))}
    assert [told[each].end_s - told[each].start_s for each in ("a dog barks", "a bell rings")] == [4, 9]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_plan_may_be_silent_until_the_time_of_its_first_sound(seed: int) -> None:
    narrator = tiny_narrator(replace(SPAN, cover=True, max_caption_tokens=24), seed)
    for text, start_s in (("at five seconds a gunshot, a dog whimpers", 5), ("at forty seconds a gunshot", 14)):
        told = [each.event for each in narrator.plan(narrator.begin(text, 15))]
        assert told[0].caption == "a gunshot" or told[0].lane == "bed", "a bed of the place is the LLM's to add"
        gunshot = next(event for event in told if event.caption == "a gunshot")
        assert (gunshot.lane, gunshot.start_s) == ("foreground", start_s)
        assert max(event.end_s for event in told) == 15


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_plan_is_silent_where_and_as_long_as_the_text_says(seed: int) -> None:
    narrator = tiny_narrator(replace(SPAN, cover=True, max_caption_tokens=24), seed)
    text = "rain for five seconds, then five seconds of silence, a bell rings, then three seconds of silence"
    told = [each.event for each in narrator.plan(narrator.begin(text, 30))]
    bell = next(event for event in told if event.caption == "a bell rings")
    before, after = ([e for e in told if (e.start_s < bell.start_s) is first] for first in (True, False))
    assert max(event.end_s for event in before) == bell.start_s - 5
    assert max(event.end_s for event in after) == 27


@pytest.mark.parametrize(("seconds", "end_s"), [(6.0, 4.0), (1.0, 1.0)])
def test_what_comes_next_may_end_in_silence(seconds: float, end_s: float) -> None:
    narrator = tiny_narrator(replace(SPAN, cover=True))
    memory = narrator.begin("rain", 4.0)
    (door,) = narrator.continue_(memory, "a door slams, then silence", seconds)
    assert (door.event.start_s, door.event.end_s) == (4.0, 4.0 + end_s)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_stops_is_heard_until_then(seed: int) -> None:
    narrator = tiny_narrator(replace(SPAN, cover=True, max_caption_tokens=24), seed)
    text = "rain falls without pause. After forty seconds the rain stops, a bell rings"
    told = [each.event for each in narrator.plan(narrator.begin(text, 60))]
    assert max(event.end_s for event in told if event.caption == "rain falls without pause") == 40
    assert next(event.start_s for event in told if event.caption == "a bell rings") == 40


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_what_is_heard_every_so_often_is_told_again_to_the_end(seed: int) -> None:
    narrator = tiny_narrator(replace(SPAN, cover=True, max_caption_tokens=24), seed)
    for text in ("rain without pause, a bell rings every nine seconds", "a bell rings every nine seconds"):
        told = [each.event for each in narrator.plan(narrator.begin(text, 50))]
        starts = [event.start_s for event in told if event.caption == "a bell rings"]
        assert {later - earlier for earlier, later in pairwise(starts)} == {9}
        assert starts[-1] > 50 - 9 - 1
        assert max(event.end_s for event in told) == 50


def test_nothing_is_added_to_what_is_told_where_a_bed_goes_on() -> None:
    narrator = tiny_narrator(replace(SPAN, cover=True))
    memory, agenda = narrator.begin("rain", 40), Agenda.of("rain, a dog barks", 30.0)
    narrator.reason(memory, "a town")
    for event in (Timed("rain", "bed", 0, 20), Timed("a dog barks", "foreground", 4, 8)):
        agenda.tell(event)
    at = frontier(40, narrator.style).after(0, 20).after(4, 8)
    assert narrator._next_event(memory, at, agenda) is None
    assert [each.event.caption for each in narrator._events(memory, at, agenda)] == ["rain"]


def test_every_bed_goes_on_before_what_comes_behind_its_window(monkeypatch: pytest.MonkeyPatch) -> None:
    narrator = tiny_narrator(replace(SPAN, cover=True))
    memory, agenda = narrator.begin("rain", 40), Agenda.of("rain, wind, a dog barks", 30.0)
    narrator.reason(memory, "a town")
    for event in (Timed("rain", "bed", 0, 20), Timed("wind", "bed", 0, 20)):
        agenda.tell(event)
    dog = _Placed(Timed("a dog barks", "foreground", 20, 24), 20, 24, agenda.owed[0])
    monkeypatch.setattr(narrator, "_next_event", lambda *_: dog if agenda.owed else None)
    at = frontier(40, narrator.style).after(0, 20).after(0, 20)
    told = [each.event.caption for each in narrator._events(memory, at, agenda)]
    assert told == ["rain", "wind", "a dog barks"]
