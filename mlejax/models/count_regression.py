"""Regressions of counts that vary more than those of a Poisson distribution."""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .abilities import Limit
from .base import Parameter
from .constraints import parameter, positive, real
from .discrete import negative_binomial
from .least_squares import Matrix, Vector, least_squares, predicted
from .moments import Weights, plain
from .regression import Fitted, PoissonRegression, Regression
from .support import counts

LEAST_SIZE, MOST_SIZE = 0.05, 100.0
"""A start has a size between them: beyond, the likelihood is flat."""


class NegativeBinomialRegression(Regression):
    r"""A response that counts, with the mean m = exp(eta) and the variance m + m^2 / size:

    log p(y | x) = log Gamma(y + size) - log Gamma(size) - log(y!) + size log(size / (size + m))
    + y log(m / (size + m)), eta = intercept + features @ slopes + offset. The offset is the logarithm of an exposure.
    With a large size this becomes a Poisson regression; where the counts vary no more than those of one, there is no
    maximum, and the fit says so.

    Args:
        coefficients: (p,), the intercept first; each the change of the log-mean per unit of its column.
        size: positive, without unit; R calls it theta, others the inverse of their alpha.

    Reference: J. F. Lawless, Negative binomial and mixed Poisson regression, Canadian Journal of Statistics 15 (1987)
    209-225; J. M. Hilbe, Negative Binomial Regression (2011), chapter 8, where it is called NB2.

    Example:
        >>> import mlejax, numpy as np
        >>> x = np.array([[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]])
        >>> result = mlejax.fit(mlejax.NegativeBinomialRegression, {"features": x, "response": [0, 7, 3, 1, 30, 12]})
        >>> print(result.model.coefficients.round(4), round(result.model.size.item(), 4))
        [-0.0546  0.5388] 1.2096
    """

    starts_side_by_side: ClassVar[bool] = True
    coefficients: Parameter = parameter(real)
    size: Parameter = parameter(positive)
    columns: tuple[str, ...] = eqx.field(static=True, default=())
    intercept: bool = eqx.field(static=True, default=True)
    response: str = eqx.field(static=True, default="response")
    offset: str = eqx.field(static=True, default="offset")

    of_response = counts

    def log_prob(self, x: Mapping[str, Any]) -> Array:
        eta = self.predictor(x)
        return negative_binomial(x[self.response], self.size, jnp.exp(eta), eta)

    @classmethod
    def started(cls, design: Matrix, response: Vector, offset: Vector, weights: Weights) -> Mapping[str, Any]:
        """Return the line through logarithms of the counts, and the size that leaves the variance about it."""
        coefficients = least_squares(design, np.log(response + 0.5) - offset, weights)
        most = np.log(np.max(response, axis=-1, keepdims=True) + 1.0)
        mean = np.exp(np.minimum(predicted(design, coefficients) + offset, most))
        excess = np.average((response - mean) ** 2 - mean, axis=-1, weights=weights)
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.where(excess > 0, np.average(mean**2, axis=-1, weights=weights) / excess, MOST_SIZE)
        return {"coefficients": coefficients, "size": plain(np.clip(size, LEAST_SIZE, MOST_SIZE))}

    def limits(self) -> tuple[Limit, ...]:
        """Return that this becomes a Poisson regression as the size grows."""
        return (Limit(PoissonRegression, "size grows"),)

    def expected(self, predictor: Vector) -> Fitted:
        mean = np.exp(predictor)
        return Fitted(mean, np.sqrt(mean + mean**2 / self.size))
