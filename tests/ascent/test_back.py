"""The way back from units of a sample's own: to the data's, and from there."""

import numpy as np

from mlejax import Normal
from mlejax.ascent.back import Back
from mlejax.ascent.units import units_for
from mlejax.models.parameters import Parameters

WAYS = Back(np.array([[[2.0, 1.0], [0.0, 1.0]], [[1.0, 0.0], [3.0, 1.0]]]), np.array([1.0, 0.0]))


def test_there_and_back():
    own = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(WAYS.parameters(own), [[5.0, 2.0], [4.0, 13.0]])
    np.testing.assert_allclose(WAYS.own(WAYS.parameters(own)), own, atol=1e-15)
    np.testing.assert_array_equal(WAYS.of(np.array([1])).parameters(own[1:]), [[4.0, 13.0]])


def test_one_way_serves_many_samples_and_is_that_of_the_units():
    model = Normal(np.float64(0.5), np.float64(2.0))
    units = units_for(Parameters.of(model), model.support, 1e8 + 1e-4 * np.arange(10.0))
    back = units.back
    assert back.of(np.array([1, 0])) is back
    there = units.to_data(model)
    np.testing.assert_allclose(back.parameters(np.array([[0.5, 2.0]]))[0], [there.mean, there.variance], rtol=1e-15)
    assert back.log_scale == np.log(units.scale)


def test_errors_are_there_where_float64_does_not_hold_their_squares():
    covariance = np.array([[[4.0, 1.0], [1.0, 9.0]], [[4.0, 1.0], [1.0, 9.0]]])
    unit = np.array([1e-200, 1.0])
    back = Back(unit[:, None, None] * np.eye(2), np.zeros((2, 2)), np.log(unit))
    jacobian = np.broadcast_to(np.array([[1.0, 1.0], [0.0, 2.0]]), (2, 2, 2))
    np.testing.assert_allclose(back.errors(jacobian, covariance), unit[:, None] * [[15**0.5, 6.0]], rtol=1e-15)
    one = back.of(np.array([1]))
    assert (one.log_scale.tolist(), one.parameters(np.array([[1.0, 2.0]])).tolist()) == ([0.0], [[1.0, 2.0]])
