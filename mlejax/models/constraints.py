"""Domains of parameters, and the smooth maps between the real line and a domain."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, ClassVar, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool

from ..checks import InputValueError
from .base import largest_of, listed

Number: TypeAlias = jax.Array | np.ndarray | np.number | float | int
"""A number, or an array of them; also where it is traced."""

Truth: TypeAlias = jax.Array | np.ndarray | np.bool_ | bool
"""Whether something holds of a number, or of each of several."""

Shape: TypeAlias = tuple[int, ...]

ROUNDED = 1e-6
"""How far the sum of a simplex may be from 1, and a matrix from symmetric relative to its diagonal: as float32 is."""


@dataclasses.dataclass(frozen=True)
class Way:
    """A direction of an unconstrained coordinate, in words."""

    words: str  # "variance approaches 0"
    wall: float | str | None  # what the words say is approached; None where that is infinity
    upwards: bool  # whether the number that is named first grows


@dataclasses.dataclass(frozen=True)
class Domain:
    """The open interval (lower, upper) in which a number lives, or each number of an array; ends may be infinite.

    A domain of arrays as a whole, such as `simplex`, is a subclass: there the ends hold for every number of an array,
    and axes in front of the last `rank` count further arrays.
    """

    lower: float | int = -math.inf
    upper: float | int = math.inf

    rank: ClassVar[int] = 0

    def __post_init__(self) -> None:
        if not self.lower < self.upper:
            raise InputValueError(f"a domain needs lower < upper; got lower={self.lower}, upper={self.upper}")

    def __str__(self) -> str:
        if self == positive:
            return "positive"
        if self == real:
            return "finite"
        return f"between {self.lower:g} and {self.upper:g}"

    def real_shape(self, shape: Shape) -> Shape:
        """Return the shape of the unconstrained coordinates of an array of this shape.

        Raises:
            ValueError: the domain has no arrays of this shape.
        """
        return shape

    def logarithmic(self, shape: Shape) -> Bool[np.ndarray, "..."]:
        """Return which coordinates of an array of this shape are logarithms, of which 1 is a long way."""
        return np.full(shape, self.lower > -math.inf or self.upper < math.inf)

    def shown(self, shape: Shape) -> Bool[np.ndarray, "..."]:
        """Return which numbers of an array of this shape a table shows: of a symmetric matrix each pair once."""
        return np.full(shape, True)

    def contains(self, value: Number) -> Truth:
        """Return True where `value` (any shape) is finite and strictly inside; NaN is outside."""
        # No comparison with infinity: some compilers make a classification of it, which takes several times as long.
        largest = largest_of(np.dtype(getattr(value, "dtype", float)))
        above = value >= -largest if math.isinf(self.lower) else value > self.lower
        return above & (value <= largest if math.isinf(self.upper) else value < self.upper)

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

    def tangent(self, direction: Number) -> Number:
        """Return the nearest direction that keeps what binds the numbers of an array to each other.

        Of a gradient by numbers taken for free it is that of the function on the domain, 0 where it is stationary.
        """
        return direction

    def nearest(self, value: Number) -> Number:
        """Return the nearest array whose numbers are bound as they are in the domain; its ends it may lie beyond."""
        return value

    def coordinates(self, names: Sequence[str]) -> list[str]:
        """Return what the coordinates of one array are called, whose numbers have these names, in row order."""
        return [f"log {name}" if self.logarithmic(()) else name for name in names]

    def way(self, names: Sequence[str], index: int, sign: int) -> Way:
        """Return where a coordinate leads.

        Args:
            names: of the numbers of one array, in row order.
            index: of the coordinate, among those of this array.
            sign: 1 where it grows, -1 where it falls.
        """
        mirrored = math.isinf(self.lower) and math.isfinite(self.upper)
        upwards = (sign > 0) != mirrored
        wall = float(self.upper if upwards else self.lower)
        if math.isfinite(wall):
            return Way(f"{names[index]} approaches {wall:g}", wall, upwards)
        return Way(f"{names[index]} {'grows' if upwards else 'falls'}", None, upwards)


class Simplex(Domain):
    """A domain of positive numbers, along the last axis, that add up to 1: k numbers and k - 1 coordinates.

    The coordinates are log(p_i / p_k), for i below k.
    """

    rank: ClassVar[int] = 1

    def __str__(self) -> str:
        return "positive numbers that add up to 1"

    def real_shape(self, shape: Shape) -> Shape:
        if not shape or shape[-1] < 2:
            raise InputValueError(f"a simplex has at least 2 numbers; got shape {shape}")
        return (*shape[:-1], shape[-1] - 1)

    def logarithmic(self, shape: Shape) -> Bool[np.ndarray, "..."]:
        return np.full(self.real_shape(shape), True)

    def contains(self, value: Number) -> Truth:
        array = value if isinstance(value, jax.Array) else np.asarray(value)
        # Beside others below 1e-16 the largest is 1.
        return _all(array > 0, 1) & (abs(array.sum(-1) - 1) <= ROUNDED)

    def from_real(self, value: Number) -> Number:
        value = jnp.asarray(value)
        return jax.nn.softmax(jnp.concatenate([value, jnp.zeros_like(value[..., :1])], -1), axis=-1)

    def to_real(self, value: Number) -> Number:
        logs = jnp.log(jnp.asarray(value))
        return logs[..., :-1] - logs[..., -1:]

    def tangent(self, direction: Number) -> Number:
        """Return the direction less its mean: a step along it keeps the sum."""
        array = jnp.asarray(direction)
        return array - array.mean(-1, keepdims=True)

    def nearest(self, value: Number) -> Number:
        """Return the numbers less an equal part of what their sum exceeds 1 by."""
        array = jnp.asarray(value)
        return array - (array.sum(-1, keepdims=True) - 1) / array.shape[-1]

    def coordinates(self, names: Sequence[str]) -> list[str]:
        return [f"log({name} / {names[-1]})" for name in names[:-1]]

    def way(self, names: Sequence[str], index: int, sign: int) -> Way:
        # Where a ratio grows for ever while the others follow, it is its denominator that vanishes.
        return Way(f"{names[-1] if sign > 0 else names[index]} approaches 0", 0.0, sign > 0)


class Ordered(Domain):
    """A domain of numbers, along the last axis, each above the one before; coordinates are the first and log gaps."""

    rank: ClassVar[int] = 1

    def __str__(self) -> str:
        return "finite numbers in rising order"

    def real_shape(self, shape: Shape) -> Shape:
        if not shape or not shape[-1]:
            raise InputValueError(f"numbers in order have an axis of their own; got shape {shape}")
        return shape

    def logarithmic(self, shape: Shape) -> Bool[np.ndarray, "..."]:
        return np.broadcast_to(np.arange(shape[-1]) > 0, self.real_shape(shape))

    def contains(self, value: Number) -> Truth:
        array = value if isinstance(value, jax.Array) else np.asarray(value)
        return _all(abs(array) < math.inf, 1) & _all(array[..., 1:] > array[..., :-1], 1)

    def from_real(self, value: Number) -> Number:
        value = jnp.asarray(value)
        return jnp.cumsum(jnp.concatenate([value[..., :1], jnp.exp(value[..., 1:])], -1), axis=-1)

    def to_real(self, value: Number) -> Number:
        value = jnp.asarray(value)
        return jnp.concatenate([value[..., :1], jnp.log(value[..., 1:] - value[..., :-1])], -1)

    def coordinates(self, names: Sequence[str]) -> list[str]:
        gaps = zip(names[1:], names[:-1], strict=True)
        return [*names[:1], *(f"log({above} - {below})" for above, below in gaps)]

    def way(self, names: Sequence[str], index: int, sign: int) -> Way:
        gap = f"{names[index]} - {names[index - 1]}" if index else names[0]
        if index and sign < 0:
            return Way(f"{gap} approaches 0", 0.0, sign > 0)
        return Way(f"{gap} {'grows' if sign > 0 else 'falls'}", None, sign > 0)


class Covariance(Domain):
    """A domain of symmetric positive definite matrices, over the last two axes: d (d + 1) / 2 coordinates of (d, d).

    The coordinates are the rows of the lower Cholesky factor, up to the diagonal, of which the logarithm is taken.

    Reference: J. Pinheiro and D. Bates, Unconstrained parametrizations for variance-covariance matrices, Statistics and
    Computing 6 (1996).
    """

    rank: ClassVar[int] = 2

    def __str__(self) -> str:
        return "a symmetric positive definite matrix"

    def real_shape(self, shape: Shape) -> Shape:
        if len(shape) < 2 or shape[-1] != shape[-2] or not shape[-1]:
            raise InputValueError(f"a covariance is a square matrix; got shape {shape}")
        return (*shape[:-2], shape[-1] * (shape[-1] + 1) // 2)

    def logarithmic(self, shape: Shape) -> Bool[np.ndarray, "..."]:
        rows, columns = np.tril_indices(shape[-1])
        return np.broadcast_to(rows == columns, self.real_shape(shape))

    def shown(self, shape: Shape) -> Bool[np.ndarray, "..."]:
        return np.triu(np.full(shape, True))

    def contains(self, value: Number) -> Truth:
        array: Any = value if isinstance(value, jax.Array) else np.asarray(value)
        maths: Any = jnp if isinstance(value, jax.Array) else np
        variances = maths.diagonal(array, axis1=-2, axis2=-1)
        finite = _all(abs(array) < math.inf, 2) & _all(variances > 0, 1)
        roots = maths.sqrt(maths.where(finite[..., None], variances, 1.0))
        sizes = roots[..., :, None] * roots[..., None, :]
        known = maths.where(finite[..., None, None], array, maths.eye(array.shape[-1], dtype=array.dtype))
        symmetric = _all(abs(known - maths.swapaxes(known, -1, -2)) <= ROUNDED * sizes, 2)
        return finite & symmetric & _is_definite(known / sizes)

    def from_real(self, value: Number) -> Number:
        value = jnp.asarray(value)
        size = (math.isqrt(8 * value.shape[-1] + 1) - 1) // 2
        rows, columns = np.tril_indices(size)
        diagonal = rows == columns
        # The exponential of what is no logarithm may overflow, and its derivative with it.
        entries = jnp.where(diagonal, jnp.exp(jnp.where(diagonal, value, 0)), value)
        places = np.full((size, size), len(rows))
        places[rows, columns] = np.arange(len(rows))
        factor = jnp.concatenate([entries, jnp.zeros_like(entries[..., :1])], -1)[..., places]
        return jnp.matmul(factor, jnp.swapaxes(factor, -1, -2), precision="highest")

    def to_real(self, value: Number) -> Number:
        rows, columns = np.tril_indices(np.shape(value)[-1])
        entries = jnp.linalg.cholesky(jnp.asarray(value))[..., rows, columns]
        diagonal = rows == columns
        return jnp.where(diagonal, jnp.log(jnp.where(diagonal, entries, 1)), entries)

    def tangent(self, direction: Number) -> Number:
        """Return the symmetric part of a direction."""
        array = jnp.asarray(direction)
        return (array + jnp.swapaxes(array, -1, -2)) / 2

    def nearest(self, value: Number) -> Number:
        """Return the symmetric part of a matrix."""
        return self.tangent(value)

    def coordinates(self, names: Sequence[str]) -> list[str]:
        size = math.isqrt(len(names))
        factor = [f"Cholesky factor of {name}" for name in names]
        return [f"{'log ' * (i == j)}{factor[i * size + j]}" for i in range(size) for j in range(i + 1)]

    def way(self, names: Sequence[str], index: int, sign: int) -> Way:
        size = math.isqrt(len(names))
        row, column = (int(place[index]) for place in np.tril_indices(size))
        if row != column:
            return Way(f"{names[row * size + column]} {'grows' if sign > 0 else 'falls'}", None, sign > 0)
        if sign > 0:
            return Way(f"{names[row * size + row]} grows", None, True)
        beside = f" given the {row} before" if row else ""
        return Way(f"the variance {names[row * size + row]}{beside} approaches 0", 0.0, sign > 0)


def _all(truth: Any, axes: int) -> Any:
    return truth.all(axis=tuple(range(-axes, 0)))


def _is_definite(matrices: jax.Array | np.ndarray) -> Truth:
    """Return whether symmetric matrices (..., d, d) have a Cholesky factor, in their own type."""
    if isinstance(matrices, jax.Array):
        return _all(jnp.isfinite(jnp.linalg.cholesky(matrices)), 2)
    found = np.ones(matrices.shape[:-2], bool)
    for place in np.ndindex(found.shape):
        try:
            np.linalg.cholesky(matrices[place])
        except np.linalg.LinAlgError:
            found[place] = False
    return found


real: Domain = Domain()
positive: Domain = Domain(lower=0.0)
unit_interval: Domain = Domain(lower=0.0, upper=1.0)
simplex: Simplex = Simplex(lower=0.0, upper=1.0)
ordered: Ordered = Ordered()
covariance_matrix: Covariance = Covariance()


def parameter(domain: Domain = real, **keywords: Any) -> Any:
    """Declare a model's field as a parameter that lives in `domain`.

    A field without a declaration is a parameter on the whole real line. A list of numbers becomes an array.

    Args:
        domain: `real`, `positive`, `unit_interval` or `Domain(lower, upper)`, of every number of an array; or, of an
            array as a whole, `simplex` (numbers that add up to 1), `ordered` (each above the one before) or
            `covariance_matrix`.
        **keywords: passed on to `equinox.field`, `default` among them.

    Example:
        >>> import mlejax
        >>> class Exponential(mlejax.Model):
        ...     rate: float = mlejax.parameter(mlejax.positive)
        ...
        ...     def log_prob(self, x):
        ...         return jnp.log(self.rate) - self.rate * x
    """
    return eqx.field(**{"converter": listed, "metadata": {"domain": domain}, **keywords})
