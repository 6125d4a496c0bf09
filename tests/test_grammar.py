"""The plan's text: what may follow, and what becomes of a plan that was written without being held to it."""

import logging
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diegetic.errors import InputError
from diegetic.model.grammar import (
    PlanStyle,
    Timed,
    exact,
    frontier,
    read_plan,
    write_prompt,
    write_time,
)
from diegetic.story import MAX_EVENT_S, MAX_PLANNED_EVENTS, MIN_EVENT_S
from diegetic.written_plan import Written, read_written_plan

SEQUENCE = PlanStyle(system="You are a helpful assistant.", time_step_s=0.1, form="duration")
PAPER = (
    "The caption can be divided into 2 points.<|/think|>"
    "<|gen|>A woman chews food <timestamp>9.8</timestamp><t5><t5_00000></t5><aud><aud_00000></aud><|/gen|>"
    "<|gen|>She laughs <timestamp>3.0</timestamp><t5></t5><aud></aud><|/gen|><|im_end|>"
)


def test_the_prompt_is_the_references() -> None:
    assert write_prompt("Develop a story.", 50.0, SEQUENCE) == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\nDevelop a story. The total duration is 50 seconds.<|im_end|>\n"
        "<|im_start|>assistant\n<|think|>"
    )


@pytest.mark.parametrize(
    ("event", "style", "text"),
    [
        (Timed("rain", "bed", 0, 20), PlanStyle(), "bed 0-20"),
        (Timed("bell", "foreground", 4, 9), PlanStyle(), "4-9"),
        (Timed("chewing", "foreground", 3.0, 12.8), SEQUENCE, "9.8"),
    ],
)
def test_a_time_is_written_as_the_style_says(event: Timed, style: PlanStyle, text: str) -> None:
    assert write_time(event, style) == text


@settings(max_examples=200, deadline=None)
@given(st.floats(1, 324), st.sampled_from([PlanStyle(), SEQUENCE]), st.randoms(use_true_random=False))
def test_whatever_is_chosen_of_what_may_follow_fills_the_story(seconds: float, style: PlanStyle, random) -> None:  # type: ignore[no-untyped-def]
    at = frontier(seconds, style)
    while not at.complete:
        assert at.count < MAX_PLANNED_EVENTS
        start = random.choice(at.starts())
        at = at.after(start, random.choice(at.ends(start)))
    assert at.reached * style.time_step_s == pytest.approx(seconds, abs=style.time_step_s / 2 + 1e-9)


def test_the_last_event_ends_with_the_story_itself() -> None:
    def end_of(start_s: float, end_s: float, seconds: float) -> tuple[float, float]:
        event = exact(Timed("rain", "bed", start_s, end_s), seconds, PlanStyle())
        return event.start_s, event.end_s

    assert end_of(4.0, 10.0, 10.4) == (4.0, 10.4)
    assert end_of(4.0, 9.0, 10.4) == (4.0, 9.0)
    assert end_of(12.0, 13.0, 12.6) == (pytest.approx(11.6), 12.6), "an event of a second has its second"
    assert end_of(13.0, 40.0, 40.4) == (13.0, 40.0), "no event is longer than a window"
    assert end_of(11.0, 12.0, 12.5) == (11.0, 12.0)
    assert end_of(11.0, 13.0, 12.5) == (11.0, 12.5)


def test_a_plan_in_the_references_format_is_read() -> None:
    reasoning, events, warnings = read_plan(PAPER, 12.8)
    assert reasoning == "The caption can be divided into 2 points."
    assert events == [
        Timed("A woman chews food", "foreground", 0.0, 9.8),
        Timed("She laughs", "foreground", 9.8, 12.8),
    ]
    assert warnings == []


@pytest.mark.parametrize(
    ("text", "kept", "warning"),
    [
        ("<|gen|>rain <timestamp>5</timestamp><t5></t5><|/gen|><|gen|>then a d", ["rain"], "1 truncated"),
        ("<|gen|>rain <timestamp>5</timestamp><|gen|> <timestamp>5</timestamp>", ["rain"], "has no caption"),
        (
            "<|gen|>rain <timestamp>long</timestamp><|gen|>bell <timestamp>5</timestamp>",
            ["rain", "bell"],
            "can't be read",
        ),
        (
            "<|gen|>rain <timestamp>0.1</timestamp><|gen|>bell <timestamp>9</timestamp>",
            ["rain", "bell"],
            "outside 1..27",
        ),
        ("<|gen|>rain <timestamp>20</timestamp>", ["rain"], "times were scaled"),
    ],
)
def test_a_broken_event_never_costs_the_rest(text: str, kept: list[str], warning: str) -> None:
    _, events, warnings = read_plan(text, 10.0)
    assert [event.caption for event in events] == kept
    assert any(warning in each for each in warnings)
    assert events[-1].end_s == pytest.approx(10.0)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["<|gen|>", "rain", "<timestamp>", "</timestamp>", "bed 0-9", "3.5", "<|/gen|>", "99-1", " ", "é"]
        )
    )
)
def test_nothing_that_is_written_breaks_the_reader(pieces: list[str]) -> None:
    _, events, _ = read_plan("".join(pieces), 20.0)
    for event in events:
        assert MIN_EVENT_S - 1e-6 <= event.end_s - event.start_s <= MAX_EVENT_S + 1e-6


def test_a_written_plan_becomes_a_story_with_warnings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "at-the-table.txt"
    path.write_text(PAPER.replace("<|im_end|>", "<|gen|>and then"), encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        story = read_written_plan(Written(path, "pocket"))
    assert (story.instruction, story.seconds) == ("at the table", 12.8)
    assert [event.caption for event in story.events] == ["A woman chews food", "She laughs"]
    assert "1 truncated event(s) dropped" in caplog.text


@pytest.mark.parametrize(
    ("text", "sentence"), [("rain", "has no <|gen|> in it"), ("<|gen|>", "no event in it can be read")]
)
def test_a_file_without_a_plan_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "plan.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=sentence.replace("|", r"\|")):
        read_written_plan(Written(path, "pocket"))
