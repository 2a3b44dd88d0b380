"""Fits from a model that is given to start at, which may lie anywhere."""

import jax
import numpy as np
import pytest

import mlejax
from mlejax import ConvergenceWarning, Normal, fit


@pytest.mark.parametrize(
    "start",
    [Normal(0.0, 1e-30), Normal(1e30, 1.0), mlejax.Gumbel(0.0, 1e-12), mlejax.Weibull(50.0, 1e-3)],
    ids=lambda start: f"{type(start).__name__} {jax.tree.leaves(start)[0]:g}",
)
def test_a_start_from_which_nothing_is_seen_is_not_the_last_word(start):
    x = np.random.RandomState(0).gamma(7.2, 1.1, 1000)
    result, expected = fit(start, x, progress=False), fit(type(start), x, progress=False)
    assert result.converged
    assert result.model == expected.model
    assert any(note.startswith("a climb from the start that was given ended elsewhere") for note in result.notes)
    np.testing.assert_allclose(jax.tree.leaves(result.start), jax.tree.leaves(start), rtol=1e-12)


def test_a_start_of_ones_own_that_fails_leaves_what_was_found():
    class Stubborn(Normal):
        @classmethod
        def start(cls, observations, weights=None):
            raise ValueError("no start")

    with pytest.warns(ConvergenceWarning):
        assert not fit(Stubborn(0.0, 1e-30), np.arange(10.0), progress=False).converged
