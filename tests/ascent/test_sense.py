"""Which way an optimizer steps: told from its own updates along the gradient of the run, once."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest

import mlejax
from mlejax import Model, Normal, Status, init_state, train_step
from mlejax.ascent.sense import LOOK_AHEAD

pytestmark = pytest.mark.usefixtures("x64")
START = (0.0, 1.0)


class Three(Model):
    """Three independent normal means of one number: a gradient of any direction."""

    a: float
    b: float
    c: float

    def log_prob(self, x):
        return -((x - self.a) ** 2 + (2 * x - self.b) ** 2 + (3 * x - self.c) ** 2) / 2


A = np.array([[1, 1.8, 1.8], [1.8, 4, 3.2], [1.8, 3.2, 4]])


def preconditioned(matrix):
    def update(gradient, _):
        return Three(*(matrix @ jnp.stack(jax.tree.leaves(gradient))))

    return optax.stateless(update)


@pytest.mark.slow
@pytest.mark.parametrize("sign", [1, -1], ids=["along", "against"])
def test_any_positive_definite_metric_ascends(sign):
    """A gradient of ones gives A^-1 1 = (5, -1.1, -1.1): most of its signs point the other way."""
    inverse = np.linalg.inv(A)
    assert np.all(np.linalg.eigvalsh(A) > 0)
    assert np.sign(inverse @ np.ones(3)).sum() < 0
    x = np.array([0.5, 1.5])
    optimizer = preconditioned(sign * inverse)
    state = init_state(Three(0.0, 0.0, 0.0), optimizer=optimizer)
    after, info = train_step(state, x, None, 0.1, optimizer=optimizer)
    np.testing.assert_allclose(jax.tree.leaves(info.gradient), [1, 2, 3], rtol=1e-14)  # mean 1, less the start
    np.testing.assert_allclose(jax.tree.leaves(after.model), 0.1 * inverse @ [1, 2, 3], rtol=1e-12)
    assert float(after.sense) == sign


def adam(gradient, rate_of, epochs, b1=0.9, b2=0.999, eps=1e-8):
    """Kingma and Ba (2015), algorithm 1, uphill from (0, 1), with a rate for every epoch."""
    theta, m, v, path = np.array(START), np.zeros(2), np.zeros(2), []
    for t in range(1, epochs + 1):
        path.append(theta)
        g = np.array(gradient(theta))
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        theta = theta + rate_of(t - 1) * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
    return np.array(path)


@functools.partial(jax.jit, static_argnames=("optimizer", "length"))
def run(state, x, optimizer, length=30):
    return jax.lax.scan(lambda state, _: train_step(state, x, None, 1.0, optimizer=optimizer), state, length=length)


def late(zeros):
    """A rate of 0.05 after so many epochs of none."""
    return lambda count: jnp.where(count < zeros, 0.0, 0.05)


WARM = {
    "minimizes": optax.chain(optax.scale_by_adam(), optax.scale_by_schedule(lambda count: -late(2)(count))),
    "maximizes": optax.chain(optax.scale_by_adam(), optax.scale_by_schedule(late(2))),
}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", WARM.values(), ids=WARM)
def test_a_schedule_that_warms_up_from_zero_moves_when_its_time_comes(optimizer, small_normal):
    state, info = run(init_state(Normal(*START), optimizer=optimizer), small_normal, optimizer)
    statistics = oracles.Statistics.of(small_normal)
    expected = adam(lambda p: statistics.mean_gradient(*p), lambda count: 0.05 * (count >= 2), 30)
    path = np.stack([info.model.mean, info.model.variance], -1)
    assert np.array_equal(path[2], START)  # the schedule does begin with zeros
    np.testing.assert_allclose(path, expected, rtol=1e-10)
    assert (int(state.epoch), Status(int(state.status))) == (30, Status.RUNNING)


def test_a_warm_up_longer_than_any_look_ahead_still_ascends(small_normal):
    zeros = LOOK_AHEAD + 20
    optimizer = optax.sgd(late(zeros))
    state, info = run(init_state(Normal(*START), optimizer=optimizer), small_normal, optimizer, length=zeros + 10)
    assert np.all(np.asarray(info.model.mean[: zeros + 1]) == START[0])
    assert np.all(np.diff(info.train_log_likelihood[zeros:]) > 0)
    assert float(state.sense) == -1


def test_an_optimizer_that_never_moves_uses_up_its_epochs(small_normal):
    state, _ = run(init_state(Normal(*START), optimizer=optax.set_to_zero()), small_normal, optax.set_to_zero())
    assert (int(state.epoch), int(state.status), float(state.sense)) == (30, Status.RUNNING, 0.0)
    assert (float(state.model.mean), float(state.model.variance)) == START


def test_weight_decay_does_not_decide_the_sense(small_normal):
    """At a mean of 1e6 the decay is a hundred times the rest of the first update."""
    optimizer = optax.adamw(0.1, weight_decay=1e-3)
    state = init_state(Normal(1e6, 1e12), optimizer=optimizer)
    assert float(train_step(state, small_normal, None, 1.0, optimizer=optimizer)[0].sense) == -1


def test_the_decision_is_kept_when_momentum_later_points_against_the_gradient(small_normal):
    optimizer = optax.sgd(0.9, momentum=0.95)
    state = init_state(Normal(7.0, 8.0), optimizer=optimizer)
    after, info = run(state, small_normal, optimizer, length=60)
    moves = np.diff(info.model.mean)
    assert np.any(moves * np.asarray(info.gradient.mean[:-1]) < 0)  # it does overshoot
    assert float(after.sense) == -1


def test_an_update_that_is_not_finite_ends_the_run(small_normal):
    optimizer = optax.stateless(lambda g, p: jax.tree.map(lambda leaf: leaf / 0, g))
    state = init_state(Normal(*START), optimizer=optimizer)
    after, _ = train_step(state, small_normal, None, 1.0, optimizer=optimizer)
    assert Status(int(after.status)) is Status.DIVERGED
    assert (float(after.model.mean), float(after.model.variance)) == START


# Hyperparameters that are traced ----------------------------------------------------------------------------------


def end(b1, x):
    """The mean after twelve epochs of Adam."""
    optimizer = optax.scale_by_adam(b1=b1)

    def epoch(state, _):
        return train_step(state, x, None, 0.1, optimizer=optimizer)[0], None

    return jax.lax.scan(epoch, init_state(Normal(*START), optimizer=optimizer), length=12)[0].model.mean


@pytest.mark.slow
def test_a_hyperparameter_may_be_mapped_over_in_a_closure(small_normal):
    b1 = np.array([0.5, 0.8, 0.9])
    found = jax.jit(jax.vmap(lambda b1: end(b1, small_normal)))(b1)
    statistics = oracles.Statistics.of(small_normal)
    expected = [adam(lambda p: statistics.mean_gradient(*p), lambda _: 0.1, 13, b1=b)[-1][0] for b in b1]
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert len({float(mean) for mean in found}) == 3


@pytest.mark.slow
def test_a_hyperparameter_in_a_closure_may_be_differentiated(small_normal):
    derivative = jax.jit(jax.grad(end))(0.8, small_normal)
    step = 1e-5
    quotient = (end(0.8 + step, small_normal) - end(0.8 - step, small_normal)) / (2 * step)
    assert float(derivative) == pytest.approx(float(quotient), rel=1e-6)
    assert abs(float(derivative)) > 1e-3


@pytest.mark.slow
def test_injected_hyperparameters_may_be_mapped_over(small_normal):
    optimizer = optax.inject_hyperparams(optax.scale_by_adam)(b1=0.9)

    def mean(b1):
        state = init_state(Normal(*START), optimizer=optimizer)
        state.optimizer.hyperparams["b1"] = b1
        return run(state, small_normal, optimizer, length=12)[0].model.mean

    found = jax.vmap(mean)(jnp.array([0.5, 0.9]))
    assert float(found[0]) != float(found[1])
    state = init_state(Normal(*START), optimizer=optimizer)
    assert float(run(state, small_normal, optimizer, length=12)[0].model.mean) == pytest.approx(float(found[1]))


# A state and another optimizer ------------------------------------------------------------------------------------

OTHERS = {
    "none, then one": (None, optax.adam(0.1)),
    "one, then none": (optax.adam(0.1), None),
    "none, then one without memory": (None, optax.identity()),
    "two": (optax.adam(0.1), optax.sgd(0.1, momentum=0.9)),
}


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), OTHERS.values(), ids=OTHERS)
def test_a_state_of_another_optimizer_is_refused(first, second, small_normal):
    state = init_state(Normal(*START), optimizer=first)
    train_step(state, small_normal, None, 0.1, optimizer=first)  # the control
    with pytest.raises(TypeError, match="optimizer: this state was made with another one; give init_state and train"):
        train_step(state, small_normal, None, 0.1, optimizer=second)


@pytest.mark.slow
def test_natural_gradient_still_needs_no_rate(small_normal):
    result = mlejax.train(
        Normal(*START), small_normal, validation_fraction=0, learning_rate=1.0,
        optimizer=mlejax.natural_gradient(), progress=False,
    )  # fmt: skip
    assert result.distance < 1e-6
