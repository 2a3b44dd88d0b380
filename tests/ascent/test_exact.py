"""Sums of products against fractions, which have all digits."""

from fractions import Fraction

import numpy as np

from mlejax.ascent.exact import combined


def test_nothing_is_lost_where_terms_cancel():
    random = np.random.RandomState(0)
    columns, matrix = random.normal(size=(5, 4)) * 1e8, random.normal(size=(4, 2)) * [[1.0], [1e5], [1e-5], [1.0]]
    given = -(columns @ matrix)  # what is left is the rounding of a product, of which no digit is right
    left = np.zeros((5, 2))
    for i, j in np.ndindex(5, 2):
        products = (Fraction(a) * Fraction(b) for a, b in zip(columns[i], matrix[:, j], strict=True))
        left[i, j] = float(sum(products, Fraction(given[i, j])))
    assert np.all(np.abs(left) > 0)
    np.testing.assert_allclose(combined(columns, matrix, given), left, rtol=1e-12)
    assert not np.allclose(columns @ matrix + given, left, rtol=0.1)
