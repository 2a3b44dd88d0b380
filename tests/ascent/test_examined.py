"""Where a formula is looked at."""

import jax
import numpy as np
import pytest

import mlejax
from mlejax.ascent.examined import Examined, ordinary_numbers, start_and_rows
from mlejax.models.support import Support, counts, fractions, numbers, positive_numbers


@pytest.mark.parametrize(
    "support", [numbers, positive_numbers, fractions, counts, Support(upper=3), Support(lower=-2, upper=2, whole=True)]
)
def test_ordinary_numbers_are_inside(support):
    found = ordinary_numbers(support)
    assert np.all(support.contains(found))
    assert len(np.unique(found)) >= 4


@pytest.mark.slow
def test_a_model_is_looked_at_where_it_draws_and_a_family_where_it_starts():
    start, rows = start_and_rows(mlejax.Normal(1000.0, 4.0), None)
    assert start.mean == 1000
    assert abs(np.median(rows) - 1000) < 1
    start, rows = start_and_rows(mlejax.Gamma, None)
    assert np.all(rows > 0)
    start, rows = start_and_rows(mlejax.Gamma, [1.0, 2.0, 4.0])
    assert rows.tolist() == [1.0, 2.0, 4.0]


def test_derivatives_are_by_unconstrained_coordinates(x64):
    seen = Examined.of(mlejax.Exponential(2.0), np.array([0.5, 3.0]))
    # log p = log(rate) - rate x, by log(rate): 1 - rate x, then -rate x
    np.testing.assert_allclose(seen.slopes[0, :, 0], [0.0, -5.0], atol=1e-14)
    np.testing.assert_allclose(seen.curvatures[0, :, 0, 0], [-1.0, -6.0], rtol=1e-14)
    assert jax.numpy.asarray(seen.places).shape == (4, 1)
    assert seen.said(seen.places[0], np.array([0.5])) == "log_prob(0.5) with rate=2"


def test_a_family_of_records_needs_observations():
    class Pairs:
        @staticmethod
        def start(observations, weights=None):
            return mlejax.Normal(float(observations["a"][0]), 1.0)

    with pytest.raises(ValueError, match="needs observations"):
        start_and_rows(Pairs(), None)
