"""Units of many samples, each of which has units of its own: what is not an ordinary number in those of the data."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ascent.design import Design
from ..ascent.units import Units, extraordinary, some_of, suggested, that_hold
from ..models.parameters import Parameters
from ..models.rows import is_number
from ..models.support import Support, Supports
from .rows import RowMaker

ENOUGH = 16
"""Observations of a sample, evenly spread, that tell whether other units may serve it better."""

IN_CACHE = 1 << 18
"""Observations that are looked at together: what is computed of them stays in a core's cache."""


def how_many(sizes: np.ndarray, most: int) -> np.ndarray:
    """Return how many observations of samples of certain sizes are looked at for a start."""
    return np.clip(1 << np.ceil(np.log2(np.maximum(sizes, 1))).astype(int), ENOUGH, most)


def units_beside(
    table: Parameters[Any],
    support: Supports,
    rows: RowMaker,
    positions: np.ndarray,
    looked_at: np.ndarray | None = None,
) -> Units | None:
    """Return the units of samples, as `ascent.units.units_for` finds them; None where all have the data's.

    Args:
        table: of the family.
        support: of the family.
        rows: the samples.
        positions: of some, (b,).
        looked_at: a multiple of `ENOUGH` observations, evenly spread, side by side (k, b), where they are at hand.
    """
    if not (is_number(rows.observation) and isinstance(support, Support)) or support.whole:
        return None
    some: Any = rows.spread(positions, ENOUGH).T if looked_at is None else looked_at[:: len(looked_at) // ENOUGH]  # type: ignore[union-attr]
    strange = np.flatnonzero(extraordinary(some))
    if not len(strange):
        return None
    sizes, of_all = rows.sizes[positions], []
    for size in np.unique(sizes[strange]).tolist():
        alike, together = strange[sizes[strange] == size], max(1, IN_CACHE // size)
        for of in np.split(alike, range(together, len(alike), together)):
            x: Any = rows.at(positions[of], np.broadcast_to(np.arange(size), (len(of), size)))
            of_all.append((of, suggested(table, support, x.T), some_of(x.T)))
    where, found, seen = zip(*of_all, strict=True)
    units = that_hold(_joined(found), support, np.concatenate(seen, axis=1))
    places, shift, scale = np.concatenate(where), np.zeros(len(positions)), np.ones(len(positions))
    shift[places], scale[places] = units.shift, units.scale
    return dataclasses.replace(units, shift=shift, scale=scale)


def units_of_each(found: Sequence[Units | Design | None]) -> Units | None:
    """Return the units of many samples, of which each was looked at; None where all have the data's."""
    some = next((each for each in found if isinstance(each, Units)), None)
    if some is None:
        return None
    usual = dataclasses.replace(some, shift=0.0, scale=1.0)
    return _joined([each if isinstance(each, Units) else usual for each in found])


def _joined(parts: Sequence[Units]) -> Units:
    """Return units of one sample each, or of some, as those of all."""
    shift, scale = (
        np.concatenate([np.atleast_1d(each) for each in of])
        for of in zip(*((part.shift, part.scale) for part in parts), strict=True)
    )
    changed = next((part for part in parts if np.any(part.changed)), parts[0])  # of others the laws are not known
    return dataclasses.replace(changed, shift=shift, scale=scale)
