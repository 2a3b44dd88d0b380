"""Many samples climbed by one program, whatever their sizes: blocks of rows, each row a sample."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..devices import compiler_options
from ..formula.jaxpr import NotApplicable
from ..formula.sufficient import Form
from ..models.base import Model
from ..models.parameters import Parameters
from ..models.rows import Observation, Rows
from ..samples.sections import Section, all_contained, derived_of, looked_at, summary_of
from ..samples.spans import Span
from ..samples.summary import form_of_any
from .ends import end_of
from .newton import Climb
from .packing import Layout
from .uncertainty import scale_of

ROWS = 4
"""Rows of a block, which go on side by side: the vector units are full, their data stay in the cache, and none waits
long for the others."""

BLOCKS = 1024
"""Blocks of one call, at most."""

FAR = 10.0
"""A mean log-density so many times as large as that at the end is of parameters far off: it hides what rounds there."""

TILES = 8192
"""Tiles in the columns of one call, of numbers: so long is the largest sample that is climbed beside others."""


class Begin(eqx.Module):
    """Where climbs begin, a row for each along the axes in front."""

    at: Any  # (..., k): the k parameters; or, in the first p places, the p coordinates, of which there are no more
    parameters: Any  # (...): whether it is the parameters
    free: Any  # (..., p): 1 for a coordinate that may move, 0 for one that is held
    most: Any  # (...): steps

    @classmethod
    def at_parameters(cls, table: Parameters[Any], vectors: Float[np.ndarray, "b k"], most: int) -> "Begin":
        """Begin at parameters, all free."""
        count = len(vectors)
        return cls(vectors, np.full(count, True), np.ones((count, table.real_size)), np.full(count, most))

    @classmethod
    def at_coordinates(
        cls, table: Parameters[Any], coordinates: Float[np.ndarray, "b p"], free: Float[np.ndarray, "b p"], most: int
    ) -> "Begin":
        """Begin at unconstrained coordinates."""
        count, rest = len(coordinates), table.size - table.real_size
        at = np.pad(coordinates, ((0, 0), (0, rest))) if rest else coordinates
        return cls(at, np.full(count, False), free, np.full(count, most))

    def coordinates(self, table: Parameters[Any]) -> Float[Array, " p"]:
        """Return where one climb begins."""
        return jnp.where(self.parameters, table.to_real(table.to_model(self.at)), self.at[: table.real_size])


class Rowful(eqx.Module):
    """The samples of one call, in blocks of `ROWS` rows."""

    values: Rows  # (ROWS, m, ...): block after block along the second axis; or (m, ...), those of all samples
    weights: Any  # (blocks, ROWS, m) of samples that share their observations; None where each has its own
    firsts: Any  # (blocks,): where each begins
    tiles: Any  # (blocks,): how many tiles it has
    sizes: Any  # (blocks, ROWS): observations of each row
    begin: Begin  # (blocks, ROWS, ...)
    blocks: Any  # (): how many of them are climbed


def shared_form(model: Model, observation: Observation) -> Form | None:
    """Return the form in which every sample of such observations factors; None where samples decide, or none does."""
    try:
        return form_of_any(model, observation)
    except NotApplicable:
        return None


def climb_rows(table: Parameters[Any], form: Form | None, rows: Rowful, near: bool = False) -> dict[str, np.ndarray]:
    """Climb from the start of every row.

    Args:
        table: of the parameters.
        form: in which all samples factor; None climbs on the observations themselves.
        rows: the samples.
        near: whether starts are near the ends: then the form is held against the observations there, in the same pass.

    Returns:
        By name, for each row, (blocks * ROWS, ...): what `ends.end_of` does; `estimate`, the parameters; `count`; and
        `sound`: whether the support holds all observations, and the factored form agrees with them; of samples that
        share their observations, these are to be held against the form before.
    """
    found = np.asarray(_program()(table, form, near, rows))
    return _layout(table).unpack(found.reshape(len(found), -1).T)


@functools.lru_cache(maxsize=256)
def _layout(table: Parameters[Any]) -> Layout:
    """Return how the end of a climb is laid out in numbers: one array is handed over in a tenth of the time of ten."""
    p, size = table.real_size, table.size
    shapes = {"coordinates": (p,), "estimate": (size,), "information": (p, p), "jacobian": (size, p), "unit": (p,)}
    numbers = {name: np.zeros(shape) for name, shape in shapes.items()}
    numbers |= dict.fromkeys(("mean", "distance", "count"), np.zeros(()))
    with jax.enable_x64(True):  # the types are those of the program
        return Layout({**numbers, "steps": np.zeros((), int), "status": np.zeros((), int), "sound": np.zeros((), bool)})


@functools.cache
def _program() -> Callable[..., Array]:
    """Return the compiled `_climb_blocks`, with the compiler's options for long loops on this device."""
    return jax.jit(_climb_blocks, static_argnums=(0, 1, 2), compiler_options=compiler_options(jax.local_devices()[0]))


