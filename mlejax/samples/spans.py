"""Parts of long columns, whose place and length a program learns when it runs: compiled once, it serves any sizes."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Shaped

WIDTH = 64
"""Observations that are taken side by side. Some samples go on side by side as well: longer tiles leave a core's cache,
and a sample is filled up to a multiple of this."""


class Span(eqx.Module):
    """Where a sample lies in columns: so many tiles of `WIDTH`, of which the last is filled up with anything finite."""

    first: Any  # (): the index of its first observation
    tiles: Any  # () that are passed over; those behind the last observation change nothing
    size: Any  # (): how many observations there are

    @property
    def head(self) -> "Span":
        """The first tile."""
        return Span(self.first, jnp.minimum(self.tiles, 1), jnp.minimum(self.size, WIDTH))


def added(term: Callable[[Array, Bool[Array, " w"]], Any], span: Span, width: int = WIDTH) -> Any:
    """Return the sum over tiles of what a function makes of each: of its first index, and which of its places count."""

    def tile(index: Any) -> Any:
        return term(span.first + index * width, index * width + jnp.arange(width) < span.size)

    nothing = jax.tree.map(lambda of: jnp.zeros(of.shape, of.dtype), jax.eval_shape(tile, jnp.zeros((), int)))
    return lax.fori_loop(0, span.tiles, lambda index, total: jax.tree.map(jnp.add, total, tile(index)), nothing)


def cut(columns: Any, begin: Array, width: int = WIDTH) -> Any:
    """Return a tile of columns (n, ...)."""
    return jax.tree.map(lambda column: lax.dynamic_slice_in_dim(column, begin, width), columns)


def sums(
    terms: Callable[[Any], Sequence[Any]], columns: Any, span: Span, width: int = WIDTH
) -> list[Shaped[Array, "..."]]:
    """Return the sums over a sample of terms of each observation.

    Args:
        terms: makes of a tile of the columns some arrays with an axis of its observations.
        columns: (n, ...) each.
        span: where the sample lies.
        width: of a tile.
    """

    def tile(begin: Array, counted: Bool[Array, " w"]) -> list[Array]:
        each = terms(cut(columns, begin, width))
        return [jnp.where(jnp.expand_dims(counted, range(1, term.ndim)), term, 0) for term in each]

    return [jnp.sum(total, axis=0) for total in added(tile, span, width)]
