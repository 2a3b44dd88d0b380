"""Samples that JAX draws, summarized on the devices that draw them."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from ..devices import tuning
from ..models.base import Model
from ..models.rows import row_count
from .agreement import AGREEMENT, examine
from .sources import Draws, draw_with_jax, jax_randomness
from .summary import Form, Summary, summarize_with

Forms: TypeAlias = tuple[Form, Form | None]
"""The forms of a train part and of a held-out part; None where nothing is held out."""


class Drawn(NamedTuple):
    """Samples drawn and summarized in one form; leaves (m, ...)."""

    train: Summary
    validation: Summary | None
    holds: Any  # whether the form is that of the sample
    agrees: Any  # whether the factored form agrees with the observations
    contained: Any  # whether the model's support holds them all


def draw_summaries(source: Draws, seeds: np.ndarray, held_out: int, start: Model, forms: Forms, mesh: Mesh) -> Drawn:
    """Draw and summarize the samples of some seeds, spread over the devices.

    Args:
        source: of samples of one size, drawn by JAX.
        seeds: (m,).
        held_out: observations of each that are held out.
        start: the model that they are summarized for.
        forms: of its formula, for the two parts.
        mesh: the devices.
    """
    directly = source.by == "statistics"
    program = _drawing(source.size, held_out, directly, forms, mesh)
    setting, drawn = tuning(mesh.devices.flat[0]), 1 if directly else source.size
    per_call = int(np.clip(setting.drawn // drawn, *setting.seeds)) * mesh.devices.size
    parts = []
    with jax_randomness():
        for first in range(0, len(seeds), per_call):
            chunk = seeds[first : first + per_call]
            padded = np.concatenate([chunk, np.full(per_call - len(chunk), chunk[0])])
            parts.append(jax.device_get(program(start, source.target, source.base_seed, padded)))
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(seeds)], *parts)


@functools.lru_cache(maxsize=16)
def _drawing(count: int, held_out: int, directly: bool, forms: Forms, mesh: Mesh) -> Callable[..., Drawn]:
    """Return the compiled function that draws and summarizes, kept from one sweep to the next."""
    used = [form for form in forms if form is not None]

    def one(start: Model, target: Model, base: Any, seed: Any) -> Drawn:
        if directly:
            sizes = (count - held_out, held_out)
            made = [draw_summary(target, base, seed, size, i, form) for i, (size, form) in enumerate(zip(sizes, used))]  # noqa: B905
            yes = jnp.asarray(True)
            return Drawn(made[0], made[1] if held_out else None, yes, yes, yes)
        values = [part for part in draw_with_jax(target, base, seed, count, held_out) if row_count(part)]
        # Behind a barrier: a sample is summarized as it would be if it had been given.
        values = jax.lax.optimization_barrier(values)
        made = [summarize_with(form, part) for form, part in zip(used, values, strict=True)]
        found = examine(start, [summary for summary, _ in made], values)
        return Drawn(
            train=made[0][0],
            validation=made[1][0] if held_out else None,
            holds=functools.reduce(jnp.logical_and, [holds for _, holds in made]),
            agrees=jnp.all(found.apart <= AGREEMENT),
            contained=jnp.all(found.contained),
        )

    def share(start: Model, target: Model, base: Any, seeds: Any) -> Drawn:
        # One after the other on each device, so that memory stays flat.
        return jax.lax.map(lambda seed: one(start, target, base, seed), seeds)

    runs, everywhere = PartitionSpec("runs"), PartitionSpec()
    specs = (everywhere, everywhere, everywhere, runs)
    return jax.jit(jax.shard_map(share, mesh=mesh, in_specs=specs, out_specs=runs, check_vma=False))


def draw_summary(target: Any, base: Any, seed: Any, count: int, part: int, form: Form) -> Summary:
    """Return the summary of a part of a sample, drawn directly: that of observations with the same mean and scatter."""
    key = jax.random.fold_in(jax.random.fold_in(jax.random.key(base, impl="threefry2x32"), seed), part)
    summary, _ = summarize_with(form, target.draw_closed_form(key, count).typical_observations())
    return eqx.tree_at(lambda s: s.count, summary, jnp.asarray(float(count), summary.count.dtype))
