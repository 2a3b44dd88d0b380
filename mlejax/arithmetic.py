"""A float64 logarithm and reciprocal that compilers vectorise, with derivatives that share their work."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

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
_SMALLEST_NORMAL_BITS, _INFINITY_BITS = 0x0010000000000000, 0x7FF0000000000000
_EXPONENT_MASK = -(1 << 52)  # sign and exponent bits
_MAGIC = 0x4330000000000000  # the bits of 2^52: its low bits read as a whole number


@jax.custom_jvp
def log(x: Any) -> Any:
    """The natural logarithm, elementwise, within one unit in the last place; -inf at 0, NaN below.

    XLA's float64 logarithm on a CPU is one call of the C library per element. This one is integer and floating-point
    arithmetic only, which vectorises. Other types and devices use `jax.numpy.log`.
    """
    if jnp.result_type(x) != jnp.float64:
        return jnp.log(x)
    return lax.platform_dependent(x, cpu=_log, default=jnp.log)


def _log(x: Any) -> Any:
    # Everything is decided on the bits: XLA on a CPU takes subnormal numbers for zero.
    bits = lax.bitcast_convert_type(x, jnp.int64)
    subnormal = bits < _SMALLEST_NORMAL_BITS
    whole = lax.bitcast_convert_type(bits | _MAGIC, jnp.float64) - 2.0**52  # a subnormal x is this times 2^-1074
    normal_bits = jnp.where(subnormal, lax.bitcast_convert_type(whole, jnp.int64), bits)
    # AVX2 has neither an arithmetic shift nor a conversion of 64-bit integers: the exponent is kept positive, shifted
    # logically, and read as the mantissa of 2^52 + exponent.
    from_sqrt_half = normal_bits - _SQRT_HALF_BITS
    exponent_bits = lax.shift_right_logical(from_sqrt_half + (1023 << 52), jnp.int64(52))
    exponent = lax.bitcast_convert_type(exponent_bits | _MAGIC, jnp.float64) - (2.0**52 + 1023)
    exponent = jnp.where(subnormal, exponent - 1074, exponent)
    mantissa = lax.bitcast_convert_type(normal_bits - (from_sqrt_half & _EXPONENT_MASK), jnp.float64)
    f = mantissa - 1  # the mantissa lies between sqrt(1/2) and sqrt(2)
    s = f / (2 + f)
    z = s * s
    tail = jnp.zeros_like(z)
    for coefficient in reversed(_LG):
        tail = (tail + coefficient) * z
    half_square = 0.5 * f * f
    y = exponent * _LN2_HIGH - ((half_square - (s * (half_square + tail) + exponent * _LN2_LOW)) - f)
    at_most_zero = jnp.where((bits << 1) == 0, -jnp.inf, jnp.nan)
    return jnp.where(bits > 0, jnp.where(bits < _INFINITY_BITS, y, x), at_most_zero)


@jax.custom_jvp
def reciprocal(x: Any) -> Any:
    """1 / x, elementwise; its derivative, -(1/x)^2, is two products instead of another division."""
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
