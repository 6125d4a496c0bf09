"""What says which story an event belongs to, and how it is learned from stories alone."""

import random

import numpy as np
import torch

from diegetic.model.belonging import WIDTH, Belonging
from train_belonging import GROUP, found, learn, pairs


def groups_of(count: int, width: int = 48) -> list[torch.Tensor]:
    """States of groups of stories: each story has a direction of its own under what its group's events are called."""
    generator = torch.Generator().manual_seed(0)
    own = torch.randn(count, GROUP, 1, 8, generator=generator)
    said = torch.randn(count, 1, 4, width - 8, generator=generator) * 3
    return list(torch.cat([own.expand(-1, -1, 4, -1), said.expand(-1, GROUP, -1, -1)], dim=3))


def test_events_of_a_story_find_each_other_once_it_is_learned() -> None:
    told = groups_of(30)
    matrix, mean = learn(told[10:], 300, 0)
    assert found(told[:10], matrix, mean) > 0.8
    assert found(told[:10], torch.randn(WIDTH, 48, generator=torch.Generator().manual_seed(1)), mean) < 0.5


def test_a_direction_is_a_unit_vector_of_the_mean_state() -> None:
    belonging = Belonging(torch.randn(WIDTH, 6), torch.zeros(6))
    states = torch.randn(4, 6)
    direction = belonging.direction(states)
    assert direction.shape == (WIDTH,)
    assert np.isclose(np.linalg.norm(direction), 1.0)
    assert np.allclose(direction, belonging.direction(states.flip(0)), atol=1e-6)


def test_pairs_are_of_one_story_each_and_of_the_same_events_in_a_group() -> None:
    stories, events = torch.arange(GROUP).float(), torch.arange(4).float()
    told = [torch.stack(torch.meshgrid(stories, events, indexing="ij"), dim=-1) for _ in range(5)]
    drawn = pairs(told, random.Random(0)).reshape(-1, GROUP, 2, 2)
    assert torch.equal(drawn[:, :, 0, 0], drawn[:, :, 1, 0])
    assert (drawn[..., 1].std(1) == 0).all()
    assert (drawn[:, :, 0, 1] != drawn[:, :, 1, 1]).all()
