"""Every family against SciPy: its log-density, its draws, its support, and the closed form where there is one."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from references import FAMILIES, counts

import mlejax
from mlejax import Model, Normal
from mlejax.models import FAMILIES as NAMED
from mlejax.models import OF_ARRAYS
from mlejax.models.abilities import CanSample, HasClosedForm, HasStart
from mlejax.models.parameters import parameter_dict
from mlejax.models.wrappers import Wrapper

families = pytest.mark.parametrize("name", FAMILIES)


def test_every_family_is_here():
    exported = {name: each for name in dir(mlejax) if isinstance(each := getattr(mlejax, name), type)}
    models = {name for name, each in exported.items() if issubclass(each, Model) and not issubclass(each, Wrapper)}
    models -= {name for name in models if name.endswith("Regression")}  # tested in a file of their own
    assert models - {"Model"} == set(FAMILIES) | {family.__name__ for family in OF_ARRAYS.values()}
    assert {family.__name__ for family in NAMED.values()} == set(FAMILIES)


@pytest.mark.parametrize("name", NAMED)
def test_a_family_that_has_a_name_starts_draws_and_is_called_so(name):
    family = NAMED[name]
    assert isinstance(family, HasStart)
    assert hasattr(family, "sample")
    assert family.__name__.lower() == name.replace("_", "")


@pytest.mark.slow
def nodes(name):
    """Return observations over which a density is summed, and what each counts.

    Counts, and an angle over one turn, as they are; other numbers by double exponential quadrature, x a function of
    exp(sinh(t)), on both sides of the location where all numbers have a density.
    """
    model = FAMILIES[name][0]
    if counts(name):
        return np.arange(201.0), np.ones(201)
    if name == "VonMises":
        return np.linspace(-np.pi, np.pi, 200, endpoint=False), np.full(200, 2 * np.pi / 200)
    t, step = np.linspace(-3.6, 3.6, 201, retstep=True)
    away, slope = np.exp(np.pi / 2 * np.sinh(t)), np.pi / 2 * np.cosh(t) * step
    if name == "Beta":
        return away / (1 + away), away / (1 + away) ** 2 * slope
    if name in ("GeneralizedExtremeValue", "Pareto") or model.support.lower == 0:
        end = {"GeneralizedExtremeValue": 0.5 - 2.0 / 0.2, "Pareto": 0.04}.get(name, 0.0)
        return end + away, away * slope
    center = getattr(model, "location", 0.5)
    return np.concatenate([center - away, center + away]), np.tile(away * slope, 2)


@families
def test_log_prob_against_scipy_and_its_integral_against_one(name, x64):
    model, reference, points = FAMILIES[name]
    log_prob = reference.logpmf if counts(name) else reference.logpdf
    x, weights = nodes(name)
    found = np.asarray(jax.jit(jax.vmap(model.log_prob))(jnp.concatenate([jnp.asarray(points, float), x])))
    assert found.shape == (len(points) + len(x),)
    # Both sum a few terms of size up to 20.
    np.testing.assert_allclose(found[: len(points)], log_prob(points), rtol=1e-13, atol=4e-14)
    within = found[len(points) :] if name != "Binomial" else found[len(points) :][:12]
    assert np.sum(np.exp(within) * weights[: len(within)]) == pytest.approx(1, rel=1e-9)


@pytest.mark.slow
@families
def test_samples_follow_the_distribution(name):
    model, reference, _ = FAMILIES[name]
    assert isinstance(model, CanSample)
    draws = np.asarray(model.sample(jax.random.key(7), (2000,)))
    assert draws.shape == (2000,)
    assert not np.array_equal(draws, np.asarray(model.sample(jax.random.key(8), (2000,))))
    np.testing.assert_array_equal(draws, np.asarray(model.sample(jax.random.key(7), (2000,))))
    if counts(name):
        seen = np.bincount(np.minimum(draws, 8), minlength=9)
        expected = 2000 * np.append(reference.pmf(np.arange(8)), reference.sf(7))
        assert scipy.stats.chisquare(seen, expected).pvalue > 1e-4
    else:
        assert scipy.stats.kstest(draws, reference.cdf).pvalue > 1e-4
        assert scipy.stats.kstest(draws, lambda x: reference.cdf(1.3 * x)).pvalue < 1e-4  # a scale 30% off is noticed


@families
def test_the_support_of_a_family_is_where_scipy_has_a_density(name):
    model, reference, _ = FAMILIES[name]
    points = np.array([-2.0, -0.5, 0.0, 0.3, 0.5, 1.0, 1.5, 2.0, 7.0, 11.0, 12.0])
    log_density = reference.logpmf if counts(name) else reference.logpdf
    with np.errstate(divide="ignore", invalid="ignore"):
        finite = np.isfinite(log_density(points))
    if name == "Pareto":
        finite &= points >= 0.04
    if name != "VonMises":  # angles of any size
        np.testing.assert_array_equal(model.support.contains(points), finite)


@pytest.mark.slow
@families
def test_float32_and_many_models_at_once(name):
    model, _, points = FAMILIES[name]
    x = np.asarray(points, np.float64)
    log_prob = jax.jit(jax.vmap(type(model).log_prob))
    with jax.enable_x64(True):
        wide = np.asarray(log_prob(many(model, len(x), np.float64), jnp.asarray(x)))
    narrow = np.asarray(log_prob(many(model, len(x), np.float32), jnp.asarray(x, jnp.float32)))
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, wide, rtol=2e-5, atol=2e-5)


def many(model, count, dtype):
    """Return models (count,), alike, of one type."""
    return jax.tree.map(lambda leaf: jnp.full(count, leaf, dtype), model)


BEYOND = {
    "Pareto": (mlejax.Pareto(2.0, 1.5), 1.4, 1.5),
    "an upper end": (mlejax.GeneralizedPareto(1.5, -0.5), 3.1, 2.9),
    "of extremes": (mlejax.GeneralizedExtremeValue(1.0, 1.0, -0.5), 3.1, 2.9),
    "a lower end": (mlejax.GeneralizedExtremeValue(1.0, 1.0, 0.5), -1.1, -0.9),
}


@pytest.mark.slow
@pytest.mark.parametrize(("model", "outside", "within"), BEYOND.values(), ids=BEYOND)
def test_no_density_beyond_an_end_that_parameters_decide(model, outside, within, x64):
    value = jax.jit(jax.value_and_grad(lambda m, x: m.log_prob(x)))
    density, slope = value(model, outside)
    assert density == -np.inf
    assert not np.any(np.isnan(jax.tree.leaves(slope)))
    assert np.isfinite(value(model, within)[0])


def towards_the_largest(k):
    return mlejax.GeneralizedPareto(1.5 * (1 + np.exp(-k)), -1.5), mlejax.GeneralizedPareto(1.5, -0.3)


def towards_the_smallest(k):
    """The lower end, location - scale / shape, comes exponentially near to 0.2 as the shape grows."""
    lower, shape = 0.2 - np.exp(-k), k
    return mlejax.GeneralizedExtremeValue(lower + 1.0, shape, shape), mlejax.GeneralizedExtremeValue(1.0, 1.0, 0.3)


def around_one(k):
    return mlejax.StudentT(0.9, np.exp(-k), 0.2), mlejax.StudentT(0.9, 1.0, 2.0)


@pytest.mark.parametrize("path", [towards_the_largest, towards_the_smallest, around_one])
def test_the_likelihood_is_unbounded_where_a_family_says_so(path, x64):
    x = jnp.asarray([0.2, 0.9, 0.95, 0.99, 1.0])
    height = jax.jit(lambda model: jnp.sum(jax.vmap(model.log_prob)(x)))
    heights = [float(height(jax.tree.map(jnp.asarray, path(k)[0]))) for k in (10.0, 20.0, 30.0)]
    assert heights[2] - heights[1] > 1
    assert heights[1] - heights[0] > 1
    assert path(30.0)[0].unbounded(5.0)
    assert not path(30.0)[1].unbounded(5.0)


CLOSED = [name for name in FAMILIES if isinstance(FAMILIES[name][0], HasClosedForm)]


def test_these_have_a_closed_form():
    wanted = "Normal Exponential LogNormal Rayleigh InverseGaussian Pareto Laplace Poisson Geometric"
    assert set(wanted.split()) == set(CLOSED)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CLOSED, "Binomial"])
def test_the_closed_form_is_the_maximum(name, x64):
    """Where the likelihood is smooth its score is zero; elsewhere no neighbor is higher."""
    x = np.array([1.0, 2.0, 6.0, 7.0, 2.0])
    weights = np.array([1.0, 2.5, 1.0, 0.0, 0.5])
    family = mlejax.Binomial.of(11) if name == "Binomial" else type(FAMILIES[name][0])
    best = family.closed_form(x, weights)

    @jax.jit
    def mean_log_prob(model):
        return jnp.average(jax.vmap(model.log_prob)(x), weights=jnp.asarray(weights))

    top = mean_log_prob(best)
    if name not in ("Laplace", "Pareto"):
        assert np.max(np.abs(jax.tree.leaves(jax.jit(jax.grad(mean_log_prob))(best)))) < 1e-14
    for parameter, value in parameter_dict(best).items():
        for factor in (0.999, 1.001):
            assert mean_log_prob(dataclasses.replace(best, **{parameter: value * factor})) < top


def test_the_closed_form_of_a_normal_sample():
    x = np.array([1.0, 2.0, 6.0, 7.0])
    best = Normal.closed_form(x)
    assert (best.mean, best.variance) == (4.0, 6.5)  # divisor n


def test_a_number_of_trials_is_asked_for():
    with pytest.raises(TypeError, match=r"Binomial needs its number of trials: give mlejax.Binomial.of\(trials\)"):
        mlejax.Binomial.start([1, 2])
    for trials in (0, -3):
        with pytest.raises(ValueError, match=f"trials must be a whole number from 1 to .*; got {trials}"):
            mlejax.Binomial.of(trials)
        with pytest.raises(ValueError, match=f"trials must be a whole number from 1 to .*; got {trials}"):
            mlejax.Binomial(trials, 0.5)
    assert mlejax.Binomial(11, 0.3).support.rule == "whole numbers >= 0 and <= 11"
