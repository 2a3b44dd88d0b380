"""Families of any number, symmetric about their location, with tails heavier than the normal's."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import softplus
from jaxtyping import Array, Key, Num
from numpy.typing import ArrayLike

from .abilities import FEW, Irregular, Limit
from .base import Model, Parameter
from .constraints import Number, parameter, positive, real
from .moments import (
    SMALLEST,
    Weights,
    as_values,
    inside,
    mean,
    median,
    moments,
    plain,
    quantiles,
    unless_zero,
)
from .normal import Normal
from .special import log_gamma_ratio

T_TAILS = np.log(
    [
        [2.4666, 2.5298, 2.6325, 2.7729, 3.0767, 3.5762, 4.2462, 6.3138, 11.319, 26.475, 101.09, 3127.9, 9.7656e6],
        [50, 16, 8, 5, 3, 2, 1.5, 1, 0.7, 0.5, 0.35, 0.2, 0.1],
        [0.67943, 0.69013, 0.70639, 0.72669, 0.76489, 0.81650, 0.87260, 1, 1.2003, 1.5538, 2.3627, 7.6814, 168.24],
    ]
)
"""Of Student's t, logarithms of: the 95 % quantile over the 75 % quantile; degrees of freedom; the 75 % quantile."""


FREEDOMS = np.exp(np.arange(-3, 3, 0.1))
"""Of Student's t, degrees of freedom at which maxima are looked for."""

BETWEEN = np.array([0.0, 0.003, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.99, 0.997])
"""Where, between two observations beside each other, a location is looked for."""


class StudentT(Model):
    r"""Student's t distribution with degrees of freedom nu: with z = (x - location) / scale,

    log p(x) = log Gamma((nu+1)/2) - log Gamma(nu/2) - log(pi nu)/2 - log(scale) - (nu+1)/2 log(1 + z^2/nu),

    for any number x. With many degrees of freedom it becomes normal. Not an exponential family.

    Args:
        location: the median, in the units of the data.
        scale: positive, in the units of the data.
        degrees_of_freedom: positive, without unit; moments of this order and above are infinite.

    Example:
        >>> StudentT.start([1.0, 2.0, 2.5, 3.0, 40.0]).location
        2.5

    Source: K. L. Lange, R. J. A. Little and J. M. G. Taylor, Robust statistical modeling using the t distribution,
    Journal of the American Statistical Association 84 (1989).
    """

    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "scale approaches 0"
    location: Parameter = parameter(real)
    scale: Parameter = parameter(positive)
    degrees_of_freedom: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        nu, z = self.degrees_of_freedom, (x - self.location) / self.scale
        normalizer = log_gamma_ratio(0.5, nu / 2) - jnp.log(2 * jnp.pi) / 2 - jnp.log(self.scale)
        return normalizer - (nu + 1) / 2 * jnp.log1p(z**2 / nu)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.location + self.scale * jax.random.t(key, self.degrees_of_freedom, shape, jnp.result_type(float))

    def unbounded(self, count: float) -> str:
        """Return that the scale shrinks to nothing where so few degrees of freedom let the likelihood grow so."""
        few = self.degrees_of_freedom * (count - 1) < 1
        return "the scale approaches 0 around one observation, or several that are equal" if few else ""

    def limits(self) -> tuple[Limit, ...]:
        """Return that the family becomes normal as the degrees of freedom grow."""
        return (Limit(Normal, "degrees_of_freedom grows"),)

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "StudentT":
        """Return the median, and the scale and degrees of freedom that two quantiles of the deviations from it have."""
        x = as_values(observations)
        center = median(x, weights)
        deviations = x - center
        deviations = np.abs(deviations, out=deviations)
        half, most = quantiles(deviations, weights, [0.5, 0.9])
        if np.any(half == 0):  # more than half of the observations are one number
            half = unless_zero(half, mean(deviations, weights))
        least = np.maximum(half, SMALLEST)
        tail = np.log(np.maximum(most, least) / least)
        freedom, quartile = (plain(np.exp(np.interp(tail, T_TAILS[0], row))) for row in T_TAILS[1:])
        return cls(location=center, scale=inside(half / quartile), degrees_of_freedom=freedom)

    @classmethod
    def start_inside(cls, observations: ArrayLike, weights: Weights = None) -> "StudentT | None":
        """Return the highest of the maxima on a grid of locations and degrees of freedom, each with its best scale.

        None where there is none, and of more observations than a few.
        """
        x = as_values(observations)
        often = np.ones(len(x)) if weights is None else weights
        places = np.unique(x)
        if len(places) < 3 or len(x) > FEW:
            return None
        spread, total = float(places[-1] - places[0]), float(np.sum(often))
        between = (places[:-1, None] + np.diff(places)[:, None] * BETWEEN).ravel()
        squares = ((x - between[:, None]) / spread) ** 2
        freedoms = FREEDOMS[:, None]
        low, high = (np.full((len(FREEDOMS), len(between)), end) for end in (-60.0, 3.0))
        for _ in range(45):
            middle = (low + high) / 2
            ratios = squares / (squares + (freedoms * np.exp(2 * middle))[..., None])
            too_small = (freedoms + 1) * np.sum(often * ratios, axis=2) > total
            low, high = np.where(too_small, middle, low), np.where(too_small, high, middle)
        bent = np.sum(often * np.log1p(squares / (freedoms * np.exp(2 * low))[..., None]), axis=2)
        normalizers = [math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2) - math.log(nu) / 2 for nu in FREEDOMS.tolist()]
        heights = total * (np.array(normalizers)[:, None] - low) - (freedoms + 1) / 2 * bent
        inner, (rows, columns) = heights[1:-1, 1:-1], heights.shape
        beside = [heights[i : rows - 2 + i, j : columns - 2 + j] for i in range(3) for j in range(3)]
        tops = np.where(inner >= np.max(beside, axis=0), inner, -np.inf)
        i, j = np.unravel_index(np.argmax(tops), tops.shape)
        if not np.isfinite(tops[i, j]):
            return None
        scale = inside(spread * math.exp(low[i + 1, j + 1]))
        return cls(location=float(between[j + 1]), scale=scale, degrees_of_freedom=float(FREEDOMS[i + 1]))


