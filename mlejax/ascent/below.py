"""A location below all observations by its distance from the smallest: there the way to a far maximum is straight."""

import dataclasses
from typing import Any

import jax
import numpy as np

from ..models.base import M
from ..models.constraints import Domain, Way
from ..models.parameters import Parameters
from ..models.rows import Rows
from ..models.shifted import Shifted
from ..models.wrappers import Fixed, Given
from .design import Design
from .units import Units


@dataclasses.dataclass(frozen=True)
class Below(Domain):
    """The numbers below the smallest observation, which is 0 in units of its own."""

    upper: float | int = 0.0

    def way(self, names: Any, index: int, sign: int) -> Way:
        if sign > 0:
            return super().way(names, index, sign)
        place = "the smallest observation"
        return Way(f"{names[index]} approaches {place}", place, upwards=True)


def below_all(first: M, units: Units[M] | Design[M] | None, values: Rows) -> tuple[M, Units[M] | Design[M] | None]:
    """Count from the smallest observation where a location has to be below it, which then is a coordinate's domain.

    As the location falls, the logarithms of the parameters of such a family are linear in that of its distance.

    Args:
        first: the start, in `units`.
        units: of the fit.
        values: the observations, in the units of the data.

    Returns:
        The start and units, changed; as they are for another model, or a start whose location is not below.
    """
    inner = first.base if isinstance(first, Fixed) else first
    if not isinstance(inner, Shifted) or isinstance(inner.location, Given) or isinstance(units, Design):
        return first, units
    table = Parameters.of(first)
    none = np.zeros(table.size)
    before = units or Units(table, none, none, none)
    smallest = float(np.min(values))
    leaves, tree = jax.tree.flatten(first)
    location = leaves[-1] - before.of_observations(np.array([smallest]))[0]  # the last field of `Shifted`
    if not location < 0:
        return first, units
    narrow = dataclasses.replace(table, domains=(*table.domains[:-1], Below()))
    moves = np.append(before.moves[:-1], 1.0)
    own = dataclasses.replace(before, table=narrow, moves=moves, shift=smallest)
    return tree.unflatten([*leaves[:-1], np.float64(location)]), own


def distance_below(table: Parameters[Any]) -> int | None:
    """Return the coordinate that is the distance of a location below all observations; None of others."""
    return table.real_size - 1 if isinstance(table.domains[-1], Below) else None
