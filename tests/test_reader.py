"""A token of a plan as one recorded step: the same plans, the same memory, and nothing that a CUDA graph can't hold."""

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import DynamicCache

from diegetic.model import drafting
from diegetic.model.audiostory import AudioStory
from diegetic.model.draft import Draft
from diegetic.model.fewer_launches import fuse_flow, fuse_norms
from diegetic.model.grammar import PlanStyle
from diegetic.model.narrator import Narrator
from diegetic.model.placement import Placement
from diegetic.model.reader import ROOM, Reader, TokenStep
from diegetic.model.story_memory import StoryMemory
from recorder import OnlyThere, Recorder
from tiny_llm import tiny_narrator
from tiny_shape import tiny

CUDA = torch.device("cuda")
TEXT = "Rain falls, then a dog barks, and a door slams"


def recorded(narrator: Narrator, room: int = ROOM) -> tuple[Narrator, Recorder]:
    """The same narrator, with a step that is recorded as far as a CPU can."""
    recorder = Recorder()
    return Narrator(narrator.llm, narrator.encoder, TokenStep(narrator.llm, recorder, room)), recorder


@pytest.mark.parametrize("cover", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_plans_and_memories_are_those_of_an_ordinary_reading(seed: int, cover: bool) -> None:
    ordinary = tiny_narrator(PlanStyle(max_reasoning_tokens=6, max_caption_tokens=5, cover=cover), seed)
    faster, recorder = recorded(ordinary)
    found = []
    for narrator in (ordinary, faster):
        memory = narrator.begin(TEXT, 30)
        events = [each.event for each in narrator.plan(memory)]
        events += [each.event for each in narrator.continue_(memory, "a dog barks, then a bell", 9)]
        found.append((memory.reasoning, events, narrator.save(memory)))
    assert found[0] == found[1]
    assert recorder.records == 1
    assert recorder.replays > len(found[0][1])


def test_what_it_reads_is_what_the_llm_reads_a_token_at_a_time() -> None:
    llm = tiny_narrator().llm
    whole, step, cache = Reader(llm), TokenStep(llm, Recorder(), room=16), DynamicCache()
    with torch.inference_mode():
        whole.read(cache, [5, 6, 7])
        for _ in range(2):
            step.begin(cache)
            found = torch.stack([step.read(token) for token in (8, 9, 10)])
            again = DynamicCache()
            whole.read(again, [5, 6, 7])
            told = torch.stack([whole.read(again, [token])[0] for token in (8, 9, 10)])
            torch.testing.assert_close(found, told, atol=1e-4, rtol=1e-4)
    assert cache.get_seq_length() == 3, "a story's own cache is only copied"


def test_a_draft_that_has_no_room_goes_the_ordinary_way() -> None:
    ordinary = tiny_narrator()
    narrow, recorder = recorded(ordinary, room=80)
    plans = [[each.event for each in each.plan(each.begin(TEXT, 30))] for each in (ordinary, narrow)]
    assert plans[0] == plans[1]
    assert recorder.replays == 1  # the one that is made to see that it is right


def test_a_step_that_is_replayed_wrongly_is_none() -> None:
    with pytest.raises(RuntimeError, match="replayed it is 10 % off"):
        TokenStep(tiny_narrator().llm, Recorder(off=0.1))


def test_there_is_a_step_only_on_a_gpu_and_a_line_where_it_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    def refuse(llm: Any) -> None:
        asked.append(llm)
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    monkeypatch.setattr(drafting, "TokenStep", refuse)
    with caplog.at_level(logging.WARNING):
        assert drafting.fastest_step(SimpleNamespace(device=torch.device("cuda"))) is None
        assert not isinstance(drafting.fastest_step(tiny_narrator().llm), TokenStep)
    assert len(asked) == 1
    assert "a token of a plan can't be recorded (CUDA error" in caplog.text


@pytest.fixture(params=["plain", "in fewer launches"])
def network(request: pytest.FixtureRequest) -> Iterator[AudioStory]:
    with torch.device("meta"), torch.inference_mode():
        network = AudioStory(tiny()).eval()
        if request.param != "plain":
            fuse_flow(network.flow)
            fuse_norms(network.llm)
        yield network


def test_a_token_reads_nothing_back_and_takes_nothing_from_the_host(network: AudioStory) -> None:
    def watched(work: Any) -> tuple[Any, Tensor]:
        with OnlyThere():
            found = work()
        raise _SeenError(found)

    with pytest.raises(_SeenError) as seen:
        TokenStep(network.llm, watched, room=32)
    assert seen.value.found.shape == (32,)


def test_a_denoise_step_reads_nothing_back_and_takes_nothing_from_the_host(network: AudioStory) -> None:
    config = network.config
    shape = (2, config.transformer.max_latent_frames, config.transformer.in_channels)
    latents, condition = torch.empty(shape, device="meta"), network.null.expand(2, -1, -1)
    sigma, seconds = (torch.empty(2, device="meta") for _ in range(2))
    with OnlyThere():
        assert network.flow(latents, sigma, condition, seconds).shape == shape


@pytest.mark.skipif(not torch.backends.cuda.is_built(), reason="needs a CUDA build of torch, though no GPU")
@pytest.mark.parametrize("fused", [False, True])
def test_on_a_gpu_a_denoise_step_takes_nothing_from_the_host(fused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bfloat16, on tensors of a GPU that isn't there: autocast has lists of its own for one."""
    monkeypatch.setattr(torch.cuda.amp.common, "amp_definitely_not_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    types = Placement(CUDA, CUDA, flow=torch.bfloat16)
    with torch.device("meta"):
        network = AudioStory(tiny()).eval().requires_grad_(False)
    for name, weight in network.named_parameters():
        weight.data = weight.data.to(types.dtype_of(name))
    if fused:
        fuse_flow(network.flow)
    window, bridge = network.config.transformer, network.config.bridge
    shape = (2, window.max_latent_frames, window.in_channels)
    with torch.inference_mode(), FakeTensorMode(allow_non_fake_inputs=True):
        network.flow.to_empty(device=CUDA)
        condition = torch.empty(2, bridge.semantic, bridge.feature_dim, device=CUDA)
        latents, level = torch.empty(shape, device=CUDA), torch.empty(2, device=CUDA)
        with OnlyThere():
            found = network.flow(latents, level, condition, level)
    assert (found.device.type, found.dtype, found.shape) == ("cuda", torch.bfloat16, shape)


def test_a_text_is_read_by_an_attention_that_serves_every_length() -> None:
    """cuDNN's, which torch prefers on Hopper, is built anew for each length."""
    torch.backends.cuda.enable_cudnn_sdp(True)
    Reader(tiny_narrator().llm)
    assert not torch.backends.cuda.cudnn_sdp_enabled()
    assert torch.backends.cuda.flash_sdp_enabled()


def test_what_a_graph_cannot_hold_is_seen() -> None:
    on_device = torch.empty(3, device="meta")
    with OnlyThere(), pytest.raises(RuntimeError):
        on_device.max().item()
    with OnlyThere(), pytest.raises(AssertionError, match="of the host"):
        torch.tensor([1.0, 2.0, 3.0]).to("meta").add(on_device)


def test_a_draft_behind_nothing_says_so() -> None:
    narrator = tiny_narrator()
    with pytest.raises(ValueError, match="nothing was read yet"):
        Draft(Reader(narrator.llm), StoryMemory(1.0)).choose([1, 2])


class _SeenError(Exception):
    def __init__(self, found: Tensor) -> None:
        self.found = found
