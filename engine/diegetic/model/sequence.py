"""Token sequences of a plan: the same chunks for planning, recalling and training, so that all see the same numbers.

A plan is always fed to the LLM in whole chunks: the prompt, the reasoning, one chunk for each event, a turn for each
continuation. Captions are encoded from their text, and every part of a time by itself, whatever tokens a model wrote
them with.

Knows the tokenizer and the marker tokens; knows nothing of weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from diegetic.model.grammar import (
    PlanStyle,
    Timed,
    write_continuation,
    write_lane,
    write_prompt,
    write_steps,
    write_time,
)


class Tokenizer(Protocol):
    """What is used of a Hugging Face tokenizer: one text in, one answer out, though its methods allow lists."""

    def encode(self, text: str, *, add_special_tokens: bool = ...) -> list[int]: ...

    def decode(self, token_ids: list[int]) -> str | list[str]: ...

    def convert_tokens_to_ids(self, tokens: str) -> int | list[int]: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class EventChunk:
    """Token ids of one event, and where its query tokens lie in them."""

    ids: tuple[int, ...]
    semantic: slice
    residual: slice


class PlanEncoder:
    """Writes plans as token ids, in chunks.

    tokenizer: with the added marker tokens; semantic, residual: numbers of query tokens of an event.
    Raises ValueError where the tokenizer lacks a marker.
    """

    def __init__(self, tokenizer: Tokenizer, style: PlanStyle, semantic: int, residual: int) -> None:
        self.tokenizer = tokenizer
        self.style = style
        self.think_close = self._id("<|/think|>")
        self.gen_open, self.gen_close = self._id("<|gen|>"), self._id("<|/gen|>")
        self.time_open, self.time_close = self._id("<timestamp>"), self._id("</timestamp>")
        self.end = self._id("<|im_end|>")
        t5 = [self._id(f"<t5_{k:05d}>") for k in range(semantic)]
        aud = [self._id(f"<aud_{k:05d}>") for k in range(residual)]
        self._queries = (
            self._id("<t5>"),
            *t5,
            self._id("</t5>"),
            self._id("<aud>"),
            *aud,
            self._id("</aud>"),
            self.gen_close,
        )
        self._semantic, self._residual = semantic, residual

    def prompt(self, instruction: str, seconds: float) -> list[int]:
        """Ids up to and with `<|think|>`."""
        return self.text(write_prompt(plain(instruction), seconds, self.style))

    def reasoning(self, text: str) -> list[int]:
        """Ids of the reasoning and its closing marker."""
        return [*self.text(plain(text)), self.think_close]

    def continuation(self, text: str, seconds: float) -> list[int]:
        """Ids of a new turn; what follows it is an event chunk."""
        return self.text(write_continuation(plain(text), seconds))

    def event(self, event: Timed) -> EventChunk:
        """Ids of one event with its block of query tokens."""
        caption, time = self.text(plain(" ".join(event.caption.split()))), self.time(event)
        head = [self.gen_open, *caption, self.time_open, *time, self.time_close]
        first = len(head) + 1  # after <t5>
        second = first + self._semantic + 2  # after </t5><aud>
        return EventChunk(
            (*head, *self._queries),
            slice(first, first + self._semantic),
            slice(second, second + self._residual),
        )

    def time(self, event: Timed) -> list[int]:
        """Ids of an event's time, part by part, as `start_options` and `end_options` write them."""
        if self.style.form == "duration":
            return self.text(write_time(event, self.style))
        start, _, end = write_time(event, self.style).removeprefix(write_lane(event.lane)).partition("-")
        return [*self._start(event.lane, start), *self.text(end)]

    def start_options(self, starts: Mapping[str, Sequence[int]]) -> dict[tuple[int, ...], tuple[str, int]]:
        """Every way to begin a span, as ids: lane and start in steps. starts: of each lane."""
        options = [(lane, start) for lane, steps in starts.items() for start in steps]
        return {tuple(self._start(lane, write_steps(start, self.style))): (lane, start) for lane, start in options}

    def end_options(self, steps: Sequence[int]) -> dict[tuple[int, ...], int]:
        """Every way to end a time (or to write a duration), closing marker included."""
        return {(*self.text(write_steps(step, self.style)), self.time_close): step for step in steps}

    def text(self, text: str) -> list[int]:
        """Ids of plain text (markers in it are read as markers)."""
        return self.tokenizer.encode(text, add_special_tokens=False)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids."""
        return str(self.tokenizer.decode(list(ids)))

    def _start(self, lane: str, start: str) -> list[int]:
        return [*self.text(write_lane(lane)), *self.text(start), *self.text("-")]

    def _id(self, token: str) -> int:
        token_id = self.tokenizer.convert_tokens_to_ids(token)
        if not isinstance(token_id, int) or self.decode([token_id]) != token:
            raise ValueError(f"tokenizer: needs the marker {token}; add the preset's special tokens to it")
        return token_id


def plain(text: str) -> str:
    """Text in which nothing can be read as a marker."""
    return text.replace("<", "< ")
