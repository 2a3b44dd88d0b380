"""Several climbs from one call, each as it is alone."""

import dataclasses

import numpy as np
import pytest

from mlejax import Normal
from mlejax.ascent.ends import TOGETHER
from mlejax.ascent.ground import Ground
from mlejax.ascent.outward import BESIDE
from mlejax.ascent.uncertainty import Spread


@pytest.fixture(scope="module")
def ground():
    return Ground.of(Normal(1.0, 1.0), np.array([0.5, 1.5, 4.0, 3.0]), None, None)


def test_an_end_knows_how_high_it_is_a_little_beside_it(ground):
    starts, free = [np.array([0.3 * i, 0.1 * i]) for i in range(TOGETHER + 1)], np.array([1.0, 0.0])
    ends = ground.ascend_each(starts, free, 3, beside=True)
    assert len(ends) == len(starts)
    shift = BESIDE * np.array([0.0, 1.0])  # a mean, and the logarithm of a variance
    for start, end in zip(starts, ends, strict=True):
        (alone,) = ground.ascend_each([start], free, 3)
        assert alone.beside == ()
        for field in dataclasses.fields(end):
            if field.name != "beside":
                np.testing.assert_array_equal(getattr(end, field.name), getattr(alone, field.name), field.name)
        pair = ground.ascend_each([end.coordinates + shift, end.coordinates - shift], np.zeros(2), 0)
        assert end.beside == tuple(each.mean_log_likelihood for each in pair)
        assert end.beside[0] != end.mean_log_likelihood != end.beside[1]


def test_what_an_information_leaves_open_is_known_for_any_number_of_observations(ground):
    end = ground.ascend(ground.start, np.ones(2), 0)
    for count in (1.0, 7.0):
        np.testing.assert_array_equal(end.spread(count).errors, Spread.of(end.information, count).errors)
