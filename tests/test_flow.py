"""The sampler and its loss, on velocities that are known."""

import pytest
import torch
from torch import Tensor

from diegetic.errors import Cancelled
from diegetic.model.config import DurationConfig, TransformerConfig
from diegetic.model.flow import draw_sigma, drop_condition, event_noise, flow_loss, sample, step_sigmas
from diegetic.model.transformer import FlowTransformer

TINY = TransformerConfig(1, 1, 2, 8, 4, (4, 2, 2), 10.0, 40)
CONDITION, NULL = torch.ones(1, 3, 16), torch.zeros(1, 3, 16)


def tiny_transformer() -> FlowTransformer:
    torch.manual_seed(1)
    transformer = FlowTransformer(TINY, DurationConfig(internal_dim=8), 16)
    for parameter in transformer.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return transformer.eval()


@pytest.mark.parametrize("steps", [1, 7, 50])
def test_a_constant_velocity_leads_from_noise_to_the_clean_latents(steps: int) -> None:
    noise, clean = event_noise(3, 12, 4), event_noise(4, 12, 4)
    found = sample(lambda x, sigma, c, d: noise - clean, CONDITION, NULL, 2.0, noise, steps, guidance=1.0)
    torch.testing.assert_close(found, clean, atol=2e-6, rtol=0)


def test_steps_end_at_one_over_their_number_and_then_zero() -> None:
    assert step_sigmas(4) == [1.0, 0.75, 0.5, 0.25, 0.0]


def test_guidance_goes_beyond_the_condition_by_its_scale() -> None:
    noise = event_noise(1, 5, 4)
    batches: list[int] = []

    def velocity(latents: Tensor, sigma: Tensor, condition: Tensor, duration_s: Tensor) -> Tensor:
        batches.append(len(latents))
        return condition.mean(dim=(1, 2))[:, None, None].expand_as(latents)  # 0 for null, 1 for the condition

    assert torch.allclose(sample(velocity, CONDITION, NULL, 1.0, noise, 4, guidance=3.0), noise - 3.0, atol=1e-5)
    assert torch.allclose(sample(velocity, CONDITION, NULL, 1.0, noise, 4, guidance=0.5), noise - 1.0, atol=1e-5)
    assert batches == [2] * 4 + [1] * 4
    batches.clear()
    found = sample(velocity, CONDITION, NULL, 1.0, noise, 4, guidance=3.0, guided_above=0.5)
    assert torch.allclose(found, noise - (3.0 + 1.0) / 2, atol=1e-5)
    assert batches == [2, 2, 1, 1]


def test_held_latents_are_in_the_result_as_they_were_and_the_rest_follows_from_them() -> None:
    transformer, noise, held = tiny_transformer(), event_noise(5, 20, 4), event_noise(6, 6, 4)[0]
    with torch.inference_mode():
        free = sample(transformer, CONDITION, NULL, 2.0, noise, 5, 2.0)
        tied = sample(transformer, CONDITION, NULL, 2.0, noise, 5, 2.0, held=held)
    assert torch.equal(tied[0, :6], held)
    assert not torch.allclose(tied[0, 6:], free[0, 6:], atol=1e-3)


def test_latents_can_be_held_at_the_end_and_what_leads_to_them_follows_from_them() -> None:
    transformer, noise, held = tiny_transformer(), event_noise(5, 20, 4), event_noise(6, 6, 4)[0]
    with torch.inference_mode():
        free = sample(transformer, CONDITION, NULL, 2.0, noise, 5, 2.0)
        tied = sample(transformer, CONDITION, NULL, 2.0, noise, 5, 2.0, held=held, held_at=14)
    assert torch.equal(tied[0, 14:], held)
    assert not torch.allclose(tied[0, :14], free[0, :14], atol=1e-3)


def test_each_step_finds_held_latents_at_its_noise_level() -> None:
    noise, held = event_noise(5, 8, 4), event_noise(6, 3, 4)[0]

    def velocity(latents: Tensor, sigma: Tensor, condition: Tensor, duration_s: Tensor) -> Tensor:
        expected = (1 - sigma[0]) * held + sigma[0] * noise[0, :3]
        torch.testing.assert_close(latents[0, :3], expected)
        return torch.ones_like(latents)

    sample(velocity, CONDITION, NULL, 1.0, noise, 4, 1.0, held=held)


def test_sampling_tells_every_step_and_stops_when_told() -> None:
    told: list[tuple[int, int]] = []

    def watch(done: int, total: int) -> None:
        told.append((done, total))
        if done == 2:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        sample(lambda x, s, c, d: x, CONDITION, NULL, 1.0, event_noise(1, 5, 4), 4, 1.0, watch=watch)
    assert told == [(0, 4), (1, 4), (2, 4)]


def test_an_events_noise_depends_on_its_seed_alone() -> None:
    first = event_noise(7, 9, 4)
    torch.manual_seed(99)
    event_noise(8, 50, 4)
    assert torch.equal(event_noise(7, 9, 4), first)
    assert not torch.equal(event_noise(8, 9, 4), first)


