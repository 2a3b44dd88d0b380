"""Families whose parameters are arrays: shares of outcomes, and vectors that vary together."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float, Key, Num
from numpy.typing import ArrayLike

from .. import checks
from .base import Model, Parameter
from .constraints import Number, covariance_matrix, parameter, simplex
from .moments import Weights, as_values, mean
from .support import Support

WRITTEN_OUT = 64
"""Outcomes up to which a formula has a term for each, from which the counts are found; that of more looks them up."""

ROUNDED = 16 * float(np.finfo(np.float64).eps)
"""Deviations relative to their numbers that rounding alone may have made."""


class Categorical(Model):
    r"""A categorical distribution of the outcomes 0, ..., k - 1: log P(x) = log probabilities[x].

    Args:
        probabilities: (k,), positive, adding up to 1.

    Example:
        >>> Categorical.closed_form([0, 1, 1, 2]).probabilities
        array([0.25, 0.5 , 0.25])

    Source: C. M. Bishop, Pattern Recognition and Machine Learning (2006), section 2.2.
    """

    probabilities: Parameter = parameter(simplex)

    @property
    def support(self) -> Support:  # type: ignore[override]
        """The whole numbers below the number of outcomes."""
        return Support(lower=0, upper=np.shape(self.probabilities)[-1] - 1, whole=True)

    def log_prob(self, x: Number) -> Array:
        p, size = self.probabilities, np.shape(self.probabilities)[-1]
        if size > WRITTEN_OUT:
            return jnp.log(jnp.asarray(p))[jnp.asarray(x).astype(int)]
        terms = [jnp.where(x == i, jnp.log(p[i]), 0.0) for i in range(size)]
        return functools.reduce(jnp.add, terms)

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws of this shape, with a typed JAX key."""
        return jax.random.categorical(key, jnp.log(jnp.asarray(self.probabilities)), shape=shape)

    @staticmethod
    def of(outcomes: int) -> "CategoricalOutcomes":
        """Return the family of the distributions of this number of outcomes, also where some are not in the data.

        Raises:
            ValueError: `outcomes` is no whole number from 2.
        """
        return CategoricalOutcomes(outcomes)

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "Categorical":
        """Return the closed form, with half an observation of each outcome that was not seen."""
        return CategoricalOutcomes(_outcomes(observations)).start(observations, weights)

    @staticmethod
    def closed_form(observations: ArrayLike, weights: Weights = None) -> "Categorical":
        """Return the maximum of the likelihood: how often each outcome was seen, up to the largest."""
        return Categorical(_shares(_seen(observations, weights, _outcomes(observations))))


@dataclasses.dataclass(frozen=True)
class CategoricalOutcomes:
    """A family of the categorical distributions of a given number of outcomes; `Categorical.of` makes it."""

    outcomes: int

    def __post_init__(self) -> None:
        checks.counts("outcomes", self.outcomes, at_least=2)

    @property
    def __name__(self) -> str:
        """What the family is called."""
        return f"Categorical.of({self.outcomes})"

    @property
    def support(self) -> Support:
        """The whole numbers below the number of outcomes."""
        return Support(lower=0, upper=self.outcomes - 1, whole=True)

    def start(self, observations: ArrayLike, weights: Weights = None) -> Categorical:
        """Return the closed form, with half an observation of each outcome that was not seen."""
        seen = _seen(observations, weights, self.outcomes)
        return Categorical(_shares(np.where(seen > 0, seen, 0.5)))


def _outcomes(observations: ArrayLike) -> int:
    return max(int(np.max(as_values(observations))) + 1, 2)


def _seen(observations: ArrayLike, weights: Weights, outcomes: int) -> Float[np.ndarray, " k"]:
    """Return how often each outcome was seen."""
    return np.bincount(as_values(observations).astype(int), weights, outcomes).astype(np.float64)


