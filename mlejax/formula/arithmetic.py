"""Elementary functions that compilers vectorize, with derivatives that share their work; nearly all for float64.

XLA's own on a CPU call the C library for every element (log, log1p, logaddexp) or take twice the time (exp). These are
integer and floating-point arithmetic only. Other types and devices use those of `jax.numpy`.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

# Coefficients of fdlibm's e_log.c: log((1+s)/(1-s)) = 2s + s^3 P(s^2) on |s| <= 3 - 2 sqrt(2), within 2^-58.45.
_LG = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD

# The same of e_logf.c, within 2^-34.24.
_LG_32 = (0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841)
_LN2_HIGH_32, _LN2_LOW_32 = 6.9313812256e-01, 9.0580006145e-06
_SQRT_HALF_BITS_32 = 0x3F3504F3

_SMALLEST_NORMAL_BITS, _INFINITY_BITS = 0x0010000000000000, 0x7FF0000000000000
_EXPONENT_MASK = -(1 << 52)  # sign and exponent bits
_MAGIC = 0x4330000000000000  # the bits of 2^52: its low bits read as a whole number

# (exp(r) - 1 - r) / r^2 on |r| <= log(2) / 2: a Chebyshev fit, within 2^-55.7 of exp(r). Highest power first.
_EXP = (
    2.5100424157005067e-08,
    2.7620138719733994e-07,
    2.7557268378684192e-06,
    2.480152119021773e-05,
    1.9841269863105968e-04,
    1.3888888917281794e-03,
    8.333333333330051e-03,
    4.166666666662399e-02,
    1.6666666666666669e-01,
    5.000000000000001e-01,
)
_LARGEST, _SMALLEST = 709.782712893384, -708.3964185322641  # exp is finite up to here and normal down to here


@jax.custom_jvp
def log(x: ArrayLike) -> Array:
    """Return the natural logarithm, elementwise, within one unit in the last place; -inf at 0, NaN below."""
    return _on_cpu(_log, jnp.log, x)


@jax.custom_jvp
def log_in_domain(x: ArrayLike) -> Array:
    """Return `log` of a normal number above zero; of anything else a number that means nothing.

    For a parameter that is known to lie inside its domain: the guard costs a twentieth of an epoch.
    """
    return _on_cpu(_log_in_domain, jnp.log, x, _log_in_domain_32)


@jax.custom_jvp
def log1p(x: ArrayLike) -> Array:
    """Return log(1 + x), elementwise, within one unit in the last place; -inf at -1, NaN below."""
    return _on_cpu(_log1p, jnp.log1p, x)


@jax.custom_jvp
def exp(x: ArrayLike) -> Array:
    """Return the exponential, elementwise, within one unit in the last place; 0 where it is subnormal."""
    return _on_cpu(_exp, jnp.exp, x)


def _on_cpu(fast: Any, otherwise: Any, x: Any, fast_32: Any = None) -> Any:
    """Return what a function for float64 on a CPU, one for float32 there, or one for everything else makes of x."""
    own = {jnp.dtype(jnp.float64): fast, jnp.dtype(jnp.float32): fast_32}.get(jnp.result_type(x))
    return otherwise(x) if own is None else lax.platform_dependent(x, cpu=own, default=otherwise)


def _log(x: Any) -> Any:
    # Everything is decided on the bits: XLA on a CPU takes subnormal numbers for zero.
    bits = lax.bitcast_convert_type(x, jnp.int64)
    subnormal = bits < _SMALLEST_NORMAL_BITS
    whole = lax.bitcast_convert_type(bits | _MAGIC, jnp.float64) - 2.0**52  # a subnormal x is this times 2^-1074
    normal_bits = jnp.where(subnormal, lax.bitcast_convert_type(whole, jnp.int64), bits)
    exponent, scale_bits = _exponent(normal_bits)
    exponent = jnp.where(subnormal, exponent - 1074, exponent)
    mantissa = lax.bitcast_convert_type(normal_bits - scale_bits, jnp.float64)
    return _log_outside(x, bits, _log_near_one(exponent, mantissa - 1))


def _log_in_domain(x: Any) -> Any:
    bits = lax.bitcast_convert_type(x, jnp.int64)
    exponent, scale_bits = _exponent(bits)
    return _log_near_one(exponent, lax.bitcast_convert_type(bits - scale_bits, jnp.float64) - 1)


def _log_in_domain_32(x: Any) -> Any:
    bits = lax.bitcast_convert_type(x, jnp.int32)
    from_sqrt_half = bits - _SQRT_HALF_BITS_32
    exponent = (from_sqrt_half >> 23).astype(jnp.float32)
    f = lax.bitcast_convert_type(bits - (from_sqrt_half & -(1 << 23)), jnp.float32) - 1
    return _log_near_one(exponent, f, _LG_32, _LN2_HIGH_32, _LN2_LOW_32)


def _log1p(x: Any) -> Any:
    u = 1 + x
    bits = lax.bitcast_convert_type(u, jnp.int64)
    exponent, scale_bits = _exponent(bits)
    # The mantissa less 1 from x itself, (1 + x) 2^-k - 1: what u has lost to rounding is not missed.
    scale = lax.bitcast_convert_type((1025 << 52) - scale_bits, jnp.float64)  # 2^(2 - k), always a normal number
    return _log_outside(u, bits, _log_near_one(exponent, 0.25 * x * scale + (0.25 * scale - 1)))


def _exponent(bits: Any) -> tuple[Any, Any]:
    """Return, for the bits of a normal number m 2^k with sqrt(1/2) <= m < sqrt(2), k as a float, and k << 52."""
    # AVX2 has neither an arithmetic shift nor a conversion of 64-bit integers: the exponent is kept positive, shifted
    # logically, and read as the mantissa of 2^52 + exponent.
    from_sqrt_half = bits - _SQRT_HALF_BITS
    exponent_bits = lax.shift_right_logical(from_sqrt_half + (1023 << 52), jnp.int64(52))
    exponent = lax.bitcast_convert_type(exponent_bits | _MAGIC, jnp.float64) - (2.0**52 + 1023)
    return exponent, from_sqrt_half & _EXPONENT_MASK


def _log_near_one(
    exponent: Any, f: Any, lg: tuple[float, ...] = _LG, ln2_high: float = _LN2_HIGH, ln2_low: float = _LN2_LOW
) -> Any:
    """Return log((1 + f) 2^exponent) for 1 + f between sqrt(1/2) and sqrt(2)."""
    s = f / (2 + f)
    z = s * s
    tail = jnp.zeros_like(z)
    for coefficient in reversed(lg):
        tail = (tail + coefficient) * z
    half_square = 0.5 * f * f
    return exponent * ln2_high + (f + (s * (half_square + tail) + (exponent * ln2_low - half_square)))


def _log_outside(x: Any, bits: Any, y: Any) -> Any:
    """Return `y`, or where x is not positive and finite what a logarithm is there."""
    at_most_zero = jnp.where((bits << 1) == 0, -jnp.inf, jnp.nan)
    return jnp.where(bits > 0, jnp.where(bits < _INFINITY_BITS, y, x), at_most_zero)


def _exp(x: Any) -> Any:
    k = jnp.round(x * 1.4426950408889634)  # the whole number nearest to x / log(2)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    tail = jnp.zeros_like(r)
    for coefficient in _EXP:
        tail = tail * r + coefficient
    y = 1 + (r + r * r * tail)
    # y 2^k: the low bits of k + 1.5 2^52 are those of k, and the shift moves them to the exponent.
    shifted = lax.bitcast_convert_type(k + 1.5 * 2.0**52, jnp.int64) << 52
    scaled = lax.bitcast_convert_type(lax.bitcast_convert_type(y, jnp.int64) + shifted, jnp.float64)
    return jnp.where(x < _SMALLEST, 0.0, jnp.where(x <= _LARGEST, scaled, x + jnp.inf))


@jax.custom_jvp
def logaddexp(a: Any, b: Any) -> Array:
    """Return log(exp(a) + exp(b)), elementwise."""
    difference = a - b
    y = jnp.maximum(a, b) + log1p(exp(-jnp.abs(difference)))
    return jnp.where(jnp.isnan(difference), a + b, y)  # both infinite: their sum is the answer


@jax.custom_jvp
def _shares(difference: Any) -> tuple[Any, Any]:
    """Return the shares of exp(a) and exp(b) in their sum, from a - b; neither loses digits beside the other."""
    ratio = exp(-jnp.abs(difference))
    larger = reciprocal(1 + ratio)
    smaller = ratio * larger
    return jnp.where(difference < 0, smaller, larger), jnp.where(difference < 0, larger, smaller)


@jax.custom_jvp
def reciprocal(x: Any) -> Any:
    """Return 1 / x, elementwise; its derivative, -(1/x)^2, is two products instead of another division."""
    return 1 / x


@log.defjvp
def _log_jvp(primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    return log(x), reciprocal(x) * dx


@reciprocal.defjvp
def _reciprocal_jvp(primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    y = reciprocal(x)
    return y, -y * y * dx


@log_in_domain.defjvp
def _log_in_domain_jvp(primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    return log_in_domain(x), reciprocal(x) * dx


@log1p.defjvp
def _log1p_jvp(primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    return log1p(x), reciprocal(1 + x) * dx


@exp.defjvp
def _exp_jvp(primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    y = exp(x)
    return y, y * dx


@logaddexp.defjvp
def _logaddexp_jvp(primals: Any, tangents: Any) -> Any:
    (a, b), (da, db) = primals, tangents
    of_a, of_b = _shares(a - b)
    return logaddexp(a, b), of_a * da + of_b * db


@_shares.defjvp
def _shares_jvp(primals: Any, tangents: Any) -> Any:
    (difference,), (change,) = primals, tangents
    of_a, of_b = _shares(difference)
    slope = of_a * of_b * change
    return (of_a, of_b), (slope, -slope)