def test_shared_noise_is_the_references_for_every_event() -> None:
    torch.manual_seed(0)
    reference = torch.randn(1, 65, 64)
    assert torch.equal(event_noise(7, 65, 64, "shared"), reference)
    assert torch.equal(event_noise(8, 65, 64, "shared"), reference)


def test_the_loss_is_zero_for_the_true_velocity_only() -> None:
    clean, noise, sigma = torch.randn(3, 6, 4), torch.randn(3, 6, 4), torch.tensor([0.1, 0.5, 1.0])
    seconds = torch.ones(3)
    assert flow_loss(lambda x, s, c, d: noise - clean, clean, CONDITION, seconds, noise, sigma) == 0
    assert flow_loss(lambda x, s, c, d: noise, clean, CONDITION, seconds, noise, sigma) > 0.5


@pytest.mark.parametrize(("law", "share"), [("logit_normal", 0.728), ("uniform", 0.5)])
def test_noise_levels_follow_their_law(law: str, share: float) -> None:
    drawn = draw_sigma(20_000, law, torch.Generator().manual_seed(1))  # type: ignore[arg-type]
    assert drawn.min() >= 0.001
    assert drawn.max() <= 1.0
    inside = ((drawn > 0.25) & (drawn <= 0.75)).float().mean()
    assert abs(float(inside) - share) < 0.02
    assert torch.allclose(drawn * 1000, (drawn * 1000).round(), atol=1e-3)


def test_conditions_are_dropped_as_often_as_asked() -> None:
    dropped = drop_condition(torch.ones(4000, 3, 16), NULL, 0.25, torch.Generator().manual_seed(1))
    assert set(dropped.flatten().tolist()) == {0.0, 1.0}
    assert abs(float(dropped.mean()) - 0.75) < 0.03


def test_a_new_transformer_says_nothing_and_a_trained_one_heeds_every_input() -> None:
    latents, sigma, seconds = torch.randn(2, 7, 4), torch.tensor([0.3, 0.8]), torch.tensor([2.0, 5.0])
    condition = torch.randn(2, 3, 16)
    fresh = FlowTransformer(TINY, DurationConfig(internal_dim=8), 16)
    assert not fresh(latents, sigma, condition, seconds).any()
    trained = tiny_transformer()
    before = trained(latents, sigma, condition, seconds)
    assert before.shape == (2, 7, 4)
    for changed in [(latents + 1, sigma, condition, seconds), (latents, sigma / 2, condition, seconds),
                    (latents, sigma, condition + 1, seconds), (latents, sigma, condition, seconds + 3)]:  # fmt: skip
        assert not torch.allclose(trained(*changed), before, atol=1e-4)


def test_noise_levels_keep_their_resolution_under_autocast() -> None:
    transformer = tiny_transformer()
    seen: list[Tensor] = []
    transformer.transformer.time_text_embed.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.autocast("cpu", torch.bfloat16), torch.inference_mode():
        velocity = transformer(torch.randn(1, 7, 4), torch.tensor([0.489]), CONDITION, torch.ones(1))
    assert velocity.isfinite().all()
    assert abs(float(seen[0]) - 489.0) < 1e-3


def test_events_in_one_batch_are_drawn_as_each_by_itself() -> None:
    conditions, noise = torch.randn(3, *CONDITION.shape[1:]), torch.randn(3, 5, 4)
    seconds = [1.0, 2.5, 4.0]

    def velocity(x: torch.Tensor, sigma: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
        return x * d[:, None, None] + c.mean(dim=(1, 2))[:, None, None] * sigma[:, None, None]

    together = sample(velocity, conditions, NULL, seconds, noise, 6, 3.0)
    for number, length in enumerate(seconds):
        alone = sample(velocity, conditions[number, None], NULL, length, noise[number, None], 6, 3.0)
        torch.testing.assert_close(together[number, None], alone)


@pytest.mark.parametrize("steps", [8, 16, 32])
def test_the_better_solver_is_nearer_the_flow_in_as_many_steps(steps: int) -> None:
    noise = torch.randn(1, 5, 4)

    def velocity(x: torch.Tensor, sigma: torch.Tensor, c: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
        return 2.0 * x * sigma[:, None, None]  # x(0) = x(1) / e

    exact = noise * torch.tensor(-1.0).exp()
    euler, better = (
        sample(velocity, CONDITION, NULL, 1.0, noise, steps, 1.0, solver=solver)
        for solver in ("euler", "adams_bashforth")
    )
    assert float((better - exact).abs().max()) < 0.25 * float((euler - exact).abs().max())


def test_the_better_solver_still_ends_at_the_clean_latents_of_a_straight_flow() -> None:
    noise, clean = torch.randn(1, 5, 4), torch.randn(1, 5, 4)
    found = sample(lambda x, s, c, d: noise - clean, CONDITION, NULL, 1.0, noise, 7, 1.0, solver="adams_bashforth")
    torch.testing.assert_close(found, clean, atol=1e-5, rtol=1e-4)
