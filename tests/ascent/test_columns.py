"""Columns made orthonormal, and what is said of those that are combinations of others."""

from fractions import Fraction

import numpy as np
import pytest

from mlejax.ascent.columns import Turned, unit_of

X = np.random.RandomState(0).normal(size=(12, 3))


def exactly(columns, inverse, shift):
    """Return (columns - shift) @ inverse by fractions, rounded once."""
    return np.array([
        [
            float(sum((Fraction(x) - Fraction(s)) * Fraction(t) for x, s, t in zip(row, shift, turn, strict=True)))
            for turn in inverse.T
        ]
        for row in columns
    ])  # fmt: skip


@pytest.mark.parametrize("apart", [1.0, 1e-5, 1e-10, 1e-13])
def test_columns_that_are_nearly_equal_keep_their_digits(apart):
    columns = X.copy()
    columns[:, 1] = columns[:, 0] + apart * columns[:, 1]
    turned = Turned.of(columns, None, intercept=False)
    assert not np.any(turned.held)
    np.testing.assert_allclose(turned.own, exactly(columns, turned.inverse, np.zeros(3)), rtol=1e-14, atol=1e-15)
    # how nearly they are orthonormal hangs on the QR, whose rounding is that of columns of length 1
    np.testing.assert_allclose(turned.own.T @ turned.own / 12, np.eye(3), atol=1e-15 + 1e-15 / apart)


def test_columns_far_from_zero_differ_in_the_intercept_alone():
    columns = np.round(X * 512) / 512  # whose sums with 1e8 are exact
    near, far = (Turned.of(columns + shift, None, intercept=True) for shift in (0.0, 1e8))
    np.testing.assert_allclose(far.own, near.own, atol=1e-7)  # the mean is one of the numbers by 1e8
    slopes = np.array([1.0, -2.0, 0.5])
    for turned, shift in ((near, 0.0), (far, 1e8)):
        own = np.linalg.solve(turned.inverse[1:, 1:], slopes)
        predictor = (columns + shift) @ slopes
        intercept = -(turned.inverse[0, 1:] @ own)
        np.testing.assert_allclose(turned.own @ own + intercept, predictor, rtol=1e-14, atol=1e-13)


@pytest.mark.parametrize("units", [[1e-9, 1.0, 1e9], [1e-200, 1e-160, 1e200]])
def test_units_are_powers_of_two_and_decide_nothing(units):
    plain, other = (Turned.of(columns, None, intercept=True) for columns in (X, X * units))
    np.testing.assert_allclose(other.own, plain.own, atol=1e-14)
    np.testing.assert_allclose(other.inverse[1:, 1:] * np.array(units)[:, None], plain.inverse[1:, 1:], atol=1e-14)
    found = unit_of(X * units)
    assert np.all(np.frexp(found)[0] == 0.5)
    assert np.all(found[np.abs(np.log10(units)) < 100] == 1)


NOTHING = {
    "a sum": ([0, 1, 0], lambda x: x[:, 0] - 2 * x[:, 1], [0, 1, -2, -1]),
    "a constant": ([0, 1, 0], lambda x: np.full(12, 3.0), [3, 0, 0, -1]),
    "zeros": ([0, 1, 0], lambda x: np.zeros(12), [0, 0, 0, -1]),
    "a column at 1e8": ([0, 1, 0], lambda x: x[:, 0] + 1e8, [1e8, 1, 0, -1]),
}  # fmt: skip


@pytest.mark.parametrize(("_", "third", "expected"), NOTHING.values(), ids=NOTHING)
def test_a_combination_that_adds_up_to_nothing_is_found(_, third, expected):
    columns = np.round(X * 512) / 512
    columns[:, 2] = third(columns)
    turned = Turned.of(columns, None, intercept=True)
    assert turned.held.tolist() == [False, False, False, True]
    np.testing.assert_array_equal(turned.own[:, 2], 0)
    nothing = turned.inverse[:, 3] / -turned.inverse[3, 3]
    np.testing.assert_allclose(nothing, expected, rtol=1e-14, atol=1e-13)
    columns[0, 2] += 1e-3
    assert not np.any(Turned.of(columns, None, intercept=True).held)


def test_fewer_rows_than_columns_hold_those_that_the_others_explain():
    for shift in (0.0, 1e8):
        turned = Turned.of(X[:3] + shift, None, intercept=True)
        assert turned.held.tolist() == [False, False, False, True]
        design = np.column_stack([np.ones(3), X[:3] + shift])
        nothing = turned.inverse[:, 3]
        assert np.all(np.abs(design @ nothing) <= 4 * np.finfo(float).eps * (np.abs(design) @ np.abs(nothing)))


def test_weights_of_any_size_weigh():
    shares = np.array([1e9, *np.ones(11)])
    turned = Turned.of(X, shares / shares.mean(), intercept=True)
    own = turned.own
    np.testing.assert_allclose((own * shares[:, None]).T @ own / shares.sum(), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(shares @ own / shares.sum(), 0, atol=1e-12)
