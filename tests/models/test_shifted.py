"""Families with a location added: three-parameter distributions."""

import re

import jax
import mpmath
import numpy as np
import pytest
import scipy.stats
from oracles import exact_maximum

import mlejax
from mlejax.models.named import family_named
from mlejax.status import Status

FIBERS = np.array([
    0.55, 0.74, 0.77, 0.81, 0.84, 0.93, 1.04, 1.11, 1.13, 1.24, 1.25, 1.27, 1.28, 1.29, 1.30, 1.36, 1.39, 1.42, 1.48,
    1.48, 1.49, 1.49, 1.50, 1.50, 1.51, 1.52, 1.53, 1.54, 1.55, 1.55, 1.58, 1.59, 1.60, 1.61, 1.61, 1.61, 1.61, 1.62,
    1.62, 1.63, 1.64, 1.66, 1.66, 1.66, 1.67, 1.68, 1.68, 1.69, 1.70, 1.70, 1.73, 1.76, 1.76, 1.77, 1.78, 1.81, 1.82,
    1.84, 1.84, 1.89, 2.00, 2.01, 2.24,
])  # fmt: skip
"""Strengths of 63 glass fibers of 1.5 cm. Source: R. L. Smith and J. C. Naylor, A comparison of maximum likelihood and
Bayesian estimators for the three-parameter Weibull distribution, Applied Statistics 36 (1987), who give a location of
-1.6, a shape of 11.9 and a scale of 3.22."""


def weibull(x, shape, scale, location):
    z = (x - location) / scale
    return mpmath.log(shape / scale) + (shape - 1) * mpmath.log(z) - z**shape


@pytest.mark.slow
def test_log_prob_against_scipy(x64):
    x = np.array([2.1, 3.0, 9.0])
    model = mlejax.Shifted(mlejax.Weibull(1.5, 2.0), 2.0)
    found = jax.jit(jax.vmap(model.log_prob))(x)
    np.testing.assert_allclose(found, scipy.stats.weibull_min(1.5, 2.0, 2.0).logpdf(x), rtol=1e-13)
    outside, slope = jax.value_and_grad(lambda m: m.log_prob(1.9))(model)
    assert outside == -np.inf
    assert not np.any(np.isnan(jax.tree.leaves(slope)))


@pytest.mark.slow
def test_a_published_three_parameter_weibull_distribution_and_its_maximum_in_forty_digits():
    result = mlejax.fit(mlejax.Shifted.of(mlejax.Weibull), FIBERS)
    assert result.converged
    found = np.array([result.model.shape, result.model.scale, result.model.location])
    np.testing.assert_allclose(found, [11.9, 3.22, -1.6], rtol=5e-3)  # their digits
    exact = exact_maximum(weibull, FIBERS, found)
    errors = np.array(list(jax.tree.leaves(result.standard_errors)))
    assert np.max(np.abs(found - exact) / errors) < 1e-6


@pytest.mark.slow
def test_a_shift_of_the_data_shifts_the_location_alone():
    one, other = (mlejax.fit(mlejax.Shifted.of(mlejax.LogNormal), 4 - FIBERS + shift) for shift in (0, 64))
    assert one.converged
    for name in ("mean", "variance"):
        assert other.parameters[name] == pytest.approx(one.parameters[name], rel=1e-6)
    assert other.model.location - one.model.location == pytest.approx(64, abs=1e-5)
    assert other.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-8)


@pytest.mark.slow
def test_an_exponential_distribution_ends_at_the_smallest_observation():
    with pytest.warns(mlejax.ConvergenceWarning):
        result = mlejax.fit(mlejax.Shifted.of(mlejax.Exponential), FIBERS)
    assert result.status is Status.AT_BOUNDARY
    supremum = -len(FIBERS) * (np.log(np.mean(FIBERS) - FIBERS[0]) + 1)
    assert result.reason == (
        "the log-likelihood keeps rising as location approaches the smallest observation; "
        f"its supremum, {supremum:.4f} at the smallest observation, is no regular maximum"
    )
    assert np.isnan(result.standard_errors.rate)


