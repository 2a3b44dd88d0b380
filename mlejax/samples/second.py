"""A mean log-density about a point to second order: value, score and information from one pass over the sample."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, ArrayLike, Float, Shaped

from ..formula.divide import Division
from ..formula.second import SecondOrder, second_order_of
from ..models.base import Model
from .spans import Span, sums
from .tiles import TILE

Nats: TypeAlias = Float[Array, ""] | np.floating
Vector: TypeAlias = Float[Array | np.ndarray, " p"]
Matrix: TypeAlias = Float[Array | np.ndarray, "p p"]
Row: TypeAlias = Shaped[Array | np.ndarray, "m ..."]

FEW = 8
"""Rows of which tiles twice as long stay where a core reaches them at once."""

MOST = 8
"""Scalars of a kernel up to which all second derivatives come from one pass: there are k (k + 1) / 2, each with sums of
its own."""


class LocalQuadratic(eqx.Module):
    """A log-likelihood, a sum or a mean, about a point, to second order; in the order of `Parameters.names`."""

    log_likelihood: Nats
    score: Vector  # its gradient, in nats per unit of each parameter
    information: Matrix  # minus its second derivatives


def second_order(function: Callable[[Array], Nats], vector: Array) -> LocalQuadratic:
    """Return a function of a vector (p,) about a point, to second order, from one evaluation of its derivatives.

    Args:
        function: a mean log-likelihood, traceable and twice differentiable.
        vector: the point, in whatever coordinates the function takes.

    Returns:
        Its value, gradient, and minus its second derivatives.
    """

    def slope(vector: Array) -> tuple[Array, tuple[Nats, Array]]:
        value, gradient = jax.value_and_grad(function)(vector)
        return gradient, (value, gradient)

    hessian, (value, gradient) = jax.jacfwd(slope, has_aux=True)(vector)
    return LocalQuadratic(value, gradient, -hessian)


@dataclasses.dataclass(frozen=True, eq=False)
class OnePass:
    """The mean log-density of a sample about a vector to second order, from means of a few rows of its observations.

    The mean of the kernel to second order in its own scalars, s0 + d, is all that the sample adds:
    offset + factor * (v + g'd + d'H d / 2) has the value and the first two derivatives of the mean where d = 0.
    """

    division: Division  # of the formula; its kernel has at most `MOST` scalars
    model_at: Callable[[Array], Model]  # the parameters of a vector
    vector: Array  # the point, (p,)
    scalars: Sequence[Any]  # of the kernel, at the point
    held: Sequence[Any]

    @classmethod
    def of(cls, division: Division, model_at: Callable[[Array], Model], vector: Array) -> "OnePass":
        """Return what is to be averaged about a vector."""
        _, _, scalars, held = division.once(jax.tree.leaves(model_at(vector)))
        return cls(division, model_at, vector, scalars, held)

    @property
    def kernel(self) -> SecondOrder:
        """The kernel and its derivatives."""
        return second_order_of(self.division)

    def rows(self, columns: Sequence[Row]) -> list[Row]:
        """Return what is to be averaged of columns (m, ...), the observations first, each (m,)."""
        if len(columns) == len(self.division.data) and self.division.derived:
            columns = [*columns, *jax.vmap(self.division.columns)(columns)]
        return jax.vmap(self.kernel.rows, (None, None, 0))(self.scalars, self.held, columns)

    def about(self, means: Sequence[Nats]) -> LocalQuadratic:
        """Return the mean log-density, from the means of the rows."""
        value, *rest = self.kernel.means(self.scalars, self.held, means)
        k = len(self.scalars)
        slopes, second = rest[:k], dict(zip([(i, j) for i in range(k) for j in range(i + 1)], rest[k:], strict=True))

        def parabola(at: Array) -> Nats:
            offset, factor, scalars, _ = self.division.once(jax.tree.leaves(self.model_at(at)))
            moves = [there - here for there, here in zip(scalars, self.scalars, strict=True)]
            rise = sum(slope * move for slope, move in zip(slopes, moves, strict=True))
            bend = sum(second[i, j] * moves[i] * moves[j] * (0.5 if i == j else 1.0) for i, j in second)
            return offset + factor * (value + rise + bend)

        return second_order(parabola, self.vector)


def in_one_pass(
    division: Division,
    model_at: Callable[[Array], Model],
    vector: Array,
    columns: Sequence[Row],
    weights: Row | None,
    span: Span | None = None,
) -> LocalQuadratic:
    """Return the mean log-density of a sample about a vector to second order, from one pass over its columns.

    Args:
        division: of the formula; its kernel has at most `MOST` scalars.
        model_at: the parameters of a vector.
        vector: the point, (p,).
        columns: what the kernel reads, each (n, ...): the observations first.
        weights: how often each observation counts, (n,); None counts each once.
        span: where in the columns the sample lies; None where they are the sample.
    """
    one = OnePass.of(division, model_at, vector)
    return one.about(_means_of(one, columns, weights, span))


def _means_of(one: OnePass, columns: Sequence[Row], weights: Row | None, span: Span | None) -> list[Nats]:
    """Return the means of the rows of a sample."""
    n, kernel, scalars, held = len(columns[0]), one.kernel, one.scalars, one.held

    def terms(scalars: Sequence[Any], held: Sequence[Any], columns: Sequence[Row], weights: Row | None) -> list[Row]:
        found = dataclasses.replace(one, scalars=scalars, held=held).rows(columns)
        return found if weights is None else [*(weights * row for row in found), weights]

    def tiled(scalars: Sequence[Any], held: Sequence[Any], columns: Sequence[Row], weights: Row | None) -> Array:
        width = min(n, TILE * (1 + (len(kernel.distinct) <= FEW)))

        def tile(index: ArrayLike) -> list[Row]:
            begin = jnp.asarray(index * width)
            first = begin if n % width == 0 else jnp.minimum(begin, n - width)  # the last tile reaches back
            cut = jax.tree.map(lambda column: lax.dynamic_slice_in_dim(column, first, width), (columns, weights))
            rows = terms(scalars, held, *cut)
            counted = first + jnp.arange(width) >= begin
            return rows if n % width == 0 else [jnp.where(counted, row, 0) for row in rows]

        def step(index: ArrayLike, totals: list[Row]) -> list[Row]:
            return [total + row for total, row in zip(totals, tile(index), strict=True)]

        nothing = [jnp.zeros(of.shape, of.dtype) for of in jax.eval_shape(tile, 0)]
        totals = lax.fori_loop(0, -(-n // width), step, nothing)
        return jnp.sum(jnp.stack(totals), axis=1)  # by halves, as `tiles` does, it takes a minute to compile in a loop

    def at_once(scalars: Sequence[Any], held: Sequence[Any], columns: Sequence[Row], weights: Row | None) -> Array:
        return jnp.stack([jnp.sum(row) for row in terms(scalars, held, columns, weights)])

    if span is None:
        totals = list(lax.platform_dependent(scalars, held, columns, weights, cpu=tiled, default=at_once))
    else:
        totals = sums(lambda tile: terms(scalars, held, *tile), (columns, weights), span)
    count = totals.pop() if weights is not None else n if span is None else jnp.asarray(span.size, totals[0].dtype)
    return [total / count for total in totals]
