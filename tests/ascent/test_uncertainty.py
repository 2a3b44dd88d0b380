"""The inverse of an information: by elimination of many, by eigenvalues of one and of what is nearly singular."""

import mpmath
import numpy as np
import pytest

from mlejax.ascent.outward import End
from mlejax.ascent.uncertainty import SINGULAR, Spread, is_flat
from mlejax.status import Status


def informations(size, seed=0, count=20):
    """Return positive definite matrices whose units differ by up to 1e12."""
    random = np.random.RandomState(seed)
    root = random.normal(size=(count, size, size + 2))
    units = 10.0 ** random.uniform(-6, 6, (count, size))
    return root @ np.swapaxes(root, 1, 2) * units[:, :, None] * units[:, None, :]


@pytest.mark.parametrize("size", [1, 2, 3, 8, 9])
def test_inverses_against_50_digits(size):
    matrices = informations(size)
    found = Spread.of(matrices, np.full(len(matrices), 4.0)).covariance
    with mpmath.workdps(50):
        for matrix, inverse in zip(matrices[:3], found[:3], strict=True):
            expected = np.array(((mpmath.matrix(matrix) ** -1) / 4).tolist(), float)
            unit = np.sqrt(np.diagonal(expected))
            np.testing.assert_allclose(inverse / np.outer(unit, unit), expected / np.outer(unit, unit), atol=1e-9)


def test_one_has_what_it_has_among_many():
    matrices = informations(3)
    for matrix, among in zip(matrices, Spread.of(matrices, np.full(20, 7.0)).uncertainty, strict=True):
        np.testing.assert_allclose(Spread.of(matrix, 7.0).uncertainty, among, rtol=1e-9)


@pytest.mark.parametrize("size", [1, 4, 5, 12])
def test_one_of_any_units_is_inverted_to_rounding_and_bounded(size):
    """Among many all but the small ones are inverted by eigenvalues: another way than that of one."""
    matrices = informations(size)
    among = Spread.of(matrices, np.ones(20))
    for i, matrix in enumerate(matrices):
        one, unit = Spread.of(matrix, 1.0), np.sqrt(np.diagonal(among.inverse[i]))
        np.testing.assert_allclose(
            one.inverse / np.outer(unit, unit), among.inverse[i] / np.outer(unit, unit), atol=1e-9
        )
        scale = 1 / np.sqrt(np.diagonal(matrix))
        assert 0 < one.least <= np.linalg.eigvalsh(matrix * np.outer(scale, scale))[0] * (1 + 1e-9)


def test_what_is_not_told_apart_is_left_very_uncertain_and_has_no_covariance():
    singular, indefinite = np.ones((2, 2)), np.array([[1.0, 2.0], [2.0, 1.0]])
    good = np.array([[2.0, 0.5], [0.5, 1.0]])
    together = np.stack([singular, good, indefinite])
    spread = Spread.of(together, np.full(3, 1e4))
    assert np.isfinite(spread.covariance[1]).all()
    assert np.isnan(spread.covariance[2]).all()
    assert np.all(np.diagonal(spread.uncertainty[0]) > 1e-5 / SINGULAR)
    doubted = spread.doubtful(np.ones((3, 2)), np.full(3, True), np.full(2, False))
    assert doubted.tolist() == [[True, True], [False, False], [True, True]]


def test_flat_is_what_curves_no_more_than_rounding():
    units = np.diag([1e-6, 1e3])
    for corner, flat in [(0.0, False), (1.0, True), (1 - 1e-9, True), (1 + 1e-9, True), (2.0, False), (0.99, False)]:
        assert is_flat(units @ np.array([[1.0, corner], [corner, 1.0]]) @ units) == flat


def test_doubted_is_what_is_as_uncertain_as_it_is_large_or_has_not_arrived():
    information = np.eye(2)[None].repeat(3, axis=0)
    coordinates, arrived = np.array([[0.5, 3.0], [0.005, 3.0], [0.5, 3.0]]), np.array([True, True, False])
    doubted = Spread.of(information, np.full(3, 100.0)).doubtful(coordinates, arrived, np.array([False, True]))
    assert doubted.tolist() == [[False, False], [True, False], [True, True]]
    few = Spread.of(information[:1], np.full(1, 3.0)).doubtful(coordinates[:1], arrived[:1], np.array([False, True]))
    assert few.tolist() == [[True, True]]  # both errors are 1 / sqrt(3)


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_an_end_is_flat_where_its_information_is(size):
    for share in (0.3, 1e-3, 1e-5, 1e-8, 0.0, -1e-8, -1e-3):
        matrix = np.full((size, size), 1.0)
        matrix[0] = matrix[:, 0] = 0.2
        matrix += np.diag([1.0 - matrix[0, 0], *[share] * (size - 1)])
        end = End(np.zeros(size), 0.0, matrix, np.eye(size), np.ones(size), 0.0, 1, Status.CONVERGED, np.zeros(size))
        assert end.flat == is_flat(matrix)


@pytest.mark.parametrize("size", [1, 2, 4, 5, 12])
def test_one_that_is_well_determined_is_inverted_and_bounded_from_below(size):
    root = np.random.RandomState(size).normal(size=(size, 4 * size))
    matrix = root @ root.T
    spread = Spread.of(matrix, 1.0)
    np.testing.assert_allclose(spread.inverse @ matrix, np.eye(size), atol=1e-12)
    scale = 1 / np.sqrt(np.diagonal(matrix))
    assert 0 < spread.least <= np.linalg.eigvalsh(matrix * np.outer(scale, scale))[0] * (1 + 1e-12)


@pytest.mark.parametrize("size", [2, 5])
def test_one_that_is_no_top_has_no_covariance(size):
    saddle = np.eye(size) + 2 * (1 - np.eye(size))  # the least eigenvalue is -1
    spread = Spread.of(saddle, 1.0)
    assert spread.least == pytest.approx(-1)
    assert np.isnan(spread.covariance).all()


def test_a_curvature_that_is_not_finite_does_not_hide_that_others_are_not_told_apart():
    matrix = np.array([[np.inf, 0.0, 0.0], [0.0, 1.0, 1 - 1e-12], [0.0, 1 - 1e-12, 1.0]])
    assert Spread.of(matrix, 1.0).least < SINGULAR
    least = Spread.of(np.stack([np.eye(3), matrix]), np.ones(2)).least
    assert least[1] < SINGULAR < least[0]
