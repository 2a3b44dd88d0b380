"""Mixtures: their formula, their maximum against fifty digits, their order, and a component that collapses."""

import jax
import mpmath
import numpy as np
import pytest
import scipy.stats
from helpers import as_made

import mlejax
from mlejax import ConvergenceWarning, Exponential, Gamma, Mixture, Normal, Poisson, fit
from mlejax.models.named import family_named
from mlejax.models.parameters import Parameters
from mlejax.status import Status

RANDOM = np.random.RandomState(0)
TWO = np.concatenate([RANDOM.normal(-1.0, 1.5, 24), RANDOM.normal(3.0, 0.5, 36)])


def three():
    return Mixture.of([Gamma(2.0, 1.0), Gamma(9.0, 3.0), Gamma(30.0, 3.0)], [0.5, 0.2, 0.3])


@pytest.mark.slow
def test_the_density_is_the_weighted_sum_of_those_of_the_components(x64):
    x = np.linspace(0.1, 15, 9)
    parts = [scipy.stats.gamma(2.0), scipy.stats.gamma(9.0, scale=1 / 3), scipy.stats.gamma(30.0, scale=1 / 3)]
    expected = sum(weight * part.pdf(x) for weight, part in zip((0.5, 0.2, 0.3), parts, strict=True))
    np.testing.assert_allclose(jax.vmap(three().log_prob)(x), np.log(expected), rtol=1e-13)
    assert three().support == Gamma.support
    assert Parameters.of(three()).entries[:4] == ("shape[0]", "shape[1]", "shape[2]", "rate[0]")


@pytest.mark.slow
def test_draws_have_the_moments_of_a_mixture(x64):
    drawn = np.asarray(three().sample(jax.random.key(1), (20_000,)))
    mean = 0.5 * 2 + 0.2 * 3 + 0.3 * 10
    square = 0.5 * 6 + 0.2 * (1 + 9) + 0.3 * (10 / 3 + 100)
    assert abs(drawn.mean() - mean) < 5 * np.sqrt((square - mean**2) / 20_000)


@pytest.mark.slow
def test_the_maximum_is_a_fixed_point_in_fifty_digits():
    result = fit(Mixture.of(Normal, 2), TWO, progress=False)
    assert result.converged
    assert result.reason == "6 of 6 starts led to this height"
    errors = result.standard_errors
    with mpmath.workdps(50):
        weights = [mpmath.mpf(float(w)) for w in result.model.weights]
        means = [mpmath.mpf(float(m)) for m in result.model.mean]
        variances = [mpmath.mpf(float(v)) for v in result.model.variance]
        x = [mpmath.mpf(float(value)) for value in TWO]

        def density(i, value):
            scale = mpmath.sqrt(2 * mpmath.pi * variances[i])
            return weights[i] / scale * mpmath.exp(-((value - means[i]) ** 2) / 2 / variances[i])

        height = mpmath.fsum(mpmath.log(density(0, value) + density(1, value)) for value in x)
        for i in range(2):  # where the score is zero, a step of expectation-maximization does not move
            share = [density(i, value) / (density(0, value) + density(1, value)) for value in x]
            whole = mpmath.fsum(share)
            mean = mpmath.fsum(s * value for s, value in zip(share, x, strict=True)) / whole
            square = mpmath.fsum(s * (value - means[i]) ** 2 for s, value in zip(share, x, strict=True)) / whole
            assert abs(whole / len(x) - weights[i]) < 1e-7 * errors.weights[i]
            assert abs(mean - means[i]) < 1e-7 * errors.base.mean[i]
            assert abs(square - variances[i]) < 1e-7 * errors.base.variance[i]
        assert result.log_likelihood == pytest.approx(float(height), rel=1e-13)
    assert np.all(np.diff(result.model.mean) > 0)
    assert result.parameter_count == 5


