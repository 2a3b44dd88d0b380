"""The factored form of a log-density against the data themselves."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..models.base import M, Model
from ..models.parameters import Parameters
from .raw import Observations
from .summary import Summary, accurate_mean, summarize_compiled

LOOKED_AT = 4096
"""Observations on which points other than the start are looked at: enough to tell one formula from another."""

AGREEMENT = 1e-11
"""How closely a factored log-likelihood and its gradient must agree with the raw data, relative to their terms."""


def check_points(model: M) -> M:
    """Return the start and a few other points of the domain around it, the same ones every time: leaves (4, ...)."""
    random = np.random.RandomState(0)
    table = Parameters.of(model)
    moved = [
        domain.from_real(
            domain.to_real(leaf) + np.stack([np.zeros(np.shape(leaf)), *random.normal(size=(3, *np.shape(leaf)))])
        )
        for leaf, domain in zip(jax.tree.leaves(model), table.domains, strict=True)
    ]
    return table.tree.unflatten(moved)


def disagreement(model: Model, summary: Summary, observations: Observations) -> Any:
    """Return the largest difference in value and gradient over a few points, relative to the mean size of their terms.

    All observations are passed over once, at `model`; the other points are looked at on at most `LOOKED_AT` of them,
    evenly spread, the extremes among them. May be traced. Infinite where the formula has a finite value and the
    factored form has none.
    """
    values, points = observations.values, check_points(model)
    if len(values) <= LOOKED_AT:
        return _furthest(points, summary, values)
    few = jnp.concatenate([values[:: -(-len(values) // LOOKED_AT)], jnp.stack([jnp.min(values), jnp.max(values)])])
    here = jax.tree.map(lambda leaf: leaf[:1], points)
    return jnp.maximum(
        _furthest(here, summary, values), _furthest(points, summarize_compiled(summary.form, few)[0], few)
    )


@jax.jit
def _furthest(points: Model, summary: Summary, values: Any) -> Any:
    """Return the largest difference over points, leaves (k, ...), on all of `values`, (n,)."""

    def compare(terms: Any, value: Any) -> Any:
        size = accurate_mean(jnp.abs(terms)) + jnp.finfo(float).tiny
        apart = jnp.abs(accurate_mean(terms) - value) / size
        apart = jnp.where(jnp.isnan(apart), jnp.inf, apart)
        return jnp.where(jnp.isfinite(size), apart, 0)  # where the formula itself overflows there is nothing to compare

    def at(point: Model) -> Any:
        each = jax.vmap(jax.value_and_grad(lambda m, x: m.log_prob(x)), (None, 0))(point, values)
        found = jax.value_and_grad(summary.mean_log_prob)(point)
        return [compare(*pair) for pair in zip(jax.tree.leaves(each), jax.tree.leaves(found), strict=True)]

    return jnp.max(jnp.stack(jax.lax.map(at, points)))
