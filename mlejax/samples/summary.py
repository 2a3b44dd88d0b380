"""A sample as its sufficient statistics, and the merging of such summaries."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..formula.sufficient import SufficientForm, Undecided, factor, structure_of
from ..models.base import Model

LARGE = 1 << 20
"""Observations that are summarised at once; more are cut into shares of this size."""


class Summary(eqx.Module):
    """A sample as its sufficient statistics: the cost of an epoch does not depend on its size.

    `centres` are the means of the functions of the data that meet a parameter in a sum; `averages` are those of the
    statistics about these centres. See `mlejax.sufficient`.
    """

    centres: Any  # (J,)
    averages: Any  # (K,)
    count: Any  # (), a float: the number of observations
    observation: jax.ShapeDtypeStruct = eqx.field(static=True)
    branches: tuple[bool | None, ...] = eqx.field(static=True)

    def form(self, model: Model) -> SufficientForm:
        """The factored form that these statistics belong to, in the model's floating-point type."""
        dtype = jnp.result_type(*jax.tree.leaves(model))
        return factor(structure_of(model, self.observation, dtype), self.branches)

    def mean_log_prob(self, model: Model) -> Any:
        """The mean log-density per observation, in nats."""
        return self.form(model).mean_log_prob(jax.tree.leaves(model), self.centres, self.averages)


def find_form(model: Model, values: Any) -> tuple[SufficientForm, tuple[bool | None, ...]]:
    """The factored form of `model`, and how these observations (n,) decide the branches of its formula.

    Raises:
        NotSeparable: with the reason.
    """
    structure = structure_of(model, jax.ShapeDtypeStruct((), values.dtype), np.float64)
    branches: tuple[bool | None, ...] = ()
    while True:
        try:
            return factor(structure, branches), branches
        except Undecided as question:
            outcome = np.asarray(jax.vmap(question.outcome)(values))
            branches += (True if outcome.all() else None if outcome.any() else False,)


def summarize_with(form: SufficientForm, branches: tuple[bool | None, ...], values: Any) -> Summary:
    """The summary of observations (n,) for a known form; pure, for use under `jit` and `vmap`."""
    u, factors = jax.vmap(form.observe)(values)
    centres, deviations = [], []
    for function in u:
        first = accurate_mean(function)
        # The second pass recovers what the first rounded away; what is left is below one unit in the last place.
        centres.append(first + accurate_mean(function - first))
        deviations.append(function - centres[-1])
    averages = [accurate_mean(value) for value in form.statistic_values(deviations, factors)]
    count = jnp.asarray(values.shape[0], jnp.result_type(float))
    observation = jax.ShapeDtypeStruct((), values.dtype)
    return Summary(stack(centres), stack(averages), count, observation, branches)


def some_of(values: np.ndarray) -> np.ndarray:
    """Up to `LARGE` observations, evenly spread, the extremes among them: enough to check a formula on."""
    if len(values) <= LARGE:
        return values
    spread = values[:: -(-len(values) // LARGE)]
    return np.concatenate([spread, [values.min(), values.max()]])


def summarize_all(
    model: Model, form: SufficientForm, branches: tuple[bool | None, ...], values: np.ndarray
) -> tuple[Summary, bool]:
    """The summary of any number of observations (n,), and whether all take the branches that `form` stands for.

    Many are cut into shares of `LARGE`, which all local devices summarise side by side, a round at a time, so that
    neither a device nor its memory ever holds them all; the summaries are merged.
    """
    if len(values) <= LARGE:
        return summarize_compiled(form, branches, jnp.asarray(values)), True
    mesh = jax.sharding.Mesh(np.asarray(jax.local_devices()), ("data",))
    program = _sharded(form, branches, mesh)
    together = LARGE * mesh.devices.size
    parts, holds = [], True
    for first in range(0, len(values), together):
        piece = values[first : first + together]
        if len(piece) == together:
            summaries, held = jax.device_get(program(piece))
            parts += [jax.tree.map(lambda leaf, i=i: leaf[i], summaries) for i in range(mesh.devices.size)]
        else:
            summary, held = jax.device_get(_summarize_and_look(form, branches, piece))
            parts.append(summary)
        holds = holds and bool(np.all(held))
    return merge(model, parts), holds


@functools.partial(jax.jit, static_argnums=(0, 1))
def _summarize_and_look(form: SufficientForm, branches: Any, values: Any) -> tuple[Summary, Any]:
    return summarize_with(form, branches, values), jnp.all(jax.vmap(form.holds)(values))


@functools.lru_cache(maxsize=16)
def _sharded(form: SufficientForm, branches: Any, mesh: Any) -> Any:
    """The compiled function that summarises one share of observations on each device."""

    def share(values: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf[None], _summarize_and_look(form, branches, values))

    data = jax.sharding.PartitionSpec("data")
    return jax.jit(jax.shard_map(share, mesh=mesh, in_specs=data, out_specs=data, check_vma=False))


def merge(model: Model, parts: Sequence[Summary]) -> Summary:
    """The summary of the union of samples, from their summaries for the same model, to rounding and in any order."""
    with jax.enable_x64(parts[0].count.dtype == np.float64):
        counts = jnp.stack([part.count for part in parts])
        weights = counts / jnp.sum(counts)
        centres = jnp.stack([part.centres for part in parts])
        # About the first part's centre: a weighted mean of nearly equal large numbers would lose their last digits.
        centre = centres[0] + weights @ (centres - centres[0])
        form = parts[0].form(model)
        moved = jnp.stack([stack(form.recentre(part.averages, part.centres - centre)) for part in parts])
        merged = (centre, weights @ moved, jnp.sum(counts))
    return eqx.tree_at(lambda s: (s.centres, s.averages, s.count), parts[0], merged)


def accurate_mean(values: Any) -> Any:
    """The mean of (n,) values, by sums of about sqrt(n) terms: rounding grows with n^(1/4), and the sums vectorise.

    The order of all additions is written down: a compiler's own reduction adds in another order on another number of
    threads.
    """
    n = values.shape[0]
    width = max(1, math.isqrt(n))
    whole = (n // width) * width
    columns = _add_up(values[:whole].reshape(-1, width))
    return _add_up(jnp.concatenate([columns, values[whole:]])) / n


def _add_up(values: Any) -> Any:
    """The sum over the first axis, from the first to the last."""
    return jax.lax.scan(lambda total, each: (total + each, None), jnp.zeros_like(values[0]), values)[0]


summarize_compiled = jax.jit(summarize_with, static_argnums=(0, 1))


def stack(values: Sequence[Any]) -> Any:
    return jnp.stack(values) if values else jnp.zeros((0,))
