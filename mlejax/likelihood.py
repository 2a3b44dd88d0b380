"""What autodiff derives from a log-density: mean log-likelihood, score, information, covariance, standard errors."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from .models.base import M, Model
from .samples.raw import Observations
from .samples.representation import as_sample


def mean_log_likelihood(model: Model, sample: Any) -> Any:
    """The mean log-density of `sample` per observation, in nats.

    Args:
        model: parameters, scalar leaves.
        sample: observations (n,), or a `Summary` of them.
    """
    return as_sample(sample).mean_log_prob(model)


def log_likelihood(model: Model, sample: Any) -> Any:
    """The log-likelihood: the sum of the log-densities, in nats. Arguments as `mean_log_likelihood`."""
    sample = as_sample(sample)
    return sample.count * sample.mean_log_prob(model)


def score(model: M, sample: Any) -> M:
    """The gradient of the log-likelihood: a model, its leaves in nats per unit of each parameter."""
    sample = as_sample(sample)
    return jax.tree.map(lambda g: sample.count * g, jax.grad(mean_log_likelihood)(model, sample))


def observed_information(model: Model, sample: Any) -> Any:
    """Minus the Hessian of the log-likelihood: (p, p), parameters in leaf order."""
    sample = as_sample(sample)
    flat, unravel = ravel_pytree(jax.tree.map(jnp.asarray, model))
    return -sample.count * jax.hessian(lambda vector: mean_log_likelihood(unravel(vector), sample))(flat)


def expected_information(model: Any) -> Any:
    """The Fisher information of ONE observation, (p, p), for models with `typical_observations`.

    The log-density of such a model has a Hessian quadratic in x, whose expectation is its average over those points.
    """
    points = Observations(model.typical_observations())
    return observed_information(model, points) / points.count


def covariance(model: Model, sample: Any) -> Any:
    """The inverse of the observed information, (p, p): the covariance of the estimate when `model` is the maximum."""
    information, scale = _scaled(observed_information(model, sample))
    return jnp.linalg.inv(information) * scale[:, None] * scale[None, :]


def standard_errors(model: M, sample: Any) -> M:
    """Square roots of the diagonal of `covariance`: a model, each leaf in the unit of its parameter."""
    _, unravel = ravel_pytree(jax.tree.map(jnp.asarray, model))
    return unravel(jnp.sqrt(jnp.diagonal(covariance(model, sample))))


def robust_standard_errors(model: M, observations: Any) -> M:
    """Standard errors that hold when the family is wrong: the sandwich of covariance and squared scores.

    Args:
        model: the estimate.
        observations: the raw data, (n,); a summary does not keep the score of every observation.
    """
    flat, unravel = ravel_pytree(jax.tree.map(jnp.asarray, model))
    scores = jax.vmap(jax.grad(lambda v, x: unravel(v).log_prob(x)), (None, 0))(flat, jnp.asarray(observations))
    bread = covariance(model, observations)
    return unravel(jnp.sqrt(jnp.diagonal(bread @ (scores.T @ scores) @ bread)))


def distance(model: Model, sample: Any) -> Any:
    """How far `model` is from a stationary point of the log-likelihood, in standard errors.

    The Newton decrement, sqrt(score' information^-1 score). Infinite where the information is not positive definite:
    there the likelihood has no maximum nearby that a standard error could be measured from.
    """
    flat_score, _ = ravel_pytree(score(model, sample))
    information, scale = _scaled(observed_information(model, sample))
    # Cholesky fails, as NaN, exactly where the matrix is not positive definite.
    factor = jnp.linalg.cholesky(information)
    half = jax.scipy.linalg.solve_triangular(factor, flat_score * scale, lower=True)
    decrement = jnp.sqrt(jnp.sum(half**2))
    return jnp.where(jnp.isnan(decrement), jnp.inf, decrement)


def _scaled(information: Any) -> tuple[Any, Any]:
    """The information with a unit diagonal, and the scale that makes it so: units must not decide the conditioning."""
    scale = 1 / jnp.sqrt(jnp.diagonal(information))
    return information * scale[:, None] * scale[None, :], scale
