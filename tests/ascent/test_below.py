"""Locations by their distance from the smallest observation."""

import jax
import numpy as np
import pytest

import mlejax
from mlejax import Fixed, Gamma, Shifted
from mlejax.ascent.below import below_all, distance_below
from mlejax.ascent.units import Units
from mlejax.models.parameters import Parameters

X = np.array([7.0, 5.0, 11.0])


def test_a_location_is_counted_from_the_smallest_observation(x64):
    own, units = below_all(Shifted(Gamma(2.0, 1.0), 4.0), None, X)
    assert isinstance(units, Units)
    assert (own.location, own.base.shape) == (-1.0, 2.0)
    np.testing.assert_array_equal(units.of_observations(X), [2.0, 0.0, 6.0])
    assert units.to_data(own).location == 4.0
    assert units.to_data(units.from_data(Shifted(Gamma(3.0, 2.0), -9.0))).location == -9.0
    assert distance_below(units.table) == 2
    np.testing.assert_allclose(units.table.to_real(own), [np.log(2), 0, 0])
    assert jax.tree.leaves(units.table.from_real(np.array([0.0, 0.0, 3.0])))[2] == pytest.approx(-np.exp(3))


def test_where_it_leads_is_said_in_words():
    _, units = below_all(Shifted(Gamma(2.0, 1.0), 4.0), None, X)
    assert [units.table.way(2, sign).words for sign in (1, -1)] == [
        "location falls", "location approaches the smallest observation",
    ]  # fmt: skip
    assert [units.table.way(2, sign).upwards for sign in (1, -1)] == [False, True]


@pytest.mark.parametrize(
    "model",
    [
        Gamma(2.0, 1.0),
        Shifted(Gamma(2.0, 1.0), 5.5),  # not below all
        Fixed.of(Shifted(Gamma(2.0, 1.0), 4.0), location=4.0),
    ],
    ids=["not moved", "not below", "fixed"],
)
def test_others_are_left_as_they_are(model):
    assert below_all(model, None, X) == (model, None)
    assert distance_below(Parameters.of(model)) is None


def test_a_fixed_shape_leaves_the_location_free():
    own, units = below_all(Fixed.of(Shifted(Gamma(2.0, 1.0), 4.0), shape=2.0), None, X)
    assert own.base.location == -1.0
    assert distance_below(units.table) == 1


@pytest.mark.slow
def test_an_interval_ends_at_the_smallest_observation_at_most():
    x = np.random.RandomState(3).gamma(3.0, 1.0, 40) + 20
    low, high = mlejax.fit(Shifted.of(Gamma), x).confidence_intervals(0.95, "profile")["location"]
    assert low < high <= x.min()
    assert low > x.min() - 10
