"""Continuous families besides the normal, each written as a textbook writes it."""

import jax
import jax.numpy as jnp
from jax.scipy.special import betaln, gammaln
from jaxtyping import Array, Key, Num

from .base import Model, Parameter
from .constraints import Number, parameter, positive, real, unit_interval
from .support import fractions, numbers_from_zero, positive_numbers


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
