"""Families of extremes: the largest or the smallest of many."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, Num
from numpy.typing import ArrayLike

from .base import Model, Parameter
from .constraints import Number, parameter, positive, real
from .inside import Turns, gumbel_rates, highest_inside, standing_with_ends
from .moments import (
    FARTHEST,
    GUMBEL_DEVIATION,
    SHARES,
    Line,
    Values,
    Weights,
    as_values,
    gumbel_shape,
    inside,
    inside_exp,
    line_through,
    median,
    moments,
    quantiles,
)
from .special import expm1_over, log1p_over
from .support import positive_numbers

IRREGULAR_BELOW = -0.5
"""From here down a maximum is not normally distributed. The likelihood of shapes below -1 is unbounded; an ascent that
has come so far and found no maximum goes there.

Source: R. L. Smith, Maximum likelihood estimation in a class of nonregular cases, Biometrika 72 (1985).
"""

_SHAPES = np.concatenate([np.arange(-0.6, 2, 0.1), np.arange(2, 6, 0.5)])


class Gumbel(Model):
    r"""A Gumbel distribution of largest values: with z = (x - location) / scale,

    log p(x) = -log(scale) - z - exp(-z), for any number x.

    Args:
        location: the mode, in the units of the data.
        scale: positive, in the units of the data.

    Example:
        >>> Gumbel.start([1.0, 2.0, 5.0])
        Gumbel(location=1.901..., scale=1.325...)

    Source: E. J. Gumbel, Statistics of Extremes (1958).
    """

    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "scale approaches 0"
    location: Parameter = parameter(real)
    scale: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        z = (x - self.location) / self.scale
        return -jnp.log(self.scale) - z - jnp.exp(-z)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.location + self.scale * jax.random.gumbel(key, shape, jnp.result_type(float))

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Gumbel":
        """Return the location and scale that have the sample's mean and deviation."""
        x = as_values(observations)
        found = moments(x, weights)
        scale = inside(np.maximum(found.deviation / GUMBEL_DEVIATION, (found.mean - np.min(x, axis=0)) / FARTHEST))
        return cls(location=found.mean - np.euler_gamma * scale, scale=scale)


class GumbelMin(Model):
    r"""A Gumbel distribution of smallest values: with z = (x - location) / scale,

    log p(x) = -log(scale) + z - exp(z), for any number x. If y has a Weibull distribution, log y has this one.

    Args:
        location: the mode, in the units of the data.
        scale: positive, in the units of the data.

    Example:
        >>> GumbelMin.start([-1.0, -2.0, -5.0])
        GumbelMin(location=-1.901..., scale=1.325...)

    Source: J. F. Lawless, Statistical Models and Methods for Lifetime Data (2003), section 1.3.
    """

    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "scale approaches 0"
    location: Parameter = parameter(real)
    scale: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        z = (x - self.location) / self.scale
        return -jnp.log(self.scale) + z - jnp.exp(z)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.location - self.scale * jax.random.gumbel(key, shape, jnp.result_type(float))

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "GumbelMin":
        """Return the location and scale that have the sample's mean and deviation."""
        largest = Gumbel.start(-as_values(observations), weights)
        return cls(location=-largest.location, scale=largest.scale)


class Frechet(Model):
    r"""A Frechet distribution of largest values: with z = log(x / scale),

    log p(x) = log(shape / scale) - (shape + 1) z - exp(-shape z), x > 0. The logarithm of x is Gumbel distributed.

    Args:
        shape: positive, without unit; moments of this order and above are infinite.
        scale: positive, in the units of the data.

    Example:
        >>> Frechet.start([1.0, 2.0, 5.0])
        Frechet(shape=1.94..., scale=1.6...)

    Source: S. Kotz and S. Nadarajah, Extreme Value Distributions (2000).
    """

    support = positive_numbers
    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "shape grows"
    shape: Parameter = parameter(positive)
    scale: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        k, z = self.shape, jnp.log(x) - jnp.log(self.scale)
        return jnp.log(k) - jnp.log(self.scale) - (k + 1) * z - jnp.exp(-k * z)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.scale * jnp.exp(jax.random.gumbel(key, shape, jnp.result_type(float)) / self.shape)

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Frechet":
        """Return the shape and scale that give log x its mean and deviation."""
        logs = np.log(as_values(observations))
        found = moments(logs, weights)
        shape = gumbel_shape(found.deviation, found.mean - np.min(logs, axis=0))
        return cls(shape=shape, scale=inside_exp(found.mean - np.euler_gamma / shape))


