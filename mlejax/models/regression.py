"""Regressions: the distribution of a response given columns, through a linear predictor.

An observation is a record of the response, the features and perhaps an offset. A sample is a dict of `response` (n,),
`features` (n, d) and perhaps `offset` (n,); or a table that has the named columns.
"""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array

from ..checks import InputTypeError, InputValueError
from .abilities import starts_many
from .base import Model, Parameter
from .constraints import parameter, positive, real
from .least_squares import Matrix, Vector, design_matrix, least_squares, predicted
from .moments import Weights, inside
from .rows import Rows
from .support import Support, Supports, counts, numbers


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """What a regression expects of the responses of a sample."""

    mean: Vector
    deviation: Vector  # standard


class Regression(Model):
    """A distribution of a response whose location is a linear predictor: intercept + features @ slopes + offset."""

    coefficients: eqx.AbstractVar[Parameter]
    columns: eqx.AbstractVar[tuple[str, ...]]
    intercept: eqx.AbstractVar[bool]
    response: eqx.AbstractVar[str]
    offset: eqx.AbstractVar[str]

    @classmethod
    def of(
        cls,
        columns: Sequence[str] | None = None,
        *,
        intercept: bool = True,
        response: str = "response",
        offset: str = "offset",
    ) -> "RegressionFamily":
        """Return the family of these regressions on certain columns.

        Args:
            columns: names of the features, which name the coefficients; of a table they are its columns. An empty list
                leaves the intercept alone; None takes all `features` of a record, by number.
            intercept: whether a constant is estimated too, the first of the coefficients.
            response: what the response is called in the sample.
            offset: likewise of numbers that are added to the predictor, where the sample has them.

        Returns:
            A family, which finds its start in the data.

        Raises:
            ValueError: a column has two uses, or nothing is left to estimate a predictor with.

        Example:
            >>> import mlejax
            >>> table = {"age": [30, 40, 50, 60], "pulse": [71.0, 72.0, 75.0, 78.0]}
            >>> result = mlejax.fit(mlejax.LinearRegression.of(["age"], response="pulse"), table)
            >>> {name: round(value.item(), 3) for name, value in result.parameters.items()}
            {'coefficients[intercept]': 63.2, 'coefficients[age]': 0.24, 'variance': 0.3}
        """
        named = None if columns is None else tuple(columns)
        if named == () and not intercept:
            raise InputValueError(f"{cls.__name__} needs an intercept or columns; it has neither")
        if twice := {response, offset} & set(named or ()):
            raise InputValueError(f"{cls.__name__}: {twice.pop()} cannot be a column and the response or offset too")
        return RegressionFamily(cls, named, intercept, response, offset)

    of_response: ClassVar[Support] = numbers
    """The support of a response."""

    any_unit: ClassVar[bool] = False
    """Whether a predictor may be taken off the responses, and what is left may have another scale, by which alone the
    coefficients and a root of the variance then change."""

    @property
    def support(self) -> Supports:  # type: ignore[override]
        """The support of the response; the rest may be any numbers."""
        return {self.response: self.of_response}

    @classmethod
    def start(cls, observations: Rows, weights: Weights = None) -> "Regression":
        """Return the start of a regression with an intercept on features without names."""
        return cls.of().start(observations, weights)

    @classmethod
    @abc.abstractmethod
    def started(cls, design: Matrix, response: Vector, offset: Vector, weights: Weights) -> Mapping[str, Any]:
        """Return parameters by name from which to climb, `coefficients` of the columns of the design among them.

        Args:
            design: (n, p); or those of several samples of one size, (b, n, p), whose parameters then have an axis of b.
            response: (n,) or (b, n).
            offset: likewise.
            weights: (n,) of one sample; None counts each observation once.
        """

    def starts_beside(self, observations: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return parameters by name, (b, ...), from which samples of one size start; see `started`.

        Args:
            observations: (b, n, ...), in columns that are well told apart.
        """
        response = np.asarray(observations[self.response], np.float64)
        offset = np.asarray(observations.get(self.offset, np.zeros(response.shape)), np.float64)
        design = self.design(observations)
        if starts_many(type(self), "started"):
            return self.started(design, response, offset, None)
        each = [self.started(*one, None) for one in zip(design, response, offset, strict=True)]
        return {name: np.stack([one[name] for one in each]) for name in each[0]}

    def labels(self, field: str) -> tuple[str, ...]:
        """Return the names of the numbers of a field."""
        return () if field != "coefficients" else self._names(np.shape(self.coefficients)[-1])

    def _names(self, count: int) -> tuple[str, ...]:
        names = self.columns or tuple(str(i) for i in range(count - self.intercept))
        return ("intercept", *names) if self.intercept else names

    def predictor(self, row: Mapping[str, Any]) -> Array:
        """Return the linear predictor of ONE observation."""
        slopes = self.coefficients[1:] if self.intercept else self.coefficients
        if "features" in row or self.columns:
            features = row["features"] if "features" in row else jnp.stack([row[name] for name in self.columns])
            value = jnp.asarray(features) @ slopes
            value = value + self.coefficients[0] if self.intercept else value
        else:
            value = self.coefficients[0]
        return value + row[self.offset] if self.offset in row else value

    # The sample as a matrix, for starts and for orthonormal columns

    def features(self, observations: Mapping[str, Any]) -> Matrix:
        """Return the features of a sample, or of several that are stacked, as a matrix."""
        return design_matrix(observations, self.columns, False, self.response)

    def design(self, observations: Mapping[str, Any]) -> Matrix:
        """Return the features of a sample as a matrix, a column of ones in front where there is an intercept."""
        return design_matrix(observations, self.columns, self.intercept, self.response)

    def with_design(self, observations: Mapping[str, Any], columns: Matrix) -> dict[str, Any]:
        """Return a sample, or several that are stacked, with other features, (..., n, d) without the ones."""
        rest = {name: part for name, part in observations.items() if name != "features"}
        if "features" in observations:
            return rest | {"features": columns}
        return rest | {name: columns[..., i] for i, name in enumerate(self.columns)}

    def with_response(self, observations: Mapping[str, Any], response: Vector) -> dict[str, Any]:
        """Return a sample with other responses, and no offset."""
        rest = {name: part for name, part in observations.items() if name != self.offset}
        return rest | {self.response: response}

    def fitted(self, observations: Mapping[str, Any]) -> "Fitted":
        """Return what the model expects of the responses of a sample, and how far they stray from that."""
        predictor = self.design(observations) @ np.asarray(self.coefficients, np.float64)
        if self.offset in observations:
            predictor = predictor + np.asarray(observations[self.offset], np.float64)
        return self.expected(predictor)

    @abc.abstractmethod
    def expected(self, predictor: Vector) -> "Fitted":
        """Return the mean and the standard deviation of responses with these linear predictors."""


@dataclasses.dataclass(frozen=True)
class RegressionFamily:
    """A family of regressions on certain columns; see `Regression.of`."""

    kind: type[Regression]
    columns: tuple[str, ...] | None = None  # None where features have no names
    intercept: bool = True
    response: str = "response"
    offset: str = "offset"

    @property
    def __name__(self) -> str:  # type: ignore[override]
        return self.kind.__name__

    def start(self, observations: Any, weights: Weights = None) -> Any:
        """Return a model near the maximum, and no nearer than two columns are apart.

        Raises:
            TypeError: the sample is no record of a response and features.
            ValueError: it has other columns.
        """
        name = self.kind.__name__
        if not isinstance(observations, Mapping):
            raise InputTypeError(
                f"{name} needs a record of a response and features, such as {{'response': y, 'features': x}} or a table"
            )
        wanted = [self.response, *((self.columns or ()) if "features" not in observations else ())]
        if missing := [column for column in wanted if column not in observations]:
            known = ", ".join(map(str, observations))
            raise InputValueError(f"{name} needs a column {missing[0]!r}; the sample has {known}")
        if "features" not in observations and self.columns is None:
            how = f"name the columns, as in {name}.of(['age'], response='y'), where [] leaves the intercept alone"
            raise InputValueError(f"{name} needs features: {how}")
        response = np.asarray(observations[self.response], np.float64)
        if response.ndim != 1:
            raise InputValueError(f"{name}: {self.response} must be one number each; got shape {response.shape}")
        design = design_matrix(observations, self.columns or (), self.intercept, self.response)
        if self.columns is not None and design.shape[1] != len(self.columns) + self.intercept:
            given = design.shape[1] - self.intercept
            raise InputValueError(f"{name} has {len(self.columns)} columns; the features have {given}")
        offset = np.asarray(observations.get(self.offset, np.zeros(len(response))), np.float64)
        found = self.kind.started(design, response, offset, weights)
        named = {field: getattr(self, field) for field in ("intercept", "response", "offset")}
        return self.kind(**found, columns=self.columns or (), **named)


class LinearRegression(Regression):
    r"""A response that is normal about a line: log p(y | x) = -log(2 pi variance) / 2 - (y - eta)^2 / (2 variance).

    eta = intercept + features @ slopes + offset.

    Args:
        coefficients: (p,), the intercept first; each in units of the response per unit of its column.
        variance: of the response about the line, positive; its estimate has the divisor n.

    Reference: G. A. F. Seber and A. J. Lee, Linear Regression Analysis (2003), chapter 3.

    Example:
        >>> import mlejax, numpy as np
        >>> sample = {"features": np.array([[1.0], [2.0], [3.0], [4.0]]), "response": [1.0, 3.0, 2.0, 5.0]}
        >>> print(mlejax.fit(mlejax.LinearRegression, sample).model.coefficients.round(6) + 0.0)
        [0.  1.1]
    """

    starts_side_by_side: ClassVar[bool] = True
    any_unit: ClassVar[bool] = True
    coefficients: Parameter = parameter(real)
    variance: Parameter = parameter(positive)
    columns: tuple[str, ...] = eqx.field(static=True, default=())
    intercept: bool = eqx.field(static=True, default=True)
    response: str = eqx.field(static=True, default="response")
    offset: str = eqx.field(static=True, default="offset")

    def log_prob(self, x: Mapping[str, Any]) -> Array:
        residual = x[self.response] - self.predictor(x)
        return -jnp.log(2 * jnp.pi * self.variance) / 2 - residual**2 / (2 * self.variance)

    @classmethod
    def started(cls, design: Matrix, response: Vector, offset: Vector, weights: Weights) -> Mapping[str, Any]:
        """Return the closed form, with a variance above zero."""
        wanted = response - offset
        coefficients = least_squares(design, wanted, weights)
        variance = np.average((wanted - predicted(design, coefficients)) ** 2, axis=-1, weights=weights)
        return {"coefficients": coefficients, "variance": inside(variance)}

    def expected(self, predictor: Vector) -> Fitted:
        return Fitted(predictor, np.full(len(predictor), np.sqrt(self.variance)))


class LogisticRegression(Regression):
    r"""A response of 0 or 1: log p(y | x) = y eta - log(1 + exp(eta)), eta = intercept + features @ slopes + offset.

    Where columns separate the zeros from the ones there is no maximum, and the fit says so.

    Args:
        coefficients: (p,), the intercept first; each the change of the log-odds per unit of its column.

    Reference: A. Albert and J. A. Anderson, On the existence of maximum likelihood estimates in logistic regression
    models, Biometrika 71 (1984) 1-10.

    Example:
        >>> import mlejax, numpy as np
        >>> x = np.array([[1.0], [2.0], [3.0], [4.0]])
        >>> result = mlejax.fit(mlejax.LogisticRegression, {"features": x, "response": [0, 1, 0, 1]})
        >>> result.status.name, result.parameter_count
        ('CONVERGED', 2)
    """

    starts_side_by_side: ClassVar[bool] = True
    coefficients: Parameter = parameter(real)
    columns: tuple[str, ...] = eqx.field(static=True, default=())
    intercept: bool = eqx.field(static=True, default=True)
    response: str = eqx.field(static=True, default="response")
    offset: str = eqx.field(static=True, default="offset")

    of_response = Support(0, 1, whole=True)

    def log_prob(self, x: Mapping[str, Any]) -> Array:
        # of 0 or 1: y eta - log(1 + exp(eta)), whose slope y - 1 / (1 + exp(-eta)) keeps its digits near 0
        return -jax.nn.softplus((1 - 2 * x[self.response]) * self.predictor(x))

    @classmethod
    def started(cls, design: Matrix, response: Vector, offset: Vector, weights: Weights) -> Mapping[str, Any]:
        """Return coefficients near those of a line through the working responses at even odds."""
        return {"coefficients": least_squares(design, 4 * (response - 0.5) - offset, weights)}

    def expected(self, predictor: Vector) -> Fitted:
        mean = 0.5 * (1 + np.tanh(predictor / 2))
        return Fitted(mean, np.sqrt(mean * (1 - mean)))


class PoissonRegression(Regression):
    r"""A response that counts: log p(y | x) = y eta - exp(eta) - log(y!), eta = intercept + features @ slopes + offset.

    The offset is the logarithm of an exposure, such as the time over which was counted.

    Args:
        coefficients: (p,), the intercept first; each the change of the log-rate per unit of its column.

    Reference: P. McCullagh and J. A. Nelder, Generalized Linear Models (1989), chapter 6.

    Example:
        >>> import mlejax, numpy as np
        >>> x = np.array([[1.0], [2.0], [3.0], [4.0]])
        >>> result = mlejax.fit(mlejax.PoissonRegression, {"features": x, "response": [1, 2, 5, 9]})
        >>> print(result.model.coefficients.round(4))
        [-0.6741  0.7255]
    """

    starts_side_by_side: ClassVar[bool] = True
    coefficients: Parameter = parameter(real)
    columns: tuple[str, ...] = eqx.field(static=True, default=())
    intercept: bool = eqx.field(static=True, default=True)
    response: str = eqx.field(static=True, default="response")
    offset: str = eqx.field(static=True, default="offset")

    of_response = counts

    def log_prob(self, x: Mapping[str, Any]) -> Array:
        eta, y = self.predictor(x), x[self.response]
        return y * eta - jnp.exp(eta) - gammaln(y + 1.0)

    @classmethod
    def started(cls, design: Matrix, response: Vector, offset: Vector, weights: Weights) -> Mapping[str, Any]:
        """Return the line through logarithms of the counts, none of which is zero."""
        return {"coefficients": least_squares(design, np.log(response + 0.5) - offset, weights)}

    def expected(self, predictor: Vector) -> Fitted:
        mean = np.exp(predictor)
        return Fitted(mean, np.sqrt(mean))
