"""Numbers that are bound to each other, as the weights of a mixture are: a step keeps what binds them."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from zoo import Dice

import mlejax
from mlejax import Normal, Status, init_state, train_step
from mlejax.models.parameters import entry_dict

EVEN = Dice(np.full(3, 1 / 3))
NEAR = mlejax.Mixture.of([Normal(-1.0, 2.0), Normal(5.0, 2.0)], [0.5, 0.5])


def climbed(start, x, **keywords):
    return mlejax.train(start, x, **{"validation_fraction": 0, "progress": False, "learning_rate": 0.1, **keywords})


def density(weights, means, variances, x):
    """The log-density of a mixture of normals, plainly."""
    parts = weights * np.exp(-((x[:, None] - means) ** 2) / (2 * variances)) / np.sqrt(2 * np.pi * variances)
    return np.log(parts.sum(axis=1))


def test_the_gradient_is_that_of_finite_differences_along_what_binds(x64):
    x, weights = np.random.RandomState(0).normal(2.0, 3.0, 40), np.array([0.2, 0.5, 0.3])
    means, variances = np.array([-1.0, 2.0, 5.0]), np.array([1.0, 2.0, 0.5])
    state = init_state(mlejax.Mixture(Normal(means, variances), weights))
    following, info = train_step(state, jnp.asarray(x), None, 0.1)
    assert np.sum(info.gradient.weights) == pytest.approx(0, abs=1e-14)
    for i, j in ((0, 1), (1, 2), (2, 0)):  # from one weight to another: the sum stays 1
        way = 1e-5 * (np.eye(3)[i] - np.eye(3)[j])
        ends = [density(weights + sign * way, means, variances, x).mean() for sign in (1, -1)]
        expected = (ends[0] - ends[1]) / 2e-5  # of which rounding leaves 1e-11, and the third derivative 1e-9
        assert info.gradient.weights[i] - info.gradient.weights[j] == pytest.approx(expected, abs=1e-8)
    np.testing.assert_allclose(following.model.weights, weights + 0.1 * info.gradient.weights, rtol=1e-14)


THROWS = np.repeat([0.0, 1.0, 2.0], [7, 11, 2])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_numbers_that_add_up_to_one_climb_to_their_maximum(dtype):
    result = climbed(EVEN, THROWS, learning_rate=0.05, max_epochs=500, dtype=dtype)
    assert result.status in (Status.TOLERANCE, Status.PRECISION)
    # Where it ends the log-likelihood no longer shows a difference: half of these digits.
    np.testing.assert_allclose(
        result.model.shares, np.array([7, 11, 2]) / 20, atol=1e-4 if dtype == np.float64 else 2e-2
    )
    np.testing.assert_allclose(result.history.model.shares.sum(axis=1), 1, atol=8 * np.finfo(dtype).eps)


@pytest.mark.slow
def test_numbers_that_add_up_to_one_end_their_run_where_one_turns_negative():
    result = climbed(EVEN, THROWS, learning_rate=1.0)
    assert (result.status, result.epochs) == (Status.DIVERGED, 1)
    assert result.reason.endswith("To arrive, use a smaller learning rate.")


@pytest.mark.slow
def test_a_mixture_is_trained_to_the_maximum_that_fit_finds():
    random = np.random.RandomState(0)
    x = np.concatenate([random.normal(0.0, 1.0, 150), random.normal(4.0, 1.5, 250)])
    start = mlejax.Mixture.of([Normal(-1.0, 2.0), Normal(5.0, 2.0)], [0.5, 0.5])
    limits = {"max_epochs": 20_000, "tolerance": 1e-12}
    result = climbed(start, x, **limits)
    maximum = mlejax.fit(mlejax.Mixture.of(Normal, 2), x, progress=False)
    assert result.arrived
    for name, value in maximum.parameters.items():
        error = float(entry_dict(maximum.standard_errors)[name])
        assert result.parameters[name] == pytest.approx(value, abs=0.01 * error)
    # The updates of an optimizer do not add up to 0, nor do steps at rates of their own.
    rates = mlejax.Mixture(Normal(np.array([0.3, 0.6]), np.array([0.5, 0.7])), np.array([0.1, 0.4]))
    for how in ({"optimizer": optax.adam(0.02), "learning_rate": 1.0}, {"learning_rate": rates}):
        other = climbed(start, x, **limits, **how)
        assert other.distance < 0.02
        np.testing.assert_allclose(other.model.weights, maximum.model.weights, atol=1e-3)


@pytest.mark.slow
def test_a_covariance_stays_symmetric_and_climbs_to_the_closed_form():
    factor = np.array([[1.0, 0.0], [0.8, 0.6]])
    x = np.random.RandomState(0).normal(size=(300, 2)) @ factor.T + [1.0, -1.0]
    result = climbed(mlejax.MultivariateNormal(np.zeros(2), np.eye(2)), x, max_epochs=20_000, tolerance=1e-12)
    assert result.arrived
    np.testing.assert_allclose(result.model.covariance, np.cov(x.T, bias=True), rtol=1e-4)
    np.testing.assert_array_equal(result.model.covariance, result.model.covariance.T)


@pytest.mark.slow
def test_the_limit_of_the_rate_is_along_what_binds():
    """Of shares p the curvature is diag(1 / p), cut to directions that add up to 0."""
    shares = np.array([7, 11, 2]) / 20
    cut = np.eye(3) - 1 / 3
    largest = np.linalg.eigvalsh(cut @ np.diag(1 / shares) @ cut)[-1]
    assert largest < 0.8 / shares.min()  # not that of all directions
    assert mlejax.suggest_learning_rate(Dice(shares), THROWS) == pytest.approx(0.5 / largest, rel=1e-12)
    found = mlejax.sweep(
        EVEN, observations=THROWS, seeds=[0], learning_rates=[0.05], validation_fraction=0, progress=False
    )
    assert found.stability_limit("learning_rate") == pytest.approx(2 / largest, rel=1e-4)


@pytest.mark.slow
def test_a_mixture_is_swept_and_stored_as_it_is_trained(tmp_path):
    x = np.random.RandomState(0).normal(2.0, 3.0, 100)
    limits = {"max_epochs": 300, "progress": False}
    found = mlejax.sweep(
        NEAR, observations=x, seeds=[1, 42], learning_rates=[0.05, 0.5, 500.0], out=tmp_path / "out", **limits
    )
    assert found.arrays["weights"].shape == (2, 3, 2)
    assert np.all(found.status[:, 2] == Status.DIVERGED)
    np.testing.assert_allclose(found.model.weights.sum(axis=-1), 1, rtol=1e-15)
    alone, one = mlejax.train(NEAR, x, split_seed=42, learning_rate=0.5, **limits), found.run(1, 1)
    assert (alone.status, alone.epochs) == (one.status, one.epochs)
    np.testing.assert_allclose(alone.model.weights, one.model.weights, rtol=1e-10)  # sums in another order
    assert not mlejax.verify(tmp_path / "out", NEAR, x, progress=False).different