def _climb_blocks(
    table: Parameters[Any], form: Form | None, near: bool, rows: Rowful
) -> Float[Array, "numbers blocks rows"]:
    shared = rows.weights is not None
    derive = functools.partial(derived_of, table.to_model(rows.begin.at[0, 0]))
    derived = [] if form is not None else (derive if shared else jax.vmap(derive))(rows.values)
    own = None if shared else 0

    def block(index: Any) -> Mapping[str, Any]:
        one = functools.partial(_climb, table, form, near, rows.firsts[index], rows.tiles[index])
        weights = rows.weights[index] if shared else None
        begin = jax.tree.map(lambda each: each[index], rows.begin)
        axes = (own, own, 0 if shared else None, 0, 0)
        return jax.vmap(one, axes)(rows.values, derived, weights, rows.sizes[index], begin)

    def write(index: Any, ends: Array) -> Array:
        found = jax.vmap(lambda end: Layout.pack(end, ends.dtype), out_axes=1)(block(index))
        return jax.lax.dynamic_update_index_in_dim(ends, found, index, 1)

    # All that is found in one array: of several, the compiler copies each whole for every block.
    return jax.lax.fori_loop(0, rows.blocks, write, jnp.zeros((_layout(table).width, *rows.sizes.shape)))


def _climb(
    table: Parameters[Any],
    form: Form | None,
    near: bool,
    first: Array,
    tiles: Array,
    values: Rows,
    derived: Any,
    weights: Any,
    size: Array,
    begin: Begin,
) -> dict[str, Any]:
    """Climb on one sample, and see whether its statistics agree with it."""
    span, start = Span(first, tiles, size), begin.coordinates(table)
    sample: Any = Section(values, derived, span, weights)
    looked = None
    if form is not None and weights is None and near:
        looked = looked_at(form, table.from_real, start, values, span)
        sample = looked.summary
    elif form is not None:  # those with weights are of observations that were held against the form
        sample = summary_of(form, values, span, weights)
    end = dict(end_of(Climb(sample, start, begin.free, begin.most, table)))
    at, count = end["coordinates"], sample.count
    scale = scale_of(end["information"], jnp)
    if form is not None and weights is None and not near:
        # One standard error away, where slopes tell the curvature.
        looked = looked_at(form, table.from_real, at + scale / jnp.sqrt(count), values, span)
        looked = dataclasses.replace(looked, summary=sample)
    estimate = table.to_vector(table.from_real(at))
    model = table.to_model(estimate)
    sound = jnp.asarray(True) if looked is None else looked.agree(table.from_real, scale, table.logarithmic)
    if looked is not None:
        sound &= looked.contained & (1 + jnp.abs(looked.value) <= FAR * (1 + jnp.abs(end["mean"])))
    if looked is None or isinstance(getattr(type(model), "support", None), property):
        sound &= all_contained(model, values, span, weights)
    return end | {"estimate": estimate, "count": count, "sound": sound}
