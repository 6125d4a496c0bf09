"""An LLM of a few thousand weights with a byte-level tokenizer: random, but with every marker of the grammar."""

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from diegetic.model.grammar import PlanStyle
from diegetic.model.narrator import Narrator
from diegetic.model.sequence import PlanEncoder
from diegetic.model.special_tokens import special_tokens

SEMANTIC, RESIDUAL = 3, 2


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A token for each byte, and the markers."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(alphabet)}, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=core)
    tokenizer.add_tokens(["<|im_start|>", "<|im_end|>", *special_tokens(SEMANTIC, RESIDUAL)])
    return tokenizer


def tiny_narrator(style: PlanStyle | None = None, seed: int = 0) -> Narrator:
    """A narrator that plans nonsense, differently for each seed."""
    style = style or PlanStyle(max_reasoning_tokens=6, max_caption_tokens=5)
    tokenizer = tiny_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        llm = LlamaForCausalLM(config).eval()
    for weights in llm.parameters():
        weights.requires_grad_(False)
        weights *= 8  # far from even odds, so that plans differ
    return Narrator(llm, PlanEncoder(tokenizer, style, SEMANTIC, RESIDUAL))
