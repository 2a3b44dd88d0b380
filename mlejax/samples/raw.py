"""Mean log-densities over raw observations, for models whose `log_prob` is no sum of sufficient statistics.

The mean and its derivatives come from one pass over the data, tile by tile through the cache, of the part of the
formula that mixes data and parameters; see `mlejax.formula.divide`.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array, lax

from ..formula.divide import Division, divide
from ..formula.jaxpr import NotApplicable, Structure, as_formula_takes, structure_of
from ..formula.mesh import spread_over_a_mesh
from ..models.base import Model
from ..models.rows import Rows, row_count
from .second import MOST, LocalQuadratic, in_one_pass, second_order
from .tiles import at_once, tiled


class Observations(eqx.Module):
    """A sample as it is: every epoch passes over all of it. For models without sufficient statistics.

    `Observations(values)` is all it takes, `weights` where some count more than once; `observe` also keeps what a
    model's formula needs of the data alone.
    """

    values: Rows  # n of them
    derived: Any = ()  # functions of the data alone in the formula that `structure` stands for, each (n, ...)
    structure: Structure | None = eqx.field(static=True, default=None)
    weights: Any = None  # (n,), not negative; None counts each once

    @property
    def count(self) -> Any:
        """How many observations there are: the sum of the weights."""
        if self.weights is None:
            return row_count(self.values)
        return tiled(lambda w: w, [self.weights], [jnp.add])[0]

    def mean_log_prob(self, model: Model, *, inside: bool = False) -> Any:
        """Return the mean log-density per observation, in nats; it is the same whatever is known of the parameters."""
        values = as_formula_takes(model, self.values)
        try:
            structure, division = divided(model, values)
        except NotApplicable:
            return self.plain_mean_log_prob(model)
        return mean_log_prob(division, model, values, self._derived(structure, division, values), self.weights)

    def second_order(self, model_at: Callable[[Array], Model], vector: Array) -> LocalQuadratic:
        """Return the mean log-density about a vector (p,) to second order; `model_at` makes parameters of it."""
        model = model_at(vector)
        values = as_formula_takes(model, self.values)
        try:
            structure, division = divided(model, values)
        except NotApplicable:
            return second_order(lambda at: self.plain_mean_log_prob(model_at(at)), vector)
        if division.array or len(division.scalars) > MOST:
            return second_order(lambda at: self.mean_log_prob(model_at(at)), vector)
        columns = [*jax.tree.leaves(values), *self._derived(structure, division, values)]
        return in_one_pass(division, model_at, vector, columns, self.weights)

    def _derived(self, structure: Structure, division: Division, values: Any) -> Sequence[Any]:
        return self.derived if structure == self.structure else derived_columns(division, values)

    def plain_mean_log_prob(self, model: Model) -> Any:
        """Return the mean log-density by the formula as it is written, observation by observation."""
        terms = jax.vmap(model.log_prob)(as_formula_takes(model, self.values))
        return jnp.mean(terms) if self.weights is None else jnp.sum(self.weights * terms) / jnp.sum(self.weights)


def observe(model: Model, values: Rows, weights: Any = None) -> Observations:
    """Return observations with what the formula of `model` needs of the data alone, computed once."""
    values = as_formula_takes(model, values)
    try:
        structure, division = divided(model, values)
    except NotApplicable:
        return Observations(values, weights=weights)
    return Observations(values, derived_columns(division, values), structure, weights)


def divided(model: Model, values: Rows) -> tuple[Structure, Division]:
    """Return the structure of a model's formula for observations, and what of it is computed how often.

    Raises:
        NotApplicable: the formula has to be evaluated as it is, with the reason.
    """
    columns = jax.tree.leaves(values)
    if any(column.ndim == 0 or len(column) == 0 for column in columns):
        raise NotApplicable("there are no observations")
    if spread_over_a_mesh(*jax.tree.leaves(model), *columns):
        raise NotApplicable("a value is spread over the devices of a mesh")
    one = jax.tree.map(lambda column: jax.typeof(column).update(shape=column.shape[1:]), values)
    structure = structure_of(model, one)
    return structure, divide(structure)


def mean_log_prob(division: Division, model: Model, values: Rows, derived: Sequence[Any], weights: Any = None) -> Any:
    """Return the mean log-density of observations, from their derived columns (n, ...) and their weights (n,)."""
    offset, factor, scalars, held = division.once(jax.tree.leaves(model))
    columns = Columns([*jax.tree.leaves(values), *derived], weights)
    return offset + factor * (_mean_of_rows if division.array else _mean)(division, scalars, held, columns)


def _mean_of_rows(division: Division, scalars: Any, held: Any, columns: "Columns") -> Any:
    """Return the mean of a kernel of arrays, all at once: products by a row of data become matrix products."""
    terms = jax.vmap(division.kernel, (None, None, 0))(scalars, held, columns.read)
    weights = columns.weights
    return jnp.mean(terms) if weights is None else jnp.sum(weights * terms) / jnp.sum(weights)


@functools.partial(jax.jit, static_argnums=0)
def derived_columns(division: Division, values: Rows) -> list[Any]:
    """Return the columns (n, ...) that the kernel reads of observations, besides their own."""
    return jax.vmap(division.columns)(values)


class Columns(NamedTuple):
    """What a pass reads of a sample: columns, and weights (n,) or None."""

    read: Sequence[Any]  # (n, ...) each
    weights: Any


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _mean(division: Division, scalars: Any, held: Any, columns: Columns) -> Any:
    """Return the mean of the kernel over a sample."""
    return _means(division, False, scalars, held, columns)[0]


@functools.partial(_mean.defjvp, symbolic_zeros=True)
def _mean_jvp(division: Division, primals: Any, tangents: Any) -> Any:
    (scalars, held, columns), (moves, _, column_moves) = primals, tangents
    mean, *slopes = _mean_and_slopes(division, scalars, held, columns)
    pairs = zip(slopes, moves, strict=True)
    change = sum((slope * move for slope, move in pairs if not _is_zero(move)), start=jnp.zeros_like(mean))
    if not all(map(_is_zero, jax.tree.leaves(column_moves))):  # the data are differentiated too
        of_columns = functools.partial(_means, division, False, scalars, held)
        change += _jvp(of_columns, (columns,), (column_moves,))[1][0]
    return mean, change


# For a Hessian: JAX 0.10.2 differentiates loops inside a custom rule without their own rules; wrapping them in a
# function with its own `custom_jvp` avoids that.
@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _mean_and_slopes(division: Division, scalars: Any, held: Any, columns: Columns) -> list[Any]:
    return _means(division, True, scalars, held, columns)


@functools.partial(_mean_and_slopes.defjvp, symbolic_zeros=True)
def _mean_and_slopes_jvp(division: Division, primals: Any, tangents: Any) -> Any:
    return _jvp(functools.partial(_means, division, True), primals, tangents)


def _jvp(function: Any, primals: Any, tangents: Any) -> Any:
    """Return what `jax.jvp` does, but what does not move costs nothing."""
    leaves, tree = jax.tree.flatten(primals)
    moving = {i: move for i, move in enumerate(jax.tree.leaves(tangents)) if not _is_zero(move)}

    def of(moved: Any) -> Any:
        return function(*jax.tree.unflatten(tree, [moved.get(i, leaf) for i, leaf in enumerate(leaves)]))

    return jax.jvp(of, ({i: leaves[i] for i in moving},), (moving,))


def _is_zero(tangent: Any) -> bool:
    return isinstance(tangent, jax.custom_derivatives.SymbolicZero)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _means(division: Division, slopes: bool, scalars: Any, held: Any, columns: Columns) -> list[Any]:
    """Return the mean of the kernel and, with `slopes`, of its derivatives by the scalars."""
    weighted = columns.weights is not None

    def terms(scalars: Any, held: Any, tile: Any) -> list[Any]:
        read = tile[:-1] if weighted else tile
        if slopes:
            value, slope = jax.vmap(jax.value_and_grad(division.kernel), (None, None, 0))(scalars, held, read)
            found = [value, *slope]
        else:
            found = [jax.vmap(division.kernel, (None, None, 0))(scalars, held, read)]
        return [*(tile[-1] * each for each in found), tile[-1]] if weighted else found

    def by(way: Callable[..., list[Any]], scalars: Any, held: Any, columns: Columns) -> list[Any]:
        every = [*columns.read, columns.weights] if weighted else columns.read
        combine = [jnp.add] * (1 + slopes * len(scalars) + weighted)
        return way(functools.partial(terms, scalars, held), every, combine)

    ways = {"cpu": functools.partial(by, tiled), "default": functools.partial(by, at_once)}
    sums = lax.platform_dependent(scalars, held, columns, **ways)
    count = sums.pop() if weighted else len(columns.read[0])
    return [total / count for total in sums]