@pytest.mark.slow
def test_starts_that_differ_in_the_order_of_the_components_agree():
    one = Mixture.of([Normal(-1.0, 1.0), Normal(3.0, 1.0)], [0.5, 0.5])
    other = Mixture.of([Normal(3.0, 1.0), Normal(-1.0, 1.0)], [0.5, 0.5])
    first, second = (fit(start, TWO, progress=False) for start in (one, other))
    np.testing.assert_allclose(first.model.mean, second.model.mean, rtol=1e-9)
    np.testing.assert_allclose(first.covariance(), second.covariance(), rtol=1e-5)
    assert np.all(np.diff(second.model.mean) > 0)


@pytest.mark.slow
def test_a_component_that_collapses_on_tied_observations_is_named():
    spiked = np.concatenate([TWO, np.full(10, 5.0)])
    with pytest.warns(ConvergenceWarning, match=r"grows without bound as variance\[1\] approaches 0"):
        result = fit(Mixture.of([Normal(0.0, 1.0), Normal(5.0, 1e-3)], [0.8, 0.2]), spiked, progress=False)
    assert result.status is Status.UNBOUNDED


@pytest.mark.slow
def test_a_weight_of_two_is_an_observation_twice():
    x, weights = np.array([0.0, 1.0, 2.0, 3.0, 8.0, 9.0, 12.0]), np.array([2, 3, 3, 2, 2, 3, 1])
    one = fit(Mixture.of(Poisson, 2), np.repeat(x, weights), progress=False)
    other = fit(Mixture.of(Poisson, 2), x, weights=weights, progress=False)
    np.testing.assert_allclose(one.model.rate, other.model.rate, rtol=1e-8)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-13)


@pytest.mark.slow
def test_vectors_come_in_clusters(x64):
    centers, spreads = np.array([[9.0, 0.0], [0.0, 0.0]]), np.eye(2)
    x = np.concatenate([np.random.RandomState(i).multivariate_normal(c, spreads, 60) for i, c in enumerate(centers)])
    result = fit(Mixture.of(mlejax.MultivariateNormal, 2), x * [1.0, 1e6], starts=2, progress=False)
    assert result.converged
    np.testing.assert_allclose(result.model.weights, np.full(2, 1 / 2), atol=1e-5)  # they are far apart
    clusters = sorted((x[i : i + 60].mean(axis=0) for i in (0, 60)), key=lambda mean: mean[0])
    np.testing.assert_allclose(result.model.mean, clusters * np.array([1.0, 1e6]), rtol=1e-4)
    drawn = result.model.sample(jax.random.key(0), (3, 5))
    assert drawn.shape == (3, 5, 2)


def test_starts_are_inside_and_differ():
    family = Mixture.of(Exponential, 2)
    found = family.starts(np.abs(TWO), None, 4)
    assert len(found) == 4
    assert all(bool(Parameters.of(each).inside(each)) for each in found)
    assert len({float(each.rate[0]) for each in found}) > 1
    assert family.__name__ == "Mixture(Exponential)"
    assert family_named("mixture(exponential, 2)") == family


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((Normal, 1), ValueError, "needs a number of components, at least 2; got 1"),
        ((Normal, 2.5), ValueError, "at least 2; got 2.5"),
        ((mlejax.Model, 2), TypeError, "Mixture.of needs a family with a start"),
        (([Normal(0.0, 1.0), 3.0], [0.5, 0.5]), TypeError, "needs a family, or a list of models; got"),
        (([Normal(0.0, 1.0), Poisson(1.0)], [0.5, 0.5]), TypeError, "needs models of one family; got Normal"),
        (([Normal(0.0, 1.0)] * 2, [1.0]), ValueError, r"a weight for each of 2 models; got \[1.0\]"),
    ],
    ids=str,
)
def test_what_is_no_mixture_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        Mixture.of(*arguments)


@pytest.mark.parametrize("base", [Normal, Normal(0.0, 1.0)], ids=["family", "model"])
def test_a_number_of_components_is_for_a_family(base):
    with pytest.raises(TypeError, match=r"got weights=2: Mixture.of\(Normal, 2\) is a family, Mixture.of"):
        as_made(Mixture, base=base, weights=2)
