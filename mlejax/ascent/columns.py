"""The columns of a regression made orthonormal, and those among them that are combinations of others."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from ..models.least_squares import Matrix, Vector
from .exact import combined, summed

COLLINEAR = 1e-15
"""The part of a column of length 1 that is no combination of the others, per column, from which on it is one itself."""

WELL_APART = 1e-6
"""The least eigenvalue of the products of columns of length 1 from which the products alone tell them apart."""

POORLY_APART = 0.1
"""The least singular value of columns of length 1 below which the products that make them orthonormal cancel."""

ROWS = 1 << 14
"""Rows that are taken at once, which then lie in a core's cache."""

LARGE = 1e100
"""Numbers from 1 / LARGE to LARGE have squares, and sums of these, that float64 holds."""


@dataclasses.dataclass(frozen=True, eq=False)
class Turned:
    """Columns, less their means where there is an intercept, made orthonormal, and the way back."""

    own: Float[np.ndarray, "n d"]  # of length sqrt(n); zeros for a combination of columns before it
    inverse: Float[np.ndarray, "p p"]  # times coefficients on these, the intercept first, those of the columns as given
    held: Bool[np.ndarray, " p"]  # of these, which stand for a combination of columns that adds up to nothing

    @classmethod
    def of(cls, columns: Matrix, shares: Vector | None, intercept: bool, alone: int | None = None) -> "Turned":
        """Make columns orthonormal.

        Args:
            columns: (n, d).
            shares: how much each row counts, (n,), 1 on average; None: alike.
            intercept: whether there is a column of ones in front.
            alone: the place of a coefficient that is to be one on these by itself, in another unit: of a slope the
                last, of the intercept the first, and then nothing is taken off the columns.
        """
        d, first = columns.shape[1], int(intercept)
        if not d:
            return cls(columns, np.eye(first), np.full(first, False))
        order = np.arange(d)
        if alone is not None and alone >= first:  # the last row of a triangular root has the last column alone
            order = np.append(np.delete(order, alone - first), alone - first)
            columns = columns[:, order]
        shifted = intercept and alone != 0
        units, found = np.ones(d), _Made.by_products(columns, shares, shifted) if len(columns) > ROWS else None
        if found is None:
            units = unit_of(columns)
            found = _Made.one_by_one(columns if np.all(units == 1) else columns / units[None], shares, shifted)
        inverse, held = np.eye(d + first), np.full(d + first, False)
        inverse[np.ix_(first + order, first + np.arange(d))] = found.inverse / units[:, None]
        if first and shifted:
            inverse[0, 1:] = -found.center
        held[first:] = found.held
        return cls(found.own, inverse, held)

    def coefficients(self, response: Vector, shares: Vector | None) -> Float[np.ndarray, " p"]:
        """Return the coefficients of least squares on these columns."""
        weighted = response if shares is None else response * shares
        slopes = self.own.T @ weighted / len(weighted)
        return slopes if len(slopes) == len(self.held) else np.append(np.mean(weighted), slopes)

    def fitted(self, coefficients: Float[np.ndarray, " p"]) -> Vector:
        """Return the predictor of coefficients on these columns."""
        slopes = coefficients[len(self.held) - self.own.shape[1] :]
        predictor = self.own @ slopes
        return predictor if len(slopes) == len(coefficients) else predictor + coefficients[0]


def unit_of(columns: np.ndarray) -> np.ndarray:
    """Return for each column a power of two near the largest of its numbers; 1 where float64 holds their squares."""
    largest = np.max(np.abs(columns), axis=0, initial=0.0)
    strange = (largest > 0) & ~((largest > 1 / LARGE) & (largest < LARGE))
    return np.where(strange, np.ldexp(1.0, np.minimum(np.frexp(largest)[1], 1023)), 1.0)


