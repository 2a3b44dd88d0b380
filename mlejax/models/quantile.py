"""Quantiles of models whose distribution function is known, with their derivatives by the parameters."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, ArrayLike, Float

from .. import devices
from ..checks import InputValueError, shown
from .base import Model, name_of
from .distribution import shares
from .parameters import with_dtype
from .support import Support

HALVINGS = 64
"""Of an interval of coordinates, until it is as short as two numbers of float64 are apart."""

FARTHEST = 700.0
"""Of the logarithm of a number, or of what its hyperbolic sine is taken of: float64 holds little beyond."""

SLACK = 4096
"""Rounding errors within which a probability of whole numbers reaches another: P(X <= 0) of a fair coin is a half."""

POLISHED = 2
"""Newton steps at the end: the last one carries the derivatives."""


def quantile(model: Model, probability: ArrayLike | Sequence[float]) -> Float[Array | np.ndarray | np.float64, "..."]:
    """Return the numbers below which a model's observations lie with given probabilities.

    Of a model of whole numbers it is the smallest k for which P(X <= k) reaches the probability, whose derivatives are
    zero. Of another one the derivatives by the parameters and the probability, inside a JAX transformation, are those
    of the equation P(X <= x) = p, so that `FitResult.estimate_of` has the standard error of a quantile.

    Args:
        model: of a family of single numbers whose distribution function is known, such as `Gamma` or `Poisson`, or a
            `Truncated`, `Shifted`, `Fixed` or `ZeroInflated` one or a `Mixture` of such.
        probability: between 0 and 1, any shape.

    Returns:
        Numbers of this shape, in the units of the data.

    Raises:
        TypeError: the distribution function of the model is not known.
        ValueError: a probability is not between 0 and 1.

    Example:
        >>> import mlejax
        >>> print(mlejax.quantile(mlejax.Exponential(2.0), [0.5, 0.99]))
        [0.34657359 2.30258509]
        >>> print(mlejax.quantile(mlejax.Poisson(2.5), 0.95))
        5.0
        >>> result = mlejax.fit(mlejax.Exponential, [0.5, 1.5, 4.0], progress=False)
        >>> print(result.estimate_of(lambda model: mlejax.quantile(model, 0.99)))
        9.210340 +- 5.317592
    """
    traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((model, probability)))
    if not traced:
        devices.start(warn=False)
    # Under `jit` even a constant is traced: that tells where this call stands when its arguments do not.
    if traced or isinstance(jnp.zeros(()), Tracer):
        given = probability if hasattr(probability, "dtype") else 0.0  # plain numbers take the type of the model
        return _of_each(model, jnp.asarray(probability, jnp.result_type(given, *jax.tree.leaves(model), 0.0)))
    wanted = np.asarray(probability, np.float64)
    if not np.all((wanted > 0) & (wanted < 1)):
        raise InputValueError(f"quantile: probability must be between 0 and 1; got {shown(probability)}")
    with jax.enable_x64(True):
        return np.asarray(_compiled(with_dtype(model, np.float64, "model"), wanted))[()]


def _of_each(model: Model, probabilities: Array) -> Array:
    if not isinstance(model.support, Support):
        inner = "; take that of the model that it holds, model.base" if hasattr(model, "base") else ""
        raise InputValueError(f"quantile: the observations of {name_of(model)} are no single numbers{inner}")
    if jax.eval_shape(lambda model: model.log_prob(jnp.zeros(())), model).shape:
        several = "jax.vmap(lambda model: mlejax.quantile(model, 0.9))(models)"
        raise InputValueError(f"quantile takes one model; of several, such as those of a table of fits, {several}")
    found = jax.vmap(lambda probability: _of_one(model, probability))(probabilities.ravel())
    return found.reshape(probabilities.shape)


_compiled = jax.jit(_of_each)


def _of_one(model: Model, probability: Array) -> Array:
    """Return a quantile: between bounds that are halved, and then by Newton steps."""
    whole = model.support.whole
    lower, upper = float(model.support.lower), float(model.support.upper)

    def excess(model: Model, probability: Array, x: Array) -> Array:
        """Return by how much a logarithm of the share below, or above, is off: rising in x, 0 at the quantile."""
        found = shares(model, x)
        right = probability > 0.5
        return jnp.where(
            right, jnp.log1p(-probability) - found.log_survival, found.log_cdf - jnp.log(jnp.minimum(probability, 0.5))
        )

    def number(t: Array) -> Array:
        return jnp.floor(inside(t)) if whole else inside(t)

    def inside(t: Array) -> Array:
        if math.isfinite(lower) and math.isfinite(upper):
            return lower + (upper - lower) * jax.nn.sigmoid(t)
        if math.isfinite(lower):
            return lower + jnp.exp(t)
        return upper - jnp.exp(-t) if math.isfinite(upper) else jnp.sinh(t)

    still = jax.lax.stop_gradient((model, probability))

    rounding = SLACK * float(jnp.finfo(probability.dtype).eps) if whole else 0.0

    def below(t: Array) -> Array:
        return excess(*still, number(t)) < -rounding

    zero = jnp.zeros((), probability.dtype)
    sign = jnp.where(below(zero), 1.0, -1.0).astype(probability.dtype)

    def goes_on(ends: tuple[Array, Array]) -> Array:
        return (below(sign * ends[1]) == (sign > 0)) & (ends[1] < FARTHEST)

    near, far = jax.lax.while_loop(
        goes_on, lambda ends: (ends[1], jnp.minimum(2 * ends[1], FARTHEST)), (zero, jnp.ones_like(zero))
    )

    def halve(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = (low + high) / 2
        up = below(middle)
        return jnp.where(up, middle, low), jnp.where(up, high, middle)

    ends = jnp.minimum(sign * near, sign * far), jnp.maximum(sign * near, sign * far)
    low, high = jax.lax.fori_loop(0, HALVINGS, halve, ends)
    if whole:
        return number(high)
    t = (low + high) / 2
    near = math.sqrt(float(jnp.finfo(t.dtype).eps)) * jnp.maximum(jnp.abs(t), 1)
    x, length = number(t), number(t + near) - number(t - near)
    for _ in range(POLISHED):
        x = jax.lax.stop_gradient(x)
        slope = jax.grad(excess, argnums=2)(*still, x)
        step = excess(model, probability, x) / slope
        # Between the components of a mixture there may be nearly nothing: there rounding is steeper than the curve.
        x = x - jnp.where(jnp.abs(step) <= length, step, 0)
    return x
