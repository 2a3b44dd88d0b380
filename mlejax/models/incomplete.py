"""Integrals of densities up to a point and beyond it, as logarithms that stay accurate where they are very small.

Each is an integral over the logarithm of a number, or of odds, where densities are smooth: the density at the point,
times the integral of exp(-exponent(v)) over v > 0, by a double exponential rule. What is differentiated is the rule
itself, so that derivatives by all parameters are as accurate as the values.

Source: H. Takahasi and M. Mori, Double exponential formulas for numerical integration, Publications of RIMS 9 (1974).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import softplus
from jaxtyping import Array

from .constraints import Number
from .special import log1p_minus, log_gamma_ratio, stirling_error

_T, _STEP = np.linspace(-3.6, 3.8, 180, retstep=True)
_NODES = np.exp(_T - np.exp(-_T))
_WEIGHTS = _STEP * (1 + np.exp(-_T)) * _NODES

_POINTS, _POINT_WEIGHTS = ((np.polynomial.legendre.leggauss(24)[i] + (1 - i)) / 2 for i in (0, 1))
"""Of Gauss and Legendre's rule for integrals from 0 to 1."""

_FLAT = 0.05
"""Where an exponent stays so small until far away, the integral on the other side is the one to take."""

_SLOW = 0.2
"""What falls no faster than exp(-v / 5) is followed to where exp(v) is infinite."""


class Shares(NamedTuple):
    """Logarithms of the share of a distribution up to a point, and of that beyond it."""

    log_cdf: Array
    log_survival: Array

    @property
    def reversed(self) -> "Shares":
        """The same of the distribution of -x."""
        return Shares(self.log_survival, self.log_cdf)


def log1m_exp(y: Number) -> Array:
    """Return log(1 - exp(-y)) for y >= 0, accurate for small and large y, with its derivatives."""
    small = y < np.log(2)
    near, far = jnp.where(small, y, 0.5), jnp.where(small, 1.0, y)
    return jnp.where(small, jnp.log(-jnp.expm1(-near)), jnp.log1p(-jnp.exp(-far)))


def one_side(log_share: Array, below: Array) -> Shares:
    """Return both shares from one of them: that below a point, or that beyond it."""
    other = log1m_exp(-jnp.minimum(log_share, -jnp.finfo(log_share.dtype).tiny))
    return Shares(jnp.where(below, log_share, other), jnp.where(below, other, log_share))


def incomplete_gamma(a: Number, x: Number) -> Shares:
    """Return the regularized incomplete gamma functions P(a, x) and Q(a, x), for a > 0 and x > 0.

    Source: NIST Digital Library of Mathematical Functions, 8.2, with t = x exp(-v) and x exp(v).
    """
    a, x = jnp.asarray(a), jnp.asarray(x)
    below = x < jnp.maximum(a, _FLAT)
    sign = jnp.where(below, -1.0, 1.0)

    def exponent(v: Array, a: Array, x: Array, sign: Array) -> Array:
        return x * jnp.expm1(sign * v) - sign * a * v

    least = jnp.where(below, 1 / a, 0.0)
    log_share = _log_gamma_density(a, x) + _log_integral(exponent, (a, x, sign), jnp.abs(x - a), x, least)
    return one_side(log_share, below)


def incomplete_beta(a: Number, b: Number, log_odds: Number) -> Shares:
    """Return the regularized incomplete beta functions I_x(a, b) and 1 - I_x(a, b), for x with log(x / (1 - x)) given.

    Source: NIST Digital Library of Mathematical Functions, 8.17, over the logarithm of the odds.
    """
    a, b, s = jnp.asarray(a), jnp.asarray(b), jnp.asarray(log_odds)
    log_a, log_b, least = jnp.log(a), jnp.log(b), np.log(_FLAT)
    below = (log_b + s < least) | ((log_a - s >= least) & (log_b + s < log_a))
    # from here on the side that is integrated is the lower one
    own, other = jnp.where(below, a, b), jnp.where(below, b, a)
    s = jnp.where(below, s, -s)
    x, y = jax.nn.sigmoid(s), jax.nn.sigmoid(-s)
    near_one = (s > 0) & (own > _SLOW)

    def exponent(v: Array, own: Array, other: Array, x: Array, y: Array, near_one: Array) -> Array:
        # (own + other) log(1 - x + x exp(-v)) + own v, without what cancels where x is near 1
        change = jnp.expm1(jnp.where(near_one, v, -v))
        return (own + other) * jnp.log1p(jnp.where(near_one, y, x) * change) + jnp.where(near_one, -other, own) * v

    slope, curvature = own * y - other * x, (own + other) * x * y
    arguments = (own, other, x, y, near_one)
    integral = _log_integral(exponent, arguments, jnp.maximum(slope, 0.0), curvature, 1 / own)
    return one_side(_log_beta_density(own, other, s, x, y) + integral, below)


