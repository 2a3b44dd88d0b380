"""Passes over many observations: on a CPU tile by tile through its cache, on other backends all at once."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Shaped

TILE = 128
"""Observations that are taken side by side: long enough for vector instructions, and small enough that the partial
sums of some hundred runs stay in a core's cache. Each adds up n / 128 terms, so that they also round little."""

WHOLE = {jnp.add: jnp.sum, jnp.minimum: jnp.min, jnp.maximum: jnp.max}
"""What makes one number of many, by what makes one of two."""

Columns = Sequence[Shaped[Array, "n ..."]]
Terms = Callable[[Columns], Sequence[Shaped[Array, " m"]]]
"""A function that turns columns of any length into terms of that length."""


def tiled(terms: Terms, columns: Columns, combine: Sequence[Any], width: int = TILE) -> list[Any]:
    """Return each of the terms over columns, each (n, ...), as one number; in an order that depends on n alone.

    Args:
        terms: of some observations, a column of each.
        columns: of the observations.
        combine: for each of the terms, what makes one number of two; one of `WHOLE`.
        width: of a tile.
    """
    n = len(columns[0])
    width = min(width, n // TILE * TILE) if n > TILE else n  # rows of other lengths take seconds to compile
    before = (n - 1) // width  # whole tiles before the last, which reaches back over some that they count

    def tile(start: Any) -> Sequence[Any]:
        found = terms([lax.dynamic_slice_in_dim(column, start, width) for column in columns])
        return [_rounded(term) if f is jnp.add else term for f, term in zip(combine, found, strict=True)]

    def step(index: Any, totals: list[Any]) -> list[Any]:
        return [f(total, term) for f, total, term in zip(combine, totals, tile(index * width), strict=True)]

    counted = np.arange(width) < width - (n - before * width)
    last = [
        jnp.where(counted, 0, term) if f is jnp.add else term for f, term in zip(combine, tile(n - width), strict=True)
    ]
    totals = lax.fori_loop(0, before, step, last)
    # Those that are combined alike together, behind a barrier: fused with each other they take seconds to compile.
    numbers: dict[int, Any] = {}
    kinds = [(f, total.dtype) for f, total in zip(combine, totals, strict=True)]  # whole numbers stay what they are
    for kind in dict.fromkeys(kinds):
        alike = [i for i, each in enumerate(kinds) if each == kind]
        found = _as_numbers(kind[0], lax.optimization_barrier(jnp.stack([totals[i] for i in alike])))
        numbers |= {i: found[place] for place, i in enumerate(alike)}
    return [numbers[i] for i in range(len(totals))]


def _rounded(term: Any) -> Any:
    """Return numbers as they are, by a comparison that keeps them apart from the addition that follows.

    Otherwise a product and that addition may become one operation, which rounds once instead of twice: whether they do
    hangs on what else the compiler puts beside them, such as on the number of devices.
    """
    if not jnp.issubdtype(term.dtype, jnp.floating):
        return term
    return jnp.where(jnp.abs(term) <= jnp.finfo(term.dtype).max, term, term * 2)  # twice infinity is infinity


def at_once(terms: Terms, columns: Columns, combine: Sequence[Any]) -> list[Any]:
    """Return what `tiled` does, in an order that the compiler chooses."""
    return [WHOLE[f](term) for f, term in zip(combine, terms(columns), strict=True)]


def _as_numbers(combine: Any, values: Any) -> Any:
    """Return rows (k, n) as numbers (k,), in a written order: no bits depend on how a compiler orders a reduction.

    By halves, filled up with what changes nothing. A row of several tiles tile by tile and then number by number, of
    which a compiler makes two short loops.
    """
    if (n := values.shape[1]) > TILE and n % TILE == 0:

        def add_up(columns: Any) -> Any:
            return lax.scan(lambda total, each: (combine(total, each), None), columns[0], columns[1:])[0]

        return add_up(add_up(values.reshape(len(values), -1, TILE).swapaxes(0, 1)).T)
    more = (1 << (n - 1).bit_length()) - n  # to a power of two: halves of other lengths take long to compile
    first = values[:, :1]
    neutral = jnp.zeros_like(first) if combine is jnp.add else first
    values = jnp.concatenate([values, jnp.broadcast_to(neutral, (len(values), more))], axis=1)
    while (n := values.shape[1]) > 1:
        values = combine(values[:, : n // 2], values[:, n // 2 :])
    return values[:, 0]
