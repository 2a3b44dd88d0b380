"""Epochs that end nothing: as `train_step` makes them, and none where it ends the run."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mlejax
from mlejax import Status
from mlejax.ascent.run import Run
from mlejax.ascent.settings import Stopping
from mlejax.models.parameters import cast
from mlejax.samples import representation
from mlejax.samples.raw import Observations
from mlejax.sweeps import lanes
from mlejax.sweeps.onward import goes_onward, onward

pytestmark = pytest.mark.usefixtures("x64")
X = np.random.RandomState(3).normal(7.2, 2.8, 60)


def a_run(rate, max_epochs=500, patience=20, tolerance=0.0, start=None, held_out=True, dtype=np.float64):
    start = start or mlejax.Normal(np.float64(5.0), np.float64(9.0))
    train, validation = (representation.summarize(start, part)[0] for part in (X[20:], X[:20]))
    stopping = Stopping(*(np.asarray(value, np.float64) for value in (max_epochs, patience, tolerance)))
    rates = jax.tree.map(lambda _: np.float64(rate), start)
    return jax.tree.map(jnp.asarray, cast(Run(start, rates, stopping, train, validation if held_out else None), dtype))


@functools.cache
def programs():
    step = jax.jit(lambda run, state: lanes.advance_lane(lanes.Lane(run, state), (None, None), None).state)
    return step, jax.jit(onward)


def same(one, other):
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True))


WIDE = mlejax.Normal(np.float64(7.0), np.float64(20.0))
ENDS = {
    "patience": ({"rate": 5.0, "patience": 5}, Status.PATIENCE),
    "tolerance": ({"rate": 5.0, "tolerance": 1e-3}, Status.TOLERANCE),
    "out of epochs": ({"rate": 1.0, "max_epochs": 7}, Status.MAX_EPOCHS),
    "one epoch": ({"rate": 1.0, "max_epochs": 1}, Status.MAX_EPOCHS),
    "leaves its domain": ({"rate": 2000.0, "start": WIDE}, Status.DIVERGED),
    "overflows": ({"rate": 1e308}, Status.DIVERGED),
    "no validation sample": ({"rate": 60.0, "patience": 5, "held_out": False}, Status.PATIENCE),
    "float32": ({"rate": 5.0, "patience": 5, "dtype": np.float32}, Status.PATIENCE),
}


@pytest.mark.parametrize(("given", "end"), ENDS.values(), ids=ENDS)
def test_a_run_goes_on_until_train_step_ends_it(given, end):
    run, (step, going) = a_run(**given), programs()
    state = lanes.begin_lane(run, None).state
    resolution = 8 * float(jnp.finfo(state.epoch.dtype).eps)
    while (following := step(run, state)).status == Status.RUNNING:
        found = going(run, state)
        for one, other in zip(*map(jax.tree.leaves, (found, following)), strict=True):
            np.testing.assert_allclose(one, other, rtol=resolution)
        assert not same(found, state)
        state = following
    assert same(going(run, state), state)
    assert following.status == end


def test_a_run_that_has_ended_stays_as_it_is_where_it_has_no_epochs():
    run, (_, going) = a_run(0.05, max_epochs=0), programs()
    state = lanes.begin_lane(run, None).state
    assert same(going(run, state), state)
    assert not same(going(a_run(0.05), state), state)


def test_only_runs_whose_epochs_cost_little_go_onward():
    assert goes_onward(a_run(0.1))
    gamma = mlejax.Gamma(np.float64(2.0), np.float64(0.3))
    assert not goes_onward(a_run(0.1, start=gamma))  # log-gamma
    raw = Run(gamma, gamma, a_run(0.1).stopping, Observations(jnp.asarray(X)), None)
    assert not goes_onward(raw)
