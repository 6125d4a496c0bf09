"""Tokens tried out beyond what a story's memory holds: chosen greedily among those allowed, then forgotten.

Knows nothing of what is allowed.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor
from transformers import DynamicCache

from diegetic.model.reader import Reader
from diegetic.model.story_memory import StoryMemory

T = TypeVar("T")

_FEW = 64
"""Ids whose own rows of the head are read faster than all of it."""


class Step(Protocol):
    """What reads a token faster than the LLM does, in a cache of its own; one draft at a time.

    room: the most tokens that it can be read behind; most: of how many in a row it is still the faster.
    """

    room: int
    most: int

    def begin(self, cache: DynamicCache) -> None:
        """Go on from a copy of what a cache has read."""

    def read(self, token: int) -> Tensor:
        """The state [width] of the next token."""

    def scores(self, state: Tensor) -> Tensor:
        """Scores [vocabulary] of what follows a state [width]."""


class Draft:
    """A draft behind a memory; `forget` leaves the memory as it was. step: one that has room for it, or None."""

    def __init__(self, reader: Reader, memory: StoryMemory, step: Step | None = None) -> None:
        self._reader, self._step = reader, step
        self._memory, self._length = memory, memory.length
        self._state = memory.state
        self._pending: list[int] = []
        self._ahead: list[int] = []  # what the step has read and the memory's cache has not

    def choose(self, allowed: Sequence[int] | Tensor) -> int:
        """The likeliest of the allowed ids; where there is only one, nothing is computed."""
        if len(allowed) == 1:
            token = int(allowed[0])
        else:
            ids = torch.as_tensor(allowed, device=self._reader.device)
            token = int(ids[self._scores(ids).argmax()])
        self._pending.append(token)
        return token

    def give(self, ids: Sequence[int]) -> None:
        """Take ids that are given."""
        self._pending += ids

    def choose_among(self, options: Mapping[tuple[int, ...], T]) -> T:
        """The option that the likeliest path of tokens leads to. Options are prefix-free."""
        depth = 0
        while len(options) > 1 or depth < len(next(iter(options))):
            token = self.choose(sorted({ids[depth] for ids in options}))
            options = {ids: value for ids, value in options.items() if ids[depth] == token}
            depth += 1
        return next(iter(options.values()))

    def write(self, first: Tensor, close: int, rest: Tensor, most: int) -> list[int]:
        """Free text of 1 to `most` tokens up to `close`: ids of the text."""
        ids = [self.choose(first)]
        closing = torch.cat([rest, torch.tensor([close], device=rest.device)])
        while len(ids) < most:
            if (token := self.choose(closing)) == close:
                return ids
            ids.append(token)
        self.choose([close])
        return ids

    def forget(self) -> None:
        """Cut the cache back to what it was."""
        if drafted := self._memory.length - self._length:
            self._memory.cache.crop(-drafted)

    def _scores(self, ids: Tensor) -> Tensor:
        """Scores of ids as the next token, after feeding what is pending."""
        self._memory.look()
        if self._pending:
            self._state = self._fed(self._pending)
            self._pending = []
        if self._state is None:
            raise ValueError("memory: nothing was read yet; begin with a told text")
        if self._step is None or len(ids) <= _FEW:
            return self._reader.scores(self._state, ids)
        return self._step.scores(self._state)[ids]

    def _fed(self, ids: Sequence[int]) -> Tensor:
        """The state [width] of the last of some ids."""
        if self._step is None or len(ids) > self._step.most:
            ahead, self._ahead = self._ahead, []
            return self._reader.read(self._memory.cache, [*ahead, *ids])[-1]
        if not self._ahead:
            self._step.begin(self._memory.cache)
        self._ahead += ids
        return [self._step.read(token) for token in ids][-1]
