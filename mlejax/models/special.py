"""Special functions in forms that do not cancel, nor do their first and second derivatives.

Elementwise, of JAX arrays in any floating-point type.
"""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import i0e
from jaxtyping import Array

from .constraints import Number

# Of log Gamma: the Bernoulli numbers B_2k / (2k (2k - 1)), for k = 1, 2, ...
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
_FROM = 10
"""Above it eight terms of the series for log Gamma leave less than 1e-17."""

_SERIES_BELOW = 0.25
"""Below it, in size, log(1 + u) / u and log(1 + u) - u are taken from their series."""


_BESSEL_FROM = 50.0
_BESSEL = tuple(math.prod(((2 * j - 1) ** 2 / (8 * j) for j in range(1, k + 1)), start=1.0) for k in range(13))
"""Of sqrt(2 pi k) exp(-k) I0(k), by powers of 1 / k."""


def log1p_over(x: Number, a: Number) -> Array:
    """Return log(1 + a x) / a, which is x at a = 0, for a x > -1; smooth in both, also at and near a = 0.

    Source: with s = u / (2 + u), log(1 + u) / u = 2 / (2 + u) (1 + s^2 / 3 + s^4 / 5 + ...).
    """
    x, a = jnp.asarray(x), jnp.asarray(a)
    u = a * x
    small = jnp.abs(u) < _SERIES_BELOW
    near = jnp.where(small, u, 0.0)  # each branch is given what it is good for: no NaN comes from the other
    s = near / (2 + near)
    series = 2 / (2 + near) * _polynomial(s * s, [1 / (2 * k + 1) for k in range(11)])
    return jnp.where(small, x * series, jnp.log1p(jnp.where(small, 1.0, u)) / jnp.where(small, 1.0, a))


def expm1_over(y: Number, a: Number) -> Array:
    """Return (exp(a y) - 1) / a, which is y at a = 0: the inverse of `log1p_over`."""
    y, a = jnp.asarray(y), jnp.asarray(a)
    u = a * y
    return y * jnp.where(u == 0, 1.0, jnp.expm1(u) / jnp.where(u == 0, 1.0, u))


@jax.custom_jvp
def log1p_minus(u: Number) -> Array:
    """Return log(1 + u) - u for u > -1, with a relative error of a few ulps also near 0.

    Its derivative is -u / (1 + u).
    """
    small = jnp.abs(u) < _SERIES_BELOW
    near = jnp.where(small, u, 0.0)
    s = near / (2 + near)
    # 2 s - u = -s u
    series = s * (2 * s * s * _polynomial(s * s, [1 / (2 * k + 3) for k in range(10)]) - near)
    return jnp.where(small, series, jnp.log1p(u) - u)


@log1p_minus.defjvp
def _log1p_minus_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    (u,), (du,) = primals, tangents
    return log1p_minus(u), -u / (1 + u) * du


def log_gamma_ratio(x: Number, r: Number) -> Array:
    """Return log Gamma(x + r) - log Gamma(r) - x log(r) for x >= 0, r > 0; about x (x - 1) / (2 r) for large r.

    Source: Stirling's series above 10, the recurrence of Gamma below.
    """
    x, r = jnp.asarray(x), jnp.asarray(r)
    low = r < _FROM
    base = jnp.where(low, r + _FROM, r)
    t = x / base
    # (x + base) log(1 + t) - x, which for small t is of the order of x t
    small, whole = (x + base) * log1p_minus(t) + x * t, (x + base) * jnp.log1p(t) - x
    series = _stirling(x + base) - _stirling(base) - jnp.log1p(t) / 2
    ratio = jnp.where(t < _SERIES_BELOW, small, whole) + series
    own = jnp.where(low, r, 1.0)
    steps = _log_rising(own) - _log_rising(x + own) + x * jnp.log(base / r)
    return ratio + jnp.where(low, steps, 0.0)


def stirling_error(z: Number) -> Array:
    """Return log Gamma(z) - (z - 1/2) log(z) + z - log(2 pi) / 2, for z > 0.

    Source: Stirling's series above 10, the recurrence of Gamma below.
    """
    z = jnp.asarray(z)
    low = z < _FROM
    large, own = jnp.where(low, z + _FROM, z), jnp.where(low, z, 1.0)
    rising = jnp.sum(jnp.log(own[..., None] + np.arange(_FROM)), axis=-1)  # programs of its derivatives stay small
    steps = (own - 0.5) * jnp.log1p(_FROM / own) + _FROM * (jnp.log(own + _FROM) - 1) - rising
    return _stirling(large) + jnp.where(low, steps, 0.0)


def log_bessel(k: Number) -> Array:
    """Return log(I0(k)) - k for k >= 0, with I0 the modified Bessel function; about -log(2 pi k) / 2 for large k.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 9.7.1, above 50.
    """
    large = jnp.asarray(k) > _BESSEL_FROM
    far = jnp.where(large, k, _BESSEL_FROM)
    series = _polynomial(1 / far, _BESSEL)
    near = jnp.log(i0e(jnp.where(large, 1.0, k)))
    return jnp.where(large, jnp.log(series) - jnp.log(2 * jnp.pi * far) / 2, near)


def _stirling(z: Array) -> Array:
    """Return log Gamma(z) - (z - 1/2) log(z) + z - log(2 pi) / 2."""
    return _polynomial(1 / (z * z), _STIRLING) / z


def _log_rising(z: Array) -> Array:
    """Return log Gamma(z + 10) - log Gamma(z): the logarithm of z (z + 1) ... (z + 9)."""
    halves = (math.prod((z + k for k in range(start, start + 5)), start=1) for start in (0, 5))  # all would overflow
    return sum(map(jnp.log, halves), start=jnp.zeros_like(z))


def _polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    """Return a polynomial, its lowest coefficient first."""
    total = jnp.zeros_like(x)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total
