"""How uncertain coordinates are, from the information about them; of one maximum or of many along axes in front."""

import dataclasses
import math
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


def errors_of(jacobian: Float[np.ndarray, "... k p"], covariance: Matrices) -> Float[np.ndarray, "... k"]:
    """Return the standard errors of numbers that follow from coordinates.

    Args:
        jacobian: of these numbers by the coordinates.
        covariance: of the coordinates.
    """
    if jacobian.shape[-1] > SMALL:
        product = jacobian @ covariance
    else:
        product = sum(jacobian[..., i, None] * covariance[..., None, i, :] for i in range(jacobian.shape[-1]))
    return np.sqrt(np.sum(product * jacobian, axis=-1))


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
    if information.ndim == 2 and len(information) <= FEW and (found := _of_one(information.tolist())) is not None:
        return found
    scale = scale_of(information)
    both = scale[..., :, None] * scale[..., None, :]
    matrix = information * both
    finite = np.isfinite(np.add.reduce(matrix, axis=(-2, -1)))
    if not finite.all():
        matrix = np.nan_to_num(matrix)
    size = matrix.shape[-1]
    if matrix.ndim == 2:
        inverse, least = (_by_cholesky(matrix) if finite else None) or _by_eigenvalues(matrix)
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


def _of_one(information: list[list[float]]) -> tuple[Matrices, Float[np.ndarray, ""]] | None:
    """Return what `_inverses` does of one small matrix, with a bound of the least eigenvalue, as of many.

    None where the bound does not tell that it is regular, or not all is finite. In Python's numbers: an array of few is
    dear.
    """
    size = len(information)
    places, bound = range(size), _share_of_least(size)
    sizes = [abs(information[i][i]) for i in places]
    scale = [1 / math.sqrt(each) if 0 < each < math.inf else 1.0 for each in sizes]
    work = [
        [*(information[i][j] * (scale[i] * scale[j]) for j in places), *(float(i == j) for j in places)] for i in places
    ]
    for i in places:
        pivot = work[i][i]
        if not 0 < pivot < math.inf:
            return None
        bound *= pivot
        work[i] = [each / pivot for each in work[i]]
        for j in places:
            if j != i:
                factor = work[j][i]
                work[j] = [each - factor * other for each, other in zip(work[j], work[i], strict=True)]
    if not bound > SURELY_REGULAR:
        return None
    return np.array([[work[i][size + j] * (scale[i] * scale[j]) for j in places] for i in places]), np.asarray(bound)


def _by_cholesky(matrix: Float[np.ndarray, "p p"]) -> tuple[Matrices, float] | None:
    """Return what `_of_one` does of a matrix with a unit diagonal, in a third of the time of its eigenvalues."""
    try:
        lower = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        return None
    bound = math.prod(lower.diagonal().tolist()) ** 2 * _share_of_least(len(matrix))
    if not bound > SURELY_REGULAR:
        return None
    half = np.linalg.inv(lower)
    return half.T @ half, bound


def _by_eigenvalues(matrix: Matrices) -> tuple[Matrices, Float[np.ndarray, "..."]]:
    """Return the inverses of symmetric matrices as if no eigenvalue were less than `SINGULAR`, and the least ones."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors / np.maximum(values, SINGULAR)[..., None, :]) @ np.swapaxes(vectors, -1, -2), values[..., 0]


def _by_elimination(matrix: Matrices) -> tuple[Matrices, Float[np.ndarray, "..."]]:
    """Return the inverses and determinants of symmetric matrices; NaN where one is not positive definite."""
    size = matrix.shape[-1]
    # The matrices come last: what is computed of an entry of all lies side by side.
    work = np.concatenate([np.moveaxis(matrix, (-2, -1), (0, 1)), np.zeros((size, size, *matrix.shape[:-2]))], axis=1)
    work[range(size), range(size, 2 * size)] = 1.0
    determinant = np.ones(matrix.shape[:-2])
    with np.errstate(all="ignore"):
        for i in range(size):
            pivot = np.where(work[i, i] > 0, work[i, i], np.nan)
            determinant *= pivot
            work[i] /= pivot
            for j in range(size):
                if j != i:
                    work[j] -= work[j, i].copy() * work[i]
    return np.moveaxis(work[:, size:], (0, 1), (-2, -1)), determinant
