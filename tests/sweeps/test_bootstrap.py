"""The bootstrap of a fit against estimates of the same resamples in closed form."""

import warnings

import numpy as np
import pytest

import mlejax
from mlejax.sweeps.bootstrap import bootstraps


@pytest.fixture(scope="module")
def exponential():
    """A sample, its fit, and a thousand rates, 1 / mean, of the resamples that the bootstrap draws."""
    x = np.random.RandomState(3).exponential(2.0, 60)
    resamples = mlejax.Resamples(x, 1000, seed=4)
    rates = np.array([60 / (resamples.member(i).weights @ x) for i in range(1000)])
    return x, mlejax.fit(mlejax.Exponential, x), rates


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1.0, 1e-9])
def test_the_estimates_are_those_of_the_resamples_in_any_unit(exponential, unit):
    x, _, rates = exponential
    found = mlejax.fit(mlejax.Exponential, unit * x).bootstrap(1000, seed=4, progress=False)
    np.testing.assert_allclose(found.estimates["rate"], rates / unit, rtol=1e-9)
    assert found.standard_errors["rate"] == pytest.approx(np.std(rates, ddof=1) / unit, rel=1e-9)
    assert found.bias["rate"] == pytest.approx((rates.mean() - 1 / x.mean()) / unit, rel=1e-6)


@pytest.mark.slow
def test_intervals_are_those_of_their_definitions(exponential):
    x, result, rates = exponential
    found = result.bootstrap(1000, seed=4, progress=False)
    low, high = np.quantile(rates, [0.05, 0.95])
    estimate = 1 / x.mean()
    assert found.confidence_intervals(0.9, "percentile")["rate"] == pytest.approx((low, high), rel=1e-9)
    basic = 2 * estimate - high, 2 * estimate - low
    assert found.confidence_intervals(0.9, "basic")["rate"] == pytest.approx(basic, rel=1e-9)
    influence = x.mean() - x  # of each observation on 1 / mean, times a constant
    expected = np.sum(influence**3) / (6 * np.sum(influence**2) ** 1.5)
    assert found.acceleration["rate"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
def test_it_agrees_with_scipys_bca(exponential):
    from scipy import stats

    x, result, _ = exponential
    found = result.bootstrap(20_000, seed=1, progress=False).confidence_intervals(0.9)["rate"]
    theirs = stats.bootstrap(
        (x,), lambda at, axis: 1 / np.mean(at, axis=axis), n_resamples=20_000, confidence_level=0.9, method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    # A quantile at 5 % of 20,000 normal values has a Monte Carlo error of 0.015 standard deviations; four of them.
    near = 4 * 0.015 * np.sqrt(2) * result.standard_errors.rate
    np.testing.assert_allclose(found, theirs, atol=near)


@pytest.mark.slow
def test_the_bootstraps_of_many_fits_are_those_of_each_by_itself():
    random = np.random.RandomState(5)
    samples = [random.gamma(2.0, 1.0, 60), 1e-15 * random.gamma(2.0, 1.0, 60), random.gamma(0.5, 2.0, 60)]
    results = [mlejax.fit(mlejax.Gamma, x) for x in samples]
    for seed, found in enumerate(bootstraps(results, 3, 50, "bootstrap", progress=False)):
        alone = results[seed].bootstrap(50, seed=seed, progress=False)
        assert found.estimate == alone.estimate
        assert found.acceleration == alone.acceleration
        assert found.all_intervals(0.9) == alone.all_intervals(0.9)
        for name, at in alone.estimates.items():
            np.testing.assert_array_equal(found.estimates[name], at)
            assert np.ptp(at) > 0  # so that another order would be seen


@pytest.mark.slow
def test_resamples_without_a_maximum_are_told_to_be_left_out():
    found = mlejax.fit(mlejax.Poisson, [0, 0, 0, 1, 0]).bootstrap(200, progress=False)
    source = mlejax.Resamples([0, 0, 0, 1, 0], 200)
    ones = np.array([source.member(i).weights[3] for i in range(200)])
    assert found.converged == np.sum(ones > 0) < 200  # of zeros alone the likelihood has no maximum
    np.testing.assert_allclose(found.estimates["rate"], ones[ones > 0] / 5, rtol=1e-9)
    lost = 200 - found.converged
    assert f"{lost} of 200 resamples have no maximum and are left out: errors and intervals rest on" in str(found)


def test_what_cannot_be_drawn_again_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mlejax.ConvergenceWarning)
        without = mlejax.fit(mlejax.Normal, [3.0, 3.0, 3.0])
    with pytest.raises(ValueError, match="the fit of Normal has not converged: all 3 observations equal 3"):
        without.bootstrap(10)
    with pytest.raises(ValueError, match="weights do not say how observations would be drawn again"):
        mlejax.fit(mlejax.Exponential, [1.0, 2.0, 4.0], weights=[1.0, 2.0, 1.0]).bootstrap(10)