class Cauchy(Model):
    r"""A Cauchy distribution: with z = (x - location) / scale,

    log p(x) = -log(pi scale) - log(1 + z^2), for any number x. Its likelihood may have several maxima.

    Args:
        location: the median, in the units of the data.
        scale: positive, half the distance between the quartiles, in the units of the data.

    Example:
        >>> Cauchy.start([1.0, 2.0, 3.0, 4.0, 90.0])
        Cauchy(location=3.0, scale=1.0)

    Source: N. L. Johnson, S. Kotz and N. Balakrishnan, Continuous Univariate Distributions 1 (1994), chapter 16.
    """

    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "scale approaches 0"
    location: Parameter = parameter(real)
    scale: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        z = (x - self.location) / self.scale
        return -jnp.log(jnp.pi * self.scale) - jnp.log1p(z**2)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.location + self.scale * jax.random.cauchy(key, shape, jnp.result_type(float))

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Cauchy":
        """Return the median and the median deviation from it."""
        x = as_values(observations)
        location = median(x, weights)
        deviations = np.abs(x - location)
        return cls(location=location, scale=inside(unless_zero(median(deviations, weights), mean(deviations, weights))))


class Laplace(Model):
    r"""A Laplace distribution: log p(x) = -log(2 scale) - |x - location| / scale, for any number x.

    The likelihood is largest at the median, and not smooth there.

    Args:
        location: the median, in the units of the data.
        scale: positive, the mean deviation from it, in the units of the data.

    Example:
        >>> Laplace.closed_form([1.0, 2.0, 6.0])
        Laplace(location=2.0, scale=1.666...)

    Source: S. Kotz, T. J. Kozubowski and K. Podgorski, The Laplace Distribution and Generalizations (2001).
    """

    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "scale approaches 0"
    location: Parameter = parameter(real)
    scale: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        return -jnp.log(2 * self.scale) - jnp.abs(x - self.location) / self.scale

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.location + self.scale * jax.random.laplace(key, shape, jnp.result_type(float))

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Laplace":
        """Return the closed form, with a scale above zero."""
        found = cls.closed_form(observations, weights)
        return cls(location=plain(found.location), scale=inside(found.scale))

    @staticmethod
    def closed_form(observations: ArrayLike, weights: Weights = None) -> "Laplace":
        """Return the maximum of the likelihood: the median, and the mean deviation from it."""
        x = as_values(observations)
        location = median(x, weights)
        return Laplace(location=np.float64(location), scale=np.float64(mean(np.abs(x - location), weights)))

    def irregular(self, count: float) -> Irregular:
        """Return the errors of the expected information: scale / sqrt(n) of both parameters."""
        error = self.scale / math.sqrt(count)
        reason = "the log-likelihood has a corner at the median; standard errors are those of the expected information"
        return Irregular(reason, Laplace(error, error))


class Logistic(Model):
    r"""A logistic distribution: with z = (x - location) / scale,

    log p(x) = -log(scale) + z - 2 log(1 + exp(z)), for any number x.

    Args:
        location: the mean and the median, in the units of the data.
        scale: positive, in the units of the data.

    Example:
        >>> Logistic.start([1.0, 2.0, 6.0])
        Logistic(location=3.0, scale=1.191...)

    Source: N. L. Johnson, S. Kotz and N. Balakrishnan, Continuous Univariate Distributions 2 (1995), chapter 23.
    """

    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "scale approaches 0"
    location: Parameter = parameter(real)
    scale: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        z = (x - self.location) / self.scale
        return -jnp.log(self.scale) + z - 2 * softplus(z)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.location + self.scale * jax.random.logistic(key, shape, jnp.result_type(float))

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Logistic":
        """Return the location and scale that have the sample's mean and deviation."""
        found = moments(as_values(observations), weights)
        return cls(location=found.mean, scale=inside(found.deviation * math.sqrt(3) / math.pi))