@dataclasses.dataclass(frozen=True, eq=False)
class _Made:
    """Columns made orthonormal: own = (columns - shift) @ inverse, but for what is held."""

    own: Float[np.ndarray, "n d"]
    inverse: Float[np.ndarray, "d d"]
    center: Float[np.ndarray, " d"]  # shift @ inverse
    held: Bool[np.ndarray, " d"]

    @classmethod
    def by_products(cls, columns: Matrix, shares: Vector | None, shifted: bool) -> "_Made | None":
        """Make many rows orthonormal by the matrix of products, in a tenth of the time of a QR; None where that fails.

        Any root of it will do where it tells the columns apart.
        """
        n, d = columns.shape
        parts = [slice(begin, begin + ROWS) for begin in range(0, n, ROWS)]
        products, sizes = np.zeros((d, d)), np.zeros(d)
        with np.errstate(all="ignore"):
            shift = np.average(columns, axis=0, weights=shares) if shifted else np.zeros(d)
            for part in parts:
                away = columns[part] - shift[None]
                weighted = away if shares is None else away * shares[part, None]
                products += weighted.T @ away
                sizes += np.sum(columns[part] ** 2, axis=0)
            lengths, sizes = np.sqrt(np.diagonal(products)), np.sqrt(sizes)
        ordinary = (sizes > 1 / LARGE) & (sizes < LARGE)
        if not np.all((lengths > 10 * np.finfo(float).eps * sizes) & ordinary):
            return None
        scaled = products / np.outer(lengths, lengths)
        if not np.linalg.eigvalsh(scaled)[0] > WELL_APART:
            return None
        root = np.linalg.cholesky(scaled).T * lengths[None] / np.sqrt(n)
        inverse = np.linalg.inv(root)
        own = np.empty_like(columns)
        for part in parts:
            own[part] = (columns[part] - shift[None]) @ inverse
        return cls(own, inverse, shift @ inverse, np.full(d, False))

    @classmethod
    def one_by_one(cls, columns: Matrix, shares: Vector | None, shifted: bool) -> "_Made":
        """Make columns orthonormal by a QR of those that are no combinations of the ones before them."""
        n, d = columns.shape
        roots = np.ones((n, 1)) if shares is None else np.sqrt(shares)[:, None]
        shift = np.zeros(d)
        for _ in range(2 * shifted):  # the mean of what is left after the first is rounded less
            shift = shift + np.average(columns - shift[None], axis=0, weights=shares)
        away, lost = summed(columns, -shift[None])
        center = np.average(away, axis=0, weights=shares) if shifted else np.zeros(d)
        weighted = (away - center[None]) * roots
        lengths = np.sqrt(np.sum(weighted**2, axis=0))
        constant = lengths <= np.finfo(float).eps * np.sqrt(np.sum((columns * roots) ** 2, axis=0))
        lengths = np.where(constant, 1.0, lengths)
        _, factor = np.linalg.qr(np.where(constant[None], 0.0, weighted / lengths[None]))
        kept, nothing = _told_apart(factor, constant)
        inverse, own = np.zeros((d, d)), np.zeros((n, d))
        root = np.linalg.qr(factor[:, kept])[1] if nothing else factor
        root = root * np.where(np.diagonal(root) < 0, -1.0, 1.0)[:, None]
        turn = np.linalg.inv(root) * np.sqrt(n) / lengths[kept][:, None]
        inverse[np.ix_(kept, kept)] = turn
        for place, combination in nothing.items():
            inverse[:, place] = combination / lengths
        held = np.full(d, True)
        held[kept] = False
        if len(kept) and np.linalg.svd(root, compute_uv=False)[-1] < POORLY_APART:
            own[:, kept] = combined(away[:, kept], turn) + lost[:, kept] @ turn
            return cls(own, inverse, combined(shift[None], inverse)[0], held)
        own[:, kept] = away[:, kept] @ turn
        return cls(own, inverse, shift @ inverse, held)


def _told_apart(
    factor: Float[np.ndarray, "m d"], constant: Bool[np.ndarray, " d"]
) -> tuple[np.ndarray, dict[int, Vector]]:
    """Return which columns are no combinations of those before them, and of the others what adds up to nothing.

    Args:
        factor: of a QR of columns of length 1; zeros in the place of a constant one.
        constant: which are nothing beside an intercept.
    """
    m, d = factor.shape
    limit = COLLINEAR * d
    if m == d and not np.any(constant) and np.linalg.svd(factor, compute_uv=False)[-1] > limit:
        return np.arange(d), {}
    kept: list[int] = []
    nothing = {}
    for j in range(d):
        share = np.linalg.lstsq(factor[:, kept], factor[:, j], rcond=None)[0]
        rest = np.linalg.norm(factor[:, j] - factor[:, kept] @ share)
        if constant[j] or rest <= limit * np.sqrt(1 + share @ share):
            nothing[j] = np.zeros(d)
            nothing[j][kept], nothing[j][j] = share, -1.0
        else:
            kept.append(j)
    return np.array(kept, int), nothing