def inverse_gaussian(mean: Number, shape: Number, x: Number) -> Shares:
    """Return the shares of an inverse Gaussian distribution, over the logarithm of x."""
    mean, shape, x = jnp.asarray(mean), jnp.asarray(shape), jnp.asarray(x)
    up, down = shape * x / (2 * mean**2), shape / (2 * x)
    below = (0.5 + up < down) | ((up < _FLAT) & (down > _FLAT))
    sign = jnp.where(below, -1.0, 1.0)
    rising, falling = jnp.where(below, down, up), jnp.where(below, up, down)

    def exponent(v: Array, rising: Array, falling: Array, sign: Array) -> Array:
        more = jnp.expm1(v)
        return sign * v / 2 + rising * more - falling * more / (1 + more)

    log_density = jnp.log(shape / (2 * jnp.pi * x)) / 2 - shape * (x - mean) ** 2 / (2 * mean**2 * x)
    least = jnp.where(below & (down < 1), 1 - jnp.log(down), 0.0)
    integral = _log_integral(exponent, (rising, falling, sign), jnp.abs(0.5 + up - down), up + down, least)
    return one_side(log_density + integral, below)


def student(z: Number, degrees_of_freedom: Number) -> Shares:
    """Return the shares of Student's t distribution: by the incomplete beta function, and about the middle by a rule.

    Source: NIST Digital Library of Mathematical Functions, 8.17; Gauss and Legendre's rule.
    """
    z, n = jnp.asarray(z), jnp.asarray(degrees_of_freedom)
    middle = z * z < jnp.minimum(n, 1.0)
    near, far = jnp.where(middle, z, 0.0), jnp.where(middle, jnp.maximum(n, 1.0), jnp.abs(z))
    along = jnp.exp(-(n + 1) / 2 * jnp.log1p((near * _POINTS) ** 2 / n))
    half = jnp.exp(log_gamma_ratio(0.5, n / 2)) / np.sqrt(2 * np.pi) * near * jnp.sum(along * _POINT_WEIGHTS)
    tail = incomplete_beta(n / 2, 0.5, jnp.log(n) - 2 * jnp.log(far)).log_cdf - np.log(2)
    rest = jnp.log1p(-jnp.exp(tail))
    left, right = (jnp.where(middle, jnp.log1p(2 * sign * half) - np.log(2), 0.0) for sign in (1.0, -1.0))
    return Shares(
        jnp.where(middle, left, jnp.where(z < 0, tail, rest)), jnp.where(middle, right, jnp.where(z < 0, rest, tail))
    )


def _log_integral(
    exponent: Callable[..., Array], arguments: tuple[Array, ...], slope: Array, curvature: Array, least: Array
) -> Array:
    """Return the logarithm of the integral of exp(-exponent(v, *arguments)) over v from 0 to infinity.

    Args:
        exponent: 0 at 0, and from there convex.
        arguments: of it.
        slope: of it at 0.
        curvature: likewise.
        least: a length within which it does not reach 1.
    """
    slope, curvature, least, *held = map(jax.lax.stop_gradient, (slope, curvature, least, *arguments))
    # the length at which the exponent is about 1; the integral does not depend on it
    length = jnp.maximum(1 / (slope + jnp.sqrt(curvature)), least)
    for _ in range(4):
        value, rise = jax.jvp(lambda v: exponent(v, *held), (length,), (jnp.ones_like(length),))
        length = jnp.maximum(length - (value - 1) / rise, length / 4)
    length = jax.lax.stop_gradient(length)
    return jnp.log(jnp.sum(jnp.exp(-exponent(length * _NODES, *arguments)) * _WEIGHTS)) + jnp.log(length)


def _log_gamma_density(a: Array, x: Array) -> Array:
    """Return a log(x) - x - log Gamma(a), without what cancels where a is large."""
    return a * _log_less(jnp.log(x) - jnp.log(a), (x - a) / a) + jnp.log(a / (2 * jnp.pi)) / 2 - stirling_error(a)


def _log_beta_density(a: Array, b: Array, s: Array, x: Array, y: Array) -> Array:
    """Return a log(x) + b log(y) - log B(a, b), without what cancels where both are large."""
    away = b * x - a * y  # (a + b) (x - a / (a + b))
    of_x = _log_less(-softplus(-s) + jnp.log1p(b / a), away / a)
    of_y = _log_less(-softplus(s) + jnp.log1p(a / b), -away / b)
    errors = stirling_error(a + b) - stirling_error(a) - stirling_error(b)
    return a * of_x + b * of_y + jnp.log(a / (a + b) * b / (2 * jnp.pi)) / 2 + errors


def _log_less(log_ratio: Array, above: Array) -> Array:
    """Return log(r) - (r - 1) of a ratio r, of which the logarithm and r - 1 are given."""
    near = jnp.abs(above) < 0.25
    return jnp.where(near, log1p_minus(jnp.where(near, above, 0.0)), log_ratio - above)
