"""Moments of vectors and records against the observations themselves, and against fifty digits."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import zoo

import mlejax
from mlejax.models.rows import take
from mlejax.samples.moments import triangular
from mlejax.samples.representation import summarize
from mlejax.samples.summary import Summary, merge

N = 600
RANDOM = np.random.RandomState(0)


def plane(p, columns=None):
    """A regression on p columns, and parameters near the maximum."""
    x = np.random.RandomState(p).normal(size=(N, p)) if columns is None else columns
    coefficients = np.linspace(-1.0, 1.0, p) / np.abs(x).max(axis=0)
    noise = np.random.RandomState(1).normal(size=N)
    return zoo.Plane(coefficients + 1e-3, 1.3), {"x": x, "y": x @ coefficients + noise}


def vectors(model, offset=0.0, d=4):
    mixing = np.eye(d) + np.tril(np.full((d, d), 0.3), -1)
    values = RANDOM.normal(size=(N, d)) @ mixing.T + offset
    return model(np.full(d, offset + 0.1), mixing), values


CASES = {
    "three columns": lambda: plane(3),
    "thirty columns": lambda: plane(30),
    "columns at a million": lambda: plane(3, RANDOM.normal(size=(N, 3)) + 1e6 * np.array([1.0, 3.0, -2.0])),
    "nearly equal columns": lambda: plane(
        2, RANDOM.normal(size=(N, 1)) + 1e-7 * RANDOM.normal(size=(N, 1)) * np.array([[0.0, 1.0]])
    ),
    "columns of unequal units": lambda: plane(3, RANDOM.normal(size=(N, 3)) * np.array([1e-9, 1.0, 1e9])),
    "a normal by Cholesky": lambda: vectors(zoo.Cholesky),
    "a normal by Cholesky, far off": lambda: vectors(zoo.Cholesky, 1e7),
    "a normal by precision": lambda: vectors(zoo.Precision),
    "a Dirichlet": lambda: (zoo.Dirichlet(np.array([2.0, 3.0, 4.0])), RANDOM.dirichlet([2.0, 2.0, 5.0], N)),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_moments_give_the_likelihood_and_its_derivatives(case):
    model, values = case()
    sample, why = summarize(model, values)
    assert isinstance(sample, Summary), why
    with jax.enable_x64(True):
        each = jax.vmap(jax.value_and_grad(lambda m, x: m.log_prob(x)), (None, 0))
        terms = jax.device_get(each(model, values))
    found = mlejax.mean_log_likelihood(model, sample), jax.tree.map(lambda s: s / N, mlejax.score(model, sample))
    for mine, theirs in zip(*map(jax.tree.leaves, (found, terms)), strict=True):
        size = np.abs(theirs).mean(axis=0) + 1e-300
        np.testing.assert_allclose(mine / size, theirs.mean(axis=0) / size, atol=1e-12)


def exact_mean(model, values):
    """The mean log-density of a regression with fifty digits."""
    with mpmath.workdps(50):
        coefficients, variance = [mpmath.mpf(float(b)) for b in model.coefficients], mpmath.mpf(float(model.variance))
        total = mpmath.mpf(0)
        for x, y in zip(values["x"], values["y"], strict=True):
            residual = mpmath.mpf(float(y)) - sum(
                b * mpmath.mpf(float(each)) for b, each in zip(coefficients, x, strict=True)
            )
            total -= mpmath.log(2 * mpmath.pi * variance) / 2 + residual**2 / (2 * variance)
        return float(total / len(values["y"]))


@pytest.mark.slow
def test_moments_far_from_zero_against_fifty_digits():
    model, values = plane(3, RANDOM.normal(size=(N, 3)) + 1e6 * np.array([1.0, 3.0, -2.0]))
    sample, why = summarize(model, values)
    assert why == "14 sufficient statistics found in Plane.log_prob"
    found = mlejax.mean_log_likelihood(model, sample)
    # the products x b of size 1 are rounded by 1e-16 each, and the residual is of size 1
    assert found == pytest.approx(exact_mean(model, values), rel=1e-14)


@pytest.mark.slow
def test_weights_count_and_unions_are_merged():
    model, values = plane(3)
    weights = np.arange(N) % 3 + 0.0
    weighted, _ = summarize(model, values, weights=weights)
    repeated, _ = summarize(model, take(values, np.repeat(np.arange(N), weights.astype(int))))
    cuts = [slice(0, 200), slice(200, 450), slice(450, N)]
    parts = [summarize(model, take(values, cut), weights=weights[cut])[0] for cut in cuts]
    with jax.enable_x64(True):
        expected = float(repeated.mean_log_prob(model))
        assert float(weighted.mean_log_prob(model)) == pytest.approx(expected, rel=1e-14)
        union = merge(model, parts)
        assert float(union.mean_log_prob(model)) == pytest.approx(expected, rel=1e-14)
        assert float(union.count) == weights.sum()
        np.testing.assert_allclose(
            union.averages.T @ union.averages, weighted.averages.T @ weighted.averages, atol=1e-13
        )
        # a negative control: without the way between the means the union has other second moments
        within = sum(each.count * each.averages.T @ each.averages for each in parts) / union.count
        assert np.abs(within - union.averages.T @ union.averages).max() > 1e-5


def test_few_observations_stay_as_they_are():
    model, values = plane(3)
    _, why = summarize(model, take(values, slice(9)))
    assert why.startswith("raw observations: 14 moments of 9 observations would be more than these")


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 5000], ids=["fewer rows than columns", "many blocks"])
def test_a_triangular_root_has_the_product_of_its_rows(n):
    rows = np.random.RandomState(n).normal(size=(n, 3))
    with jax.enable_x64(True):
        root = np.asarray(triangular(jnp.asarray(rows)))
    assert root.shape == (3, 3)
    assert np.all(np.tril(root, -1) == 0)
    np.testing.assert_allclose(root.T @ root, rows.T @ rows, rtol=1e-12, atol=1e-12 * n)
