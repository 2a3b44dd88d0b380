"""The moments of a sample's columns, for formulas of second degree in them; see `mlejax.formula.expand`.

The second moments are kept as the triangular factor of a QR decomposition of the columns, less their means: their
matrix itself would square the condition number, and two columns that differ by 1e-7 of their size would be lost.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..formula.expand import Expansion
from ..models.rows import Rows

BLOCK = 1024
"""Observations that are added up at once."""

ENTRIES = 4096
"""Numbers that are decomposed at once: of more, LAPACK's threads wait for each other, and take ten times as long."""

Vector = Float[Array, " k"]
Matrix = Float[Array, "j k"]


class Moments(NamedTuple):
    """What is kept of columns (n, K)."""

    centers: Vector  # their means, rounded
    residuals: Vector  # what the rounding took
    root: Matrix  # (K, K), triangular: root' root is the matrix of second moments about the mean; or (0, K)


def moments(expansion: Expansion, values: Rows, weights: Any, count: Any) -> Moments:
    """Return the moments of a sample, each observation counted by its weight; `count` is their sum."""
    columns = jax.vmap(expansion.observe)(values)

    def mean(numbers: Any) -> Any:
        return jnp.sum(jnp.sum(_blocks(weights[:, None] * numbers, BLOCK), axis=1), axis=0) / count

    first = mean(columns)
    rest = mean(columns - first[None])  # the second pass recovers what the first rounded away
    centers = first + rest
    residuals = rest - (centers - first)
    if expansion.degree < 2:
        return Moments(centers, residuals, jnp.zeros((0, expansion.size), centers.dtype))
    deviations = (columns - centers[None]) - residuals[None]
    return Moments(centers, residuals, triangular(jnp.sqrt(weights / count)[:, None] * deviations))


APART = 1e-3
"""The least squared pivot, of products of columns of length 1, from which the products alone hold their root."""


def moments_of_products(about: Vector, first: Vector, products: Matrix) -> tuple[Moments, Array]:
    """Return moments from plain products of columns, and whether these hold them as well as a QR of the columns does.

    They do where no column is nearly a combination of those before it, nor constant to rounding, unless exactly so.

    Args:
        about: near the means.
        first: the means, less these.
        products: the mean products of the columns less `about`.
    """
    centers = about + first
    residuals = first - (centers - about)
    square = products - first[:, None] * first[None, :]
    variances = jnp.diagonal(square)
    lengths = jnp.sqrt(jnp.maximum(variances, 0))
    none = jnp.diagonal(products) == 0
    scale = jnp.where(none, 1, lengths)
    unit = jnp.where(jnp.eye(len(scale), dtype=bool), 1, square / (scale[:, None] * scale[None, :]))
    lower = jnp.linalg.cholesky(unit)
    told = lengths > 1e3 * jnp.finfo(lengths.dtype).eps * jnp.abs(centers)
    good = jnp.all(none | told) & jnp.all(jnp.diagonal(lower) ** 2 > APART)
    return Moments(centers, residuals, lower.T * jnp.where(none, 0, lengths)[None, :]), good


def merged(parts: Sequence[Moments], shifts: Sequence[Any], shares: Any) -> Any:
    """Return the root of the union of samples.

    Args:
        parts: of each sample.
        shifts: the mean of each, less that of all.
        shares: of the observations, of each sample; their sum is 1.
    """
    roots = jnp.sqrt(shares)
    within = [root * part.root for root, part in zip(roots, parts, strict=True)]
    between = jnp.stack([root * shift for root, shift in zip(roots, shifts, strict=True)])
    return triangular(jnp.concatenate([*within, between])) if len(parts[0].root) else parts[0].root


def mean_log_prob(expansion: Expansion, leaves: Sequence[Any], known: Moments) -> Any:
    """Return the mean log-density of a sample with these moments, by the expansion of the formula about the means."""
    once = expansion.once(leaves)

    def kernel(u: Any) -> Any:
        return expansion.kernel(once, u)

    def slope(u: Any, along: Any) -> Any:
        return jax.jvp(kernel, (u,), (along,))[1]

    def curvature(along: Any) -> Any:
        return jax.jvp(lambda u: slope(u, along), (known.centers,), (along,))[1]

    value, rest = jax.jvp(kernel, (known.centers,), (known.residuals,))
    total = value + rest
    return total + jnp.sum(jax.vmap(curvature)(known.root)) / 2 if expansion.degree > 1 else total


def triangular(rows: Any) -> Any:
    """Return a triangular matrix (K, K) whose product with itself is that of rows (n, K), by orthogonal steps alone."""
    size = rows.shape[1]
    block = max(2 * size, ENTRIES // max(size, 1))
    if len(rows) > 2 * block:

        def step(factor: Any, block: Any) -> tuple[Any, None]:
            return jnp.linalg.qr(jnp.concatenate([factor, block]), mode="r"), None

        return jax.lax.scan(step, jnp.zeros((size, size), rows.dtype), _blocks(rows, block))[0]
    factor = jnp.linalg.qr(rows, mode="r")
    return jnp.concatenate([factor, jnp.zeros((size - len(factor), size), rows.dtype)])


def _blocks(rows: Any, most: int) -> Any:
    """Return rows (n, K) in blocks (m, b, K) of so many, with zeros after the last."""
    block = min(most, len(rows))
    more = -len(rows) % block
    return jnp.concatenate([rows, jnp.zeros((more, rows.shape[1]), rows.dtype)]).reshape(-1, block, rows.shape[1])
