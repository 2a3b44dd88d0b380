"""Whether a log-likelihood stays the same along a curve through the end of a climb: no data tell its points apart."""

import math
from dataclasses import dataclass, replace

import numpy as np

from ..models.parameters import Parameters
from .outward import FARTHER, FLAT, HIGHER, MANY, REFIT_STEPS, Ascend, Coordinates, End, gains_of, is_told
from .uncertainty import scale_of

STRIDE = 0.7
"""Of the coordinate that moves most: a logarithm, or a number in units of its size."""


@dataclass(frozen=True, eq=False)
class _Walk:
    """One way along the curve: where it has led, and the last move."""

    at: End
    move: Coordinates


def is_invariant(ascend: Ascend, end: End, table: Parameters, count: float) -> bool:
    """Return whether the log-likelihood is the same, to rounding, along a curve, both ways from where a climb ended.

    A step follows the direction in which the log-likelihood does not curve, and then the others are fitted again where
    one coordinate is held. What flattens towards infinity curves in the end, on the way back from there: so the curve
    is followed as far as a bounded coordinate is that may itself be far out.

    Args:
        ascend: climbs.
        end: where the climb ended.
        table: of the parameters.
        count: of the observations.
    """
    size = len(end.coordinates)
    if size < 2 or size > MANY or not _is_known(end) or not end.flat:
        return False
    first = _flattest(end) * _stride(end, _flattest(end), table)
    walks = [_Walk(end, first), _Walk(end, -first)]
    for _ in range(math.ceil(FARTHER[-1] / STRIDE)):
        walks = [walk for walk in walks if _is_told(walk.at, table)]
        if not walks:
            break
        refitted = []
        for walk in walks:
            free = np.ones(size)
            free[np.argmax(np.abs(walk.move) / _sizes(walk.at, table))] = 0
            refitted += ascend([walk.at.coordinates + walk.move], free, REFIT_STEPS, beside=True)
        gains = gains_of(refitted, end, count)
        if not all(FLAT < gain < HIGHER for gain in gains):
            return False
        # For all of the information; and what has arrived is moved on, to the top of a parabola that may be rounding.
        ends = ascend([each.coordinates for each in refitted], np.ones(size), 0)
        there = [replace(at, coordinates=each.coordinates) for at, each in zip(ends, refitted, strict=True)]
        if not all(map(_is_known, there)):
            return False
        walks = [_onward(walk, at, table) for walk, at in zip(walks, there, strict=True)]
    return True


def _is_known(end: End) -> bool:
    return bool(np.all(np.isfinite(end.information)))


def _onward(walk: _Walk, at: End, table: Parameters) -> _Walk:
    """Return the way from where a step has led, in the direction that goes on as the step did."""
    direction, scale = _flattest(at), scale_of(walk.at.information)
    forwards = math.copysign(1.0, float((direction / scale) @ (walk.move / scale)))
    return _Walk(at, forwards * direction * _stride(at, direction, table))


def _flattest(end: End) -> Coordinates:
    """Return the direction in which the log-likelihood curves least, beside what each coordinate alone does."""
    scale = end.scale
    values, vectors = np.linalg.eigh(end.information * np.outer(scale, scale))
    return vectors[:, np.argmin(np.abs(values))] * scale


def _sizes(end: End, table: Parameters) -> Coordinates:
    return np.where(table.logarithmic, 1.0, np.maximum(np.abs(end.coordinates), end.unit))


def _stride(end: End, direction: Coordinates, table: Parameters) -> float:
    return STRIDE / float(np.max(np.abs(direction) / _sizes(end, table)))


def _is_told(end: End, table: Parameters) -> bool:
    """Return whether all coordinates are of numbers that float64 has."""
    return all(bool(is_told(table, j, at)) for j, at in enumerate(end.coordinates) if table.logarithmic[j])
