"""A Llama in eight bits reads a token as the LLM itself does, nearly; what is kept of a story never came from it."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from diegetic.model.drafting import fastest_step
from diegetic.model.grammar import PlanStyle
from diegetic.model.int8_step import Int8, Int8Step
from diegetic.model.narrator import Narrator
from diegetic.model.reader import Reader
from tiny_llm import tiny_narrator

SHAPE: dict[str, Any] = {
    "vocab_size": 90, "hidden_size": 48, "intermediate_size": 80, "num_hidden_layers": 3, "num_attention_heads": 6,
    "num_key_value_heads": 2, "head_dim": 8,
}  # fmt: skip

pytestmark = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"), reason="this CPU has no fast product of 8 bits"
)


@pytest.fixture
def llama() -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        llm = LlamaForCausalLM(LlamaConfig(**SHAPE)).eval().requires_grad_(False)
        for weight in llm.parameters():
            weight *= 4 if weight.dim() == 2 else torch.rand(weight.shape) + 0.5
    return llm.to(torch.bfloat16)


def both(llm: Any, told: Sequence[int], further: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """States of further tokens behind told ones: by the step and by the LLM in float32."""
    step, exact = Int8Step(llm, room=32), LlamaForCausalLM(llm.config).eval().requires_grad_(False)
    exact.load_state_dict(llm.state_dict())
    with torch.inference_mode():
        cache, whole = DynamicCache(), Reader(exact.float())
        Reader(llm).read(cache, told)
        step.begin(cache)
        found = torch.stack([step.read(token) for token in further]).float()
        assert cache.get_seq_length() == len(told), "a story's own cache is only copied"
        return found, whole.read(DynamicCache(), [*told, *further])[len(told) :]


def test_it_reads_as_the_llm_does_but_for_rounding(llama: Any) -> None:
    found, exact = both(llama, [5, 6, 7, 8], [9, 1, 33, 2, 77])
    apart = (found - exact).norm(dim=1) / exact.norm(dim=1)
    assert apart.max() < 0.06
    llama.get_decoder().layers[1].self_attn.k_proj.weight.mul_(-1)  # any other weight is another LLM
    other, _ = both(llama, [5, 6, 7, 8], [9, 1, 33, 2, 77])
    assert ((other - exact).norm(dim=1) / exact.norm(dim=1)).max() > 0.2


def test_a_map_of_eight_bits_is_within_half_a_step_of_its_weights() -> None:
    weight = torch.randn(40, 64, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 2, 40)[:, None]
    found = torch.stack([Int8(weight[:15], weight[15:])(column) for column in torch.eye(64).bfloat16()], dim=1).float()
    step = weight.abs().amax(1, keepdim=True) / 127
    assert ((found - weight).abs() <= 0.5 * step + 0.008 * weight.abs() + 1e-6).all()
    assert not Int8(torch.zeros(2, 64))(torch.ones(64).bfloat16()).any()


@pytest.mark.parametrize("seed", range(4))
def test_what_a_plan_leaves_is_what_reading_it_leaves_to_the_bit(seed: int) -> None:
    style = PlanStyle(max_reasoning_tokens=6, max_caption_tokens=5, cover=True)
    ordinary = tiny_narrator(style, seed)
    ordinary.llm.to(torch.bfloat16)
    faster = Narrator(ordinary.llm, ordinary.encoder, Int8Step(ordinary.llm))
    memory = faster.begin("Rain falls, then a dog barks, and a door slams", 30)
    told = list(faster.plan(memory))
    assert len(told) > 2
    again = ordinary.begin("Rain falls, then a dog barks, and a door slams", 30)
    ordinary.reason(again, memory.reasoning)
    for each in told:
        assert torch.equal(ordinary.read(again, each.event).residual, each.residual)
    assert ordinary.save(again) == faster.save(memory)


def test_many_tokens_in_a_row_are_read_by_the_llm_and_the_step_goes_on_behind_them(llama: Any) -> None:
    from diegetic.model.draft import Draft
    from diegetic.model.story_memory import StoryMemory

    chosen = []
    for step in (None, Int8Step(llama, room=64)):
        reader, memory = Reader(llama), StoryMemory(1.0)
        with torch.inference_mode():
            memory.state = reader.read(memory.cache, [5, 6, 7])[-1]
            draft = Draft(reader, memory, step)
            ids = []
            for given in ([], [8, 9], [10, 11, 12, 13, 14], [15], []):
                draft.give(given)
                ids.append(draft.choose([20, 30, 40, 50]))
            draft.forget()
        chosen.append(ids)
        assert memory.length == 3
    assert chosen[0] == chosen[1]


def test_other_llms_and_other_cpus_draft_with_the_llm_itself(llama: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(fastest_step(llama), Int8Step)
    qwen = Qwen2ForCausalLM(Qwen2Config(**SHAPE))
    assert fastest_step(qwen) is None
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    assert fastest_step(llama) is None
    with pytest.raises(ValueError, match=r"CPU: must have one of AVX2, AVX512"):
        Int8Step(llama)
