"""How uncertain coordinates are, from the information about them; of one maximum or of many along axes in front."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

UNCERTAIN = 0.5
"""A bounded coordinate is looked at where its standard error, a factor's logarithm, exceeds this."""

SINGULAR = 1e-10
"""The least eigenvalue, of an information with a unit diagonal, that tells the parameters apart."""

SURELY_REGULAR = 1e-6
"""Where a bound on that eigenvalue, from below, is larger, no decomposition is needed to know it."""

SMALL = 8
"""Up to so many coordinates, many matrices are inverted side by side, step by step."""

FEW = 4
"""Up to so many, one matrix is."""

Matrices = Float[np.ndarray, "... p p"]
Vectors = Float[np.ndarray, "... p"]


def scale_of(information: Any, of: Any = np) -> Any:
    """Return the standard error of each coordinate, (..., p), that one observation leaves; 1 where it leaves none.

    Args:
        information: (..., p, p).
        of: the library that computes it, NumPy or `jax.numpy`.
    """
    curvature = of.abs(of.diagonal(information, axis1=-2, axis2=-1))
    return 1 / of.sqrt(of.where(of.isfinite(curvature) & (curvature > 0), curvature, 1.0))


@dataclasses.dataclass(frozen=True, eq=False)
class Spread:
    """What informations leave open about coordinates: of one maximum, or of many along axes in front."""

    inverse: Matrices  # of the informations, with what they do not tell apart left very uncertain
    least: Float[np.ndarray, "..."]  # eigenvalue, of an information with a unit diagonal, or a bound from below
    count: Any  # (...) of the observations

    @classmethod
    def of(cls, information: Matrices, count: Any) -> "Spread":
        """Return what informations (..., p, p) of mean log-likelihoods leave open, about `count` (...) observations."""
        return cls(*_inverses(information), np.asarray(count))

    def doubtful(
        self, coordinates: Vectors, arrived: Bool[np.ndarray, "..."], bounded: np.ndarray
    ) -> Bool[np.ndarray, "... p"]:
        """Return which coordinates have to be looked at from further away.

        Args:
            coordinates: (..., p) where climbs ended.
            arrived: (...) whether each is the top of a parabola.
            bounded: (p,) which coordinates are the logarithm of a distance.
        """
        uncertain = self.errors > np.where(bounded, UNCERTAIN, np.abs(coordinates))
        return uncertain | (~arrived | (self.least < SINGULAR))[..., None]

    @property
    def errors(self) -> Vectors:
        """The standard error of each coordinate."""
        return np.sqrt(self.inverse.diagonal(axis1=-2, axis2=-1) / self.count[..., None])

    @property
    def covariance(self) -> Matrices:
        """The inverses of the informations about the samples; NaN where one is not positive definite."""
        return np.where((self.least > 0)[..., None, None], self.uncertainty, np.nan)

    @property
    def uncertainty(self) -> Matrices:
        """The inverses of the informations about the samples, with what these do not tell apart very uncertain."""
        return self.inverse / self.count[..., None, None]


def is_flat(information: Matrices) -> bool:
    """Return whether a log-likelihood curves along some direction so little, up or down, that it may be rounding."""
    scale = scale_of(information)
    return bool(
        np.min(np.abs(np.linalg.eigvalsh(np.nan_to_num(information * np.outer(scale, scale))))) < SURELY_REGULAR
    )


def _inverses(information: Matrices) -> tuple[Matrices, Float[np.ndarray, "..."]]:
    """Return the inverses of matrices, with what they do not tell apart left very uncertain; and a least eigenvalue.

    That is of the matrix with a unit diagonal; where it is larger than `SURELY_REGULAR`, a bound from below.
    """
    scale = scale_of(information)
    both = scale[..., :, None] * scale[..., None, :]
    matrix = information * both
    finite = np.isfinite(np.add.reduce(matrix, axis=(-2, -1)))
    if not finite.all():
        matrix = np.nan_to_num(matrix)
    size = matrix.shape[-1]
    if matrix.ndim == 2:
        found = _of_one(matrix.tolist()) if size <= FEW and finite else None
        inverse, least = found if found is not None else _by_eigenvalues(matrix)
        return inverse * both, np.asarray(least)
    inverse, least = np.zeros_like(matrix), np.full(matrix.shape[:-2], -np.inf)
    if size <= SMALL:
        inverse, determinant = _by_elimination(matrix)
        least = determinant * _share_of_least(size)
    rest = ~(finite & (least > SURELY_REGULAR))
    if np.any(rest):
        inverse[rest], least[rest] = _by_eigenvalues(matrix[rest])
    return inverse * both, least


def _share_of_least(size: int) -> float:
    """Return what times its determinant is a lower bound of the least eigenvalue of a matrix with a unit diagonal.

    The eigenvalues add up to p: the product of all but the least is at most (p / (p - 1))^(p - 1).
    """
    return ((size - 1) / size) ** (size - 1)


def _of_one(rows: list[list[float]]) -> tuple[Matrices, float] | None:
    """Return the inverse of a small matrix with a unit diagonal and a bound of its least eigenvalue, as of many.

    None where the bound does not tell that it is regular. In Python's numbers: an array of few is dear.
    """
    size, bound = len(rows), _share_of_least(len(rows))
    work = [[*row, *(float(i == j) for j in range(size))] for i, row in enumerate(rows)]
    for i in range(size):
        pivot = work[i][i]
        if not pivot > 0:
            return None
        bound *= pivot
        work[i] = [each / pivot for each in work[i]]
        for j in range(size):
            if j != i:
                factor = work[j][i]
                work[j] = [each - factor * other for each, other in zip(work[j], work[i], strict=True)]
    return (np.array([row[size:] for row in work]), bound) if bound > SURELY_REGULAR else None


def _by_eigenvalues(matrix: Matrices) -> tuple[Matrices, Float[np.ndarray, "..."]]:
    """Return the inverses of symmetric matrices as if no eigenvalue were less than `SINGULAR`, and the least ones."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors / np.maximum(values, SINGULAR)[..., None, :]) @ np.swapaxes(vectors, -1, -2), values[..., 0]


def _by_elimination(matrix: Matrices) -> tuple[Matrices, Float[np.ndarray, "..."]]:
    """Return the inverses and determinants of symmetric matrices; NaN where one is not positive definite."""
    size = matrix.shape[-1]
    work, inverse = matrix.copy(), np.broadcast_to(np.eye(size), matrix.shape).copy()
    determinant = np.ones(matrix.shape[:-2])
    with np.errstate(all="ignore"):
        for i in range(size):
            pivot = np.where(work[..., i, i] > 0, work[..., i, i], np.nan)
            determinant = determinant * pivot
            for rows in (work, inverse):
                rows[..., i, :] /= pivot[..., None]
            for j in range(size):
                if j != i:
                    factor = work[..., j, i, None].copy()
                    work[..., j, :] -= factor * work[..., i, :]
                    inverse[..., j, :] -= factor * inverse[..., i, :]
    return inverse, determinant
