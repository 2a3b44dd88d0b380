"""Least squares of one sample, and of several that are stacked."""

import numpy as np
import pytest

from mlejax.models.least_squares import design_matrix, least_squares, predicted

RANDOM = np.random.RandomState(0)
DESIGN, RESPONSE = RANDOM.normal(size=(3, 40, 2)), RANDOM.normal(size=(3, 40))


def test_samples_that_are_stacked_have_the_coefficients_of_each():
    each = [least_squares(x, y, None) for x, y in zip(DESIGN, RESPONSE, strict=True)]
    together = least_squares(DESIGN, RESPONSE, None)
    # what is added to the diagonal moves them by 1e-12 of their size
    np.testing.assert_allclose(together, each, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(predicted(DESIGN, together)[1], DESIGN[1] @ each[1], atol=1e-11)


def test_stacked_columns_that_are_not_told_apart_harm_no_neighbor():
    columns = DESIGN.copy()
    columns[1, :, 1] = columns[1, :, 0]
    columns[2] = 0.0
    found = least_squares(columns, RESPONSE, None)
    assert np.all(np.isfinite(found))
    np.testing.assert_array_equal(found[0], least_squares(DESIGN, RESPONSE, None)[0])


@pytest.mark.parametrize("shape", [(5,), (3, 5)], ids=["one sample", "stacked"])
def test_features_may_be_one_number_each_or_named_columns(shape):
    x, y = np.arange(np.prod(shape)).reshape(shape) + 0.0, np.zeros(shape)
    expected = np.stack([np.ones(shape), x], axis=-1)
    for sample in ({"features": x, "y": y}, {"features": x[..., None], "y": y}, {"x": x, "y": y}):
        np.testing.assert_array_equal(design_matrix(sample, ("x",), True, "y"), expected)


def test_without_columns_the_ones_are_left():
    np.testing.assert_array_equal(design_matrix({"y": np.zeros(4)}, (), True, "y"), np.ones((4, 1)))
