"""Quantiles against SciPy, and their derivatives against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from references import FAMILIES

import mlejax
from mlejax.models.distribution import has_distribution

PROBABILITIES = np.array([[1e-12, 1e-4, 0.1, 0.5], [0.5000001, 0.9, 0.9999, 1 - 1e-10]])
QUICK = ("Normal", "Exponential", "Laplace")
KNOWN = [
    pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow])
    for name, (model, *_) in FAMILIES.items()
    if has_distribution(type(model))
]


@pytest.mark.parametrize("name", KNOWN)
def test_quantiles_against_scipy(name):
    model, reference, _ = FAMILIES[name]
    found = mlejax.quantile(model, PROBABILITIES)
    assert found.dtype == np.float64
    # SciPy's own of a log-logistic distribution has lost six digits near 1.
    np.testing.assert_allclose(found, reference.ppf(PROBABILITIES), rtol=1e-10 if name == "LogLogistic" else 1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Poisson", "Geometric", "NegativeBinomial", "Binomial"])
def test_quantiles_of_counts_where_probabilities_are_just_reached_or_missed(name):
    model, reference, points = FAMILIES[name]
    shares = reference.cdf(points[:11])
    np.testing.assert_array_equal(mlejax.quantile(model, shares), points[:11])
    np.testing.assert_array_equal(mlejax.quantile(model, shares + 1e-9), points[:11] + 1)
    np.testing.assert_array_equal(mlejax.quantile(model, shares - 1e-9), points[:11])


def test_a_quantile_of_counts_does_not_move_with_the_parameters():
    assert jax.grad(lambda p: mlejax.quantile(mlejax.Geometric(p), 0.9))(0.3) == 0
    assert mlejax.quantile(mlejax.Geometric(0.5), [0.5, 0.75, 0.76]).tolist() == [0, 1, 2]


WRAPPED = {
    "truncated": (
        mlejax.Truncated(mlejax.Normal(0.5, 4.0), -1.0, 3.0),
        scipy.stats.truncnorm(-0.75, 1.25, loc=0.5, scale=2.0).ppf,
    ),
    "truncated below": (
        mlejax.Truncated(mlejax.Exponential(2.0), 1.0),
        lambda p: 1 + scipy.stats.expon(scale=0.5).ppf(p),
    ),
    "truncated above": (
        mlejax.Truncated(mlejax.Exponential(2.0), upper=0.75),
        lambda p: scipy.stats.truncexpon(1.5, scale=0.5).ppf(p),
    ),
    "truncated counts": (
        mlejax.Truncated(mlejax.Poisson(2.5), 2.0, 9.0),
        lambda p: scipy.stats.poisson(2.5).ppf(_between(scipy.stats.poisson(2.5).cdf, 1, 9)(p)),
    ),
    "shifted": (mlejax.Shifted(mlejax.Weibull(1.5, 2.0), -7.0), scipy.stats.weibull_min(1.5, -7.0, 2.0).ppf),
    "fixed": (mlejax.Fixed.of(mlejax.Gamma(2.5, 0.7), shape=2.5), scipy.stats.gamma(2.5, scale=1 / 0.7).ppf),
    "shifted and fixed, and truncated": (
        mlejax.Truncated(mlejax.Fixed.of(mlejax.Shifted(mlejax.Exponential(2.0), 1.0), location=1.0), 1.5),
        lambda p: 1.5 + scipy.stats.expon(scale=0.5).ppf(p),
    ),
    "zeros and counts": (
        mlejax.ZeroInflated(mlejax.Geometric(0.3), 0.25),
        lambda p: scipy.stats.geom(0.3, -1).ppf(np.clip((p - 0.25) / 0.75, 1e-300, 1)),
    ),
    "mixture": (
        mlejax.Mixture.of([mlejax.Exponential(1.0), mlejax.Exponential(3.0)], [0.4, 0.6]),
        lambda p: np.array([scipy.optimize.brentq(_excess_of_two, 0, 99, (each,), xtol=1e-15) for each in p]),
    ),
}


def _excess_of_two(x, p):
    return 0.4 * np.exp(-x) + 0.6 * np.exp(-3 * x) - (1 - p)


def _between(cdf, first, last):
    """The probability below a point of which a share of what lies between two others does."""
    return lambda p: cdf(first) + p * (cdf(last) - cdf(first))


@pytest.mark.slow
@pytest.mark.parametrize("name", WRAPPED)
def test_quantiles_of_models_of_models(name):
    model, expected = WRAPPED[name]
    probabilities = np.array([1e-4, 0.1, 0.4321, 0.5, 0.9, 0.999])
    np.testing.assert_allclose(mlejax.quantile(model, probabilities), expected(probabilities), rtol=1e-11)


@pytest.mark.slow
def test_a_quantile_between_components_that_are_far_apart_is_between_them():
    apart = mlejax.Mixture.of([mlejax.Normal(-50.0, 1.0), mlejax.Normal(50.0, 1.0)], [0.5, 0.5])
    low, middle, high = mlejax.quantile(apart, [0.25, 0.5, 0.75])
    assert -45 < middle < 45
    np.testing.assert_allclose([low, high], [-50.0, 50.0], rtol=1e-12)


def test_derivatives_are_those_of_the_equation(x64):
    def at(mean, variance, probability):
        return mlejax.quantile(mlejax.Normal(mean, variance), probability)

    slopes = jax.jit(jax.grad(at, argnums=(0, 1, 2)))(3.0, 4.0, 0.975)
    z = 1.959963984540054  # the quantile of a standard normal distribution
    density = np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(slopes, [1.0, z / 4, 2 / density], rtol=1e-12)


@pytest.mark.slow
def test_derivatives_against_differences(x64):
    def at(shape):
        return mlejax.quantile(mlejax.Gamma(shape, 2.0), 0.9)

    difference = (at(2.3 + 1e-5) - at(2.3 - 1e-5)) / 2e-5
    assert jax.grad(at)(2.3) == pytest.approx(difference, rel=1e-8)
    assert jax.jacfwd(at)(2.3) == pytest.approx(difference, rel=1e-8)


def test_single_precision_stays_so_inside_a_program():
    found = jax.jit(lambda rate: mlejax.quantile(mlejax.Exponential(rate), 0.99))(jnp.float32(2.0))
    assert found.dtype == jnp.float32
    assert found == pytest.approx(np.log(100) / 2, rel=1e-6)


def test_what_has_no_quantile_is_refused():
    with pytest.raises(ValueError, match=r"probability must be between 0 and 1; got \[0.5, 1.0\]"):
        mlejax.quantile(mlejax.Exponential(1.0), [0.5, 1.0])
    with pytest.raises(ValueError, match=r"probability must be between 0 and 1; got nan"):
        mlejax.quantile(mlejax.Exponential(1.0), np.nan)
    with pytest.raises(TypeError, match="VonMises has no distribution function here"):
        mlejax.quantile(mlejax.VonMises(0.0, 1.0), 0.5)
    with pytest.raises(ValueError, match=r"rate must be positive; got -1\.0"):
        mlejax.quantile(mlejax.Exponential(-1.0), 0.5)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            mlejax.RightCensored(mlejax.Weibull(1.0, 2.0)),
            "no single numbers; take that of the model that it holds, model",
        ),
        (mlejax.Weibull(np.ones(3), np.ones(3)), "takes one model; of several, .* jax.vmap"),
    ],
)
def test_models_of_pairs_and_several_models_are_refused(model, message):
    with pytest.raises(ValueError, match=message):
        mlejax.quantile(model, 0.5)


def test_the_quantile_of_a_lifetime_is_that_of_the_model_inside():
    model = mlejax.RightCensored(mlejax.Weibull(1.0, 2.0))
    assert mlejax.quantile(model.base, 0.5) == pytest.approx(2.0 * np.log(2.0), rel=1e-13)
