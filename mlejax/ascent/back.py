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
    shift: Float[np.ndarray, " k"]
    log_scale: float = 0.0  # of the observations: what an own log-density has too much

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
        return Back(self.matrix[chosen], self.shift, self.log_scale)
