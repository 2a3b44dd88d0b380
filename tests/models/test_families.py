"""Every family against SciPy: its log-density, its draws, and the closed form where there is one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

import mlejax
from mlejax import (
    Beta,
    Exponential,
    Gamma,
    LogNormal,
    Model,
    Normal,
    NormalMixture,
    Poisson,
    StudentT,
    Weibull,
)


def mixture():
    first, second = scipy.stats.norm(-1.0, 1.5), scipy.stats.norm(2.0, 0.5)

    class Frozen:
        logpdf = staticmethod(lambda x: np.log(0.3 * first.pdf(x) + 0.7 * second.pdf(x)))
        cdf = staticmethod(lambda x: 0.3 * first.cdf(x) + 0.7 * second.cdf(x))

    return Frozen


LINE, HALF = np.linspace(-4, 5, 19), np.linspace(0.05, 6, 19)
FAMILIES = {
    "Normal": (Normal(1.5, 4.0), scipy.stats.norm(1.5, 2.0), LINE),
    "Exponential": (Exponential(0.7), scipy.stats.expon(scale=1 / 0.7), HALF),
    "Gamma": (Gamma(2.5, 0.7), scipy.stats.gamma(2.5, scale=1 / 0.7), HALF),
    "LogNormal": (LogNormal(0.4, 0.25), scipy.stats.lognorm(0.5, scale=np.exp(0.4)), HALF),
    "Beta": (Beta(2.5, 1.5), scipy.stats.beta(2.5, 1.5), np.linspace(0.02, 0.98, 19)),
    "Weibull": (Weibull(1.5, 2.0), scipy.stats.weibull_min(1.5, scale=2.0), HALF),
    "StudentT": (StudentT(0.5, 2.0, 3.5), scipy.stats.t(3.5, 0.5, 2.0), LINE),
    "NormalMixture": (NormalMixture(0.3, -1.0, 2.25, 2.0, 0.25), mixture(), LINE),
    "Poisson": (Poisson(2.5), scipy.stats.poisson(2.5), np.arange(12)),
}
families = pytest.mark.parametrize(("model", "reference", "points"), FAMILIES.values(), ids=FAMILIES)


def test_every_family_is_here():
    exported = {name for name in dir(mlejax) if isinstance(getattr(mlejax, name), type)}
    assert {name for name in exported if issubclass(getattr(mlejax, name), Model)} - {"Model"} == set(FAMILIES)


@pytest.mark.slow
@families
def test_log_prob_against_scipy(model, reference, points, x64):
    log_prob = reference.logpmf if isinstance(model, Poisson) else reference.logpdf
    found = np.asarray(jax.vmap(model.log_prob)(jnp.asarray(points)))
    assert found.shape == (len(points),)
    # Both sum a few terms of size up to 20.
    np.testing.assert_allclose(found, log_prob(points), rtol=1e-13, atol=2e-14)


@pytest.mark.slow
@families
def test_samples_follow_the_distribution(model, reference, points):
    draws = np.asarray(model.sample(jax.random.key(7), (2000,)))
    assert draws.shape == (2000,)
    assert not np.array_equal(draws, np.asarray(model.sample(jax.random.key(8), (2000,))))
    np.testing.assert_array_equal(draws, np.asarray(model.sample(jax.random.key(7), (2000,))))
    if isinstance(model, Poisson):
        counts = np.bincount(np.minimum(draws, 8), minlength=9)
        expected = 2000 * np.append(reference.pmf(np.arange(8)), reference.sf(7))
        assert scipy.stats.chisquare(counts, expected).pvalue > 1e-3
    else:
        assert scipy.stats.kstest(draws, reference.cdf).pvalue > 1e-3
        assert scipy.stats.kstest(draws, lambda x: reference.cdf(1.3 * x)).pvalue < 1e-3  # a scale 30% off is noticed


def test_closed_form_is_the_maximum():
    x = np.array([1.0, 2.0, 6.0, 7.0])
    best = Normal.closed_form(x)
    assert (best.mean, best.variance) == (4.0, 6.5)  # divisor n
