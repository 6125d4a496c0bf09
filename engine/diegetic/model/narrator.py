"""The LLM as narrator: plans a story event by event under the grammar, and keeps its cache as the story's memory.

What is decided (reasoning, captions, times, whether another event follows) is drafted token by token, greedily among
what the grammar allows; forced tokens are fed together. Where the style asks for it, the draft of an event is held
against what the text still owes (`Agenda`), and written again for the clause that comes next. A finished part is then
read again as one whole chunk, and only that stays in the cache: query blocks run in one parallel pass, and a plan that
is written, recalled, or saved and loaded leaves the same numbers to the bit.

Knows nothing of projectors, flows or sound. States are [tokens, width], after the LLM's final norm.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from diegetic.model.agenda import Agenda
from diegetic.model.captions import bare, first_words, keeps_how, speaks_for_itself, with_how
from diegetic.model.clauses import Part, stopping
from diegetic.model.draft import Draft, Step
from diegetic.model.grammar import Frontier, Timed, exact, frontier, whole_steps
from diegetic.model.often import apart_s, at_a_time_s, nearest
from diegetic.model.once import happens
from diegetic.model.prose import prose
from diegetic.model.reader import Reader
from diegetic.model.sequence import PlanEncoder, plain
from diegetic.model.story_memory import StoryMemory, load_memory, save_memory
from diegetic.model.when import When
from diegetic.protocol import Look, go_on
from diegetic.story import BED, FOREGROUND, MAX_EVENT_S, MIN_EVENT_S

_MARKED = 64
"""Tokens of a draft that are neither reasoning nor caption, at most: markers, lane, times."""


@dataclass(frozen=True, slots=True)
class Narrated:
    """One event with the states of its query tokens: semantic [S, width], residual [R, width]."""

    event: Timed
    semantic: Tensor
    residual: Tensor


class Narrator:
    """Plans with an LLM (any Hugging Face causal LM) whose tokenizer has the markers.

    step: reads a token of a draft faster, where there is such a thing; behind a memory too long for it the LLM reads.
    """

    def __init__(self, llm: Any, encoder: PlanEncoder, step: Step | None = None) -> None:
        self.llm = llm
        self.encoder = encoder
        self.style = encoder.style
        self._reader, self._step = Reader(llm), step
        self._text, self._words = (ids.to(llm.device) for ids in _text_ids(encoder, self._reader.vocabulary))
        self._longest_draft = max(self.style.max_reasoning_tokens, self.style.max_caption_tokens) + _MARKED

    @torch.inference_mode()
    def begin(self, instruction: str, seconds: float) -> StoryMemory:
        """Read the told text."""
        instruction = prose(instruction) if self.style.cover else instruction
        memory = StoryMemory(seconds, instruction)
        self._keep(memory, self.encoder.prompt(instruction, seconds))
        return memory

    def plan(self, memory: StoryMemory, look: Look = go_on) -> Iterator[Narrated]:
        """Write the reasoning, then events until they fill the story; each is in the memory when it is yielded."""
        memory.look = look
        self.reason(memory, self._draft_reasoning(memory))
        agenda = Agenda.of(memory.told if self.style.cover else "", memory.seconds)
        yield from self._events(memory, frontier(agenda.times.seconds, self.style), agenda)

    @torch.inference_mode()
    def reason(self, memory: StoryMemory, reasoning: str) -> None:
        """Read a reasoning that is given."""
        memory.reasoning = reasoning
        self._keep(memory, self.encoder.reasoning(reasoning))

    @torch.inference_mode()
    def read(self, memory: StoryMemory, event: Timed) -> Narrated:
        """Read an event that is given, its query tokens in one parallel pass."""
        chunk = self.encoder.event(event)
        states = self._keep(memory, chunk.ids)
        narrated = Narrated(event, states[chunk.semantic].clone(), states[chunk.residual].clone())
        if memory.first is None:
            memory.first = narrated.residual
        return narrated

    def call(self, caption: str) -> Narrated:
        """Read a caption by itself, outside of any story: what recordings of a library are called by."""
        return self.read(StoryMemory(0.0), Timed(caption, FOREGROUND, 0.0, 10.0))

    def continue_(
        self, memory: StoryMemory, text: str, seconds: float, beds: Sequence[str] = (), look: Look = go_on
    ) -> Iterator[Narrated]:
        """Write what comes next, for `seconds`: a short prefill and, as a rule, one event.

        beds: captions of the story's that go on under it, unless the text tells of them, says that they stop, or begins
        with a bed of its own; only where each clause must have its event.
        """
        memory.look = look
        text = prose(text) if self.style.cover else text
        with torch.inference_mode():
            self._keep(memory, self.encoder.continuation(text, seconds))
        began_s, memory.seconds = memory.seconds, memory.seconds + seconds
        if self.style.cover:
            over = stopping(text, beds)
            agenda = Agenda.of(text, seconds, over)
            others = [each for each in beds if each not in over and agenda.part_of(each) is None]
            agenda = agenda if agenda.owed or others else Agenda.of(text, seconds)
            going_on = self._windows_of(others, seconds)
            following = self._next_events(memory, text, seconds, agenda) if agenda.owed or not others else iter(())
            for event in _under(going_on, following):
                yield self.read(memory, _later(event, began_s))
            return
        reached, added = frontier(began_s, self.style).total, frontier(seconds, self.style)
        start = replace(added, total=reached + added.total, reached=reached, latest_start=reached)
        yield from self._events(memory, start, Agenda.of("", seconds), began_s - reached * self.style.time_step_s)

    def save(self, memory: StoryMemory) -> bytes:
        """The memory, exactly: safetensors, with a header."""
        return save_memory(memory)

    def load(self, state: bytes) -> StoryMemory:
        """A memory that was saved. Raises ValueError where the bytes are damaged."""
        return load_memory(state, self.llm.device)

    def _events(self, memory: StoryMemory, at: Frontier, agenda: Agenda, late_s: float = 0.0) -> Iterator[Narrated]:
        """Events until they fill the story. late_s: how much later than in whole steps they are, all of them."""

        def told(event: Timed) -> Narrated:
            return self.read(memory, _later(exact(event, memory.seconds - late_s, self.style), late_s))

        while (
            at.room_for_more and at.starts() and not (self.style.cover and agenda.is_over(at, self.style.time_step_s))
        ):
            placed = self._next_event(memory, at, agenda)
            began = at
            while at.room_for_more and (window := self._window(at, agenda, placed)) is not None:
                agenda.tell(window.event)
                yield told(window.event)
                at = at.after(window.start, window.end)
            if at is not began and (placed is None or not at.room_for_more or self._is_early(agenda, placed, at)):
                continue
            if placed is None:
                return
            agenda.tell(placed.event, placed.part)
            yield told(placed.event)
            at = at.after(placed.start, placed.end)

    def _next_events(self, memory: StoryMemory, text: str, seconds: float, agenda: Agenda) -> Iterator[Timed]:
        """What comes next in a story, from 0 on: the one sound that is told, all the time; or a plan of its own.

        That plan is made apart, since a small LLM that goes on with what it has told adds to it.
        """
        if agenda.is_plain and seconds <= MAX_EVENT_S:
            only = self._only_event(memory, agenda.owed[0], seconds)
            end_s = max(agenda.times.seconds, only.start_s + MIN_EVENT_S)
            yield from _again(replace(only, end_s=end_s), agenda.owed[0].when)
            return
        apart = self.begin(text, seconds)
        apart.look = memory.look
        self.reason(apart, self._draft_reasoning(apart))
        for each in self._events(apart, frontier(agenda.times.seconds, self.style), agenda):
            yield each.event

    @torch.inference_mode()
    def _only_event(self, memory: StoryMemory, part: Part, seconds: float) -> Timed:
        """The event of the one clause that is told, from when it says on: only its lane is for the LLM to say."""
        draft, caption = self._give(memory, with_how(part, bare(part)))
        lanes = (BED,) if part.goes_on else (FOREGROUND, BED) if part.when.every_s is None else (FOREGROUND,)
        start_s = min(part.when.begins_s(0.0) or part.silent_s, seconds - MIN_EVENT_S)
        start = whole_steps(memory.seconds - seconds + start_s, self.style)
        lane, _ = draft.choose_among(self.encoder.start_options({each: [start] for each in lanes}))
        draft.forget()
        return Timed(caption, lane, start_s, seconds)

    def _windows_of(self, beds: Sequence[str], seconds: float) -> list[Timed]:
        """Windows of beds that sound from 0 to `seconds`, in order."""
        edges = [edge * self.style.time_step_s for edge in frontier(seconds, self.style).windows()]
        edges[-1] = seconds
        return [Timed(caption, BED, start, end) for start, end in pairwise(edges) for caption in beds]

    @torch.inference_mode()
    def _draft_reasoning(self, memory: StoryMemory) -> str:
        draft = self._draft(memory)
        ids = draft.write(self._text, self.encoder.think_close, self._text, self.style.max_reasoning_tokens)
        draft.forget()
        return self.encoder.decode(ids).strip()

    @torch.inference_mode()
    def _next_event(self, memory: StoryMemory, at: Frontier, agenda: Agenda) -> "_Placed | None":
        """The next event; None where the plan ends here, or a bed goes on first.

        What the agenda rejects is told in another way.
        """
        if agenda.is_all_told and self._window(at, agenda, None) is not None:
            return None  # what goes on comes first: what the LLM would add wasn't told
        draft, encoder = self._draft(memory), self.encoder
        may_end = at.complete and not agenda.owed
        if may_end and draft.choose([encoder.end, encoder.gen_open]) == encoder.end:
            draft.forget()
            return None
        if not may_end:
            draft.choose([encoder.gen_open])
        ids = draft.write(self._words, encoder.time_open, self._text, self.style.max_caption_tokens)
        caption = " ".join(encoder.decode(ids).split())
        if agenda.rejects(caption):
            draft.forget()
            return self._tell_part(memory, at, agenda, agenda.owed[0])
        if (tells := agenda.part_of(caption)) is not None:
            is_as_told = keeps_how(tells, caption) and not agenda.is_denied(caption)
            stands = is_as_told and not speaks_for_itself(tells)
            draft, caption = self._with_how(memory, draft, tells, caption, stands)
        elif (meant := agenda.meant(caption) if self.style.cover else None) is not None and meant != caption:
            draft.forget()
            draft, caption = self._give(memory, meant)
        placed = self._place(draft, caption, at, agenda)
        part = agenda.instead_of(placed.event if placed else None, at)
        if part is not None:
            return self._tell_part(memory, at, agenda, part)
        if may_end and self.style.cover and agenda.is_added(caption):
            return None  # nothing is owed, and what the LLM would add was heard, or not told
        return placed

    def _tell_part(self, memory: StoryMemory, at: Frontier, agenda: Agenda, part: Part) -> "_Placed | None":
        """An event for a clause of the text: itself, or where it is long a caption that begins with a word of it."""
        encoder, draft = self.encoder, self._draft(memory)
        if speaks_for_itself(part):
            draft, caption = self._give(memory, with_how(part, bare(part)))
            return self._place(draft, caption, at, agenda, part)
        draft.choose([encoder.gen_open])
        first = sorted({encoder.text(word)[0] for word in first_words(part)})
        ids = draft.write(torch.tensor(first), encoder.time_open, self._text, self.style.max_caption_tokens)
        caption = encoder.decode(ids)
        is_its_own = agenda.part_of(caption) is part and not agenda.is_told(caption) and keeps_how(part, caption)
        draft, caption = self._with_how(memory, draft, part, caption, is_its_own)
        return self._place(draft, caption, at, agenda, part)

    def _with_how(self, memory: StoryMemory, draft: Draft, part: Part, caption: str, stands: bool) -> tuple[Draft, str]:
        """A clause's drafted caption where it stands, else the clause, with what is said apart of how it is heard."""
        if stands and not part.how:
            return draft, caption
        draft.forget()
        return self._give(memory, with_how(part, caption if stands else bare(part)))

    def _is_early(self, agenda: Agenda, placed: "_Placed", at: Frontier) -> bool:
        """Whether an event begins sooner than the text says: what sounded so far left no later place for it.

        Or leaves a plan no events to its end, behind what has gone on.
        """
        part = placed.part or agenda.part_of(placed.event.caption)
        share = agenda.share_s(part) if self.style.cover else None
        wanted_s = agenda.begins_s(part) if share is None else share[0]
        is_early = wanted_s is not None and wanted_s > placed.event.start_s + self.style.time_step_s / 2
        return is_early or placed.end not in at.ends(placed.start)

    def _window(self, at: Frontier, agenda: Agenda, coming: "_Placed | None") -> "_Placed | None":
        """What goes on, or is heard again, where it is due before what comes; None where nothing is."""
        if not self.style.cover or at.sequential:
            return None
        due = agenda.due(at, self.style.time_step_s, None if coming is None else coming.event)
        if due is None:
            return None
        step = self.style.time_step_s
        return _Placed(Timed(due.caption, due.lane, due.start * step, due.end * step), due.start, due.end, None)

    def _give(self, memory: StoryMemory, caption: str) -> tuple[Draft, str]:
        """A draft with a caption that is given, as long as captions may be; and that caption."""
        draft, encoder = self._draft(memory), self.encoder
        ids = encoder.text(plain(caption))[: self.style.max_caption_tokens]
        draft.give([encoder.gen_open, *ids, encoder.time_open])
        return draft, " ".join(encoder.decode(ids).split())

    def _place(
        self, draft: Draft, caption: str, at: Frontier, agenda: Agenda, part: Part | None = None
    ) -> "_Placed | None":
        """Give a drafted caption its lane and time; None where a complete plan has none left for it.

        A sound that still sounds isn't told again over itself: such starts are left out.
        """
        text, step = " ".join(caption.split()), self.style.time_step_s
        tells = part or agenda.part_of(text)
        lane, start = FOREGROUND, at.reached
        last_start, last_end = agenda.room(at, tells, step)
        if not at.sequential:
            starts = [start for start in at.starts() if start * step >= agenda.heard_until_s(text) - 1e-6]
            if not starts and at.complete:
                draft.forget()
                return None
            starts = [start for start in starts if start <= last_start] or starts or at.starts()
            starts = [start for start in starts if start * step > agenda.behind_s(tells) + 1e-6] or starts
            later = [start for start in starts if start * step > agenda.latest_s + 1e-6] or starts
            if (wanted_s := agenda.begins_s(tells)) is not None:
                at = self._reaching(at, agenda, wanted_s, agenda.is_after_silence(tells))
                starts = later = [nearest(wanted_s / step, at.starts())]
            elif (share := agenda.share_s(tells)) is not None:
                at = self._reaching(at, agenda, share[0], False)
                later = _between(share, at.starts(), later, step)
                starts = later if agenda.latest_s >= 0 else starts
            is_first = agenda.is_overdue(tells) or (tells is not None and tells.beside)
            of_lanes = {FOREGROUND: later, BED: starts[:1] if is_first else starts}
            if tells is not None and tells.is_bed and tells.when.every_s is None:
                del of_lanes[FOREGROUND]
            elif tells is not None and tells.when.every_s is not None:
                of_lanes = {FOREGROUND: later[:1]}
            elif agenda.happens_amid(tells) or (wanted_s is not None and happens(text)):
                del of_lanes[BED]
            lane, start = draft.choose_among(self.encoder.start_options(of_lanes))
        ends = agenda.ends(tells, text, lane, start, last_end, at, step)
        end = draft.choose_among(self._end_options(at, start, ends))
        draft.forget()
        return _Placed(Timed(text, lane, start * step, end * step), start, end, part)

    def _reaching(self, at: Frontier, agenda: Agenda, start_s: float, is_silent: bool) -> Frontier:
        """The frontier that a start may have, behind a pause where nothing goes on until then. is_silent: is told."""
        step = self.style.time_step_s
        start = math.ceil(start_s / step - 1e-6)
        if not is_silent and (start <= at.reached or agenda.due(at, step, None) is not None):
            return at
        return at.silent_until(start)

    def _end_options(self, at: Frontier, start: int, ends: Sequence[int]) -> dict[tuple[int, ...], int]:
        """Ways to write an end, or in `duration` form a length, and the end it means."""
        origin = start if at.sequential else 0
        options = self.encoder.end_options([end - origin for end in ends])
        return {ids: steps + origin for ids, steps in options.items()}

    def _draft(self, memory: StoryMemory) -> Draft:
        fits = self._step is not None and memory.length + self._longest_draft <= self._step.room
        return Draft(self._reader, memory, self._step if fits else None)

    def _keep(self, memory: StoryMemory, ids: Sequence[int]) -> Tensor:
        """Read ids for good."""
        memory.look()
        states = self._reader.read(memory.cache, ids)
        memory.state = states[-1].clone()
        return states


