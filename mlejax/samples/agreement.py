"""The factored form of a log-density against the data themselves."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..models.base import M, Model
from ..models.parameters import Parameters
from .raw import Observations
from .summary import Summary, summarize_with
from .tiles import at_once, tiled

LOOKED_AT = 4096
"""Observations on which points other than the start are looked at: enough to tell one formula from another."""

AGREEMENT = 1e-11
"""How closely a factored log-likelihood and its gradient must agree with the raw data, relative to their terms."""

TILE = 512
"""Observations that a pass takes side by side: there are few partial sums, and no more than one run."""


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


class Examined(eqx.Module):
    """What looking through a sample found."""

    apart: Any  # the largest difference in value and gradient, relative to the mean size of their terms
    contained: Any  # whether the model's support holds all observations


@jax.jit
def examine(model: Model, summary: Summary, values: Any) -> Examined:
    """Hold the factored form against observations (n,) at a few points, and look whether the support holds them all.

    All observations are passed over once, at `model`; the other points are looked at on at most `LOOKED_AT` of them,
    evenly spread, the extremes among them. May be traced.

    Args:
        model: the start.
        summary: of the observations.
        values: the observations.

    Returns:
        A record; `apart` is infinite where the formula has a finite value and the factored form has none.
    """
    points = check_points(model)
    if len(values) <= LOOKED_AT:  # one pass, compiled once, for all points

        def look(point: Model) -> tuple[Any, Any]:
            found = _Pass.over(point, values)
            return found.apart(point, summary), found.contained

        apart, contained = lax.map(look, points)
        return Examined(jnp.max(apart), contained[0])
    start, others = (jax.tree.map(lambda leaf, of=of: leaf[of], points) for of in (0, slice(1, None)))
    found = _Pass.over(start, values)
    few = jnp.concatenate([values[:: -(-len(values) // LOOKED_AT)], jnp.stack([found.lowest, found.highest])])
    few = lax.optimization_barrier(few)  # an array, not something that each of its uses computes
    of_few, _ = summarize_with(summary.form, few)
    elsewhere = lax.map(lambda point: _Pass.over(point, few).apart(point, of_few), others)
    return Examined(jnp.maximum(found.apart(start, summary), jnp.max(elsewhere)), found.contained)


def disagreement(model: Model, summary: Summary, observations: Observations) -> Any:
    """Return how far the factored form and the observations are apart; see `examine`."""
    return examine(model, summary, observations.values).apart


class _Pass(eqx.Module):
    """What one pass over observations finds, of the log-density and its gradient at one point and of themselves."""

    means: list[Any]
    sizes: list[Any]  # means of the absolute values
    lowest: Any
    highest: Any
    contained: Any

    @classmethod
    def over(cls, point: Model, values: Any) -> "_Pass":
        """Pass over observations (n,)."""
        count = 1 + len(jax.tree.leaves(point))
        combine = [*[jnp.add] * (2 * count), jnp.minimum, jnp.maximum, jnp.minimum]

        def by(way: Any, **options: Any) -> Any:
            def found(point: Model, values: Any) -> list[Any]:
                def terms(columns: Any) -> list[Any]:
                    (x,) = columns
                    each = jax.vmap(jax.value_and_grad(lambda m, x: m.log_prob(x)), (None, 0))(point, x)
                    each = jax.tree.leaves(each)
                    return [*each, *map(jnp.abs, each), x, x, point.support.contains(x).astype(float)]

                return way(terms, [values], combine, **options)

            return found

        *sums, lowest, highest, contained = lax.platform_dependent(
            point, values, cpu=by(tiled, width=TILE), default=by(at_once)
        )
        means = [total / len(values) for total in sums]
        return cls(means[:count], means[count:], lowest, highest, contained == 1)

    def apart(self, point: Model, summary: Summary) -> Any:
        """Return the largest difference from the factored form in value and gradient, relative to their terms."""
        found = jax.tree.leaves(jax.value_and_grad(summary.mean_log_prob)(point))
        return jnp.max(jnp.stack([_relative(*three) for three in zip(self.means, self.sizes, found, strict=True)]))


def _relative(mean: Any, size: Any, found: Any) -> Any:
    apart = jnp.abs(mean - found) / (size + jnp.finfo(float).tiny)
    apart = jnp.where(jnp.isnan(apart), jnp.inf, apart)
    return jnp.where(jnp.isfinite(size), apart, 0)  # where the formula itself overflows there is nothing to compare
