"""A regression in columns that are orthonormal: neither their units nor how alike they are decides anything."""

import dataclasses
from typing import Any, Generic

import numpy as np
from jaxtyping import Float

from ..models.base import M, Model
from ..models.parameters import Parameters
from ..models.regression import Regression
from ..models.rows import Rows
from ..models.wrappers import Fixed, Given
from .back import Back

COLLINEAR = 1e-15
"""The least singular value of columns of length 1, per column, that tells them apart."""

WELL_APART = 1e-6
"""The least eigenvalue of the products of columns of length 1 from which the products alone tell them apart."""

ROWS = 1 << 14
"""Rows that are taken at once, which then lie in a core's cache."""


@dataclasses.dataclass(frozen=True, eq=False)
class Design(Generic[M]):
    """Units of a regression: its columns, less their means where there is an intercept, made orthonormal by a QR.

    The coefficients of those columns are `root` times the coefficients of the columns that were given.
    """

    table: Parameters[M]
    given: Rows  # the sample, with its columns made orthonormal, of length sqrt(n)
    root: Float[np.ndarray, "p p"]  # triangular
    perfect: str  # why the likelihood has no bound, where the columns fit the responses exactly
    scale: float = 1.0  # of the response

    def of_observations(self, values: Rows) -> Rows:
        """Return the sample for which these units were made."""
        return self.given

    @property
    def back(self) -> Back:
        """The way from parameters on orthonormal columns to those of the columns that were given."""
        size = len(self.root)  # the coefficients come first
        matrix = np.eye(self.table.size)
        matrix[:size, :size] = np.linalg.solve(self.root, np.eye(size))
        return Back(matrix, np.zeros(len(matrix)))

    def to_data(self, model: M) -> M:
        """Return the model on the columns that were given."""
        return _with_coefficients(model, np.linalg.solve(self.root, _coefficients(model)))

    def from_data(self, model: M) -> M:
        """Return the model on orthonormal columns: the inverse of `to_data`."""
        return _with_coefficients(model, self.root @ _coefficients(model))

    def covariance(self, own: Float[np.ndarray, "k k"]) -> Float[np.ndarray, "k k"]:
        """Return the covariance of the parameters in the data's units, from that in these."""
        return self.back.matrix @ own @ self.back.matrix.T

    def errors(self, own: Float[np.ndarray, "k k"]) -> Float[np.ndarray, " k"]:
        """Return the standard errors of the parameters in the data's units, from their covariance in these."""
        return np.sqrt(np.diagonal(self.covariance(own)))

    def directions(self, change: Float[np.ndarray, " k"]) -> str:
        """Return in words which coefficients a change in these units raises, and which it lowers."""
        size = len(self.root)
        moved = np.linalg.solve(self.root, change[:size])
        sizes = np.abs(moved) * np.sqrt(np.sum(self.root**2, axis=0))  # by what it does to the predictor
        entries = self.table.entries
        chosen = [i for i in range(size) if sizes[i] > 1e-3 * np.max(sizes)]
        return " and ".join(f"{entries[i]} {'grows' if moved[i] > 0 else 'falls'}" for i in chosen)


def design_for(start: Any, values: Any, weights: np.ndarray | None, alone: int | None = None) -> Design[Any] | None:
    """Return the orthonormal columns of a regression; None of other models, and where columns are collinear.

    Args:
        start: one of these models, perhaps with other parameters than its coefficients fixed.
        values: the sample.
        weights: (n,), of its rows; None: alike.
        alone: the place of a coefficient that one on the orthonormal columns has to be by itself, in another unit: of
            a slope the last, of the intercept the first, where columns are not shifted.
    """
    regression = regression_in(start)
    if regression is None:
        return None
    columns, first = regression.features(values), int(regression.intercept)
    order = np.arange(columns.shape[1])
    if alone is not None and alone >= first:  # the last row of a triangular root has the last column alone
        order = np.append(np.delete(order, alone - first), alone - first)
    n, size = columns.shape
    if n < size + first:
        return None
    root = np.eye(size + first)
    if size:
        shares = None if weights is None else weights / np.mean(weights)
        shifted = first and alone != 0
        shift = np.average(columns, axis=0, weights=shares) if shifted else np.zeros(size)
        found = _orthonormal(columns[:, order], shift[order], shares)
        if found is None:
            return None
        columns, root[first:, first + order] = found
        root[0, first:] += shift if first else 0.0
    perfect = regression.perfect(values) if regression is start else ""
    return Design(Parameters.of(start), regression.with_design(values, columns), root, perfect)


def regression_in(model: Model) -> Regression | None:
    """Return the regression that a model is, or has inside with other parameters fixed; None where it is none."""
    inner = model.base if isinstance(model, Fixed) else model
    return inner if isinstance(inner, Regression) and not isinstance(inner.coefficients, Given) else None


def _orthonormal(
    columns: np.ndarray, shift: np.ndarray, shares: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return columns, less their shifts, made orthogonal and of length sqrt(n), and the matrix that undoes it.

    None where one is a combination of the others to rounding. Of many rows, whose columns are well told apart, by the
    matrix of products, which takes a tenth of the time of a QR: there any root of it will do.

    Args:
        columns: (n, d).
        shift: of each, (d,).
        shares: how much each row counts, (n,), 1 on average; None: alike.
    """
    n, size = columns.shape
    parts = [slice(begin, begin + ROWS) for begin in range(0, n, ROWS)]
    products, sizes = np.zeros((size, size)), np.zeros(size)
    for part in parts:
        away = columns[part] - shift[None]
        weighted = away if shares is None else away * shares[part, None]
        products += weighted.T @ away
        sizes += np.sum(columns[part] ** 2, axis=0)
    lengths = np.sqrt(np.diagonal(products))
    if not np.all((lengths > 10 * np.finfo(float).eps * np.sqrt(sizes)) & np.isfinite(lengths)):
        return None
    scaled = products / np.outer(lengths, lengths)
    if n > ROWS and np.linalg.eigvalsh(scaled)[0] > WELL_APART:
        root = np.linalg.cholesky(scaled).T * lengths[None] / np.sqrt(n)
        inverse = np.linalg.inv(root)
        own = np.empty_like(columns)
        for part in parts:
            own[part] = (columns[part] - shift[None]) @ inverse
        return own, root
    roots = np.ones((n, 1)) if shares is None else np.sqrt(shares)[:, None]
    basis, factor = np.linalg.qr((columns - shift[None]) * roots)
    if np.linalg.svd(factor / lengths[None], compute_uv=False)[-1] <= COLLINEAR * size:
        return None
    signs = np.where(np.diagonal(factor) < 0, -1.0, 1.0)
    return basis * signs[None] * np.sqrt(n) / roots, factor * signs[:, None] / np.sqrt(n)


def _coefficients(model: Any) -> np.ndarray:
    return np.asarray((model.base if isinstance(model, Fixed) else model).coefficients)


def _with_coefficients(model: Any, coefficients: np.ndarray) -> Any:
    if isinstance(model, Fixed):
        return dataclasses.replace(model, base=_with_coefficients(model.base, coefficients))
    return dataclasses.replace(model, coefficients=coefficients)
