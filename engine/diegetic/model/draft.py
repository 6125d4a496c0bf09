"""Tokens tried out beyond what a story's memory holds: chosen greedily among those allowed, then forgotten.

Knows nothing of what is allowed.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from diegetic.model.reader import Reader, TokenStep
from diegetic.model.story_memory import StoryMemory

T = TypeVar("T")


class Draft:
    """A draft behind a memory; `forget` leaves the memory as it was.

    step: what reads a token faster where there is one, in a cache of its own that has room for the draft. One draft at
    a time.
    """

    def __init__(self, reader: Reader, memory: StoryMemory, step: TokenStep | None = None) -> None:
        self._reader, self._step = reader, step
        self._memory, self._length = memory, memory.length
        self._state = memory.state
        self._pending: list[int] = []
        self._is_begun = False

    def choose(self, allowed: Sequence[int] | Tensor) -> int:
        """The likeliest of the allowed ids; where there is only one, nothing is computed."""
        if len(allowed) == 1:
            token = int(allowed[0])
        else:
            ids = torch.as_tensor(allowed, device=self._reader.device)
            token = int(ids[self._scores()[ids].argmax()])
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

    def _scores(self) -> Tensor:
        """Scores of the next token [vocabulary], after feeding what is pending."""
        self._memory.look()
        if self._pending:
            self._state = self._fed(self._pending)
            self._pending = []
        if self._state is None:
            raise ValueError("memory: nothing was read yet; begin with a told text")
        return self._reader.scores(self._state)

    def _fed(self, ids: Sequence[int]) -> Tensor:
        """The state [width] of the last of some ids."""
        if self._step is None:
            return self._reader.read(self._memory.cache, ids)[-1]
        if not self._is_begun:
            self._step.begin(self._memory.cache)
            self._is_begun = True
        return [self._step.read(token) for token in ids][-1]
