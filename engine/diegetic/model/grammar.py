"""The plan as text: prompt, reasoning, and one chunk for each event; and the limits a plan must keep.

    <|im_start|>user ... <|im_end|> <|im_start|>assistant <|think|>REASONING<|/think|>
    ( <|gen|>CAPTION<timestamp>TIME</timestamp><t5>...</t5><aud>...</aud><|/gen|> )+ <|im_end|>

TIME is AudioStory's own duration ("9.8", events in sequence) or a span with an optional lane ("bed 0-20", "4-9"), which
may overlap others. Times are whole steps of `time_step_s`, so that sums are exact. A plan is complete when it sounds
from 0 to its total without a gap: durations then add up by construction (`Frontier`). The query tokens are not written
here, only the text around them.

Knows nothing of tokens ids, weights or torch.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from diegetic.story import FOREGROUND, MAX_EVENT_S, MAX_PLANNED_EVENTS, MIN_EVENT_S

_EVENT = re.compile(r"<\|gen\|>(?P<caption>.*?)<timestamp>(?P<time>.*?)</timestamp>", re.DOTALL)
_TIME = re.compile(
    r"^\s*(?:(?P<lane>[a-z][a-z0-9_-]*)\s+)?(?P<first>\d+(?:\.\d+)?)(?:\s*-\s*(?P<last>\d+(?:\.\d+)?))?\s*$"
)


@dataclass(frozen=True, slots=True)
class Timed:
    """One planned event as written: what sounds, where, and when in the story (seconds)."""

    caption: str
    lane: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class PlanStyle:
    """How a model writes plans: one per preset.

    system: the system message ("" for none); time_step_s: resolution of written times; form: `duration` (events in
    sequence) or `span` (start and end, lanes); limits on the free text are in tokens; cover: whether each clause of the
    told text must have its event.
    """

    system: str = ""
    time_step_s: float = 1.0
    form: Literal["duration", "span"] = "span"
    max_reasoning_tokens: int = 48
    max_caption_tokens: int = 16
    cover: bool = False


@dataclass(frozen=True, slots=True)
class Frontier:
    """How far a plan has come, in steps: which times the next event may have so that the plan can still be completed.

    sequential: each event starts where the last ended (`duration` form); otherwise events may overlap, in order of
    their starts.
    """

    total: int
    shortest: int
    longest: int
    sequential: bool = False
    reached: int = 0
    latest_start: int = 0
    count: int = 0

    @property
    def complete(self) -> bool:
        return self.reached == self.total

    @property
    def room_for_more(self) -> bool:
        """Whether a plan may have another event after this one."""
        return self.count < MAX_PLANNED_EVENTS

    def windows(self) -> list[int]:
        """Where the windows of a bed that goes on all the time begin and end: as few as can be, equally long."""
        count = -(-self.total // max(1, self.longest - 2))
        return [self.total * k // count for k in range(count + 1)]

    @property
    def windows_left(self) -> int:
        """How many of these windows end behind the latest start."""
        return sum(edge > self.latest_start for edge in self.windows())

    def starts(self) -> list[int]:
        """Starts the next event may have: in the plan's order, never after a silence, with an end that works."""
        first = self.reached if self.sequential else self.latest_start
        last = min(self.reached, self.total - self.shortest)
        return [start for start in range(first, last + 1) if self.ends(start)]

    def ends(self, start: int) -> list[int]:
        """Ends an event that starts at `start` may have, so that the rest can still be filled by the events left."""
        ends = range(start + self.shortest, min(start + self.longest, self.total) + 1)
        return [end for end in ends if self._can_finish(max(end, self.reached))]

    def first_end(self, start: int, until: int) -> int:
        """Where the first of equal windows ends that a sound is cut into to be heard until then."""
        windows = max(1, -((start - until) // max(1, self.longest - 2)))
        return start + round((until - start) / windows)

    def silent_until(self, start: int) -> "Frontier":
        """The frontier behind a silence that is told, as long as leaves an event its room."""
        last = self.total - self.shortest
        reached = max(self.reached, min(start, last))
        return replace(self, reached=reached, latest_start=max(self.latest_start, min(reached, last)))

    def after(self, start: int, end: int) -> "Frontier":
        """The frontier once an event from `start` to `end` is planned."""
        return replace(self, reached=max(self.reached, end), latest_start=start, count=self.count + 1)

    def _can_finish(self, reached: int) -> bool:
        gap, left = self.total - reached, MAX_PLANNED_EVENTS - self.count - 1
        too_short = self.sequential and 0 < gap < self.shortest
        return gap <= left * self.longest and not too_short


def frontier(seconds: float, style: PlanStyle) -> Frontier:
    """The start of a plan of `seconds`, in whole steps (`exact` gives the fraction back where the limits allow)."""
    step = style.time_step_s
    shortest = max(1, round(MIN_EVENT_S / step))
    total = max(shortest, whole_steps(seconds, style))
    return Frontier(total, shortest, int(MAX_EVENT_S / step + 1e-9), sequential=style.form == "duration")


def exact(event: Timed, seconds: float, style: PlanStyle) -> Timed:
    """An event of a plan in whole steps; the last of a story of `seconds` with the story's own end.

    What would be shorter than 1 s then begins a little earlier; what would be longer than 27 s keeps its end, which is
    before the story's.
    """
    if whole_steps(event.end_s, style) != whole_steps(seconds, style):
        return event
    start_s = max(0.0, min(event.start_s, seconds - MIN_EVENT_S))
    return event if seconds - start_s > MAX_EVENT_S else replace(event, start_s=start_s, end_s=seconds)


def whole_steps(seconds: float, style: PlanStyle) -> int:
    """A time in the nearest whole steps. Halves go up, all of them: what is a step apart stays a step apart."""
    return math.floor(seconds / style.time_step_s + 0.5 + 1e-6)


def write_steps(steps: int, style: PlanStyle) -> str:
    """Write a time of `steps` in seconds, with no more digits than the step needs."""
    return f"{steps * style.time_step_s:.3f}".rstrip("0").rstrip(".")


def write_prompt(instruction: str, seconds: float, style: PlanStyle) -> str:
    """The text before the reasoning (the chat template of Qwen2.5 and SmolLM2; AudioStory's duration suffix)."""
    system = f"<|im_start|>system\n{style.system}<|im_end|>\n" if style.system else ""
    asked = f"{instruction.strip()} The total duration is {write_seconds(seconds)} seconds."
    return f"{system}<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n<|think|>"


def write_continuation(text: str, seconds: float) -> str:
    """The text of a new turn that asks for the next event of a told story."""
    asked = f"{text.strip()} The next event lasts {write_seconds(seconds)} seconds."
    return f"<|im_end|>\n<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n"


def write_seconds(seconds: float) -> str:
    """Seconds with at most one decimal, none when whole."""
    return f"{seconds:.1f}".removesuffix(".0")


def write_time(event: Timed, style: PlanStyle) -> str:
    """The text between `<timestamp>` and `</timestamp>`."""
    start, end = whole_steps(event.start_s, style), whole_steps(event.end_s, style)
    if style.form == "duration":
        return write_steps(max(1, end - start), style)
    return f"{write_lane(event.lane)}{write_steps(start, style)}-{write_steps(max(start + 1, end), style)}"


def write_lane(lane: str) -> str:
    """The lane as written before a span: nothing for the foreground, the word and a space otherwise."""
    return "" if lane == FOREGROUND else f"{lane} "


def read_plan(text: str, seconds: float) -> tuple[str, list[Timed], list[str]]:
    """Read a plan that was written freely (by a model without constraints, or by hand), repairing what can be repaired.

    Returns the reasoning, the events and a warning for each repair. Never raises: a malformed or truncated event is
    dropped, a missing time is given an even share, and times out of range are clamped; it never costs the rest of the
    story.
    """
    warnings: list[str] = []
    reasoning, _, body = text.rpartition("<|/think|>")
    body = body.partition("<|im_end|>")[0]
    chunks = body.count("<|gen|>")
    matches = list(_EVENT.finditer(body))
    if len(matches) < chunks:
        warnings.append(f"{chunks - len(matches)} truncated event(s) dropped")
    events = list(_read_events(matches, seconds, warnings))
    if len(events) > MAX_PLANNED_EVENTS:
        warnings.append(f"{len(events) - MAX_PLANNED_EVENTS} event(s) beyond {MAX_PLANNED_EVENTS} dropped")
    return reasoning.replace("<|think|>", "").strip(), _fill(events[:MAX_PLANNED_EVENTS], seconds, warnings), warnings


def _read_events(matches: Sequence["re.Match[str]"], seconds: float, warnings: list[str]) -> Iterator[Timed]:
    clock = 0.0
    for number, match in enumerate(matches, start=1):
        caption = " ".join(match["caption"].replace("<|gen|>", " ").split())
        time = _TIME.match(match["time"])
        if not caption:
            warnings.append(f"event {number} has no caption: dropped")
            continue
        if time is None:
            warnings.append(f"event {number} ({caption}): time {match['time']!r} can't be read, an even share is taken")
            first, last, lane = seconds / len(matches), None, FOREGROUND
        else:
            first, last, lane = float(time["first"]), time["last"], time["lane"] or FOREGROUND
        start, end = (clock, clock + first) if last is None else (first, float(last))
        length = min(max(end - start, MIN_EVENT_S), MAX_EVENT_S)
        if abs(length - (end - start)) > 1e-6:
            warnings.append(f"event {number} ({caption}): {end - start:g} s is outside 1..27, {length:g} is taken")
        clock = max(clock, start + length) if last is not None else start + length
        yield Timed(caption, lane, start, start + length)


def _fill(events: list[Timed], seconds: float, warnings: list[str]) -> list[Timed]:
    """Cut or stretch the plan so that it ends at `seconds`, within what events of 1 to 27 s can fill."""
    events = [event for event in events if event.start_s <= seconds - MIN_EVENT_S + 1e-6]
    if not events:
        return []
    reached = max(event.end_s for event in events)
    if abs(reached - seconds) < 1e-6:
        return events
    warnings.append(f"the plan reached {reached:g} s of {seconds:g}: its times were scaled")
    scale = seconds / reached
    scaled = [Timed(e.caption, e.lane, e.start_s * scale, e.end_s * scale) for e in events]
    return list(_cut(scaled))


def _cut(events: list[Timed]) -> Iterator[Timed]:
    """Cut what is longer than one window into chained windows; lengthen what became too short."""
    for event in events:
        length = max(event.end_s - event.start_s, MIN_EVENT_S)
        windows = max(1, -int(-(length - 1e-9) // MAX_EVENT_S))
        for window in range(windows):
            start = event.start_s + length * window / windows
            yield Timed(event.caption, event.lane, start, start + length / windows)
