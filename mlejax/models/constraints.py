"""Domains of parameters, and the smooth maps between the real line and a domain."""

import dataclasses
import math
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..checks import InputValueError

Number: TypeAlias = jax.Array | np.ndarray | np.number | float | int
"""A number, or an array of them; also where it is traced."""


@dataclasses.dataclass(frozen=True)
class Domain:
    """The open interval (lower, upper) in which a parameter lives; either end may be infinite."""

    lower: float | int = -math.inf
    upper: float | int = math.inf

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise InputValueError(f"a domain needs lower < upper; got lower={self.lower}, upper={self.upper}")

    def __str__(self) -> str:
        if self == positive:
            return "positive"
        if self == real:
            return "finite"
        return f"between {self.lower:g} and {self.upper:g}"

    def contains(self, value: Number) -> jax.Array | np.ndarray | np.bool_ | bool:
        """Return True where `value` (any shape) is finite and strictly inside; NaN is outside."""
        # A strict comparison with infinity is false for infinity and NaN: no separate finiteness test.
        return (value > self.lower) & (value < self.upper)

    def from_real(self, value: Number) -> Number:
        """Map the real line onto the domain: identity, exp, or a scaled logistic function."""
        if math.isinf(self.lower) and math.isinf(self.upper):
            return value
        if math.isinf(self.upper):
            return self.lower + jnp.exp(value)
        if math.isinf(self.lower):
            return self.upper - jnp.exp(value)
        return self.lower + (self.upper - self.lower) * jax.nn.sigmoid(value)

    def to_real(self, value: Number) -> Number:
        """Return the inverse of `from_real`."""
        if math.isinf(self.lower) and math.isinf(self.upper):
            return value
        if math.isinf(self.upper):
            return jnp.log(value - self.lower)
        if math.isinf(self.lower):
            return jnp.log(self.upper - value)
        return jnp.log(value - self.lower) - jnp.log(self.upper - value)


real = Domain()
positive = Domain(lower=0.0)
unit_interval = Domain(lower=0.0, upper=1.0)


def parameter(domain: Domain = real, **keywords: Any) -> Any:
    """Declare a model's field as a parameter that lives in `domain`.

    A field without a declaration is a parameter on the whole real line.

    Args:
        domain: `real`, `positive`, `unit_interval` or `Domain(lower, upper)`.
        **keywords: passed on to `equinox.field`, `default` among them.

    Example:
        >>> import mlejax
        >>> class Exponential(mlejax.Model):
        ...     rate: float = mlejax.parameter(mlejax.positive)
        ...
        ...     def log_prob(self, x):
        ...         return jnp.log(self.rate) - self.rate * x
    """
    return eqx.field(metadata={"domain": domain}, **keywords)
