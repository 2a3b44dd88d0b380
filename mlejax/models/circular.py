"""Families of angles."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, Num
from numpy.typing import ArrayLike

from .base import Model, Parameter
from .constraints import Number, parameter, positive, real
from .moments import Weights, as_values, inside, mean
from .special import log_bessel


class VonMises(Model):
    r"""A von Mises distribution of angles: log p(x) = concentration cos(x - location) - log(2 pi I0(concentration)),

    with I0 the modified Bessel function; a density over any interval of length 2 pi. The location is as good with
    2 pi added.

    Args:
        location: the mean direction, in radians.
        concentration: positive, without unit; 1 / concentration is about the variance where it is small.

    Example:
        >>> VonMises.start([0.1, -0.3, 0.5, 6.3])
        VonMises(location=0.078..., concentration=13.1...)

    Source: K. V. Mardia and P. E. Jupp, Directional Statistics (2000), section 3.5.4.
    """

    narrows: ClassVar[str] = "concentration grows"
    location: Parameter = parameter(real)
    concentration: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        m, k = self.location, self.concentration
        along = jnp.cos(x) * jnp.cos(m) + jnp.sin(x) * jnp.sin(m)  # cos(x - m), with its sufficient statistics apart
        return k * along - k - log_bessel(k) - jnp.log(2 * jnp.pi)

    @property
    def cut(self) -> float:
        """The angle opposite to the location, in radians: there a distribution function begins and ends."""
        return float(np.asarray(self.location)) - math.pi

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape from -pi to pi, with a typed JAX key.

        Source: D. J. Best and N. I. Fisher, Efficient simulation of the von Mises distribution, Applied Statistics 28
        (1979).
        """
        k = jnp.asarray(self.concentration, jnp.result_type(float))
        root = 1 + jnp.sqrt(1 + 4 * k * k)
        rho = (root - jnp.sqrt(2 * root)) / (2 * k)
        r = jnp.where(k < 1e-4, 1 / k, (1 + rho * rho) / (2 * rho))

        def propose(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            key, cosine, accepted = state
            key, one, other = jax.random.split(key, 3)
            z = jnp.cos(jnp.pi * jax.random.uniform(one, shape, k.dtype))
            c = k * (r - (1 + r * z) / (r + z))
            good = jnp.log(c) + jax.random.exponential(other, shape, k.dtype) + 1 - c >= 0
            return key, jnp.where(accepted, cosine, (1 + r * z) / (r + z)), accepted | good

        key, side = jax.random.split(key)
        begin = (key, jnp.zeros(shape, k.dtype), jnp.zeros(shape, bool))
        _, cosine, _ = jax.lax.while_loop(lambda state: ~jnp.all(state[2]), propose, begin)
        angle = jnp.arccos(jnp.clip(cosine, -1, 1)) * jnp.where(jax.random.bernoulli(side, 0.5, shape), 1, -1)
        return jnp.remainder(angle + self.location + jnp.pi, 2 * jnp.pi) - jnp.pi

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "VonMises":
        """Return the mean direction, and the concentration by an approximation within a few percent.

        Source: A. Banerjee et al., Clustering on the unit hypersphere, Journal of Machine Learning Research 6 (2005).
        """
        x = as_values(observations)
        location = math.atan2(mean(np.sin(x), weights), mean(np.cos(x), weights))
        rest = mean(2 * np.sin((x - location) / 2) ** 2, weights)  # 1 less the mean resultant length
        length = min(max(1 - rest, 0.0), 1.0)
        concentration = length * (2 - length**2) / (max(rest, 1e-30) * (1 + length))
        return cls(location=location, concentration=inside(concentration))
