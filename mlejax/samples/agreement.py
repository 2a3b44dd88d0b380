"""The factored form of a log-density against the data themselves."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..models.base import M, Model
from ..models.constraints import Domain
from ..models.parameters import Parameters
from ..models.rows import Rows, concatenate, in_types, row_count, take
from ..models.support import contains
from .filled import Filled
from .summary import Form, Summary, summarize_with

LOOKED_AT = 4096
"""Observations on which points other than the start are looked at: enough to tell one formula from another."""

AGREEMENT = 1e-11
"""How closely a factored log-likelihood and its gradient must agree with the raw data, relative to their terms."""

TILE, WIDE_TILE = 512, 1 << 16
"""Observations that a pass takes side by side, on a CPU and on other backends: there are few partial sums. Of shorter
samples fewer, a power of two."""


POINTS = 4
"""The start, and others of the domain around it."""


def check_points(model: M) -> M:
    """Return the start and a few other points of the domain around it, the same ones every time: leaves (4, ...)."""
    random = np.random.RandomState(0)
    table = Parameters.of(model)

    def steps(shape: tuple[int, ...]) -> np.ndarray:
        return np.stack([np.zeros(shape), *random.normal(size=(POINTS - 1, *shape))])

    def around(leaf: Any, domain: Domain) -> Any:
        shape = domain.real_shape(np.shape(leaf))
        real: Any = domain.to_real(leaf)
        return domain.from_real((real[None] if shape else real) + steps(shape))

    moved = [around(leaf, domain) for leaf, domain in zip(jax.tree.leaves(model), table.domains, strict=True)]
    return table.tree.unflatten(moved)


class Examined(eqx.Module):
    """What looking through samples found, of each."""

    apart: Any  # (p,): the largest difference in value and gradient, relative to the mean size of their terms
    contained: Any  # (p,): whether the model's support holds all observations
    finite: Any  # (p,): whether all log-densities at the start are finite, as far as their sum can tell


@jax.jit
def examine(model: Model, summaries: Sequence[Summary], samples: Sequence[Rows | Filled]) -> Examined:
    """Hold factored forms against observations at a few points, and look whether the support holds them all.

    All observations are passed over once, at `model`; the other points are looked at on at most `LOOKED_AT` of them,
    evenly spread, the extremes among them. May be traced.

    Args:
        model: the start.
        summaries: of each sample.
        samples: p of them, observations as they are, or `Filled`.

    Returns:
        A record; `apart` is infinite where the formula has a finite value and the factored form has none.
    """
    filled = [
        dataclasses.replace(each, values=in_types(each.values, summary.form.structure.observation))
        for summary, each in zip(summaries, map(_as_filled, samples), strict=True)
    ]
    types = {tuple(column.dtype for column in jax.tree.leaves(each.values)) for each in filled}
    if len(types) > 1:  # they cannot lie in one array
        found = [examine(model, [summary], [each]) for summary, each in zip(summaries, filled, strict=True)]
        return jax.tree.map(lambda *each: jnp.concatenate(each), *found)
    points = check_points(model)
    known, looked_at, elsewhere = list(summaries), list(filled), list(range(len(filled)))
    many = [i for i, each in enumerate(filled) if row_count(each.values) > LOOKED_AT]
    few = [_few(filled[i]) for i in many]
    for i, values, summary in zip(many, few, _summarized([summaries[i].form for i in many], few), strict=True):
        elsewhere[i] = len(looked_at)
        looked_at.append(Filled.of(values))
        known.append(summary)
    looks = [(point, elsewhere[i] if point else i) for i in range(len(filled)) for point in range(POINTS)]
    means, sizes, outside = written_means(points, looked_at, looks)
    apart = how_far_apart(means, sizes, factored_means(points, known, looks), points).max(axis=1).reshape(-1, POINTS)
    finite = jnp.isfinite(sizes[:, 0]).reshape(-1, POINTS)[:, 0]
    return Examined(apart.max(axis=1), outside.reshape(-1, POINTS)[:, 0] == 0, finite)


def _as_filled(sample: Rows | Filled) -> Filled:
    return sample if isinstance(sample, Filled) else Filled(sample, jnp.asarray(row_count(sample)))


def _few(filled: Filled) -> Rows:
    """Return `LOOKED_AT` observations, evenly spread, and of numbers the extremes."""
    spread = take(filled.values, jnp.arange(LOOKED_AT) * filled.count // LOOKED_AT)
    if not isinstance(filled.values, jax.Array) or filled.values.ndim > 1:
        return lax.optimization_barrier(spread)
    # Behind a barrier: an array, not something that each of its uses computes.
    return lax.optimization_barrier(
        jnp.concatenate([spread, jnp.stack([jnp.min(filled.values), jnp.max(filled.values)])])
    )


def _summarized(forms: Sequence[Form], samples: Sequence[Rows]) -> list[Summary]:
    """Return the summaries of samples of one length; those of one form by one loop, which is compiled once."""
    found: dict[int, Summary] = {}
    for form in dict.fromkeys(forms):
        of = [i for i, each in enumerate(forms) if each == form]
        made = lax.map(
            lambda values, form=form: summarize_with(form, values)[0],
            jax.tree.map(lambda *each: jnp.stack(each), *[samples[i] for i in of]),
        )
        found |= {i: jax.tree.map(lambda leaf, at=at: leaf[at], made) for at, i in enumerate(of)}
    return [found[i] for i in range(len(forms))]


def written_means(points: Model, samples: Sequence[Filled], looks: Sequence[tuple[int, int]]) -> tuple[Any, Any, Any]:
    """Pass over a sample for each look, a point and a sample by their numbers.

    Returns:
        The means of the log-density and of its gradient, (looks, 1 + k), those of their absolute values, and how many
        observations the support does not hold, (looks,). One loop is compiled for all.
    """
    first = np.cumsum([0, *[row_count(each.values) for each in samples[:-1]]])
    point, sample = np.array(looks).T
    counts = jnp.stack([jnp.asarray(each.count, int) for each in samples])[sample]
    longest = max(row_count(each.values) for each in samples)

    def by(most: int) -> Any:
        width = min(most, 1 << (longest - 1).bit_length())

        def found(points: Model, values: Any, counts: Any) -> Any:
            if any(row_count(each.values) % width for each in samples):  # a tile may reach beyond the end
                values = jax.tree.map(
                    lambda column: jnp.concatenate([column, jnp.broadcast_to(column[-1:], (width, *column.shape[1:]))]),
                    values,
                )

            def look(which: tuple[Any, Any, Any]) -> Any:
                number, begin, count = which
                at = jax.tree.map(lambda leaf: leaf[number], points)

                def tile(index: Any, totals: Any) -> Any:
                    x = jax.tree.map(
                        lambda column: lax.dynamic_slice_in_dim(column, begin + index * width, width), values
                    )
                    each = jax.vmap(jax.value_and_grad(lambda m, x: m.log_prob(x)), (None, 0))(at, x)
                    each = jax.tree.leaves(each)
                    terms = [*each, *map(jnp.abs, each), jnp.where(contains(at.support, x), 0.0, 1.0)]
                    counted = index * width + jnp.arange(width) < count
                    ones = [jnp.expand_dims(counted, range(1, term.ndim)) for term in terms]
                    every = zip(totals, terms, ones, strict=True)
                    return [total + jnp.where(one, term, 0.0) for total, term, one in every]

                each = [jnp.zeros(width), *(jnp.zeros((width, *jnp.shape(leaf))) for leaf in jax.tree.leaves(at))]
                sums = lax.fori_loop(0, -(-count // width), tile, [*each, *each, jnp.zeros(width)])
                return jnp.concatenate([jnp.sum(total, 0).ravel() for total in sums])

            return lax.map(look, (jnp.asarray(point), jnp.asarray(first[sample]), counts))

        return found

    everything = concatenate([each.values for each in samples])
    totals = lax.platform_dependent(points, everything, counts, cpu=by(TILE), default=by(WIDE_TILE))
    means = totals[:, :-1] / counts[:, None].astype(totals.dtype)
    return means[:, : means.shape[1] // 2], means[:, means.shape[1] // 2 :], totals[:, -1]


def factored_means(points: Model, summaries: Sequence[Summary], looks: Sequence[tuple[int, int]]) -> Any:
    """Return what `written_means` calls means as the factored forms have them, (looks, 1 + k)."""
    found: dict[int, Any] = {}
    for form in dict.fromkeys(summary.form for summary in summaries):
        of = [i for i, (_, sample) in enumerate(looks) if summaries[sample].form == form]
        at = jax.tree.map(lambda leaf, of=of: leaf[np.array([looks[i][0] for i in of])], points)
        known = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[summaries[looks[i][1]] for i in of])
        made = lax.map(lambda each: jax.value_and_grad(each[1].mean_log_prob)(each[0]), (at, known))
        rows = jnp.concatenate([leaf.reshape(len(of), -1) for leaf in jax.tree.leaves(made)], axis=1)
        found |= {i: rows[place] for place, i in enumerate(of)}
    return jnp.stack([found[i] for i in range(len(looks))])


CANCELED = 1e-4
"""Terms of a slope that are smaller than so much of what they are made of have canceled, each by itself."""


def how_far_apart(means: Any, sizes: Any, found: Any, points: Model) -> Any:
    """Return how far means and what factored forms found of them, (looks, 1 + k), are apart, beside their terms."""
    # What the terms of a slope are made of is not known: at most the size at another point of the sample, and at most
    # that of the log-density beside the parameter.
    known = jnp.where(jnp.isfinite(sizes), sizes, 0).reshape(-1, POINTS, sizes.shape[1])
    elsewhere = jnp.broadcast_to(known.max(axis=1, keepdims=True), known.shape)
    leaves = [jnp.asarray(leaf, float).reshape(POINTS, -1) for leaf in jax.tree.leaves(points)]
    parameters = jnp.abs(jnp.concatenate(leaves, axis=1))[None]
    slopes = jnp.minimum(elsewhere[..., 1:], jnp.where(parameters > 0, known[..., :1] / parameters, jnp.inf))
    made_of = jnp.concatenate([known[..., :1], slopes], axis=-1).reshape(sizes.shape)
    apart = jnp.abs(means - found) / (jnp.maximum(sizes, CANCELED * made_of) + jnp.finfo(float).tiny)
    apart = jnp.where(jnp.isnan(apart), jnp.inf, apart)
    return jnp.where(jnp.isfinite(sizes), apart, 0)  # where the formula itself overflows there is nothing to compare
