"""Where climbs end: several from one call of one compiled program."""

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..devices import compiler_options
from ..likelihood import Vector
from ..models.parameters import Parameters
from ..samples.representation import Sample
from ..status import Status
from .newton import Climb, climbed, newton_step
from .outward import BESIDE, Coordinates, End

TOGETHER = 8
"""Climbs that one call of the compiled program makes at most."""

SINGLE = ("mean", "distance", "steps", "status", "up", "down")
"""The single numbers of an end; the last two are what it knows of how high it is a little beside it."""


def ends_of(
    table: Parameters[Any], sample: Sample, starts: Sequence[Coordinates], free: Coordinates, most: int, beside: bool
) -> list[End]:
    """Climb from several coordinates, one after the other, as from each alone.

    Args:
        table: of the parameters.
        sample: what is climbed on.
        starts: unconstrained coordinates.
        free: marks with 1 those that may move.
        most: steps from each.
        beside: whether each end is to know how high it is a little beside it.
    """
    ended: list[End] = []
    for first in range(0, len(starts), TOGETHER):
        some = starts[first : first + TOGETHER]
        rows = np.zeros((TOGETHER, len(starts[0])))
        rows[: len(some)] = some
        with jax.enable_x64(True):
            numbers = np.array([most, len(some), 3 if beside else 1])
            found = np.asarray(_program()(table, sample, rows, free, numbers))
        ended += [_end(table, row, beside) for row in found[: len(some)]]
    return ended


def end_of(climb: Climb[Any]) -> Mapping[str, Any]:
    """Climb to the end, from which all about a fit follows. For use under `jit` and `vmap`."""
    state = climbed(climb)

    def parameters(coordinates: Any) -> Any:
        return climb.table.to_vector(climb.table.from_real(coordinates))

    return {
        "coordinates": state.coordinates,
        "mean": state.here.log_likelihood,
        "information": state.here.information,
        "jacobian": jax.jacfwd(parameters)(state.coordinates),
        "unit": state.unit,
        "distance": newton_step(state)[1],
        "steps": state.steps,
        "status": state.status,
    }


@functools.cache
def _program() -> Callable[..., Array]:
    """Return the compiled `_ended`, with the compiler's options for long loops on this device."""
    return jax.jit(_ended, static_argnums=0, compiler_options=compiler_options(jax.local_devices()[0]))


def _ended(
    table: Parameters[Any],
    sample: Sample,
    starts: Float[Array, "k p"],
    free: Vector,
    numbers: Int[Array, "3"],
) -> Float[Array, "k numbers"]:
    """Climb from the first few of several starts, as one climb does, to the ends, from which all about a fit follows.

    One after the other: the program for one start serves several, and a call is dear beside a climb on few numbers. An
    end is a row of numbers, laid out as `_places` says: one array is handed over in a tenth of the time of nine.

    Args:
        table: of the parameters.
        sample: what is climbed on.
        starts: coordinates.
        free: marks with 1 those that may move.
        numbers: the most steps; how many starts there are; how often the log-likelihood is climbed for each: 3 where it
            is measured a little beside the end, too.
    """
    most, number, times = numbers
    shift = BESIDE * table.logarithmic

    def one(start: Vector, free: Vector, most: Array) -> Array:
        found = dict(end_of(Climb(sample, start, free, most, table)))
        found["parameters"] = table.to_vector(table.from_real(found["coordinates"]))
        found["up"] = found["down"] = jnp.zeros(())
        return jnp.concatenate([jnp.ravel(found[name]).astype(float) for name in _places(table)])

    def write(index: Any, ends: Array) -> Array:
        row, time = index // times, index % times
        end, first = ends[row], time == 0
        there = end[: len(shift)] + jnp.where(time == 1, shift, -shift)
        found = one(jnp.where(first, starts[row], there), jnp.where(first, free, 0), jnp.where(first, most, 0))
        height = found[_places(table)["mean"][0].start]
        place = jnp.where(time == 1, _places(table)["up"][0].start, _places(table)["down"][0].start)
        return ends.at[row].set(jnp.where(first, found, end.at[place].set(height)))

    none = jnp.zeros((TOGETHER, jax.eval_shape(one, starts[0], free, most).size))
    return jax.lax.fori_loop(0, number * times, write, none)


@functools.lru_cache(maxsize=256)
def _places(table: Parameters[Any]) -> Mapping[str, tuple[slice, tuple[int, ...]]]:
    """Return where in a row each part of an end lies, and its shape; single numbers come last."""
    p, numbers = table.real_size, table.size
    shapes = {
        "coordinates": (p,), "information": (p, p), "jacobian": (numbers, p), "unit": (p,), "parameters": (numbers,),
        **dict.fromkeys(SINGLE, ()),
    }  # fmt: skip
    ends = itertools.accumulate(map(math.prod, shapes.values()))
    return {
        name: (slice(end - math.prod(shape), end), shape)
        for (name, shape), end in zip(shapes.items(), ends, strict=True)
    }


def _end(table: Parameters[Any], row: Float[np.ndarray, " numbers"], beside: bool) -> End:
    """Return where a climb ended, and whether it knows how high it is beside it."""
    arrays = itertools.islice(_places(table).items(), 5)
    found = {name: row[place].reshape(shape) for name, (place, shape) in arrays}
    mean, distance, steps, status, up, down = row[-len(SINGLE) :].tolist()
    return End(
        **found,
        mean_log_likelihood=mean,
        distance=distance,
        steps=int(steps),
        status=Status(int(status)),
        beside=(up, down) if beside else (),
    )