class GeneralizedExtremeValue(Model):
    r"""A generalized extreme value distribution: with z = (x - location) / scale and y = log(1 + shape z) / shape,

    log p(x) = -log(scale) - (1 + shape) y - exp(-y) where 1 + shape z > 0, and -inf elsewhere.

    A positive `shape` is a heavy upper tail (Frechet), a negative one an upper end (Weibull), and 0, where y = z, the
    Gumbel distribution. SciPy's parameter `c` is the negative of `shape`. The likelihood is unbounded below a
    shape of -1, and where the shape grows while the lower end approaches the smallest observation: its maximum is a
    highest point in between. From a shape of -1/2 down that is not normally distributed.

    Args:
        location: in the units of the data.
        scale: positive, in the units of the data.
        shape: real, without unit.

    Example:
        >>> GeneralizedExtremeValue.start([1.0, 2.0, 5.0, 1.5, 2.5]).shape > 0
        True

    Source: S. Coles, An Introduction to Statistical Modeling of Extreme Values (2001), section 3.1.
    """

    narrows: ClassVar[str] = "scale approaches 0"
    location: Parameter = parameter(real)
    scale: Parameter = parameter(positive)
    shape: Parameter = parameter(real)

    def log_prob(self, x: Number) -> Array:
        z = (x - self.location) / self.scale
        within = self.shape * z > -1
        y = log1p_over(jnp.where(within, z, 0.0), self.shape)
        return jnp.where(within, -jnp.log(self.scale) - (1 + self.shape) * y - jnp.exp(-y), -jnp.inf)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        y = jax.random.gumbel(key, shape, jnp.result_type(float))
        return self.location + self.scale * expm1_over(y, self.shape)

    def irregularity(self) -> str:
        """Return that the upper end is learned faster than standard errors tell, at a shape of -1/2 or below."""
        return irregularity(float(self.shape))

    def unbounded(self, count: float) -> str:
        """Return which end of the distribution approaches an observation where the likelihood grows without bound."""
        if self.shape < IRREGULAR_BELOW:
            return "the upper end of the distribution approaches the largest observation"
        if self.shape > 1:
            return "the shape grows and the lower end of the distribution approaches the smallest observation"
        return ""

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "GeneralizedExtremeValue":
        """Return what is nearest to the sample's quantiles, its shape drawn to 0 until all observations are within."""
        x = as_values(observations)
        center = median(x, weights)
        x = x - center  # far from zero quantiles would be rounded
        seen, ends = np.array(quantiles(x, weights, SHARES)), np.array([np.min(x), np.max(x)])
        lines = [_line(seen, shape) for shape in _SHAPES]
        best = int(np.argmin([line.misfit for line in lines]))
        shape, line = float(_SHAPES[best]), lines[best]
        while np.any(shape * ((ends - line.location) / line.scale) <= -0.9):  # nowhere at a shape of 0
            shape = 0.8 * shape if abs(shape) > 1e-3 else 0.0
            line = _line(seen, shape)
        return cls(location=center + line.location, scale=line.scale, shape=shape)

    @classmethod
    def start_inside(cls, observations: ArrayLike, weights: Weights = None) -> "GeneralizedExtremeValue | None":
        """Return the highest maximum of the profile over where the distribution ends; None where it has none.

        For every end the logarithm of the distance from it has a Gumbel distribution, whose likelihood has one maximum.
        """
        x = standing_with_ends(as_values(observations), weights)
        center, least, most = float(np.median(x)), np.min(x), np.max(x)

        def ratios(turns: Turns) -> Turns:  # shape / scale, of the scale at the center
            return np.expm1(turns) / ((most - center) + (center - least) * np.exp(turns))

        def gumbel(turns: Turns) -> Values:
            grown = np.exp(turns)[:, None]
            distances = ((most - x) + (x - least) * grown) / ((most - center) + (center - least) * grown)
            return np.log(distances) / ratios(turns)[:, None]

        def height(turns: Turns) -> Turns:
            y = gumbel(turns)
            rates, low = gumbel_rates(y), np.min(y, axis=1)
            powers = np.mean(np.exp(-rates[:, None] * (y - low[:, None])), axis=1)
            return np.log(rates) + rates * low - np.log(powers) - (rates + ratios(turns)) * np.mean(y, axis=1)

        if not most > least or (turn := highest_inside(height)) is None:
            return None
        turns = np.array([turn])
        (y,), ratio = gumbel(turns), float(ratios(turns)[0])
        rate = float(gumbel_rates(y[None])[0])
        mode = np.min(y) - np.log(np.mean(np.exp(-rate * (y - np.min(y))))) / rate
        location = center + float(np.expm1(ratio * mode)) / ratio
        return cls(location=location, scale=inside(math.exp(ratio * mode) / rate), shape=ratio / rate)


def irregularity(shape: float) -> str:
    """Return why a distribution with an end of this shape has no standard errors; nothing where it has."""
    return "no standard errors: they hold at shapes above -1/2 only" if shape <= IRREGULAR_BELOW else ""


def _line(seen: Values, shape: float) -> Line:
    """Return the line that a sample's quantiles make with those of a generalized extreme value distribution."""
    t = -np.log(SHARES)
    expected = -np.log(t) if shape == 0 else np.expm1(-shape * np.log(t)) / shape
    return line_through(seen, expected, density=t ** (1 + shape) * np.exp(-t))
