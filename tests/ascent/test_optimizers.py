"""Directions of ascent beyond Optax's."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import oracles
import pytest

import mlejax
from mlejax.ascent.optimizers import checked_optimizer

pytestmark = pytest.mark.usefixtures("x64")
POINTS = [(0.0, 1.0), (7.0, 40.0), (-300.0, 2.5), (7.2, 1e-3)]


def direction(x, mean, variance):
    """What the natural gradient makes of the gradient of the mean log-likelihood."""
    start = mlejax.Normal(jnp.asarray(mean), jnp.asarray(variance))
    gradient = mlejax.Normal(*map(jnp.asarray, oracles.article_gradient(x, mean, variance)))
    optimizer = mlejax.natural_gradient()
    found, state = optimizer.update(gradient, optimizer.init(start), start)
    assert state == optax.EmptyState()
    return float(found.mean), float(found.variance)


@pytest.mark.slow
@pytest.mark.parametrize(("mean", "variance"), POINTS)
def test_is_the_inverse_information_times_the_gradient(small_normal, mean, variance):
    """For a normal F = diag(1 / v, 1 / (2 v^2)): the direction is (x̄ - mean, scatter about mean - v)."""
    found = direction(small_normal, mean, variance)
    expected = np.mean(small_normal) - mean, np.mean((small_normal - mean) ** 2) - variance
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    gradient = oracles.article_gradient(small_normal, mean, variance)
    assert not np.allclose(found, gradient, rtol=0.1)  # the control: not the plain gradient


@pytest.mark.slow
@pytest.mark.parametrize(("mean", "variance"), POINTS[:2])
def test_one_step_with_rate_one_finds_the_mean_and_a_second_the_variance(small_normal, mean, variance):
    state = mlejax.init_state(mlejax.Normal(mean, variance), optimizer=(optimizer := mlejax.natural_gradient()))
    closed_mean, closed_variance = oracles.exact_mean_and_variance(small_normal)
    state, _ = mlejax.train_step(state, small_normal, None, 1.0, optimizer=optimizer)
    assert float(state.model.mean) == pytest.approx(closed_mean, rel=1e-12)
    assert float(state.model.variance) == pytest.approx(closed_variance + (closed_mean - mean) ** 2, rel=1e-12)
    state, _ = mlejax.train_step(state, small_normal, None, 1.0, optimizer=optimizer)
    assert float(state.model.variance) == pytest.approx(closed_variance, rel=1e-12)


@pytest.mark.parametrize("unit", [1e-3, 1000.0])
def test_units_do_not_matter(small_normal, unit):
    """Metres or millimetres: the same steps. Plain ascent, the control, takes others."""
    mean, variance = 5.0, 3.0
    found = direction(small_normal, mean, variance)
    scaled = direction(small_normal * unit, mean * unit, variance * unit**2)
    np.testing.assert_allclose(scaled, (found[0] * unit, found[1] * unit**2), rtol=1e-9)
    plain = oracles.article_gradient(small_normal * unit, mean * unit, variance * unit**2)
    assert not np.isclose(plain[0], oracles.article_gradient(small_normal, mean, variance)[0] * unit, rtol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_fit_arrives_whatever_the_unit(small_normal, unit):
    result = mlejax.train(
        mlejax.Normal(0.0, 1.0), small_normal * unit, validation_fraction=0, learning_rate=1.0,
        optimizer=mlejax.natural_gradient(), progress=False,
    )  # fmt: skip
    mean, variance = oracles.exact_mean_and_variance(small_normal * unit)
    assert result.epochs < 10
    np.testing.assert_allclose([result.model.mean, result.model.variance], [mean, variance], rtol=1e-9)
    assert result.distance < 1e-6


# Optimizers that cannot be used -----------------------------------------------------------------------------------

BAD = {
    "a word": ("adam", TypeError, "optimizer must be an optax.GradientTransformation, .* or None; got 'adam'"),
    "not called": (optax.adam, TypeError, r"got <function adam .*>; call it first, as in adam\(0.1\)"),
    "a list": ([optax.adam(0.1)], TypeError, "optimizer must be an optax.GradientTransformation"),
    "a line search": (
        optax.lbfgs(),
        TypeError,
        r"more than gradient, state and parameters \('value', 'grad', ",
    ),
    "a plateau": (
        optax.contrib.reduce_on_plateau(),
        TypeError,
        r"asks for more than gradient, state and parameters \('value'\), .* take one such as optax.adam\(0.1\)",
    ),
    "no movement": (optax.set_to_zero(), ValueError, "optimizer: its first 64 updates are zero"),
}


@pytest.mark.parametrize(("optimizer", "error", "message"), BAD.values(), ids=BAD)
def test_an_optimizer_that_cannot_be_used_is_refused_with_a_sentence(optimizer, error, message, small_normal):
    with pytest.raises(error, match=message):
        mlejax.train(mlejax.Normal(0.0, 1.0), small_normal, optimizer=optimizer, progress=False)


@pytest.mark.parametrize(("optimizer", "error", "message"), BAD.values(), ids=BAD)
def test_a_sweep_refuses_the_same_optimizers(optimizer, error, message, small_normal, tmp_path):
    with pytest.raises(error, match=message):
        mlejax.sweep(
            mlejax.Normal(0.0, 1.0), seeds=[0], learning_rates=[0.1], observations=small_normal, optimizer=optimizer,
            out=tmp_path / "sweep", progress=False,
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "optimizer",
    [None, optax.adam(0.1), optax.inject_hyperparams(optax.sgd)(0.1), optax.MultiSteps(optax.sgd(0.1), 3)],
    ids=["none", "adam", "injected", "every third step"],
)
def test_every_other_optimizer_is_taken_as_it_is(optimizer):
    assert checked_optimizer(optimizer, mlejax.Normal(0.0, 1.0)) is optimizer


def test_the_natural_gradient_says_which_families_it_needs(small_normal):
    with pytest.raises(TypeError, match=r"natural_gradient\(\) needs .* Weibull has no typical_observations: use"):
        mlejax.train(mlejax.Weibull(1.0, 1.0), abs(small_normal), optimizer=mlejax.natural_gradient(), progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("validation_fraction", [0, 0.2], ids=["train", "validation"])
def test_epochs_without_an_update_are_no_arrival(validation_fraction):
    """Accumulated over three epochs, one gradient of the same sample is an epoch of plain ascent."""
    x = np.random.RandomState(0).normal(5.0, 2.0, 400)
    settings = {"learning_rate": 1.0, "validation_fraction": validation_fraction, "progress": False}
    plain = mlejax.train(mlejax.Normal(0.0, 1.0), x, **settings)
    thrice = optax.MultiSteps(optax.scale(1.0), 3)
    run = mlejax.train(mlejax.Normal(0.0, 1.0), x, optimizer=thrice, patience=150, **settings)
    assert run.status is plain.status
    # The mean of three gradients is rounded, so that the two may stop some updates apart, which are tiny near the end.
    assert abs(run.epochs / 3 - plain.epochs) < 3
    np.testing.assert_allclose(run.model.variance, plain.model.variance, atol=1e-4)
    assert (run.distance < 0.01) == (plain.distance < 0.01) == (validation_fraction == 0)


@pytest.mark.slow
def test_an_optimizer_that_has_come_to_rest_ends():
    """Its updates become zero for good: patience ends such a run."""
    x = np.random.RandomState(0).normal(5.0, 2.0, 400)
    rest = optax.scale_by_schedule(lambda epoch: jnp.where(epoch < 5, 1.0, 0.0))
    run = mlejax.train(mlejax.Normal(0.0, 1.0), x, optimizer=rest, patience=20, validation_fraction=0, progress=False)
    assert run.status in (mlejax.Status.PATIENCE, mlejax.Status.PRECISION)
    assert run.epochs == 26
    assert not run.arrived


def scaled(factor):
    """An optimizer that does not exist, made anew by every call."""
    return optax.stateless(lambda gradient, _: jax.tree.map(lambda g: factor * g, gradient))


def called_back(factor):
    def one(g):
        return jax.pure_callback(lambda g: factor * np.asarray(g), jax.ShapeDtypeStruct(g.shape, g.dtype), g)

    return optax.stateless(lambda gradient, _: jax.tree.map(one, gradient))


START = mlejax.Normal(np.float64(0.0), np.float64(1.0))
MADE = {
    "adam": (lambda rate: optax.adam(rate), 0.1, 0.2),
    "a schedule": (lambda steps: optax.adam(optax.linear_schedule(0.1, 1.0, steps)), 10, 20),
    "of one's own": (scaled, 2.0, 3.0),
    "every other step": (lambda rate: optax.MultiSteps(optax.sgd(rate), 2), 0.1, 0.2),
}


@pytest.mark.slow
@pytest.mark.parametrize(("make", "one", "other"), MADE.values(), ids=MADE)
def test_optimizers_that_compute_the_same_are_taken_for_one_and_others_are_not(make, one, other):
    first = checked_optimizer(make(one), START)
    assert checked_optimizer(make(one), START) is first
    assert checked_optimizer(make(other), START) is not first
    exponential = mlejax.Exponential(np.float64(1.0))
    assert checked_optimizer(make(one), exponential) is checked_optimizer(make(one), exponential)


def test_optimizers_that_call_python_back_are_told_apart():
    assert checked_optimizer(called_back(2.0), START) is not checked_optimizer(called_back(3.0), START)


@pytest.mark.slow
def test_an_optimizer_made_anew_compiles_nothing_and_another_one_is_followed(small_normal, compilations):
    settings = {"learning_rate": 0.5, "max_epochs": 20, "progress": False}
    first = mlejax.train(mlejax.Normal(6.0, 7.0), small_normal, optimizer=optax.adam(0.1), **settings)
    before = len(compilations)
    again = mlejax.train(mlejax.Normal(6.0, 7.0), small_normal, optimizer=optax.adam(0.1), **settings)
    assert len(compilations) == before
    other = mlejax.train(mlejax.Normal(6.0, 7.0), small_normal, optimizer=optax.adam(0.2), **settings)
    assert float(first.model.mean) == float(again.model.mean) != float(other.model.mean)