def _shares(seen: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    return seen / np.sum(seen)


class MultivariateNormal(Model):
    r"""A multivariate normal distribution of vectors of d numbers: with z the solution of L z = x - mean,

    log p(x) = -(z . z) / 2 - log det L - d log(2 pi) / 2, where L is the Cholesky factor of the covariance, L L'.

    Args:
        mean: (d,), real, in the units of the data.
        covariance: (d, d), symmetric and positive definite, in products of these units.

    Example:
        >>> found = MultivariateNormal.closed_form([[0.0, 0.0], [2.0, 0.0], [0.0, 4.0], [2.0, 4.0]])
        >>> print(found.mean, found.covariance.tolist())
        [1. 2.] [[1.0, 0.0], [0.0, 4.0]]

    Source: T. W. Anderson, An Introduction to Multivariate Statistical Analysis (2003), chapters 2 and 3.
    """

    mean: Parameter
    covariance: Parameter = parameter(covariance_matrix)

    def log_prob(self, x: Num[Array | np.ndarray, " d"]) -> Array:
        factor = jnp.linalg.cholesky(jnp.asarray(self.covariance))
        z = solve_triangular(factor, x - self.mean, lower=True)
        size = np.shape(self.covariance)[-1]
        return -jnp.sum(z**2) / 2 - jnp.sum(jnp.log(jnp.diagonal(factor))) - size * jnp.log(2 * jnp.pi) / 2

    def sample(self, key: Key[Array, ""], shape: tuple[int, ...]) -> Num[Array, "..."]:
        """Return independent draws (*shape, d), with a typed JAX key."""
        factor = jnp.linalg.cholesky(jnp.asarray(self.covariance))
        normal = jax.random.normal(key, (*shape, factor.shape[0]), jnp.result_type(float))
        away = jnp.matmul(normal, factor.T, precision="highest")
        return away + jnp.broadcast_to(jnp.asarray(self.mean), away.shape)

    def without_maximum(self, observations: Float[np.ndarray, "n d"]) -> str:
        """Return that the distribution flattens, where a combination of the numbers is the same in all observations."""
        x = np.asarray(observations, np.float64)
        away = x - x.mean(axis=0)
        spreads = np.sqrt(np.mean(away**2, axis=0))
        told = spreads > ROUNDED * np.max(np.abs(x), axis=0)
        if not np.all(told):
            return f"the variance of x[{int(np.argmin(told))}], the same in all observations, approaches 0"
        if len(x) <= x.shape[1]:
            return f"the distribution flattens onto these {len(x)} observations, of {x.shape[1]} numbers each"
        sizes, directions = np.linalg.svd(away / spreads, full_matrices=False)[1:]
        if sizes[-1] > ROUNDED * x.shape[1] * (1 + np.max(np.abs(x) / spreads)) * sizes[0]:
            return ""
        parts = directions[-1] / spreads
        parts = parts / parts[np.argmax(np.abs(parts))]
        same = " + ".join(f"{part:.4g} x[{i}]" for i, part in enumerate(parts) if abs(part) > ROUNDED)
        return f"the variance of {same}, the same in all observations, approaches 0".replace("+ -", "- ")

    @classmethod
    def start(cls, observations: ArrayLike, weights: Weights = None) -> "MultivariateNormal":
        """Return the closed form; without its correlations where these are perfect, to rounding."""
        found = cls.closed_form(observations, weights)
        variances = np.diagonal(found.covariance)
        variances = np.where(variances > 0, variances, 1.0)
        scale = 1 / np.sqrt(variances)
        least = np.linalg.eigvalsh(found.covariance * np.outer(scale, scale))[0]
        return found if least > ROUNDED * len(scale) else cls(found.mean, np.diag(variances))

    @staticmethod
    def closed_form(observations: ArrayLike, weights: Weights = None) -> "MultivariateNormal":
        """Return the maximum of the likelihood: the mean and the covariance, with divisor n.

        Args:
            observations: (n, d), vectors.
            weights: (n,), non-negative, how many times each observation counts; None: once.

        Raises:
            ValueError: the observations are no vectors.
        """
        x: Any = np.asarray(observations, np.float64)
        if x.ndim != 2:
            raise checks.InputValueError(f"MultivariateNormal needs vectors, an array (n, d); got shape {x.shape}")
        center = np.array([mean(column, weights) for column in x.T])
        heavy = np.ones(len(x)) if weights is None else weights
        away = (x - center) * np.sqrt(heavy / np.sum(heavy))[:, None]
        return MultivariateNormal(center, away.T @ away)
