"""How high the log-likelihoods of many samples are at parameters that are known: no climb, no derivatives."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..devices import compiler_options
from ..models.parameters import Parameters
from ..models.rows import Rows
from ..samples.sections import Section, all_contained
from ..samples.spans import Span
from .together import Rowful


def heights_of(table: Parameters[Any], rows: Rowful) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean log-density of every row, and whether the support holds all its observations.

    Args:
        table: of the parameters.
        rows: the samples, which begin at the parameters.
    """
    means, contained = jax.device_get(_program()(table, rows))
    return means.ravel(), contained.ravel()


@functools.cache
def _program() -> Callable[..., tuple[Array, Array]]:
    """Return the compiled `_heights`, with the compiler's options for long loops on this device."""
    return jax.jit(_heights, static_argnums=0, compiler_options=compiler_options(jax.local_devices()[0]))


def _heights(table: Parameters[Any], rows: Rowful) -> tuple[Array, Array]:
    own = None if rows.weights is not None else 0

    def block(index: Any, found: tuple[Array, Array]) -> tuple[Array, Array]:
        def one(values: Rows, weights: Any, size: Array, vector: Array) -> tuple[Array, Array]:
            model, span = table.to_model(vector), Span(rows.firsts[index], rows.tiles[index], size)
            height = Section(values, [], span, weights).mean_log_prob(model)
            return height, all_contained(model, values, span, weights)

        weights = None if rows.weights is None else rows.weights[index]
        axes = (own, None if weights is None else 0, 0, 0)
        these = jax.vmap(one, axes)(rows.values, weights, rows.sizes[index], rows.begin.at[index])
        return tuple(all_.at[index].set(each) for all_, each in zip(found, these, strict=True))  # type: ignore[return-value]

    none = jnp.zeros(rows.sizes.shape), jnp.zeros(rows.sizes.shape, bool)
    return jax.lax.fori_loop(0, rows.blocks, block, none)
