"""The whole model in miniature: a random LLM, bridge and transformer, and a codec that only counts."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from diegetic.errors import Cancelled, Failure
from diegetic.model.audiostory import AudioStory
from diegetic.model.codec import Drawn
from diegetic.model.config import BridgeConfig, ModelConfig, read_config
from diegetic.model.storyteller import Storyteller
from diegetic.protocol import Hear
from diegetic.story import OVERLAP_S, Event
from tiny_llm import tiny_narrator


class CountingCodec:
    """Latents as samples: the first channel, held for each latent's time."""

    sample_rate, latent_rate_hz, channels = 1000, 10.0, 4

    def steady(self, latents: NDArray[np.float32], known: int, before: NDArray[np.float32]) -> NDArray[np.float32]:
        return latents

    def decode(self, drawn: Drawn, event: Event, hear: Hear) -> NDArray[np.float32]:
        whole = np.repeat(drawn.latents[:, :1], 100, axis=0)
        hear(whole[: len(whole) // 2])
        return whole


@pytest.fixture(scope="module")
def model() -> Storyteller:
    narrator = tiny_narrator()
    config = tiny_config()
    torch.manual_seed(0)
    network = AudioStory(config, llm=narrator.llm)
    for weights in network.flow.parameters():
        torch.nn.init.normal_(weights, std=0.1)  # it starts as no transformer at all
    torch.nn.init.normal_(network.fusion.attention.out_proj.weight)
    return Storyteller("tiny", "0", narrator, network.requires_grad_(False), CountingCodec())


def test_a_plan_recalled_sounds_the_same_to_the_bit(model: Storyteller) -> None:
    memory = model.begin("rain", 12)
    planned = list(model.plan(memory))
    recalled = model.recall(model.begin("rain", 12), planned[0].reasoning, [each.event for each in planned])
    for each, condition in zip(planned, recalled, strict=True):
        assert np.array_equal(sound(model, each.condition, each.event), sound(model, condition, each.event))


def test_a_memory_saved_and_loaded_sounds_the_same_to_the_bit(model: Storyteller) -> None:
    memory = model.begin("rain", 5)
    list(model.plan(memory))
    state = model.save(memory)
    first, again = (next(model.continue_(each, "a door", 3)) for each in (memory, model.load(state)))
    assert first.event == again.event
    assert np.array_equal(sound(model, first.condition, first.event), sound(model, again.condition, again.event))


def test_an_event_does_not_sound_as_it_would_in_another_story(model: Storyteller) -> None:
    event = Event("e2", "a door", 2, 3)
    sounds = []
    for before in ("rain", "fire"):
        *_, condition = model.recall(model.begin("x", 9), "x", [Event("e1", before, 0, 9, "bed"), event])
        sounds.append(sound(model, condition, event))
    assert not np.array_equal(*sounds)


def test_seeds_differ_and_nothing_global_is_drawn_from(model: Storyteller) -> None:
    memory = model.begin("rain", 4)
    planned = next(model.plan(memory))
    first = sound(model, planned.condition, planned.event, seed=1)
    torch.manual_seed(99)
    np.random.seed(99)
    assert np.array_equal(first, sound(model, planned.condition, planned.event, seed=1))
    assert not np.array_equal(first, sound(model, planned.condition, planned.event, seed=2))


def test_what_is_held_is_at_the_start(model: Storyteller) -> None:
    planned = next(model.plan(model.begin("rain", 4)))
    before = model.imagine(planned.condition, planned.event, 1, None, ignore)
    after = model.imagine(planned.condition, planned.event, 2, before, ignore)
    overlap = round(OVERLAP_S * 10)
    assert np.allclose(after.latents[:overlap], before.latents[-overlap:], atol=1e-6)
    assert after.seed == before.seed == 1, "a sound that goes on keeps the recordings it began with"
    assert np.array_equal(after.called, before.called)
    last = model.imagine(planned.condition, planned.event, 3, after, ignore)
    once = len(before.latents) - overlap
    assert [each.begins for each in (before, after, last)] == [0, once, 2 * once]


def test_a_bed_s_next_window_is_as_its_codec_would_have_it(model: Storyteller) -> None:
    class Moving(CountingCodec):
        def steady(self, latents: NDArray[np.float32], known: int, before: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.concatenate([latents[:known], latents[known:] + before.shape[0]])

    moving = Storyteller("tiny", "0", model._narrator, model._network, Moving())
    planned = next(model.plan(model.begin("rain", 4)))
    before, overlap = model.imagine(planned.condition, planned.event, 1, None, ignore), round(OVERLAP_S * 10)
    for lane, moved in (("bed", len(before.latents)), ("foreground", 0)):
        event = dataclasses.replace(planned.event, lane=lane)
        after, plain = (each.imagine(planned.condition, event, 2, before, ignore) for each in (moving, model))
        assert np.allclose((after.latents - plain.latents)[overlap:], moved, atol=1e-5)
        assert np.array_equal(after.latents[:overlap], plain.latents[:overlap])


def test_what_sounds_before_ends_with_what_follows(model: Storyteller) -> None:
    planned = next(model.plan(model.begin("rain", 4)))
    following = model.imagine(planned.condition, planned.event, 1, None, ignore)
    window = dataclasses.replace(planned.event, duration_s=1.5 + OVERLAP_S)
    before = model.imagine_before(planned.condition, window, 2, following, ignore)
    overlap = round(OVERLAP_S * 10)
    assert len(before.latents) == 15 + overlap
    assert np.allclose(before.latents[15:], following.latents[:overlap], atol=1e-6)
    assert before.seed == 1
    assert before.begins == -15
    assert len(model.decode(before, planned.condition, window, 2)) == round((1.5 + OVERLAP_S) * model.sample_rate)


def test_cancelling_stops_between_two_steps(model: Storyteller) -> None:
    planned = next(model.plan(model.begin("rain", 4)))
    steps: list[int] = []

    def watch(done: int, total: int) -> None:
        steps.append(done)
        if done == 2:
            raise Cancelled("render: stopped")

    with pytest.raises(Cancelled):
        model.imagine(planned.condition, planned.event, 1, None, watch)
    assert steps == [0, 1, 2]


def test_samples_last_as_long_as_the_event(model: Storyteller) -> None:
    planned = next(model.plan(model.begin("rain", 4)))
    event = dataclasses.replace(planned.event, duration_s=3.47)
    assert len(sound(model, planned.condition, event)) == 3470


def test_numbers_that_are_not_finite_are_a_failure(model: Storyteller) -> None:
    event = Event("e1", "rain", 0, 1)
    drawn = Drawn(np.full((10, 4), np.nan, np.float32), np.zeros(8, np.float32), 0)
    with pytest.raises(Failure, match="another seed"):
        model.decode(drawn, None, event, 0)  # type: ignore[arg-type]


def test_samples_that_are_given_early_are_the_first_and_finite(model: Storyteller) -> None:
    event, early = Event("e1", "rain", 0, 1), list[NDArray[np.float32]]()
    latents = np.arange(40, dtype=np.float32).reshape(10, 4)
    whole = model.decode(Drawn(latents, np.zeros(8, np.float32), 0), None, event, 0, early.append)  # type: ignore[arg-type]
    (first,) = early
    np.testing.assert_array_equal(first, whole[:500])
    latents[0] = np.inf
    with pytest.raises(Failure, match="another seed"):
        model.decode(Drawn(latents, np.zeros(8, np.float32), 0), None, event, 0, early.append)  # type: ignore[arg-type]
    assert len(early) == 1


def tiny_config() -> ModelConfig:
    tiny = read_config(Path(__file__).parent / "tiny.toml")
    bridge = BridgeConfig(3, 2, tiny.bridge.feature_dim, 1.0, tiny.bridge.fusion_heads, zero_init=False)
    transformer = dataclasses.replace(tiny.transformer, in_channels=4, latent_rate_hz=10.0)
    return dataclasses.replace(
        tiny, bridge=bridge, transformer=transformer, listener=None, sampler=dataclasses.replace(tiny.sampler, steps=4)
    )


def sound(model: Storyteller, condition: object, event: Event, seed: int = 1) -> NDArray[np.float32]:
    latents = model.imagine(condition, event, seed, None, ignore)  # type: ignore[arg-type]
    return model.decode(latents, condition, event, seed)  # type: ignore[arg-type]


def ignore(done: int, total: int) -> None:
    pass
