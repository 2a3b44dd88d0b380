"""The columns of many regressions, made orthonormal side by side: as those of one, whatever is beside them."""

import jax
import numpy as np
import pytest

import mlejax
from mlejax.ascent.design import design_for
from mlejax.ascent.orthonormal import orthonormal
from mlejax.ascent.together import ROWS, Begin, Rowful
from mlejax.samples.spans import WIDTH

START = mlejax.LinearRegression(np.zeros(3), 1.0)
NOWHERE = Begin(np.zeros((1, ROWS, 4)), np.full((1, ROWS), True), np.ones((1, ROWS, 4)), np.zeros((1, ROWS), int))


def laid(samples, first, tiles):
    """Return samples as the rows of one block, among numbers of others."""
    random = np.random.RandomState(1)
    values = {"features": random.normal(size=(ROWS, 6 * WIDTH, 2)), "response": random.normal(size=(ROWS, 6 * WIDTH))}
    for row, sample in enumerate(samples):
        values["features"][row, first : first + len(sample)] = sample
    sizes = np.array([[len(sample) for sample in samples]])
    return Rowful(values, None, np.array([first]), np.array([tiles]), sizes, NOWHERE, np.int64(1))


def test_columns_are_those_of_the_design_of_one_sample_and_neighbors_change_no_bit(x64):
    random = np.random.RandomState(0)
    plain, far = random.normal(size=(100, 2)) + 5, random.normal(size=(70, 2)) * [1e-9, 1e9] + [0, 1e12]
    alike = np.stack([plain[:, 0], 2 * plain[:, 0]], axis=1)
    with jax.enable_x64(True):
        found = orthonormal(START, laid([plain, far, alike, np.ones((30, 2))], 0, 2))
        other = orthonormal(START, laid([plain[:7], alike, far, plain], 64, 3))
    assert found.apart.tolist() == [True, True, False, False]
    for row, sample in enumerate((plain, far)):
        one = design_for(START, {"features": sample, "response": np.ones(len(sample))}, None)
        own = found.values["features"][row, : len(sample)]
        np.testing.assert_allclose(own.T @ own / len(own), np.eye(2), atol=1e-12)
        np.testing.assert_allclose(own, one.given["features"], atol=1e-11)
        np.testing.assert_allclose(found.root[row], one.root, rtol=1e-10, atol=1e-12 * np.abs(one.root).max())
        back = found.back(4).of(np.array([row]))
        np.testing.assert_allclose(back.matrix[0], one.back.matrix, rtol=1e-10, atol=1e-300)
    for row, there in ((0, 3), (1, 2)):
        np.testing.assert_array_equal(found.root[row], other.root[there])
        size = (100, 70)[row]
        np.testing.assert_array_equal(
            found.values["features"][row, :size], other.values["features"][there, 64 : 64 + size]
        )


def test_without_an_intercept_nothing_is_taken_off(x64):
    columns = np.random.RandomState(0).normal(size=(100, 2)) + 1
    start = mlejax.LinearRegression(np.zeros(2), 1.0, intercept=False)
    with jax.enable_x64(True):
        found = orthonormal(start, laid([columns] * ROWS, 0, 2))
    own = found.values["features"][2, :100]
    np.testing.assert_allclose(own @ found.root[2], columns, atol=1e-13)
    assert found.root.shape == (ROWS, 2, 2)
    with pytest.raises(AssertionError):  # their means are what they were
        np.testing.assert_allclose(own.mean(axis=0), 0, atol=0.1)
