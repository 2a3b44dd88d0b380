"""Families of positive numbers and of fractions, and a mixture, each written as a textbook writes it."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import betaln, gammaln
from jaxtyping import Array, Key, Num
from numpy.typing import ArrayLike

from .base import Model, Parameter
from .constraints import Number, parameter, positive, real
from .moments import (
    NO_SPREAD,
    SMALLEST,
    Numbers,
    Values,
    Weights,
    as_values,
    gumbel_shape,
    inside,
    inside_exp,
    inverse,
    mean,
    moments,
    plain,
    root_mean_square,
)
from .support import fractions, numbers_from_zero, positive_numbers


class Exponential(Model):
    r"""log p(x) = log(rate) - rate x, x >= 0. `rate` is positive, in inverse units of the data."""

    support = numbers_from_zero
    starts_side_by_side: ClassVar[bool] = True
    rate: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        return jnp.log(self.rate) - self.rate * x

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return jax.random.exponential(key, shape, jnp.result_type(float)) / self.rate

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Exponential":
        """Return the closed form, with a finite rate."""
        return cls(rate=inside(cls.closed_form(observations, weights).rate))

    @staticmethod
    def closed_form(observations: ArrayLike, weights: Weights = None) -> "Exponential":
        """Return the maximum of the likelihood: a rate of one over the mean."""
        center = mean(as_values(observations), weights)
        return Exponential(rate=np.float64(inverse(center)))


class Gamma(Model):
    r"""log p(x) = shape log(rate) - log Gamma(shape) + (shape - 1) log(x) - rate x, x > 0.

    `shape` is positive and has no unit; `rate` is positive, in inverse units of the data.
    """

    support = positive_numbers
    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "the distribution narrows"
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


class InverseGamma(Model):
    r"""An inverse gamma distribution: 1 / x is gamma distributed with this shape, and with `scale` as its rate.

    log p(x) = shape log(scale) - log Gamma(shape) - (shape + 1) log(x) - scale / x, x > 0.

    Args:
        shape: positive, without unit; moments of this order and above are infinite.
        scale: positive, in the units of the data.

    Example:
        >>> InverseGamma.start([1.0, 2.0, 4.0])
        InverseGamma(shape=3.395..., scale=5.820...)

    Source: A. Gelman et al., Bayesian Data Analysis (2013), appendix A.
    """

    support = positive_numbers
    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "the distribution narrows"
    shape: Parameter = parameter(positive)
    scale: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        a, b = self.shape, self.scale
        return a * jnp.log(b) - gammaln(a) - (a + 1) * jnp.log(x) - b / x

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.scale / jax.random.gamma(key, self.shape, shape, jnp.result_type(float))

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "InverseGamma":
        """Return the start of a gamma distribution for 1 / x."""
        logarithms = np.log(as_values(observations))
        middle = mean(logarithms, weights)  # the inverses in units of this, which do not overflow
        inverses = np.exp(np.minimum(middle - logarithms, 700.0))
        center = mean(inverses, weights)
        shape = inside(gamma_shape(inverses / center, weights))
        return cls(shape=shape, scale=inside_exp(np.log(shape / center) + middle))


class LogNormal(Model):
    r"""log x is N(mean, variance): log p(x) = -log(2 pi variance)/2 - log(x) - (log(x) - mean)^2 / (2 variance).

    `mean` is real and `variance` positive, both of log x, x > 0.
    """

    support = positive_numbers
    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "variance approaches 0"
    mean: Parameter = parameter(real)
    variance: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        y = jnp.log(x)
        return -jnp.log(2 * jnp.pi * self.variance) / 2 - y - (y - self.mean) ** 2 / (2 * self.variance)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return jnp.exp(self.mean + jnp.sqrt(self.variance) * jax.random.normal(key, shape, jnp.result_type(float)))

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "LogNormal":
        """Return the closed form, with a variance above zero."""
        found = cls.closed_form(observations, weights)
        return cls(mean=plain(found.mean), variance=inside(found.variance))

    @staticmethod
    def closed_form(observations: ArrayLike, weights: Weights = None) -> "LogNormal":
        """Return the maximum of the likelihood: mean and variance, with divisor n, of the logarithms."""
        found = moments(np.log(as_values(observations)), weights)
        return LogNormal(mean=np.float64(found.mean), variance=np.float64(found.variance))


class Beta(Model):
    r"""log p(x) = (a - 1) log(x) + (b - 1) log(1 - x) - log B(a, b), 0 < x < 1, with positive shapes a and b."""

    support = fractions
    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "the distribution narrows"
    a: Parameter = parameter(positive)
    b: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        return (self.a - 1) * jnp.log(x) + (self.b - 1) * jnp.log1p(-x) - betaln(self.a, self.b)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return jax.random.beta(key, self.a, self.b, shape, jnp.result_type(float))

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Beta":
        """Return the shapes that have the sample's mean and variance."""
        found = moments(as_values(observations), weights)
        total = found.mean * (1 - found.mean) / np.maximum(found.variance, SMALLEST) - 1
        total = inside(np.minimum(total, 1e15), 1e-6)
        return cls(a=inside(found.mean * total), b=inside((1 - found.mean) * total))