@dataclass(frozen=True, slots=True)
class _Placed:
    """A drafted event with its start and end in steps, and the clause it was written for, if for one."""

    event: Timed
    start: int
    end: int
    part: Part | None


def _again(event: Timed, when: When) -> Iterator[Timed]:
    """The one event that is told, or where it is told to be heard every so often, each of its times until its end."""
    if when.every_s is None:
        yield event
        return
    start_s, length_s = event.start_s, max(MIN_EVENT_S, at_a_time_s(when))
    while start_s <= event.end_s - MIN_EVENT_S:
        yield replace(event, start_s=start_s, end_s=min(start_s + length_s, event.end_s))
        start_s += apart_s(when, event.caption, start_s)


def _under(beds: list[Timed], events: Iterator[Timed]) -> Iterator[Timed]:
    """Events with the windows of beds that go on among them, all by their starts; without, if the first is a bed."""
    for number, event in enumerate(events):
        if number == 0 and event.lane == BED:
            beds = []
        yield from (each for each in beds if each.start_s <= event.start_s)
        beds = [each for each in beds if each.start_s > event.start_s]
        yield event
    yield from beds


def _between(share: tuple[float, float], starts: Sequence[int], usual: Sequence[int], step_s: float) -> list[int]:
    """Starts within a share of a story, usual ones where there are; else the nearest to it."""
    first, last = (edge / step_s for edge in share)
    within = [[start for start in each if first - 1e-6 <= start <= last + 1e-6] for each in (usual, starts)]
    return within[0] or within[1] or [nearest(first, usual)]


def _later(event: Timed, seconds: float) -> Timed:
    """The same event, so much later."""
    return replace(event, start_s=event.start_s + seconds, end_s=event.end_s + seconds)


def _text_ids(encoder: PlanEncoder, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Ids of printable text, and those of them that a caption may begin with: [..], [..].

    No part of a character, no line break and no `<`, so that what is written reads back as it was.
    """
    pieces = [encoder.decode([token]) for token in range(min(vocabulary, len(encoder.tokenizer)))]
    text = [k for k, piece in enumerate(pieces) if piece and piece.isprintable() and not set(piece) & set("<>\ufffd|")]
    words = [k for k in text if any(character.isalnum() for character in pieces[k])]
    return torch.tensor(text), torch.tensor(words)
