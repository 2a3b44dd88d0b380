"""The normal distribution."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, Num
from numpy.typing import ArrayLike

from .base import Model, Parameter
from .constraints import Number, parameter, positive, real
from .moments import Weights, as_values, inside, moments, plain


class Normal(Model):
    r"""N(mean, variance): log p(x) = -log(2 pi variance) / 2 - (x - mean)^2 / (2 variance).

    Args:
        mean: location, in the units of the data.
        variance: squared scale, positive, in the squared units of the data.

    Example:
        >>> import mlejax
        >>> float(mlejax.Normal(mean=0.0, variance=1.0).log_prob(0.0))  # -log(2 pi) / 2
        -0.9189385...
    """

    starts_side_by_side: ClassVar[bool] = True
    narrows: ClassVar[str] = "variance approaches 0"
    mean: Parameter = parameter(real)
    variance: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        return -jnp.log(2 * jnp.pi * self.variance) / 2 - (x - self.mean) ** 2 / (2 * self.variance)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        dtype = jnp.result_type(self.mean, self.variance, float)
        return self.mean + jnp.sqrt(self.variance) * jax.random.normal(key, shape, dtype)

    def draw_closed_form(self, key: Key[Array, ""], count: int) -> "Normal":
        """Draw the closed form of a sample of `count` draws directly: exact in distribution, at no cost per draw.

        By Cochran's theorem the sample's mean is normal, its scatter chi-squared with count - 1 degrees of freedom,
        and the two are independent.
        """
        mean_key, scatter_key = jax.random.split(key)
        dtype = jnp.result_type(self.mean, self.variance, float)
        mean = self.mean + jnp.sqrt(self.variance / count) * jax.random.normal(mean_key, (), dtype)
        scatter = jax.random.chisquare(scatter_key, count - 1, (), dtype)
        return Normal(mean=mean, variance=self.variance * scatter / count)

    def typical_observations(self) -> Num[Array, " two"]:
        """Return observations (2,) over which the average of any quadratic in x is its expectation under this model."""
        return self.mean + jnp.sqrt(self.variance) * jnp.array([-1.0, 1.0])

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Normal":
        """Return the closed form, with a variance above zero."""
        found = moments(as_values(observations), weights)
        return cls(mean=plain(found.mean), variance=inside(found.variance))

    @staticmethod
    def closed_form(observations: ArrayLike, weights: Weights = None) -> "Normal":
        """Return the maximum of the likelihood: the sample's mean and its variance with divisor n."""
        found = moments(as_values(observations), weights)
        return Normal(mean=np.float64(found.mean), variance=np.float64(found.variance))
