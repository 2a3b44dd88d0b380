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
    totals = lax.fori_loop(0, before, step, last)
    # Those that are combined alike together, behind a barrier: fused with each other they take seconds to compile.
    numbers: dict[int, Any] = {}
    for f in dict.fromkeys(combine):
        alike = [i for i, each in enumerate(combine) if each is f]
        found = _as_numbers(f, lax.optimization_barrier(jnp.stack([totals[i] for i in alike])))
        numbers |= {i: found[place] for place, i in enumerate(alike)}
    return [numbers[i] for i in range(len(totals))]


def at_once(terms: Terms, columns: Columns, combine: Sequence[Any]) -> list[Any]:
    """Return what `tiled` does, in an order that the compiler chooses."""
    return [WHOLE[f](term) for f, term in zip(combine, terms(columns), strict=True)]


def _as_numbers(combine: Any, values: Any) -> Any:
    """Return rows (k, n) as numbers (k,), in a written order: no bits depend on how a compiler orders a reduction.

    By halves; a row of several tiles tile by tile and then number by number, of which a compiler makes two short loops.
    """
    if (n := values.shape[1]) > TILE and n % TILE == 0:

        def add_up(columns: Any) -> Any:
            return lax.scan(lambda total, each: (combine(total, each), None), columns[0], columns[1:])[0]

        return add_up(add_up(values.reshape(len(values), -1, TILE).swapaxes(0, 1)).T)
    while (n := values.shape[1]) > 1:
        half = n // 2
        values = jnp.concatenate([combine(values[:, :half], values[:, half : 2 * half]), values[:, 2 * half :]], axis=1)
    return values[:, 0]
