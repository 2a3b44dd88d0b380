"""Residuals of regressions as they are drawn."""

import numpy as np
import pytest
from scipy import stats

from mlejax import ConvergenceWarning, Exponential, InputError, LinearRegression, LogisticRegression, fit, plotting

X = np.random.RandomState(0).normal(size=(30, 1))
Y = 3 + 2 * X[:, 0] + np.random.RandomState(1).normal(size=30)


@pytest.fixture(scope="module")
def fitted():
    return fit(LinearRegression, {"features": X, "response": Y}, progress=False)


def test_residuals_stand_over_what_is_expected(fitted):
    ax = plotting.residuals(fitted, name="pulse")
    expected, drawn = ax.lines[1].get_data()
    slope, intercept = np.polyfit(X[:, 0], Y, 1)
    order = np.argsort(X[:, 0])
    np.testing.assert_allclose(expected, (intercept + slope * X[:, 0])[order], rtol=1e-9)
    residuals = (Y - intercept - slope * X[:, 0])[order]
    np.testing.assert_allclose(drawn, residuals / residuals.std(), rtol=1e-8)
    assert ax.get_xlabel() == "expected pulse"


def test_residuals_stand_beside_normal_quantiles(fitted):
    expected, drawn = plotting.residual_quantiles(fitted).lines[1].get_data()
    np.testing.assert_allclose(expected, stats.norm.ppf((np.arange(30) + 0.5) / 30), rtol=1e-9)
    assert np.all(np.diff(drawn) >= 0)


@pytest.mark.slow
def test_a_regression_has_a_figure(fitted):
    assert len(plotting.regression_figure(fitted).axes) == 2
    logistic = fit(LogisticRegression, {"features": X, "response": np.arange(30) % 2}, progress=False)
    assert len(plotting.regression_figure(logistic).axes) == 1
    drawn = plotting.residuals(logistic).lines[1].get_ydata()
    mean = logistic.model.fitted(logistic.observations).mean
    expected = ((np.arange(30) % 2) - mean) / np.sqrt(mean * (1 - mean))
    np.testing.assert_allclose(np.sort(drawn), np.sort(expected), rtol=1e-9)
    with pytest.raises(InputError, match="residuals are those of a regression"):
        plotting.residuals(fit(Exponential, [1.0, 2.0, 4.0], progress=False))


def test_a_response_that_is_certain_has_no_residual():
    x = np.arange(6.0)[:, None]
    with pytest.warns(ConvergenceWarning):  # the responses are separated
        certain = fit(LogisticRegression, {"features": x, "response": x[:, 0] > 2.5}, progress=False)
    drawn = plotting.residuals(certain).lines[1].get_ydata()
    assert len(drawn) == 6
    np.testing.assert_allclose(drawn, 0.0, atol=1e-3)