class Weibull(Model):
    r"""log p(x) = log(k / scale) + (k - 1) log(x / scale) - (x / scale)^k, x > 0, with k = `shape`.

    `shape` is positive and has no unit; `scale` is positive, in the units of the data. Not an exponential family.
    """

    support = positive_numbers
    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "the distribution narrows"
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
        logs = np.log(as_values(observations))
        found = moments(logs, weights)
        shape = gumbel_shape(found.deviation, np.max(logs, axis=0) - found.mean)
        return cls(shape=shape, scale=inside_exp(found.mean + np.euler_gamma / shape))


class Rayleigh(Model):
    r"""A Rayleigh distribution, of the length of a vector of two normals with mean 0 and standard deviation `scale`.

    log p(x) = log(x) - 2 log(scale) - x^2 / (2 scale^2), x > 0.

    Args:
        scale: positive, in the units of the data.

    Example:
        >>> Rayleigh.closed_form([1.0, 2.0, 3.0])
        Rayleigh(scale=1.527...)

    Source: N. L. Johnson, S. Kotz and N. Balakrishnan, Continuous Univariate Distributions 1 (1994), section 18.10.
    """

    support = positive_numbers
    starts_side_by_side: ClassVar[bool] = True
    scale: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        return jnp.log(x) - 2 * jnp.log(self.scale) - x**2 / (2 * self.scale**2)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return self.scale * jnp.sqrt(2 * jax.random.exponential(key, shape, jnp.result_type(float)))

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Rayleigh":
        """Return the closed form."""
        return cls(scale=inside(cls.closed_form(observations, weights).scale))

    @staticmethod
    def closed_form(observations: ArrayLike, weights: Weights = None) -> "Rayleigh":
        """Return the maximum of the likelihood: the root of half the mean square."""
        return Rayleigh(scale=np.float64(root_mean_square(as_values(observations), weights) / math.sqrt(2)))


NARROW = 1e29
"""The shape of an inverse Gaussian distribution, in units of its mean, to which only equal observations lead."""


class InverseGaussian(Model):
    r"""An inverse Gaussian (Wald) distribution, of the time at which a Brownian motion with drift first is at a height.

    log p(x) = (log(shape) - log(2 pi) - 3 log(x)) / 2 - shape (x - mean)^2 / (2 mean^2 x), x > 0.

    Args:
        mean: positive, in the units of the data.
        shape: positive, in the units of the data; the variance is mean^3 / shape.

    Example:
        >>> InverseGaussian.closed_form([1.0, 2.0, 3.0])
        InverseGaussian(mean=2.0, shape=9.0...)

    Source: R. S. Chhikara and J. L. Folks, The Inverse Gaussian Distribution (1989).
    """

    support = positive_numbers
    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "the distribution narrows"
    mean: Parameter = parameter(positive)
    shape: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        normalizer = (jnp.log(self.shape) - jnp.log(2 * jnp.pi) - 3 * jnp.log(x)) / 2
        return normalizer - self.shape * (x - self.mean) ** 2 / (2 * self.mean**2 * x)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key.

        Source: J. R. Michael, W. R. Schucany and R. W. Haas, American Statistician 30 (1976).
        """
        one, other = jax.random.split(key)
        w = self.mean / (2 * self.shape) * jax.random.normal(one, shape, jnp.result_type(float)) ** 2
        smaller = 1 / (1 + w + jnp.sqrt(w * (w + 2)))  # of the two roots, whose product is 1
        first = jax.random.uniform(other, shape, jnp.result_type(float)) * (1 + smaller) <= 1
        return self.mean * jnp.where(first, smaller, 1 / smaller)

    def unbounded(self, count: float) -> str:
        """Return that the shape grows, where observations that are all the same let it."""
        return "shape grows" if self.shape > NARROW * self.mean else ""

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "InverseGaussian":
        """Return the closed form, with a finite shape."""
        found = cls.closed_form(observations, weights)
        most = 10 * NARROW * plain(found.mean)
        return cls(mean=inside(found.mean), shape=inside(np.minimum(found.shape, most)))

    @staticmethod
    def closed_form(observations: ArrayLike, weights: Weights = None) -> "InverseGaussian":
        """Return the maximum of the likelihood: the mean, and one over the mean of 1 / x - 1 / mean."""
        x = as_values(observations)
        center = mean(x, weights)
        ratio = np.maximum(x / center, SMALLEST)
        spread = mean(np.square(ratio - 1) / ratio, weights)
        return InverseGaussian(mean=np.float64(center), shape=np.float64(center * inverse(spread)))


def gamma_shape(ratios: Values, weights: Weights = None) -> Numbers:
    """Return the shape of a gamma distribution, about, from observations in units of their mean."""
    ratios = np.maximum(ratios, SMALLEST)
    away = ratios - 1
    # log(mean) - mean(log), as a sum of terms that are not negative and so cancel nothing
    terms = away - np.where(ratios > 0.5, np.log1p(np.maximum(away, -0.5)), np.log(ratios))
    s = np.maximum(mean(terms, weights), NO_SPREAD**2)
    return plain((3 - s + np.sqrt((s - 3) ** 2 + 24 * s)) / (12 * s))
