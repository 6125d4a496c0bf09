"""What says which story an event belongs to, and how it is learned from stories alone."""

import random

import numpy as np
import torch

from diegetic.model.belonging import WIDTH, Belonging
from train_belonging import found, learn, pairs


def stories_of(count: int, width: int = 48) -> list[torch.Tensor]:
    """States of stories: each has a direction of its own under what all events vary by."""
    generator = torch.Generator().manual_seed(0)
    own = torch.randn(count, 1, 8, generator=generator)
    noise = torch.randn(count, 4, width - 8, generator=generator) * 3
    return list(torch.cat([own.expand(-1, 4, -1), noise], dim=2))


def test_events_of_a_story_find_each_other_once_it_is_learned() -> None:
    told = stories_of(60)
    matrix, mean = learn(told[20:], 300, 0)
    assert found(told[:20], matrix, mean) > 0.8
    assert found(told[:20], torch.randn(WIDTH, 48, generator=torch.Generator().manual_seed(1)), mean) < 0.5


def test_a_direction_is_a_unit_vector_of_the_mean_state() -> None:
    belonging = Belonging(torch.randn(WIDTH, 6), torch.zeros(6))
    states = torch.randn(4, 6)
    direction = belonging.direction(states)
    assert direction.shape == (WIDTH,)
    assert np.isclose(np.linalg.norm(direction), 1.0)
    assert np.allclose(direction, belonging.direction(states.flip(0)), atol=1e-6)


def test_pairs_are_of_one_story_each() -> None:
    told = [torch.full((3, 2), float(number)) for number in range(5)]
    drawn = pairs(told, random.Random(0))
    assert torch.equal(drawn[:, 0], drawn[:, 1])
