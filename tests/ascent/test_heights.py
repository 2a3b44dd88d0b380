"""The log-likelihoods of many samples at known parameters, against the closed form of one."""

import jax
import numpy as np

import mlejax
from mlejax.ascent.heights import heights_of
from mlejax.ascent.together import ROWS, Begin, Rowful
from mlejax.models.parameters import Parameters
from mlejax.samples.spans import WIDTH


def test_heights_are_means_of_the_samples_alone(x64):
    values = np.random.RandomState(0).gamma(2.0, 3.0, (ROWS, 2 * WIDTH))
    values[1, 3] = -1.0
    vectors, sizes = np.random.RandomState(1).uniform(1.0, 2.0, (1, ROWS, 1)), np.array([[100, 100, 65, 128]])
    begin = Begin(vectors, np.full((1, ROWS), True), np.ones_like(vectors), np.zeros((1, ROWS), int))
    rows = Rowful(values, None, np.array([0]), np.array([2]), sizes, begin, np.int64(1))
    with jax.enable_x64(True):
        means, contained = heights_of(Parameters.of(mlejax.Exponential(np.float64(1.0))), rows)
    assert contained.tolist() == [True, False, True, True]
    for row in (0, 2, 3):
        rate, own = vectors[0, row, 0], values[row, : sizes[0, row]]
        np.testing.assert_allclose(means[row], np.log(rate) - rate * own.mean(), rtol=1e-13)
