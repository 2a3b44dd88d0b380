"""Continuous families besides the normal, each written as a textbook writes it."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import betaln, gammaln
from jaxtyping import Array, Key, Num
from numpy.typing import ArrayLike

from .base import Model, Parameter
from .constraints import Number, parameter, positive, real, unit_interval
from .moments import SMALLEST, Weights, as_values, inside, mean, median, moments, quantiles
from .support import fractions, numbers_from_zero, positive_numbers

NO_SPREAD = 1e-9
"""The least deviation of logarithms that a start takes: a sample of one number has none."""

GUMBEL_DEVIATION = math.pi / math.sqrt(6)
"""The standard deviation of a Gumbel distribution of scale 1."""

LOG_LARGEST = 709.0

T_TAILS = np.log(
    [
        [2.4666, 2.5298, 2.6325, 2.7729, 3.0767, 3.5762, 4.2462, 6.3138, 11.319, 26.475, 101.09, 3127.9, 9.7656e6],
        [50, 16, 8, 5, 3, 2, 1.5, 1, 0.7, 0.5, 0.35, 0.2, 0.1],
        [0.67943, 0.69013, 0.70639, 0.72669, 0.76489, 0.81650, 0.87260, 1, 1.2003, 1.5538, 2.3627, 7.6814, 168.24],
    ]
)
"""Of Student's t, logarithms of: the 95 % quantile over the 75 % quantile; degrees of freedom; the 75 % quantile."""


def gamma_shape(ratios: np.ndarray, weights: Weights = None) -> float:
    """Return the shape of a gamma distribution, about, from observations (n,) in units of their mean."""
    ratios = np.maximum(ratios, SMALLEST)
    away = ratios - 1
    # log(mean) - mean(log), as a sum of terms that are not negative and so cancel nothing
    terms = away - np.where(ratios > 0.5, np.log1p(np.maximum(away, -0.5)), np.log(ratios))
    s = max(mean(terms, weights), NO_SPREAD**2)
    return (3 - s + math.sqrt((s - 3) ** 2 + 24 * s)) / (12 * s)


class Exponential(Model):
    r"""log p(x) = log(rate) - rate x, x >= 0. `rate` is positive, in inverse units of the data."""

    support = numbers_from_zero
    rate: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        return jnp.log(self.rate) - self.rate * x

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return jax.random.exponential(key, shape, jnp.result_type(float)) / self.rate


class Gamma(Model):
    r"""log p(x) = shape log(rate) - log Gamma(shape) + (shape - 1) log(x) - rate x, x > 0.

    `shape` is positive and has no unit; `rate` is positive, in inverse units of the data.
    """

    support = positive_numbers
    shape: Parameter = parameter(positive)
    rate: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        a, b = self.shape, self.rate
        return a * jnp.log(b) - gammaln(a) + (a - 1) * jnp.log(x) - b * x

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return jax.random.gamma(key, self.shape, shape, jnp.result_type(float)) / self.rate

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Gamma":
        """Return the mean, and a shape within 1.5 % of the maximum by the mean of the logarithms.

        Source: T. P. Minka, Estimating a Gamma distribution (2002).
        """
        x = as_values(observations)
        center = mean(x, weights)
        shape = inside(gamma_shape(x / center, weights))
        return cls(shape=shape, rate=inside(shape / center))


class LogNormal(Model):
    r"""log x is N(mean, variance): log p(x) = -log(2 pi variance)/2 - log(x) - (log(x) - mean)^2 / (2 variance).

    `mean` is real and `variance` positive, both of log x, x > 0.
    """

    support = positive_numbers
    mean: Parameter = parameter(real)
    variance: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        y = jnp.log(x)
        return -jnp.log(2 * jnp.pi * self.variance) / 2 - y - (y - self.mean) ** 2 / (2 * self.variance)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return jnp.exp(self.mean + jnp.sqrt(self.variance) * jax.random.normal(key, shape, jnp.result_type(float)))


