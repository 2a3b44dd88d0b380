"""A run as one record: its two functions are `init_state` and `train_step`."""

import jax
import numpy as np
import optax
import pytest

import mlejax
from mlejax.ascent.run import Run, advance, begin
from mlejax.ascent.settings import Stopping, checked_rates, rates_of
from mlejax.models.parameters import with_dtype

pytestmark = pytest.mark.usefixtures("x64")


@pytest.mark.parametrize("optimizer", [None, optax.scale_by_adam()], ids=["plain", "adam"])
def test_a_run_advances_as_the_step_does(optimizer, small_normal):
    start = with_dtype(mlejax.Normal(6.0, 7.0), np.float64)
    rates = rates_of(start, checked_rates(start, 0.5))
    data = mlejax.Observations(jax.numpy.asarray(small_normal))
    run = Run(start, rates, Stopping.checked(3, 2, 1e-8), data, None)
    state, expected = begin(run, optimizer), mlejax.init_state(start, optimizer=optimizer)
    for _ in range(5):  # beyond the end: a run that has ended stays as it is
        state, info = advance(run, state, optimizer)
        expected, of_step = mlejax.train_step(
            expected, data, None, rates, patience=2, tolerance=1e-8, max_epochs=3, optimizer=optimizer
        )
        for found, other in zip(jax.tree.leaves((state, info)), jax.tree.leaves((expected, of_step)), strict=True):
            np.testing.assert_array_equal(found, other)
    assert state.epoch == 3
    assert mlejax.Status(int(state.status)).name == "MAX_EPOCHS"