@pytest.mark.slow
def test_a_density_that_begins_at_infinity_is_unbounded():
    x = np.random.RandomState(0).gamma(0.3, 2.0, 60) + 5
    with pytest.warns(mlejax.ConvergenceWarning):
        result = mlejax.fit(mlejax.Shifted.of(mlejax.Weibull), x)
    assert result.status is Status.UNBOUNDED
    assert result.reason == "the log-likelihood grows without bound as location approaches the smallest observation"


SKEWED = 10 - np.random.RandomState(1).gamma(4.0, 0.5, 60)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "limit"),
    [
        (mlejax.Gamma, scipy.stats.norm),
        (mlejax.LogNormal, scipy.stats.norm),
        (mlejax.InverseGaussian, scipy.stats.norm),
        (mlejax.InverseGamma, scipy.stats.norm),
        (mlejax.Weibull, scipy.stats.gumbel_l),
        (mlejax.Frechet, scipy.stats.gumbel_r),
        (mlejax.LogLogistic, scipy.stats.logistic),
    ],
)
def test_where_no_model_is_skewed_enough_the_supremum_is_that_of_the_limit(family, limit):
    x = SKEWED if limit is not scipy.stats.gumbel_l else -(np.random.RandomState(1).gumbel(0, 1, 60) ** 3)
    with pytest.warns(mlejax.ConvergenceWarning):
        result = mlejax.fit(mlejax.Shifted.of(family), x)
    assert result.status is Status.AT_INFINITY
    supremum = np.sum(limit.logpdf(x, *limit.fit(x)))
    said = re.search(r"as location falls; its supremum, (\S+) at infinity", result.reason)
    assert said is not None
    assert float(said[1]) == pytest.approx(supremum, abs=1e-3)
    assert result.log_likelihood < supremum
    assert result.log_likelihood == pytest.approx(supremum, abs=0.1)
    assert np.isnan(result.standard_errors.location)


@pytest.mark.slow
@pytest.mark.parametrize("family", [mlejax.Gamma, mlejax.LogNormal, mlejax.InverseGaussian, mlejax.LogLogistic])
def test_slightly_skewed_observations_have_a_maximum_far_below_them(family):
    x = np.random.RandomState(0).gamma(400.0, 1.0, 3000)
    result = mlejax.fit(mlejax.Shifted.of(family), x)
    assert result.converged
    assert x.min() - result.model.location > 3 * np.std(x)
    heights = [mlejax.fit(family, x - result.model.location - away).log_likelihood for away in (-40.0, 0.0, 40.0)]
    assert max(heights) == heights[1] == pytest.approx(result.log_likelihood, abs=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("base", "power"),
    [
        (mlejax.Weibull(0.5, 2.0), -0.5),
        (mlejax.Weibull(2.5, 2.0), 1.5),
        (mlejax.Gamma(1.0, 3.0), 0.0),
        (mlejax.Rayleigh(2.0), 1.0),
        (mlejax.Beta(3.0, 0.5), 2.0),
    ],
)
def test_where_standard_errors_hold(base, power):
    model = mlejax.Shifted(base, 0.3)
    assert bool(model.unbounded(10)) == (power < 0)
    assert bool(model.irregularity()) == (power <= 1)


@pytest.mark.slow
def test_draws_are_those_of_the_model_inside_moved(x64):
    key = jax.random.key(3)
    inner = mlejax.Gamma(2.0, 1.0)
    np.testing.assert_array_equal(mlejax.Shifted(inner, 7.0).sample(key, (5,)), 7 + inner.sample(key, (5,)))


@pytest.mark.slow
def test_a_fixed_location_is_the_model_inside():
    result = mlejax.fit(family_named("fixed(shifted(gamma), location=0.25)"), FIBERS)
    plain = mlejax.fit(mlejax.Gamma, FIBERS - 0.25)
    assert result.model.shape == pytest.approx(plain.model.shape, rel=1e-8)
    assert result.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)


@pytest.mark.parametrize(
    ("family", "said"),
    [(mlejax.Normal, "Normal is of finite numbers"), (mlejax.Poisson, "Poisson is of whole numbers")],
)
def test_what_has_no_lower_end_is_refused(family, said):
    with pytest.raises(ValueError, match=said):
        mlejax.Shifted.of(family)
