"""Families on the integers."""

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln
from jaxtyping import Array, Key, Num

from .base import Model, Parameter
from .constraints import Number, parameter, positive
from .support import counts


class Poisson(Model):
    r"""log p(k) = k log(rate) - rate - log(k!), k = 0, 1, 2, ... `rate` is positive, in counts per observation."""

    support = counts
    rate: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        return x * jnp.log(self.rate) - self.rate - gammaln(x + 1)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return jax.random.poisson(key, self.rate, shape)
