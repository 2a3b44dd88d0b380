"""A learning rate that suits a model and a sample, from the curvature of the log-likelihood."""

from typing import Literal, overload

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from ..checks import InputValueError
from ..likelihood import expected_information, observed_information
from ..models.base import M, Model
from ..models.parameters import Parameters
from ..samples.outside import in_float64_outside
from ..samples.representation import Sample, as_sample

SHARE, NATURAL_SHARE = 0.25, 0.5
"""The part of the stability limit that is suggested, of the plain and of the natural gradient."""


@overload
def suggest_learning_rate(
    model: Model, sample: Sample | ArrayLike, *, per_parameter: Literal[False] = False, natural: bool = False
) -> np.float64: ...


@overload
def suggest_learning_rate(
    model: M, sample: Sample | ArrayLike, *, per_parameter: Literal[True], natural: bool = False
) -> M: ...


def suggest_learning_rate(
    model: M, sample: Sample | ArrayLike, *, per_parameter: bool = False, natural: bool = False
) -> M | np.float64 | Float[Array, ""]:
    r"""Return a learning rate for gradient ascent near a model: a quarter of the stability limit there.

    A step of ascent multiplies an error along an eigenvector of the information, per observation, by
    $1 - \text{rate} \cdot \lambda$, and above $2 / \lambda_{\max}$ it grows. A quarter of that limit leaves room for a
    maximum where the log-likelihood curves up to four times as much as at `model`; so give a model near it, such as
    moments of the data. The natural gradient takes half of its limit, which changes less from place to place: near the
    maximum that is a rate of 1, a step of Fisher scoring.

    Args:
        model: where to measure the curvature.
        sample: observations (n,), or a `Summary` of them.
        per_parameter: return a rate for every parameter, each in proportion to the inverse of its own curvature. They
            follow the units of the parameters: in grams and in tonnes the ascent is the same.
        natural: of the natural gradient, `natural_gradient()`, whose curvature near the maximum is 1 in any unit.

    Returns:
        A number, or a model of rates: what `learning_rate` takes. Inside `jit` or `vmap`, traced ones, NaN where there
        is no curvature.

    Raises:
        ValueError: the log-likelihood has no finite curvature at the model, or both `per_parameter` and `natural` are
            asked for.

    Reference: Y. Nesterov, Lectures on Convex Optimization (2018), section 2.1.5.

    Example:
        >>> import mlejax
        >>> print(mlejax.suggest_learning_rate(mlejax.Exponential(2.0), [0.5, 1.5]))  # the curvature is 1 / rate^2
        2.0
        >>> mlejax.suggest_learning_rate(mlejax.Normal(1.0, 4.0), [-1.0, 3.0], per_parameter=True)  # v / 2, v^2
        Normal(mean=2.0, variance=16.0)
    """
    if natural and per_parameter:
        raise InputValueError(
            "suggest_learning_rate: one rate serves the natural gradient; give per_parameter or natural"
        )
    if natural:
        rates = _natural(model, sample)
    else:
        rates = _separate(model, sample) if per_parameter else _shared(model, sample)
    if not isinstance(rates, Tracer) and not np.all(np.isfinite(rates)):
        raise InputValueError(
            f"suggest_learning_rate: the log-likelihood of these observations has no finite curvature at {model}; "
            "give a model near its maximum"
        )
    return Parameters.of(model).to_model(rates) if per_parameter else rates[()]


@in_float64_outside
def _shared(model: Model, sample: Sample | ArrayLike) -> Float[Array, ""]:
    return 2 * SHARE / _largest(_curvature(model, sample))


@in_float64_outside
def _separate(model: Model, sample: Sample | ArrayLike) -> Float[Array, " p"]:
    curvature = _curvature(model, sample)
    own = jnp.abs(jnp.diagonal(curvature))
    scale = 1 / jnp.sqrt(own)
    return 2 * SHARE / (own * _largest(curvature * scale[:, None] * scale[None, :]))


@in_float64_outside
def _natural(model: Model, sample: Sample | ArrayLike) -> Float[Array, ""]:
    half = jnp.linalg.inv(jnp.linalg.cholesky(expected_information(model)))
    return 2 * NATURAL_SHARE / _largest(half @ _curvature(model, sample) @ half.T)


def _curvature(model: Model, sample: Sample | ArrayLike) -> Float[Array, "p p"]:
    sample = as_sample(sample)
    return jnp.asarray(Parameters.of(model).bound(observed_information(model, sample) / sample.count))


def _largest(matrix: Float[Array, "p p"]) -> Float[Array, ""]:
    """Return the largest eigenvalue in size: where the log-likelihood curves upward a step must be small too."""
    size = jnp.max(jnp.abs(jnp.linalg.eigvalsh(matrix)))
    return jnp.where(size > 0, size, jnp.nan)
