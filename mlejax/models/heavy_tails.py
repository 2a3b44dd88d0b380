"""Families of positive numbers whose tails fall like a power."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import softplus
from jaxtyping import Array, Key, Num
from numpy.typing import ArrayLike

from . import FAMILIES
from .abilities import Irregular, Limit
from .base import Model, Parameter
from .constraints import Number, parameter, positive, real
from .extremes import IRREGULAR_BELOW, irregularity
from .inside import Turns, highest_inside, standing_with_ends
from .moments import (
    NARROWEST,
    NO_SPREAD,
    SHARES,
    Line,
    Values,
    Weights,
    as_values,
    inside,
    inside_exp,
    inverse,
    line_through,
    mean,
    median,
    moments,
    plain,
    quantiles,
    standing_for,
)
from .special import expm1_over, log1p_over
from .support import numbers_from_zero, positive_numbers

RATIOS = tuple(np.geomspace(1e-3, 1e5, 60))
"""Ratios shape / scale of a generalized Pareto distribution, in units of 1 / median, that a start looks through."""


_SHAPES = np.geomspace(0.05, 30, 40)
"""Of Burr distributions, shape1, that a start looks through."""


class Pareto(Model):
    r"""A Pareto distribution (of the first kind): log p(x) = log(shape / minimum) - (shape + 1) log(x / minimum)

    for x >= minimum, and -inf below. The likelihood is largest where `minimum` is the smallest observation, and not
    smooth there.

    Args:
        shape: positive, without unit; moments of this order and above are infinite.
        minimum: positive, in the units of the data.

    Example:
        >>> Pareto.closed_form([1.0, 2.0, 4.0])
        Pareto(shape=1.442..., minimum=1.0)

    Source: B. C. Arnold, Pareto Distributions (2015), section 1.2.
    """

    support = positive_numbers
    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "shape grows"
    shape: Parameter = parameter(positive)
    minimum: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        a, z = self.shape, jnp.log(x) - jnp.log(self.minimum)
        return jnp.where(x >= self.minimum, jnp.log(a) - jnp.log(self.minimum) - (a + 1) * z, -jnp.inf)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.minimum * jnp.exp(jax.random.exponential(key, shape, jnp.result_type(float)) / self.shape)

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Pareto":
        """Return the closed form, with a finite shape."""
        found = cls.closed_form(observations, weights)
        return cls(shape=plain(np.minimum(found.shape, NARROWEST)), minimum=plain(found.minimum))

    @staticmethod
    def closed_form(observations: ArrayLike, weights: Weights = None) -> "Pareto":
        """Return the maximum of the likelihood: the smallest observation, and one over the mean log(x / minimum)."""
        x = as_values(observations)
        smallest = np.min(x if weights is None else x[weights > 0], axis=0)
        with np.errstate(over="ignore"):
            ratio = np.maximum(x / smallest, 1.0)  # one with a weight of zero may lie below
        spread = mean(np.where(ratio < math.inf, np.log(ratio), np.log(x) - np.log(smallest)), weights)
        return Pareto(shape=np.float64(inverse(spread)), minimum=np.float64(smallest))

    def irregular(self, count: float) -> Irregular:
        """Return the error of the shape, shape / sqrt(n); the minimum has none."""
        reason = "the minimum is the smallest observation, which is above the true one and has no standard error"
        return Irregular(reason, Pareto(shape=self.shape / math.sqrt(count), minimum=math.nan))

    def unbounded(self, count: float) -> str:
        """Return that the shape grows, where observations that are all the same let it."""
        return "shape grows" if self.shape > 0.5 * NARROWEST else ""


class Lomax(Model):
    r"""A Lomax distribution, Pareto's of the second kind.

    log p(x) = log(shape / scale) - (shape + 1) log(1 + x / scale), x >= 0. A generalized Pareto distribution of shape
    1 / shape and scale scale / shape; where both grow alike it becomes exponential.

    Args:
        shape: positive, without unit; moments of this order and above are infinite.
        scale: positive, in the units of the data.

    Example:
        >>> Lomax.start([0.1, 1.0, 2.0, 40.0]).shape < 2
        True

    Source: K. S. Lomax, Business failures, Journal of the American Statistical Association 49 (1954).
    """

    support = numbers_from_zero
    shape: Parameter = parameter(positive)
    scale: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        a, scale = self.shape, self.scale
        return jnp.log(a) - jnp.log(scale) - (a + 1) * jnp.log1p(x / scale)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.scale * jnp.expm1(jax.random.exponential(key, shape, jnp.result_type(float)) / self.shape)

    def limits(self) -> tuple[Limit, ...]:
        """Return that the family becomes exponential as both parameters grow."""
        exponential: Any = FAMILIES["exponential"]
        return tuple(Limit(exponential, f"{name} grows") for name in ("shape", "scale"))

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Lomax":
        """Return the best of a few scales, each with its own best shape."""
        found = best_tail(observations, weights, RATIOS)
        return cls(shape=inside(1 / found.shape), scale=inside(1 / found.ratio))


class GeneralizedPareto(Model):
    r"""A generalized Pareto distribution of excesses over a threshold: with y = log(1 + shape x / scale) / shape,

    log p(x) = -log(scale) - (1 + shape) y for x >= 0 where 1 + shape x / scale > 0, and -inf elsewhere.

    A positive `shape` is a heavy tail, a negative one an upper end at -scale / shape, and 0, where y = x / scale, the
    exponential distribution. Below a shape of -1 the likelihood is unbounded; from -1/2 down its maximum is not
    normally distributed.

    Args:
        scale: positive, in the units of the data.
        shape: real, without unit.

    Example:
        >>> GeneralizedPareto.start([1.0, 2.0, 15.0, 1.5, 0.5]).shape > 0
        True

    Source: J. Pickands, Statistical inference using extreme order statistics, Annals of Statistics 3 (1975).
    """

    support = numbers_from_zero
    scale: Parameter = parameter(positive)
    shape: Parameter = parameter(real)

    def log_prob(self, x: Number) -> Array:
        z = x / self.scale
        within = self.shape * z > -1
        y = log1p_over(jnp.where(within, z, 0.0), self.shape)
        return jnp.where(within, -jnp.log(self.scale) - (1 + self.shape) * y, -jnp.inf)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.scale * expm1_over(jax.random.exponential(key, shape, jnp.result_type(float)), self.shape)

    def irregularity(self) -> str:
        """Return that the upper end is learned faster than standard errors tell, at a shape of -1/2 or below."""
        return irregularity(float(self.shape))

    def unbounded(self, count: float) -> str:
        """Return that the upper end approaches an observation where the likelihood grows without bound."""
        below = self.shape < IRREGULAR_BELOW
        return "the upper end of the distribution approaches the largest observation" if below else ""

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "GeneralizedPareto":
        """Return the best of a few ratios of shape and scale, each with its own best shape."""
        found = best_tail(observations, weights, [*-np.geomspace(0.98, 0.02, 20), *RATIOS])
        return cls(scale=inside(found.shape / found.ratio), shape=found.shape)

    @classmethod
    def start_inside(cls, observations: ArrayLike, weights: Weights = None) -> "GeneralizedPareto | None":
        """Return the highest maximum of the profile over log(1 + shape max(x) / scale); None where it has none."""
        x = standing_with_ends(as_values(observations), weights)
        largest = np.max(x)
        shares = x / largest

        def shapes(turns: Turns) -> Turns:
            return np.mean(np.log((1 - shares) + shares * np.exp(turns)[:, None]), axis=1)

        def height(turns: Turns) -> Turns:
            return -np.log(shapes(turns) / np.expm1(turns)) - shapes(turns)

        if not largest > 0 or (turn := highest_inside(height)) is None:
            return None
        shape = float(shapes(np.array([turn]))[0])
        return cls(scale=inside(shape * largest / math.expm1(turn)), shape=shape)


class LogLogistic(Model):
    r"""A log-logistic distribution: with z = shape log(x / scale),

    log p(x) = log(shape) - log(x) + z - 2 log(1 + exp(z)), x > 0. The logarithm of x has a logistic distribution.

    Args:
        shape: positive, without unit; moments of this order and above are infinite.
        scale: positive, the median, in the units of the data.

    Example:
        >>> LogLogistic.start([1.0, 2.0, 4.0])
        LogLogistic(shape=3.204..., scale=2.0)

    Source: J. F. Lawless, Statistical Models and Methods for Lifetime Data (2003), section 1.3.
    """

    support = positive_numbers
    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "the distribution narrows"
    shape: Parameter = parameter(positive)
    scale: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        z = self.shape * (jnp.log(x) - jnp.log(self.scale))
        return jnp.log(self.shape) - jnp.log(x) + z - 2 * softplus(z)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.scale * jnp.exp(jax.random.logistic(key, shape, jnp.result_type(float)) / self.shape)

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "LogLogistic":
        """Return the shape and scale that give log x its mean and deviation."""
        found = moments(np.log(as_values(observations)), weights)
        return cls(
            shape=plain(math.pi / math.sqrt(3) / np.maximum(found.deviation, NO_SPREAD)), scale=inside_exp(found.mean)
        )


class Burr12(Model):
    r"""A Burr distribution of type XII: with z = shape2 log(rate x),

    log p(x) = log(shape1 shape2) - log(x) + z - (shape1 + 1) log(1 + exp(z)), x > 0.

    A shape1 of 1 is log-logistic, a shape2 of 1 is Lomax's; where shape1 grows and the rate falls it becomes Weibull.

    Args:
        shape1: positive, without unit; the tail falls like x to the power of -shape1 shape2.
        shape2: positive, without unit.
        rate: positive, in inverse units of the data.

    Example:
        >>> Burr12.start([1.0, 2.0, 4.0, 8.0, 60.0]).shape1 < 1
        True

    Source: P. R. Tadikamalla, A look at the Burr and related distributions, International Statistical Review 48 (1980);
    the names are those of the R package actuar.
    """

    support = positive_numbers
    narrows: ClassVar[str] = "the distribution narrows"
    shape1: Parameter = parameter(positive)
    shape2: Parameter = parameter(positive)
    rate: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        a, z = self.shape1, self.shape2 * (jnp.log(x) + jnp.log(self.rate))
        return jnp.log(a) + jnp.log(self.shape2) - jnp.log(x) + z - (a + 1) * softplus(z)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        z = jnp.log(jnp.expm1(jax.random.exponential(key, shape, jnp.result_type(float)) / self.shape1))
        return jnp.exp(z / self.shape2) / self.rate

    def limits(self) -> tuple[Limit, ...]:
        """Return what the family becomes as shape1 grows, or as it vanishes."""
        return (
            Limit(FAMILIES["weibull"], "shape1 grows", apart=True),  # type: ignore[arg-type]
            Limit(Pareto, "shape1 approaches 0 and shape2 grows", apart=True),
        )

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Burr12":
        """Return what is nearest to the quantiles of the logarithms."""
        seen = np.array(quantiles(np.log(as_values(observations)), weights, SHARES))
        lines = [_line(seen, shape) for shape in _SHAPES]
        best = int(np.argmin([line.misfit for line in lines]))
        scale = max(lines[best].scale, NO_SPREAD)
        return cls(shape1=float(_SHAPES[best]), shape2=1 / scale, rate=inside_exp(-lines[best].location))


def _line(seen: Values, shape: float) -> Line:
    """Return the line that quantiles of logarithms make with those of a Burr distribution of a shape1."""
    expected = np.log(np.expm1(-np.log1p(-SHARES) / shape))
    # in logarithms: for small shapes exp(expected) is large
    log_density = math.log(shape) + expected - (shape + 1) * np.logaddexp(0, expected)
    return line_through(seen, expected, density=np.exp(log_density))


@dataclasses.dataclass(frozen=True)
class Tail:
    """A generalized Pareto distribution by its shape and by shape / scale."""

    shape: float
    ratio: float


def best_tail(observations: ArrayLike, weights: Weights, ratios: Sequence[float]) -> Tail:
    """Return the generalized Pareto distribution of highest likelihood among some ratios of shape and scale.

    For a given ratio the best shape is the mean of log(1 + ratio x).

    Args:
        observations: (n,), numbers from 0.
        weights: (n,) or None.
        ratios: positive ones in units of 1 / median, negative ones in units of 1 / maximum; none is zero.

    Returns:
        The best with a shape above -3/4, below which the likelihood may have no maximum.

    Source: S. D. Grimshaw, Computing maximum likelihood estimates for the generalized Pareto distribution,
    Technometrics 35 (1993).
    """
    x = as_values(observations)
    middle = max(median(x, weights) or mean(x, weights), 1e-290)
    largest = max(float(np.max(x)), middle)
    each = np.array([ratio / (middle if ratio > 0 else largest) for ratio in ratios])
    with np.errstate(over="ignore"):
        shapes = np.mean(np.log1p(each[:, None] * standing_for(x, weights)), axis=1)
    allowed = (shapes > -0.75) & (shapes != 0) & (shapes < math.inf)
    values = np.where(allowed, -np.log(np.where(allowed, shapes / each, 1.0)) - shapes, -np.inf)
    best = int(np.argmax(values))
    return Tail(float(shapes[best]) or 1.0, float(each[best]))
