"""Families on the integers."""

import dataclasses
import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Key, Num
from numpy.typing import ArrayLike

from .. import checks
from ..checks import InputTypeError
from .abilities import Limit
from .base import Model, Parameter
from .constraints import Number, parameter, positive, unit_interval
from .moments import Numbers, Weights, as_values, count, inside, mean, moments, plain, unless_zero
from .special import log1p_minus, log_gamma_ratio
from .support import Support, counts


class Poisson(Model):
    r"""log p(k) = k log(rate) - rate - log(k!), k = 0, 1, 2, ... `rate` is positive, in counts per observation."""

    support = counts
    starts_side_by_side: ClassVar[bool] = True
    rate: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        return x * jnp.log(self.rate) - self.rate - gammaln(x + 1)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return jax.random.poisson(key, self.rate, shape)

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Poisson":
        """Return the closed form; of a sample of zeros, half a count in all."""
        return cls(rate=unless_zero(cls.closed_form(observations, weights).rate, half_of_one(observations, weights)))

    @staticmethod
    def closed_form(observations: ArrayLike, weights: Weights = None) -> "Poisson":
        """Return the maximum of the likelihood: the mean."""
        return Poisson(rate=np.float64(mean(as_values(observations), weights)))


class Geometric(Model):
    r"""A geometric distribution of the number of failures before the first success.

    log p(k) = log(probability) + k log(1 - probability), k = 0, 1, 2, ...

    Args:
        probability: of success, between 0 and 1.

    Example:
        >>> Geometric.closed_form([0, 1, 5])
        Geometric(probability=0.333...)

    Source: N. L. Johnson, A. W. Kemp and S. Kotz, Univariate Discrete Distributions (2005), section 5.2.
    """

    support = counts
    starts_side_by_side: ClassVar[bool] = True
    probability: Parameter = parameter(unit_interval)

    def log_prob(self, x: Number) -> Array:
        return jnp.log(self.probability) + x * jnp.log1p(-self.probability)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        waited = jax.random.exponential(key, shape, jnp.result_type(float)) / -jnp.log1p(-self.probability)
        return jnp.floor(waited).astype(jnp.result_type(int))

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Geometric":
        """Return the closed form; of a sample of zeros, that of half a failure in all."""
        failures = unless_zero(mean(as_values(observations), weights), half_of_one(observations, weights))
        return cls(probability=inside(1 / (1 + failures), 0.0, 1.0))

    @staticmethod
    def closed_form(observations: ArrayLike, weights: Weights = None) -> "Geometric":
        """Return the maximum of the likelihood: one over one more than the mean."""
        return Geometric(probability=np.float64(1 / (1 + mean(as_values(observations), weights))))


class NegativeBinomial(Model):
    r"""A negative binomial distribution: a Poisson distribution whose rate is gamma distributed with shape `size`.

    log p(k) = log Gamma(k + size) - log Gamma(size) - log(k!) + size log(size / (size + mean))
    + k log(mean / (size + mean)), k = 0, 1, 2, ... The variance is mean + mean^2 / size; with a large size it becomes
    a Poisson distribution.

    Args:
        size: positive, without unit.
        mean: positive, in counts per observation.

    Example:
        >>> NegativeBinomial.start([0, 1, 1, 2, 11])
        NegativeBinomial(size=0.671..., mean=3.0)

    Source: J. M. Hilbe, Negative Binomial Regression (2011), chapter 8.
    """

    support = counts
    starts_side_by_side: ClassVar[bool] = True
    size: Parameter = parameter(positive)
    mean: Parameter = parameter(positive)

    def log_prob(self, x: Number) -> Array:
        return negative_binomial(x, self.size, self.mean, jnp.log(self.mean))

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        one, other = jax.random.split(key)
        rates = jax.random.gamma(one, self.size, shape, jnp.result_type(float)) * (self.mean / self.size)
        return jax.random.poisson(other, rates, shape)

    def limits(self) -> tuple[Limit, ...]:
        """Return that the family becomes Poisson's as the size grows."""
        return (Limit(Poisson, "size grows"),)

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "NegativeBinomial":
        """Return the size and mean that have the sample's mean and variance; a large size where that is too small."""
        found = moments(as_values(observations), weights)
        center = unless_zero(found.mean, half_of_one(observations, weights))
        excess = found.variance - np.asarray(found.mean)
        size = np.where(excess > 0, found.mean**2 / np.where(excess > 0, excess, 1.0), math.inf)
        return cls(size=plain(np.minimum(np.maximum(size, 1e-3), 100 * np.maximum(center, 1.0))), mean=center)


