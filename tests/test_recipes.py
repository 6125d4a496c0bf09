"""Sounds made of nothing are sounds, the same each time, and each has its concept."""

import numpy as np
import pytest

from captions import read_concepts
from diegetic.model.bank.describe import SAMPLE_RATE
from diegetic.model.ear import Ear
from diegetic.model.loading import EAR, SPACE, read_space
from diegetic.settings import presets_folder
from procedural import VARIANTS, made_by_recipes
from recipes import RECIPES, bubbles, gated, laid, tone


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_makes_the_same_sound_again_and_another_by_another_seed(name: str) -> None:
    first, again, other = (RECIPES[name](np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert np.isfinite(first).all()
    assert np.abs(first).max() > 0.01
    assert 0.1 < len(first) / SAMPLE_RATE <= 9.0
    if name not in ("busy signal",):  # a published tone has no other
        assert first.shape != other.shape or not np.allclose(first, other)


def test_every_recipe_is_of_a_concept() -> None:
    assert set(RECIPES) <= {concept.name for concept in read_concepts().concepts}


def test_pockets_ear_names_what_recipes_make_in_variants_that_it_was_not_taught() -> None:
    folder = presets_folder() / "models/pocket"
    ear = Ear.read(folder / EAR, read_space(folder / SPACE))
    heard = {made.concept: ear.hear(made.samples) for made in made_by_recipes([VARIANTS])}
    assert list(heard) == list(RECIPES)
    right = [name for name, each in heard.items() if each is not None and each.concept.name == name]
    assert len(right) > 0.9 * len(RECIPES)


def test_a_tone_has_its_pitch_and_no_harmonic_beyond_hearing() -> None:
    spectrum = np.abs(np.fft.rfft(tone(12_000.0, 1.0, (1.0, 1.0))))
    assert int(spectrum.argmax()) == 12_000
    assert spectrum[13_000:].max() < 0.01 * spectrum.max()


def test_parts_lie_where_they_are_laid_and_are_cut_at_the_end() -> None:
    out = laid([(0.5, np.ones(SAMPLE_RATE))], 1.0)
    assert out[: SAMPLE_RATE // 2].max() == 0.0
    assert len(out) == SAMPLE_RATE and out[-1] == 1.0
    assert abs(gated(np.ones(4_800))[[0, -1]]).max() == 0.0


def test_more_bubbles_are_heard_of_more_water() -> None:
    few, many = (np.std(bubbles(np.random.default_rng(0), 2.0, per_s, (200, 800))) for per_s in (20, 400))
    assert many > 2 * few
