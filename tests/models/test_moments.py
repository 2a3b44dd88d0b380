"""Means, deviations and quantiles of weighted samples, against 50 digits and against samples written out."""

import mpmath
import numpy as np
import pytest

from mlejax.models.moments import inside, median, moments, quantiles

SAMPLES = {
    "plain": np.array([1.5, 2.0, 7.25, -3.0, 0.1]),
    "far from zero": 1e15 + np.array([0.0, 1.0, 2.0, 2.0, 5.0]),
    "tiny": 1e-200 * np.array([1.0, 3.0, 2.0, 7.0, 0.5]),
    "huge": 1e160 * np.array([1.0, 3.0, -2.0, 7.0, 0.5]),
    "at the largest": np.array([1.7e308, 1.6e308, 1.5e308, 1.7e308, 1.2e308]),
    "subnormal": np.array([5e-324, 1e-323, 0.0, 2e-323, 1e-322]),
}
WEIGHTS = {"alike": None, "whole": np.array([1.0, 2.0, 0.0, 3.0, 1.0]), "any": np.array([0.3, 1.7, 2.0, 0.01, 5.0])}


@pytest.mark.parametrize("weights", WEIGHTS.values(), ids=WEIGHTS)
@pytest.mark.parametrize("x", SAMPLES.values(), ids=SAMPLES)
def test_moments_against_50_digits(x, weights):
    with mpmath.workdps(50):
        terms = [
            (mpmath.mpf(float(w)), mpmath.mpf(float(v)))
            for w, v in zip(np.ones(5) if weights is None else weights, x, strict=True)
        ]
        total = mpmath.fsum(w for w, _ in terms)
        center = mpmath.fsum(w * v for w, v in terms) / total
        deviation = mpmath.sqrt(mpmath.fsum(w * (v - center) ** 2 for w, v in terms) / total)
    found = moments(x, weights)
    smallest = 5e-324
    assert abs(found.mean - float(center)) <= 2 * np.spacing(np.max(np.abs(x)))
    assert found.deviation == pytest.approx(float(deviation), rel=4e-16, abs=2 * smallest)
    assert found.variance == pytest.approx(float(deviation**2), rel=8e-16, abs=2 * smallest)


def test_a_weight_of_two_is_the_observation_twice():
    x, weights = SAMPLES["plain"], WEIGHTS["whole"]
    one, other = moments(x, weights), moments(np.repeat(x, weights.astype(int)))
    assert one.mean == pytest.approx(other.mean, rel=4e-16)
    assert one.deviation == pytest.approx(other.deviation, rel=4e-16)


@pytest.mark.parametrize("seed", range(5))
def test_weighted_quantiles_against_numpy(seed):
    random = np.random.RandomState(seed)
    x = random.choice([random.normal(size=41), random.randint(0, 5, 41).astype(float)][seed % 2], 300)
    weights = random.choice([0.0, 0.5, 1.0, 7.25], 300)
    shares = [0.013, 0.25, 0.5, 0.9, 1.0]
    expected = np.quantile(x, shares, weights=weights, method="inverted_cdf")
    np.testing.assert_array_equal(quantiles(x, weights, shares), expected)
    assert median(x) == np.median(x)


def test_what_lies_outside_is_brought_inside():
    assert inside(np.nan) == inside(-3.0) == np.finfo(float).tiny
    assert inside(np.inf) == np.finfo(float).max
    assert 0 < inside(1.0, 0.0, 1.0) < 1
    assert 1 < inside(-7.0, 1.0) < 1 + 1e-15
    assert inside(0.3, 0.0, 1.0) == 0.3


@pytest.mark.parametrize("count", [1, 2, 5, 100])
def test_quantiles_of_one_sample_are_those_of_numpy(count):
    x = np.random.RandomState(count).standard_cauchy(count)
    shares = [0.0, 0.1, 0.25, 0.5, 0.51, 0.9, 1.0]
    assert quantiles(x, None, shares) == np.quantile(x, shares).tolist()
