"""The tokens that AudioStory adds to an LLM's vocabulary: markers, and a query token for each place of a query block.

The order is the reference's (its tokenizer's added_tokens.json): token k of `AUDIOSTORY` has id len(tokenizer) + k,
which for Qwen2.5 is 151665 + k. A model in the box adds the same markers with as many query tokens as it has.

Knows nothing of tokenizers.
"""

_LAST = ("<|gen|>", "<|/gen|>", "<|think|>", "<|/think|>")


def semantic_token(place: int) -> str:
    """The query token at a place of the semantic block."""
    return f"<t5_{place:05d}>"


def residual_token(place: int) -> str:
    """The query token at a place of the residual block."""
    return f"<aud_{place:05d}>"


def special_tokens(semantic: int, residual: int) -> list[str]:
    """All added tokens in order, with `semantic` and `residual` query tokens."""
    return [
        "</t5>", "<video_padding>", "<timestamp>", "</timestamp>", "<t5>", *map(semantic_token, range(semantic)),
        "<aud>", "</aud>", *map(residual_token, range(residual)), *_LAST,
    ]  # fmt: skip


AUDIOSTORY = tuple(special_tokens(semantic=100, residual=501))
"""The 612 tokens of the released model."""
