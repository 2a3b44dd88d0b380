"""Families compared on the same observations, against SciPy and by hand."""

import numpy as np
import pytest
import scipy.stats

import mlejax
from mlejax.models import FAMILIES
from mlejax.status import Status

WAITS = np.random.RandomState(0).gamma(2.0, 3.0, 60)
CALLS = np.random.RandomState(1).poisson(3.0, 60)


@pytest.mark.slow
def test_the_order_is_that_of_akaikes_criterion_by_scipy():
    found = mlejax.compare([mlejax.Exponential, mlejax.Normal, mlejax.Rayleigh], WAITS, progress=False)
    expected = {
        "Exponential": 2 - 2 * np.sum(scipy.stats.expon(scale=np.mean(WAITS)).logpdf(WAITS)),
        "Normal": 4 - 2 * np.sum(scipy.stats.norm(np.mean(WAITS), np.std(WAITS)).logpdf(WAITS)),
        "Rayleigh": 2 - 2 * np.sum(scipy.stats.rayleigh(scale=np.sqrt(np.mean(WAITS**2) / 2)).logpdf(WAITS)),
    }
    assert list(found.fits) == sorted(expected, key=lambda name: expected[name])
    for name, fit in found.fits.items():
        assert fit.aic == pytest.approx(expected[name], rel=1e-10)
    assert found.best is next(iter(found.fits.values()))


@pytest.mark.slow
def test_names_and_weights():
    found = mlejax.compare(["normal", "fixed(normal, mean=5)"], WAITS, weights=np.full(60, 2.0), progress=False)
    assert set(found.fits) == {"normal", "fixed(normal, mean=5)"}
    assert found.count == 120
    assert found.fits["fixed(normal, mean=5)"].parameter_count == 1


@pytest.mark.slow
def test_a_family_without_a_maximum_is_below_the_others_with_its_reason():
    found = mlejax.compare(["negative_binomial", "poisson"], np.repeat([2, 3, 4], [9, 40, 9]), progress=False)
    assert list(found.fits) == ["poisson", "negative_binomial"]
    assert found.fits["negative_binomial"].status is Status.AT_INFINITY
    assert "negative_binomial: the log-likelihood keeps rising as size grows" in str(found)


def test_a_probability_and_a_density_are_not_compared():
    with pytest.raises(ValueError, match="Poisson gives probabilities of whole numbers, Normal a density"):
        mlejax.compare([mlejax.Normal, mlejax.Poisson], CALLS)


def test_regressions_of_counts_and_of_any_number_are_not_compared():
    table = {"calls": CALLS, "age": WAITS}
    families = [each.of(["age"], response="calls") for each in (mlejax.PoissonRegression, mlejax.LinearRegression)]
    with pytest.raises(ValueError, match="PoissonRegression gives probabilities of whole numbers, LinearRegression a"):
        mlejax.compare(families, table, progress=False)
    two = {name: mlejax.LinearRegression.of([name], response="calls") for name in ("age", "week")}
    assert set(mlejax.compare(two, table | {"week": np.arange(60)}, progress=False).fits) == {"age", "week"}


@pytest.mark.slow
def test_by_default_observations_of_no_weight_rule_no_family_out():
    weights = np.append(np.ones(60), 0.0)
    found = mlejax.compare(None, np.append(CALLS, -0.5), weights=weights, progress=False)
    alone = mlejax.compare(None, CALLS, progress=False)
    assert found.fits.keys() == alone.fits.keys()
    assert found.best.aic == pytest.approx(alone.best.aic, rel=1e-12)


@pytest.mark.parametrize(
    ("observations", "said"),
    [(np.ones((5, 2)), r"an array of shape \(2,\)"), ({"x": CALLS, "y": WAITS}, "a record of x, y")],
)
def test_by_default_observations_must_be_numbers(observations, said):
    with pytest.raises(TypeError, match=f"where an observation is not a number: .* each of which is {said}"):
        mlejax.compare(None, observations)


@pytest.mark.slow
def test_by_default_counts_are_compared_with_families_of_counts():
    found = mlejax.compare(None, CALLS, progress=False)
    assert set(found.fits) == {"poisson", "geometric", "negative_binomial"}
    assert "All observations are whole numbers: families of counts were compared" in str(found)
    assert set(found.fits) | set(found.left_out) == set(FAMILIES)
    assert found.left_out["normal"] == "a density, and all observations are whole numbers"


SINGLE = {
    "Normal", "LogNormal", "Exponential", "Gamma", "InverseGamma", "Weibull", "Pareto", "Lomax", "Beta", "StudentT",
    "Cauchy", "Laplace", "Logistic", "Gumbel", "GumbelMin", "LogLogistic", "Frechet", "GeneralizedExtremeValue",
    "GeneralizedPareto", "Rayleigh", "InverseGaussian", "Burr12",
}  # fmt: skip


@pytest.mark.slow
def test_by_default_every_family_that_admits_the_numbers_is_compared():
    found = mlejax.compare(None, np.random.RandomState(0).beta(2.0, 3.0, 60), progress=False)
    assert {type(fit.model).__name__ for fit in found.fits.values()} == SINGLE
    assert set(found.fits) | set(found.left_out) == set(FAMILIES)
    assert found.fits["beta"].converged


@pytest.mark.parametrize(
    ("families", "said"),
    [
        ("normal", "families must be a list of families, or None; got 'normal'"),
        ([], "families must hold a family at least"),
        (["gaussian"], "there is no family gaussian"),
        ([mlejax.Normal, mlejax.Normal], r"families\[1\]: Normal is given twice"),
        ([mlejax.Beta], r"Beta needs numbers > 0 and < 1; got 15.4\d* at index 0"),
    ],
)
def test_what_cannot_be_compared_is_refused(families, said):
    with pytest.raises(mlejax.InputError, match=said):
        mlejax.compare(families, WAITS, progress=False)
