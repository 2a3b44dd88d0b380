"""Sums of products as if of twice as many digits: what is left of numbers that cancel."""

import numpy as np
from jaxtyping import Float

SPLIT = 2.0**27 + 1
"""Times a number, and less that product's excess, its first half of the digits."""

Columns = Float[np.ndarray, "n p"]
Matrix = Float[np.ndarray, "p k"]
Sums = Float[np.ndarray, "n k"]


def combined(columns: Columns, matrix: Matrix, given: Float[np.ndarray, "n k"] | float = 0.0) -> Sums:
    """Return given + columns @ matrix, rounded once to nearly the last digit however much of it cancels.

    Every sum and product is taken with its rounding, and the roundings are added at the end.

    Args:
        columns: whose numbers, as those of the matrix, are neither above 1e150 nor, but for zero, below 1e-140.
        matrix: what they are multiplied by.
        given: what is added.

    Reference: T. Ogita, S. M. Rump and S. Oishi, Accurate sum and dot product, SIAM Journal on Scientific Computing 26
    (2005) 1955-1988, algorithm 5.3.

    Example:
        >>> combined(np.array([[1e8, 1.0]]), np.array([[1e8 + 1], [-1e16]])), 1e8 * (1e8 + 1) - 1e16
        (array([[1.e+08]]), 100000000.0)
    """
    total = np.zeros((len(columns), matrix.shape[1])) + given
    lost = np.zeros_like(total)
    for column, row in zip(columns.T, matrix, strict=True):
        product, of_product = _product(column[:, None], row[None])
        total, of_sum = summed(total, product)
        lost += of_product + of_sum
    return total + lost


def summed(a: np.ndarray, b: np.ndarray) -> tuple[Sums, Sums]:
    """Return a sum, and what its rounding took."""
    total = a + b
    moved = total - a
    return total, (a - (total - moved)) + (b - moved)


def _product(a: np.ndarray, b: np.ndarray) -> tuple[Sums, Sums]:
    """Return a product, and what its rounding took."""
    product, (high, low), (above, below) = a * b, _halves(a), _halves(b)
    return product, low * below - (((product - high * above) - low * above) - high * below)


def _halves(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers as sums of two, each with half of the digits."""
    scaled = SPLIT * a
    high = scaled - (scaled - a)
    return high, a - high
