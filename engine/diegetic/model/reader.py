"""An LLM as it is read: ids in, states after its final norm out; in chunks, or one token as a fixed piece of work.

A token costs hundreds of launches, which a GPU waits for longer than for their work. In a cache of fixed size a token's
work is always the same, so it is recorded once as a CUDA graph and then replayed. That cache is where drafts are tried
out: what is kept of a story is never in it.

Knows nothing of plans or their grammar.
"""

import inspect
from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, StaticLayer

from diegetic.model.capture import Record, cuda_graph, replayed

ROOM = 2048
"""Tokens of a fixed cache: a story of sixteen events and the longest draft behind it. 75 MB at the paper's size."""
_MOST = 8
"""Tokens in a row that are sooner replayed than launched as a chunk."""


class Reader:
    """The layers of an LLM (any Hugging Face causal LM), and its head."""

    def __init__(self, llm: Any) -> None:
        self.device: torch.device = llm.device
        self._decoder, self._head = llm.get_decoder(), llm.get_output_embeddings()
        self._cache_argument = _cache_argument(self._decoder)
        # On Hopper torch prefers cuDNN's attention, which is built anew for each length (tens of milliseconds, in each
        # thread), and a plan has as many lengths as tokens. Flash attention serves all. Remove when cuDNN's does.
        torch.backends.cuda.enable_cudnn_sdp(False)

    @property
    def vocabulary(self) -> int:
        """How many tokens the head knows."""
        return int(self._head.weight.shape[0])

    def read(self, cache: Cache, ids: Sequence[int] | Tensor) -> Tensor:
        """Feed ids in one pass; their states [len(ids), width]. The cache has read them then."""
        inputs = torch.as_tensor(ids, device=self.device)[None]
        found = self._decoder(input_ids=inputs, **{self._cache_argument: cache}, use_cache=True)
        return cast(Tensor, found.last_hidden_state[0])

    def scores(self, state: Tensor, ids: Tensor | None = None) -> Tensor:
        """Scores of what follows a state [width]: of all [vocabulary], or only of ids."""
        if ids is None:
            return cast(Tensor, self._head(state))
        return cast(Tensor, self._head.weight[ids] @ state)


class TokenStep:
    """One token read as a fixed piece of work, recorded when it is made: a draft's Step.

    Raises RuntimeError where it can't be recorded.

    Threads: one at a time, since there is one cache.
    """

    def __init__(self, llm: Any, record: Record = cuda_graph, room: int = ROOM) -> None:
        self.room, self.most = room, _MOST
        self._reader, device = Reader(llm), llm.device
        self._at, self._token = (torch.zeros(1, dtype=torch.long, device=device) for _ in range(2))
        layers = range(llm.config.get_text_config().num_hidden_layers)
        self._cache = Cache(layers=[_FixedLayer(room, self._at) for _ in layers])
        with torch.inference_mode():
            self._replay, self._state = replayed(self._work, record)

    def begin(self, cache: DynamicCache) -> None:
        """Go on from a copy of what a cache has read."""
        length = int(cache.get_seq_length())
        for fixed, layer in zip(cast(Any, self._cache.layers), cast(Any, cache.layers), strict=True):
            fixed.keys[:, :, :length].copy_(layer.keys)
            fixed.values[:, :, :length].copy_(layer.values)
        self._at.fill_(length)

    def read(self, token: int | Tensor) -> Tensor:
        """The state [width] of the next token."""
        self._token.fill_(token)  # an assignment would copy the number over, and wait
        self._replay()
        self._at.add_(1)
        return self._state.clone()

    def scores(self, state: Tensor) -> Tensor:
        """Scores [vocabulary] of what follows a state [width]."""
        return self._reader.scores(state)

    def _work(self) -> Tensor:
        """The state of the token at its place: the same however often it is done."""
        return self._reader.read(self._cache, self._token)[-1]


class _FixedLayer(StaticLayer):  # type: ignore[no-untyped-call]
    """Keys and values in place, at a position that is a tensor and that all layers share."""

    def __init__(self, room: int, at: Tensor) -> None:
        super().__init__(max_cache_len=room)
        self._at = at

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Put one token's [1, heads, 1, width / heads] in its place; all there are, unread ones too."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        keys, values = cast(Tensor, self.keys), cast(Tensor, self.values)
        return keys.index_copy_(2, self._at, key_states), values.index_copy_(2, self._at, value_states)

    def get_seq_length(self) -> Any:
        """Tokens before this one, as a tensor: nothing waits for the GPU to say it."""
        return self._at[0]


def _cache_argument(decoder: Any) -> str:
    """What a Hugging Face decoder calls its cache: transformers renames it in 5.24 and drops the old name in 5.40."""
    known = inspect.signature(decoder.forward).parameters
    return "cache" if "cache" in known else "past_key_values"
