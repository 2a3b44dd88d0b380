import math

import mpmath
import numpy as np
import pytest

import mlejax
from mlejax import Exponential, Normal, fit

WAITS = np.array([0.5, 1.5, 4.0, 0.7])


def test_a_profile_of_one_parameter_against_its_equation():
    result = fit(Exponential, WAITS, progress=False)
    low, high = result.confidence_intervals(0.9, method="profile")["rate"]
    # n log(rate) - rate sum(x), less the same at 1 / mean, is minus half the 90 % quantile of chi-squared with one
    # degree of freedom.
    n, total, rate = len(WAITS), WAITS.sum(), 1 / WAITS.mean()
    half = mpmath.erfinv(0.9) ** 2

    def fallen(r):
        return n * mpmath.log(r / rate) - (r - rate) * total + half

    assert low == pytest.approx(float(mpmath.findroot(fallen, 0.2)), rel=1e-8)
    assert high == pytest.approx(float(mpmath.findroot(fallen, 1.3)), rel=1e-8)
    wald = result.confidence_intervals(0.9)["rate"]
    assert wald[1] - rate == pytest.approx(rate - wald[0])
    assert high - rate > rate - low


@pytest.mark.slow
def test_a_profile_over_another_parameter_against_its_closed_form():
    x = np.random.RandomState(3).normal(5.0, 2.0, 30)
    low, high = fit(Normal, x, progress=False).confidence_intervals(method="profile")["mean"]
    # The profile of the mean is -n / 2 log(mean((x - mean)^2)).
    half = np.sqrt(x.var() * np.expm1(2 * float(mpmath.erfinv(0.95)) ** 2 / 30))
    assert (low, high) == pytest.approx((x.mean() - half, x.mean() + half), rel=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1.0, 1e-200])
def test_the_sandwich_is_that_of_the_direct_function(unit):
    x = np.random.RandomState(4).gamma(2.0, 3.0, 50)
    result = fit(mlejax.Weibull, unit * x, progress=False)
    own = fit(mlejax.Weibull, x, progress=False).model
    robust = mlejax.robust_standard_errors(own, x)
    found = result.covariance("sandwich")
    assert np.sqrt(found[0, 0]) == pytest.approx(robust.shape, rel=1e-6)
    assert found[0, 1] / unit == pytest.approx(found[1, 0] / unit, rel=1e-12)
    weighted = fit(mlejax.Weibull, x, weights=np.full(50, 2.0), progress=False)
    np.testing.assert_allclose(np.sqrt(np.diagonal(weighted.covariance("sandwich"))) * np.sqrt(2), robust_of(robust))


def robust_of(model):
    return [model.shape, model.scale]


@pytest.mark.slow
def test_a_profile_without_an_end_is_open():
    x = np.random.RandomState(0).gamma(2, 3, 40)
    result = fit(mlejax.StudentT, x, progress=False)
    low, high = result.confidence_intervals(method="profile")["degrees_of_freedom"]
    assert result.notes == ("these data do not limit degrees_of_freedom from above",)
    assert 1 < low < result.model.degrees_of_freedom
    assert high == math.inf


@pytest.mark.slow
@pytest.mark.parametrize(
    "undo",
    [
        pytest.param([[1, -1e8, 0], [0, 1, 0], [0, 0, 1]], id="a column far from zero"),
        pytest.param([[1, 0, 0], [0, 1, -1e8], [0, 0, 1e8]], id="two columns that are nearly the same"),
    ],
)
@pytest.mark.parametrize("weighted", [False, True], ids=["alike", "weighted"])
def test_profiles_of_coefficients_do_not_depend_on_how_alike_columns_are(undo, weighted):
    random, n = np.random.RandomState(5), 24
    x = random.randint(-1000, 1000, (n, 2)) * 2.0**-9  # so that columns are exact as they are given
    y = 0.4 + x @ [0.5, 0.1] + random.normal(size=n)
    weights = np.where(np.arange(n) % 3 == 0, 2.0, 1.0) if weighted else np.ones(n)
    design = np.column_stack([np.ones(n), x])
    given = design @ np.linalg.inv(undo)  # on which the coefficients are undo @ those on x
    # Of least squares the profile of a coefficient b is -N / 2 log(RSS + (b - estimate)^2 / inverse[j, j]).
    products = design.T @ (weights[:, None] * design)
    estimate = np.linalg.solve(products, design.T @ (weights * y))
    residuals, total = weights @ (y - design @ estimate) ** 2, weights.sum()
    errors = np.sqrt(np.diag(undo @ np.linalg.inv(products) @ np.transpose(undo)))
    half = np.sqrt(residuals * np.expm1(2 * float(mpmath.erfinv(0.95)) ** 2 / total)) * errors
    sample = {"response": y, "features": given[:, 1:]}
    result = fit(mlejax.LinearRegression, sample, weights=weights if weighted else None, progress=False)
    intervals = list(result.confidence_intervals(method="profile").values())[:3]
    for (low, high), center, away in zip(intervals, undo @ estimate, half, strict=True):
        assert (low - center) / away == pytest.approx(-1, abs=1e-6)
        assert (high - center) / away == pytest.approx(1, abs=1e-6)
