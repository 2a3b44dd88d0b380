"""The loop over epochs: which of them it keeps, and where it returns."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

import mlejax
from mlejax.ascent.epochs import ascend
from mlejax.ascent.run import Run, begin
from mlejax.ascent.settings import Stopping
from mlejax.samples.representation import as_sample

X = np.random.RandomState(2).normal(3.0, 2.0, 40)


def keep(kept, before, following, _):
    return kept.at[before.epoch].set(jnp.stack([following.epoch.astype(float), before.model.mean]))


@functools.partial(jax.jit, static_argnames="every")
def ascended(until, every=1):
    start, rate = mlejax.Normal(0.0, 1.0), mlejax.Normal(0.1, 0.1)
    run = Run(start, rate, Stopping.checked(20, 50, 1e-8), as_sample(X), None)
    return ascend(begin(run, None), jnp.zeros((30, 2)), run, until, keep=keep, optimizer=None, every=every)


@pytest.mark.parametrize(("until", "every", "kept"), [(9, 1, range(9)), (99, 1, range(20)), (99, 6, [0, 6, 12, 18])])
def test_epochs_are_kept_up_to_the_one_asked_for_or_the_end_of_the_run(until, every, kept, x64):
    state, rows = ascended(until, every=every)
    assert int(state.epoch) == min(until, 20)
    assert np.flatnonzero(rows[:, 0]).tolist() == list(kept)
    expected = oracles.ascend_normal(X, X, 0.1, max_epochs=20)
    np.testing.assert_array_equal(rows[np.array(kept), 0], np.array(kept) + 1)
    path = np.array(expected.path)[np.array(kept)]
    np.testing.assert_allclose(rows[np.array(kept), 1], path[:, 0], rtol=1e-12)  # of some ten roundings
