"""Quantiles against SciPy, and their derivatives against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
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
    with pytest.raises(TypeError, match="Poisson has no distribution function here"):
        mlejax.quantile(mlejax.Poisson(1.0), 0.5)
    with pytest.raises(ValueError, match=r"rate must be positive; got -1\.0"):
        mlejax.quantile(mlejax.Exponential(-1.0), 0.5)
