"""Passes over many observations: on a CPU tile by tile through its cache, on other backends all at once."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Shaped

TILE = 128
"""Observations that are taken side by side: long enough for vector instructions, and small enough that the partial
sums of some hundred runs stay in a core's cache. Each adds up n / 128 terms, so that they also round little."""

WHOLE = {jnp.add: jnp.sum, jnp.minimum: jnp.min, jnp.maximum: jnp.max}
"""What makes one number of many, by what makes one of two."""

Columns = Sequence[Shaped[Array, " n"]]
Terms = Callable[[Columns], Sequence[Float[Array, " m"]]]
"""A function that turns columns of any length into terms of that length."""


def tiled(terms: Terms, columns: Columns, combine: Sequence[Any], width: int = TILE) -> list[Any]:
    """Return each of the terms over columns, each (n,), as one number; in an order that depends on n alone.

    Args:
        terms: of some observations, a column of each.
        columns: of the observations.
        combine: for each of the terms, what makes one number of two; one of `WHOLE`.
        width: of a tile.
    """
    n = len(columns[0])
    width = min(width, n)
    before = (n - 1) // width  # whole tiles before the last, which reaches back over some that they count

    def tile(start: Any) -> Sequence[Any]:
        return terms([lax.dynamic_slice_in_dim(column, start, width) for column in columns])

    def step(index: Any, totals: list[Any]) -> list[Any]:
        return [f(total, term) for f, total, term in zip(combine, totals, tile(index * width), strict=True)]

    counted = np.arange(width) < width - (n - before * width)
    last = [
        jnp.where(counted, 0, term) if f is jnp.add else term for f, term in zip(combine, tile(n - width), strict=True)
    ]
    return [_by_halves(f, total) for f, total in zip(combine, lax.fori_loop(0, before, step, last), strict=True)]


def at_once(terms: Terms, columns: Columns, combine: Sequence[Any]) -> list[Any]:
    """Return what `tiled` does, in an order that the compiler chooses."""
    return [WHOLE[f](term) for f, term in zip(combine, terms(columns), strict=True)]


def _by_halves(combine: Any, values: Any) -> Any:
    """Return values (n,) as one number, by halves: its bits do not depend on how a compiler orders a reduction."""
    while (n := values.shape[0]) > 1:
        half = n // 2
        values = jnp.concatenate([combine(values[:half], values[half : 2 * half]), values[2 * half :]])
    return values[0]
