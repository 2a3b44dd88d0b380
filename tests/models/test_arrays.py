"""Families whose parameters are arrays: their formulas, their maxima in closed form, and samples that have none."""

import jax
import numpy as np
import pytest
import scipy.stats

import mlejax
from mlejax import Categorical, ConvergenceWarning, MultivariateNormal, fit
from mlejax.models.named import family_named
from mlejax.status import Status

COVARIANCE = np.array([[2.0, 0.5, 0.1], [0.5, 1.0, 0.0], [0.1, 0.0, 3.0]])
VECTORS = np.random.RandomState(0).multivariate_normal([1.0, 2.0, 3.0], COVARIANCE, 80)
THROWS = np.repeat([0, 1, 2, 3], [7, 11, 2, 5])
FEW = Categorical(np.array([0.1, 0.2, 0.3, 0.4]))


@pytest.mark.slow
def test_the_probability_of_an_outcome_is_its_own(x64):
    np.testing.assert_allclose(jax.vmap(FEW.log_prob)(np.arange(4.0)), np.log(FEW.probabilities), rtol=1e-15)
    assert FEW.support.rule == "whole numbers >= 0 and <= 3"
    many = Categorical(np.arange(1, 101) / 5050)
    np.testing.assert_allclose(jax.vmap(many.log_prob)(np.array([0.0, 99.0])), np.log(np.array([1, 100]) / 5050))


@pytest.mark.slow
def test_shares_are_how_often_outcomes_were_seen():
    result = fit(Categorical, THROWS, progress=False)
    shares = np.array([7, 11, 2, 5]) / 25
    assert result.converged
    np.testing.assert_allclose(result.model.probabilities, shares, rtol=1e-13)
    np.testing.assert_allclose(result.standard_errors.probabilities, np.sqrt(shares * (1 - shares) / 25), rtol=1e-9)
    assert result.parameter_count == 3
    weighted = fit(Categorical, np.arange(4), weights=[7, 11, 2, 5], progress=False)
    assert weighted.log_likelihood == pytest.approx(result.log_likelihood, rel=1e-14)


@pytest.mark.slow
def test_an_outcome_that_was_never_seen_is_at_the_wall():
    with pytest.warns(ConvergenceWarning, match=r"rising as probabilities\[1\] approaches 0; its supremum, -3.365"):
        result = fit(Categorical, [0, 0, 2, 2, 2], progress=False)
    assert result.status is Status.AT_BOUNDARY
    assert family_named("categorical").of(3).start([0, 0, 1]).probabilities.tolist() == [4 / 7, 2 / 7, 1 / 7]
    with pytest.raises(ValueError, match=r"Categorical\.of\(2\) needs whole numbers >= 0 and <= 1; got 2"):
        fit(Categorical.of(2), [0, 1, 2], progress=False)


@pytest.mark.slow
def test_the_density_of_vectors_is_that_of_scipy(x64):
    model = MultivariateNormal(np.array([1.0, 2.0, 3.0]), COVARIANCE)
    expected = scipy.stats.multivariate_normal([1.0, 2.0, 3.0], COVARIANCE).logpdf(VECTORS[:9])
    np.testing.assert_allclose(jax.vmap(model.log_prob)(VECTORS[:9]), expected, rtol=1e-13)


@pytest.mark.slow
def test_draws_have_the_mean_and_the_covariance_of_their_distribution(x64):
    model = MultivariateNormal(np.array([1.0, 2.0, 3.0]), COVARIANCE)
    drawn = np.asarray(model.sample(jax.random.key(0), (20_000,)))
    assert drawn.shape == (20_000, 3)
    np.testing.assert_allclose(drawn.mean(axis=0), model.mean, atol=5 * np.sqrt(3 / 20_000))
    np.testing.assert_allclose(np.cov(drawn.T), COVARIANCE, atol=5 * np.sqrt(2 * 9 / 20_000))
    outcomes = np.asarray(FEW.sample(jax.random.key(0), (20_000,)))
    np.testing.assert_allclose(np.bincount(outcomes) / 20_000, FEW.probabilities, atol=5 * np.sqrt(0.25 / 20_000))


@pytest.mark.slow
@pytest.mark.parametrize("units", [np.ones(3), np.array([1e-8, 1.0, 1e8])], ids=["alike", "unequal"])
def test_the_mean_and_the_covariance_are_the_maximum_with_their_standard_errors(units):
    x = VECTORS * units
    result = fit(MultivariateNormal, x, progress=False)
    covariance, n = np.cov(x.T, bias=True), len(x)
    assert result.converged
    np.testing.assert_allclose(result.model.mean, x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(result.model.covariance, covariance, rtol=1e-9)
    errors = result.standard_errors
    np.testing.assert_allclose(errors.mean, np.sqrt(np.diagonal(covariance) / n), rtol=1e-7)
    squares = np.outer(np.diagonal(covariance), np.diagonal(covariance)) + covariance**2
    np.testing.assert_allclose(errors.covariance, np.sqrt(squares / n), rtol=1e-7)
    height = scipy.stats.multivariate_normal(x.mean(axis=0), covariance, allow_singular=True).logpdf(x).sum()
    if units[0] == 1:
        assert result.log_likelihood == pytest.approx(height, rel=1e-12)
    assert result.parameter_count == 9
    shown = [line.split()[0] for line in str(result).splitlines() if line.startswith("covariance")]
    assert shown == [f"covariance[{i},{j}]" for i in range(3) for j in range(i, 3)]  # each pair once


@pytest.mark.slow
def test_the_sandwich_of_the_mean_is_its_standard_error():
    model = MultivariateNormal.closed_form(VECTORS)
    found = mlejax.robust_standard_errors(model, VECTORS)
    np.testing.assert_allclose(found.mean, np.sqrt(np.diagonal(model.covariance) / len(VECTORS)), rtol=1e-9)
    fourth = np.mean((VECTORS[:, 0] - VECTORS[:, 0].mean()) ** 4)
    expected = np.sqrt((fourth - model.covariance[0, 0] ** 2) / len(VECTORS))
    assert found.covariance[0, 0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("x", "how"),
    [
        (VECTORS @ [[1, 0, 1], [0, 1, 1], [0, 0, 0]], r"variance of 1 x\[0\] \+ 1 x\[1\] - 1 x\[2\], the same in all"),
        (VECTORS * [1, 0, 1] + [0, 7, 0], r"variance of x\[1\], the same in all observations, approaches 0"),
        (VECTORS[:3], "the distribution flattens onto these 3 observations, of 3 numbers each"),
    ],
    ids=["a combination", "a constant", "too few"],
)
def test_vectors_in_a_plane_have_no_maximum(x, how):
    with pytest.warns(ConvergenceWarning, match=how):
        result = fit(MultivariateNormal, x, progress=False)
    assert result.status is Status.UNBOUNDED
    assert MultivariateNormal(np.zeros(3), np.eye(3)).without_maximum(VECTORS[:4]) == ""


def test_numbers_are_no_vectors():
    with pytest.raises(ValueError, match=r"MultivariateNormal needs vectors, an array \(n, d\); got shape \(25,\)"):
        fit(MultivariateNormal, THROWS, progress=False)
