"""Many parameters: gradients lead to near the maximum, and Newton's steps to it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from mlejax import Model, Observations, fit, maximize, parameter, real
from mlejax.ascent import newton, quasi


class Logistic(Model):
    """A logistic regression written out."""

    coefficients: jax.Array = parameter(real)

    def log_prob(self, row):
        z = row["features"] @ self.coefficients
        return row["response"] * z - jnp.logaddexp(0.0, z)


def draw(size, count):
    random = np.random.RandomState(0)
    features = random.normal(size=(count, size))
    chance = 1 / (1 + np.exp(-features @ random.normal(size=size) / np.sqrt(size)))
    return {"features": features, "response": (random.uniform(size=count) < chance).astype(float)}


def reweighted_least_squares(data):
    """The oracle: Newton's method by hand, in NumPy."""
    features, response = data["features"], data["response"]
    at = np.zeros(features.shape[1])
    for _ in range(30):
        mean = 1 / (1 + np.exp(-features @ at))
        information = features.T @ (features * (mean * (1 - mean))[:, None])
        at = at + np.linalg.solve(information, features.T @ (response - mean))
    return at, np.sqrt(np.diagonal(np.linalg.inv(information)))


@pytest.mark.slow
def test_a_maximum_of_three_hundred_parameters(x64):
    data = draw(300, 2000)
    expected, errors = reweighted_least_squares(data)
    found = maximize(Logistic(np.zeros(300)), Observations(jax.tree.map(jnp.asarray, data)))
    assert found.converged
    assert np.max(np.abs(found.model.coefficients - expected) / errors) < 1e-6
    # Newton alone takes more steps, each of three hundred passes.
    assert found.steps <= 4


@pytest.mark.slow
def test_a_fit_of_many_parameters_has_standard_errors():
    data = draw(newton.MANY + 20, 1500)
    expected, errors = reweighted_least_squares(data)
    found = fit(Logistic(np.zeros(newton.MANY + 20)), data, progress=False)
    assert found.converged
    assert np.max(np.abs(found.model.coefficients - expected) / errors) < 1e-6
    np.testing.assert_allclose(found.standard_errors.coefficients, errors, rtol=1e-6)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::mlejax.ConvergenceWarning")
def test_many_parameters_without_a_maximum_have_none():
    data = draw(newton.MANY + 20, 1500)
    data["response"] = (data["features"][:, 0] > 0).astype(float)  # the first column separates
    found = fit(Logistic(np.zeros(newton.MANY + 20)), data, progress=False)
    assert not found.converged
    assert np.isnan(found.standard_errors.coefficients).all()


def test_the_way_ahead_ends_near_the_top(x64):
    curvature = jnp.array([1.0, 1e4, 1e-4])

    def height(at):
        return -jnp.sum(curvature * (at - 3.0) ** 2) / 2 - 0.1 * at[0] ** 4

    unit = 1 / jnp.sqrt(curvature)
    found = quasi.ahead(height, jnp.zeros(3), unit, jnp.asarray(1e4))
    # x + 0.4 x^3 = 3: the root lies between 1.5 and 1.6.
    top = np.roots([0.4, 0, 1, -3.0])
    expected = np.array([float(top[np.abs(top.imag) < 1e-9][0].real), 3.0, 3.0])
    assert np.max(np.abs(found - expected) / unit) < quasi.NEARBY / 100
