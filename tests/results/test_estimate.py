"""Estimates of what follows from the parameters."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

import mlejax
from mlejax import Exponential, fit
from mlejax.results.estimate import Estimate

WAITS = np.array([0.5, 1.5, 4.0])


@pytest.fixture(scope="module")
def fitted():
    return fit(Exponential, WAITS, progress=False)


def test_a_function_of_a_parameter_has_the_error_of_its_slope(fitted):
    mean = fitted.estimate_of(lambda model: 1 / model.rate)
    assert mean.value == pytest.approx(2.0, rel=1e-12)
    assert mean.standard_error == pytest.approx(2 / np.sqrt(3), rel=1e-12)
    low, high = mean.confidence_interval(0.9)
    half = special.ndtri(0.95) * 2 / np.sqrt(3)
    assert (low, high) == pytest.approx((2 - half, 2 + half))
    assert str(mean) == "2.000000 +- 1.154701"


def test_several_numbers_at_once(fitted):
    both = fitted.estimate_of(lambda model: jnp.stack([model.rate, model.rate**2]))
    np.testing.assert_allclose(both.value, [0.5, 0.25])
    np.testing.assert_allclose(both.standard_error, np.array([1.0, 1.0]) * fitted.standard_errors.rate)


def test_what_is_no_real_number_or_level_is_refused(fitted):
    with pytest.raises(TypeError, match="estimate_of: the function must return real numbers; it returned bool"):
        fitted.estimate_of(lambda model: model.rate > 1)
    with pytest.raises(TypeError, match=r"estimate_of: the function hands a value to NumPy, .*such as jnp.log\(x\)"):
        fitted.estimate_of(lambda model: np.log(model.rate))
    with pytest.raises(ValueError, match="kind must be observed or sandwich; got 'robust'"):
        fitted.estimate_of(lambda model: model.rate, kind="robust")
    with pytest.raises(ValueError, match="level must be between 0 and 1; got 95"):
        Estimate(np.float64(1.0), np.float64(2.0)).confidence_interval(95)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1.0, 1e-200], ids=str)
def test_a_mean_of_gamma_waits_is_that_of_the_sample(unit):
    x = np.random.RandomState(0).gamma(2.0, 3.0, 200)
    result = fit(mlejax.Gamma, unit * x, progress=False)
    mean = result.estimate_of(lambda model: model.shape / model.rate)
    assert mean.value / unit == pytest.approx(x.mean(), rel=1e-9)
    # The variance of the estimated mean of a gamma distribution is mean^2 / (n shape).
    assert mean.standard_error / unit == pytest.approx(x.mean() / np.sqrt(200 * result.model.shape), rel=1e-6)
    robust = result.estimate_of(lambda model: model.shape / model.rate, kind="sandwich")
    assert robust.standard_error / unit == pytest.approx(x.std() / np.sqrt(200), rel=1e-6)


@pytest.mark.slow
def test_a_prediction_of_a_regression():
    random = np.random.RandomState(1)
    x = random.normal(size=(50, 1))
    y = 3 + 2 * x[:, 0] + random.normal(size=50)
    result = fit(mlejax.LinearRegression, {"features": x, "response": y}, progress=False)
    at = np.array([1.0, 10.0])
    found = result.estimate_of(lambda model: jnp.dot(model.coefficients, at))
    design = np.column_stack([np.ones(50), x])
    assert found.standard_error == pytest.approx(
        np.sqrt(result.model.variance * at @ np.linalg.inv(design.T @ design) @ at), rel=1e-8
    )


@pytest.mark.slow
def test_without_a_maximum_there_is_no_error():
    with pytest.warns(mlejax.ConvergenceWarning):
        result = fit(mlejax.Normal, [5.0, 5.0], progress=False)
    assert np.isnan(result.estimate_of(lambda model: 2 * model.mean).standard_error)