def negative_binomial(x: Number, r: Parameter, m: Parameter, log_m: Parameter) -> Array:
    """Return the log-probability of x by a negative binomial distribution of size r and mean m, with its logarithm."""
    u = m / r
    # (x + r) log(1 + u) is, where u is small, x u + m and a rest of the order of u m: what is large cancels below.
    small = u < 0.25
    rest = jnp.where(small, log1p_minus(u), jnp.log1p(u))
    first = jnp.where(small, x * u + m, 0.0)
    return x * log_m - first - (x + r) * rest + log_gamma_ratio(x, r) - gammaln(x + 1.0)


class Binomial(Model):
    r"""A binomial distribution of the number of successes in a known number of trials n.

    log p(k) = log(n choose k) + k log(probability) + (n - k) log(1 - probability), k = 0, 1, ..., n.

    `Binomial.of(n)` is the family of one n, which finds its own start.

    Args:
        trials: a whole number from 1, which is given and not estimated.
        probability: of success in a trial, between 0 and 1.

    Raises:
        ValueError: `trials` is no whole number from 1.

    Example:
        >>> Binomial.of(10).start([3, 4, 8])
        Binomial(trials=10, probability=0.5)

    Source: N. L. Johnson, A. W. Kemp and S. Kotz, Univariate Discrete Distributions (2005), chapter 3.
    """

    trials: int = eqx.field(static=True)
    probability: Parameter = parameter(unit_interval)

    def __check_init__(self) -> None:
        checks.counts("trials", self.trials, at_most=2**53)

    @property
    def support(self) -> Support:  # type: ignore[override]
        """The whole numbers from 0 to `trials`."""
        return Support(lower=0, upper=self.trials, whole=True)

    def log_prob(self, x: Number) -> Array:
        n, p = self.trials, self.probability
        ways = gammaln(n + 1.0) - gammaln(x + 1) - gammaln(n - x + 1)
        return ways + x * jnp.log(p) + (n - x) * jnp.log1p(-p)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        drawn = jax.random.binomial(key, self.trials, self.probability, shape, jnp.result_type(float))
        return drawn.astype(jnp.result_type(int))

    @staticmethod
    def of(trials: int) -> "BinomialTrials":
        """Return the family of binomial distributions of this number of trials.

        Raises:
            ValueError: `trials` is no whole number from 1.
        """
        return BinomialTrials(trials)

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Binomial":
        """Refuse to start without a number of trials.

        Raises:
            TypeError: naming `Binomial.of`.
        """
        raise InputTypeError("Binomial needs its number of trials: give mlejax.Binomial.of(trials) in its place")


@dataclasses.dataclass(frozen=True)
class BinomialTrials:
    """A family of the binomial distributions of a given number of trials; `Binomial.of` makes it."""

    starts_side_by_side: ClassVar[bool] = True
    trials: int

    def __post_init__(self) -> None:
        checks.counts("trials", self.trials, at_most=2**53)

    @property
    def __name__(self) -> str:
        """What the family is called."""
        return f"Binomial.of({self.trials})"

    @property
    def support(self) -> Support:
        """The whole numbers from 0 to `trials`."""
        return Support(lower=0, upper=self.trials, whole=True)

    def start(self, observations: ArrayLike, weights: Weights = None) -> Binomial:
        """Return the closed form; where all trials or none succeed, that of half a failure or half a success in all."""
        found, least = self.closed_form(observations, weights), half_of_one(observations, weights) / self.trials
        return Binomial(trials=self.trials, probability=plain(np.clip(found.probability, least, 1 - least)))

    def closed_form(self, observations: ArrayLike, weights: Weights = None) -> Binomial:
        """Return the maximum of the likelihood: the mean share of successes."""
        return Binomial(
            trials=self.trials, probability=np.float64(mean(as_values(observations), weights) / self.trials)
        )


def half_of_one(observations: ArrayLike, weights: Weights) -> Numbers:
    """Return the mean of a sample in which half an event was counted in all."""
    return plain(0.5 / np.maximum(count(as_values(observations), weights), 1.0))
