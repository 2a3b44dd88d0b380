"""A regression in columns that are orthonormal: neither their units nor how alike they are decides anything."""

import dataclasses
from typing import Any, Generic

import numpy as np
from jaxtyping import Float

from ..models.base import M
from ..models.parameters import Parameters
from ..models.regression import Regression
from ..models.rows import Rows

COLLINEAR = 1e-15
"""The least singular value of columns of length 1, per column, that tells them apart."""


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

    def to_data(self, model: M) -> M:
        """Return the model on the columns that were given."""
        return _with_coefficients(model, np.linalg.solve(self.root, np.asarray(model.coefficients)))  # type: ignore[attr-defined]

    def from_data(self, model: M) -> M:
        """Return the model on orthonormal columns: the inverse of `to_data`."""
        return _with_coefficients(model, self.root @ np.asarray(model.coefficients))  # type: ignore[attr-defined]

    def covariance(self, own: Float[np.ndarray, "k k"]) -> Float[np.ndarray, "k k"]:
        """Return the covariance of the parameters in the data's units, from that in these."""
        size = len(self.root)  # the coefficients come first
        jacobian = np.eye(len(own))
        jacobian[:size, :size] = np.linalg.solve(self.root, np.eye(size))
        return jacobian @ own @ jacobian.T

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


def design_for(start: Any, values: Any, weights: np.ndarray | None) -> Design[Any] | None:
    """Return the orthonormal columns of a regression; None of other models, and where columns are collinear."""
    if not isinstance(start, Regression):
        return None
    columns = start.design(values)
    n, size = columns.shape
    shares = np.ones(n) if weights is None else weights / np.mean(weights)
    shift = np.average(columns, axis=0, weights=shares) if start.intercept else np.zeros(size)
    shift[: start.intercept] = 0.0
    own = (columns - shift[None])[:, int(start.intercept) :]
    root = np.eye(size)
    if own.shape[1]:
        if n < size:
            return None
        basis, factor = np.linalg.qr(own * np.sqrt(shares)[:, None])
        if not _apart(factor, np.sqrt(np.sum(columns[:, int(start.intercept) :] ** 2 * shares[:, None], axis=0))):
            return None
        signs = np.where(np.diagonal(factor) < 0, -1.0, 1.0)
        own = basis * signs[None] * np.sqrt(n) / np.sqrt(shares)[:, None]
        root[int(start.intercept) :, int(start.intercept) :] = factor * signs[:, None] / np.sqrt(n)
    if start.intercept:
        root[0, 1:] = shift[1:]
    return Design(Parameters.of(start), start.with_design(values, own), root, start.perfect(values))


def _apart(factor: np.ndarray, sizes: np.ndarray) -> bool:
    """Return whether no column is a combination of the others to rounding.

    Args:
        factor: triangular, of the columns less their means, (d, d).
        sizes: the lengths of the columns as they were given, (d,).
    """
    lengths = np.sqrt(np.sum(factor**2, axis=0))
    if not np.all((lengths > 10 * np.finfo(float).eps * sizes) & np.isfinite(lengths)):
        return False
    singular = np.linalg.svd(factor / lengths[None], compute_uv=False)
    return bool(singular[-1] > COLLINEAR * len(factor))


def _with_coefficients(model: Any, coefficients: np.ndarray) -> Any:
    return dataclasses.replace(model, coefficients=coefficients)
