"""Observations that are all equal: what is said of them, and how families narrow about a number."""

import jax
import numpy as np
import pytest

import mlejax
from mlejax.ascent.alike import all_alike, narrowest
from mlejax.ascent.ground import is_inside
from mlejax.models import FAMILIES
from mlejax.models.abilities import narrows
from mlejax.models.parameters import Parameters

NARROWING = [family for family in FAMILIES.values() if isinstance(family, type) and narrows(family)]


@pytest.mark.parametrize("family", NARROWING, ids=lambda family: family.__name__)
def test_the_likelihood_of_numbers_grows_without_bound_as_they_approach_each_other(family):
    z, heights = np.array([-1.3, -0.7, -0.2, 0.1, 0.4, 0.6, 1.1, 1.7]), []
    with jax.enable_x64(True):
        for spread in (1e-2, 1e-3, 1e-4):
            x = 0.7 * (1 + spread * z)
            model = jax.tree.map(np.float64, family.start(x))
            heights.append(float(np.mean(jax.vmap(model.log_prob)(x))))
    # A density of a tenth of the width is ten times as high, where the start is as near to the maximum.
    assert np.all(np.diff(heights) > 0.9 * np.log(10))


@pytest.mark.parametrize("family", NARROWING, ids=lambda family: family.__name__)
def test_the_narrowest_model_about_a_number_is_inside_and_the_same_in_any_company(family):
    values = np.array([0.3, 0.9]) if family is mlejax.Beta else np.array([0.3, 1e-60, 7e5, 3.0, 1e90])
    found, table = narrowest(family, values), Parameters.of(family.start(np.array([0.3, 0.4])))
    for value, numbers in zip(values, found, strict=True):
        assert is_inside(jax.tree.map(np.float64, table.to_model(numbers)))
        np.testing.assert_array_equal(narrowest(family, np.array([value]))[0], numbers)


def test_a_class_made_of_a_family_need_not_narrow():
    class Wide(mlejax.Normal):
        pass

    assert narrows(mlejax.Normal) == "variance approaches 0"
    assert narrows(Wide) == narrows(mlejax.Exponential) == ""


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.array([3.5]), "there is one observation"),
        (np.full(4, 3.5), "all 4 observations equal 3.5"),
        (np.full((4, 2), 3.5), "all 4 observations are alike"),
        (np.array([3.5, 3.6, 3.5]), ""),
    ],
)
def test_equal_observations_are_told(values, words):
    assert all_alike(values) == words
