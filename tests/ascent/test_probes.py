"""Differences, integrals and idle directions, against what is known."""

import math

import numpy as np
import pytest
import scipy.stats

from mlejax.ascent.probes import STEP_SIZES, derivative, idle_direction, total
from mlejax.models.support import Support, counts, numbers, positive_numbers

FUNCTIONS = {
    "exp": (np.exp, 0.3, math.exp(0.3)),
    "log": (np.log, 2.0, 0.5),
    "a large constant beside it": (lambda x: 1e6 + np.sin(x), 0.7, math.cos(0.7)),
    "a corner": (np.abs, 0.05, 1.0),
}


@pytest.mark.parametrize(("function", "at", "expected"), FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_derivative_is_within_its_error(function, at, expected):
    found = derivative(function(at + STEP_SIZES), function(at - STEP_SIZES))
    assert abs(found.value - expected) <= 10 * found.error + 1e-12
    assert found.error < 1e-6 or function is np.abs


def test_a_derivative_that_does_not_exist_has_a_large_error():
    noise = np.random.RandomState(0).normal(size=(2, len(STEP_SIZES)))
    assert derivative(*noise).error > 0.1


DENSITIES = {
    "normal": (scipy.stats.norm(3.0, 2.0), numbers, 1e-11),
    "heavy": (scipy.stats.cauchy(), numbers, 1e-9),
    "singular": (scipy.stats.gamma(0.3), positive_numbers, 1e-9),
    "between": (scipy.stats.beta(2.5, 1.5), Support(lower=0, upper=1), 1e-9),
    "with a jump": (scipy.stats.pareto(2.0), positive_numbers, 5e-3),
}


@pytest.mark.parametrize(("reference", "support", "within"), DENSITIES.values(), ids=DENSITIES)
def test_a_density_integrates_to_one_and_half_of_it_to_a_half(reference, support, within):
    def half(x):
        return reference.logpdf(x) - np.log(2)

    for log_density, expected in ((reference.logpdf, 1.0), (half, 0.5)):
        found = total(log_density, support, float(reference.median()), 1.0)
        assert float(found.value) == pytest.approx(expected, abs=within)
        assert found.error < 2 * within


def test_probabilities_add_up_and_a_tail_that_is_not_seen_is_told():
    found = total(scipy.stats.poisson(3.0).logpmf, counts, 3.0, 1.0)
    assert float(found.value) == pytest.approx(1, abs=1e-12)
    assert found.error < 1e-9
    assert total(scipy.stats.zipf(1.5).logpmf, counts, 3.0, 1.0).error > 1e-3


def test_angles_are_integrated_over_one_turn():
    found = total(scipy.stats.vonmises(2.0, 0.5).logpdf, numbers, 0.0, 1.0, turn=2 * math.pi)
    assert float(found.value) == pytest.approx(1, abs=1e-12)


def test_an_idle_direction_is_found_and_no_other():
    slopes = np.random.RandomState(0).normal(size=(20, 3)) * [1.0, 1e6, 1e-6]
    assert idle_direction(slopes, 1e-7) is None
    slopes[:, 2] = 2 * slopes[:, 0]
    np.testing.assert_allclose(idle_direction(slopes, 1e-7), [1.0, 0.0, -0.5], atol=1e-9)
    slopes[:, 1] = 0
    np.testing.assert_array_equal(idle_direction(slopes, 1e-7), [0.0, 1.0, 0.0])