class Beta(Model):
    r"""log p(x) = (a - 1) log(x) + (b - 1) log(1 - x) - log B(a, b), 0 < x < 1, with positive shapes a and b."""

    support = fractions
    a: Parameter = parameter(positive)
    b: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        return (self.a - 1) * jnp.log(x) + (self.b - 1) * jnp.log1p(-x) - betaln(self.a, self.b)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return jax.random.beta(key, self.a, self.b, shape, jnp.result_type(float))


class Weibull(Model):
    r"""log p(x) = log(k / scale) + (k - 1) log(x / scale) - (x / scale)^k, x > 0, with k = `shape`.

    `shape` is positive and has no unit; `scale` is positive, in the units of the data. Not an exponential family.
    """

    support = positive_numbers
    shape: Parameter = parameter(positive)
    scale: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        k, z = self.shape, jnp.log(x) - jnp.log(self.scale)
        return jnp.log(k) - jnp.log(self.scale) + (k - 1) * z - jnp.exp(k * z)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.scale * jax.random.exponential(key, shape, jnp.result_type(float)) ** (1 / self.shape)

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Weibull":
        """Return the shape and scale that give log x its mean and deviation: -log x has a Gumbel distribution."""
        found = moments(np.log(as_values(observations)), weights)
        shape = GUMBEL_DEVIATION / max(found.deviation, NO_SPREAD)
        return cls(shape=shape, scale=inside(math.exp(min(found.mean + np.euler_gamma / shape, LOG_LARGEST))))


class StudentT(Model):
    r"""Student's t with location, scale and degrees of freedom nu: z = (x - location) / scale,

    log p(x) = log Gamma((nu+1)/2) - log Gamma(nu/2) - log(pi nu)/2 - log(scale) - (nu+1)/2 log(1 + z^2/nu).

    `location` is real and `scale` positive, both in the units of the data; `degrees_of_freedom` is positive. Not an
    exponential family.
    """

    location: Parameter = parameter(real)
    scale: Parameter = parameter(positive)
    degrees_of_freedom: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        nu, z = self.degrees_of_freedom, (x - self.location) / self.scale
        normalizer = gammaln((nu + 1) / 2) - gammaln(nu / 2) - jnp.log(jnp.pi * nu) / 2 - jnp.log(self.scale)
        return normalizer - (nu + 1) / 2 * jnp.log1p(z**2 / nu)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.location + self.scale * jax.random.t(key, self.degrees_of_freedom, shape, jnp.result_type(float))

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "StudentT":
        """Return the median, and the scale and degrees of freedom that two quantiles of the deviations from it have."""
        x = as_values(observations)
        center = median(x, weights)
        deviations = np.abs(x - center)
        half, most = quantiles(deviations, weights, [0.5, 0.9])
        half = half or mean(deviations, weights)  # more than half of the observations are one number
        tail = math.log(max(most, half) / half) if half else 0.0
        freedom, quartile = (math.exp(np.interp(tail, T_TAILS[0], row)) for row in T_TAILS[1:])
        return cls(location=center, scale=inside(half / quartile), degrees_of_freedom=freedom)


class NormalMixture(Model):
    r"""Two normals: log p(x) = log(weight N(x; first) + (1 - weight) N(x; second)).

    `weight` is between 0 and 1; means are real and variances positive, in the units of the data and squared. Not an
    exponential family.
    """

    weight: Parameter = parameter(unit_interval)
    first_mean: Parameter = parameter(real)
    first_variance: Parameter = parameter(positive)
    second_mean: Parameter = parameter(real)
    second_variance: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        def component(weight: Parameter, mean: Parameter, variance: Parameter) -> Array:
            return jnp.log(weight) - jnp.log(2 * jnp.pi * variance) / 2 - (x - mean) ** 2 / (2 * variance)

        return jnp.logaddexp(
            component(self.weight, self.first_mean, self.first_variance),
            component(1 - self.weight, self.second_mean, self.second_variance),
        )

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        which, noise = jax.random.split(key)
        first = jax.random.bernoulli(which, self.weight, shape)
        z = jax.random.normal(noise, shape, jnp.result_type(float))
        mean = jnp.where(first, self.first_mean, self.second_mean)
        return mean + jnp.sqrt(jnp.where(first, self.first_variance, self.second_variance)) * z
