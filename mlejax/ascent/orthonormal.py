"""The columns of many regressions made orthonormal side by side, as `design` makes those of one."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..devices import compiler_options
from ..models.regression import Regression
from ..models.rows import Rows
from ..samples.spans import WIDTH, Span, added, cut, sums
from .back import Back
from .columns import WELL_APART
from .together import Rowful


@dataclasses.dataclass(frozen=True, eq=False)
class Designs:
    """Samples of one call on columns that are orthonormal, of length sqrt(n) each."""

    values: Rows  # as `Rowful` has them
    root: Float[np.ndarray, "b p p"]  # of each row: its coefficients are `root` times those of the columns as given
    apart: Bool[np.ndarray, " b"]  # whether the products of columns tell these apart; elsewhere all numbers are NaN

    def back(self, size: int) -> Back:
        """Return the way from parameters, so many in all and the coefficients first, on these columns to the others."""
        matrix = np.tile(np.eye(size), (len(self.root), 1, 1))
        p = self.root.shape[-1]
        matrix[:, :p, :p] = np.linalg.inv(np.where(self.apart[:, None, None], self.root, np.eye(p)))
        return Back(matrix, np.zeros(size))


def orthonormal(like: Regression, rows: Rowful) -> Designs:
    """Make the columns of every row orthonormal, less their means where there is an intercept.

    Args:
        like: one of these regressions.
        rows: the samples, each with observations of its own.
    """
    features = like.features(rows.values)
    if not features.shape[-1]:
        return Designs(rows.values, np.tile(np.eye(1), (rows.sizes.size, 1, 1)), np.full(rows.sizes.size, True))
    own, shift, root, apart = _program()(like.intercept, features, rows.firsts, rows.tiles, rows.sizes, rows.blocks)
    d, first = features.shape[-1], int(like.intercept)
    whole = np.tile(np.eye(d + first), (rows.sizes.size, 1, 1))
    whole[:, first:, first:] = np.asarray(root).reshape(-1, d, d)
    if first:
        whole[:, 0, 1:] = np.asarray(shift).reshape(-1, d)
    return Designs(like.with_design(rows.values, np.asarray(own)), whole, np.asarray(apart).ravel())


@functools.cache
def _program() -> Callable[..., Any]:
    """Return the compiled `_made_orthonormal`, with the compiler's options for long loops on this device."""
    return jax.jit(_made_orthonormal, static_argnums=0, compiler_options=compiler_options(jax.local_devices()[0]))


def _made_orthonormal(intercept: bool, features: Any, firsts: Any, tiles: Any, sizes: Any, blocks: Any) -> Any:
    """Return the features (ROWS, m, d) orthonormal, and of each row their shifts, their root, and whether they are."""
    rows, _, d = features.shape
    room = len(firsts)

    def block(index: Any, known: Any) -> Any:
        made, *found = known

        def one(columns: Array, size: Array) -> Any:
            return _root(intercept, columns, Span(firsts[index], tiles[index], size))

        shift, inverse, root, apart = jax.vmap(one)(features, sizes[index])

        def tile(number: Any, made: Array) -> Array:
            begin = firsts[index] + number * WIDTH
            away = jax.lax.dynamic_slice_in_dim(features, begin, WIDTH, axis=1) - shift[:, None]
            own = jnp.sum(away[..., None] * inverse[:, None], axis=-2)
            return jax.lax.dynamic_update_slice_in_dim(made, own, begin, axis=1)

        made = jax.lax.fori_loop(0, tiles[index], tile, made)
        each = zip(found, (shift, root, apart), strict=True)
        return made, *(parts.at[index].set(part) for parts, part in each)

    shapes = [(room, rows, d), (room, rows, d, d), (room, rows)]
    types = [features.dtype, features.dtype, bool]
    none = [jnp.zeros(shape, of) for shape, of in zip(shapes, types, strict=True)]
    return jax.lax.fori_loop(0, blocks, block, (jnp.zeros_like(features), *none))


def _root(intercept: bool, columns: Array, span: Span) -> tuple[Array, Array, Array, Array]:
    """Return the shifts of a sample's columns, the matrix that makes them orthonormal, its inverse, and whether."""
    shift = jnp.zeros(columns.shape[1])
    if intercept:  # from the means of a first tile: beside those the others round little
        shift = sums(lambda x: [x], columns, span.head)[0] / span.head.size
        shift += sums(lambda x: [x - shift[None]], columns, span)[0] / span.size

    def products(begin: Array, counted: Array) -> tuple[Array, Array]:
        x = cut(columns, begin)
        away = jnp.where(counted[:, None], x - shift[None], 0.0)
        return away.T @ away, jnp.sum(jnp.where(counted[:, None], x**2, 0.0), axis=0)

    matrix, sizes = added(products, span)
    lengths = jnp.sqrt(jnp.diagonal(matrix))
    lower = jnp.linalg.cholesky(matrix / (lengths[:, None] * lengths[None, :]))
    inverse = jax.scipy.linalg.solve_triangular(lower, jnp.eye(len(lengths)), lower=True)
    # The inverses of the eigenvalues add up to the squares of this inverse: the least is larger than one over them.
    apart = jnp.all(lengths > 10 * jnp.finfo(float).eps * jnp.sqrt(sizes)) & (jnp.sum(inverse**2) < 1 / WELL_APART)
    count = jnp.sqrt(jnp.asarray(span.size, float))
    nothing = jnp.where(apart, 0.0, jnp.nan)
    return shift, (inverse / lengths[None, :]).T * count + nothing, lower.T * lengths[None] / count + nothing, apart
