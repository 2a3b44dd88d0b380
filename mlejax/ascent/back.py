"""The way from parameters in units that a sample has of its own back to those of the data."""

import dataclasses

import numpy as np
from jaxtyping import Float

Vectors = Float[np.ndarray, "... k"]
Matrices = Float[np.ndarray, "... k k"]


@dataclasses.dataclass(frozen=True, eq=False)
class Back:
    """Parameters in the data's units, of one sample or of many along the axes in front: matrix @ own + shift."""

    matrix: Matrices
    shift: Vectors
    log_scale: float | Float[np.ndarray, "..."] = 0.0  # of the observations: what an own log-density has too much

    def parameters(self, own: Vectors) -> Vectors:
        """Return parameters in the data's units; infinite or zero where float64 does not hold them."""
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            return (self.matrix @ own[..., None])[..., 0] + self.shift

    def own(self, parameters: Vectors) -> Vectors:
        """Return parameters in the sample's own units: the inverse of `parameters`."""
        return np.linalg.solve(self.matrix, (parameters - self.shift)[..., None])[..., 0]

    def of(self, chosen: np.ndarray) -> "Back":
        """Return the ways of some of many samples, by their indices; one way that serves all stays what it is."""
        if self.matrix.ndim == 2:
            return self
        shift = self.shift if self.shift.ndim == 1 else self.shift[chosen]
        log_scale = np.asarray(self.log_scale)
        return Back(self.matrix[chosen], shift, log_scale[chosen] if log_scale.ndim else self.log_scale)

    def errors(self, jacobian: Float[np.ndarray, "... k p"], covariance: Float[np.ndarray, "... p p"]) -> Vectors:
        """Return the standard errors of parameters in the data's units, which float64 holds where not their squares.

        Args:
            jacobian: of own parameters by the coordinates that they follow from.
            covariance: of these coordinates.
        """
        slopes = self.matrix @ jacobian
        size = np.max(np.abs(slopes), axis=-1, keepdims=True)
        unit = slopes / np.where(size > 0, size, 1.0)
        return size[..., 0] * np.sqrt(np.sum(unit @ covariance * unit, axis=-1))
