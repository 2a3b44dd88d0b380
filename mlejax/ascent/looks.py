"""Whether the maxima of many samples stay maxima when looked at from further away: side by side, as one by one."""

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool, Float, Int

from ..models.parameters import Parameters
from .outward import (
    BESIDE,
    FLAT,
    HIGHER,
    MOST_ERRORS,
    REACHES,
    REAL_REACHES,
    REFIT_STEPS,
    ROUNDED,
    is_told,
)
from .uncertainty import Spread

Rows = Int[np.ndarray, " k"]
Coordinates = Float[np.ndarray, "k p"]

Ascend = Callable[[Rows, Coordinates, Coordinates, int], Mapping[str, np.ndarray]]
"""Climbs on samples, by their numbers, from coordinates, each with those that are free marked 1, at most so many steps;
returns what `ground.end_of` does, a row for each."""

SIGNS = np.array([1.0, 1.0, -1.0, -1.0])


def stay_maxima(
    ascend: Ascend, ends: Mapping[str, np.ndarray], doubted: Bool[np.ndarray, "b p"], table: Parameters
) -> Bool[np.ndarray, " b"]:
    """Follow the profile outward along doubted coordinates, as `outward.look_outward` does for one sample.

    Args:
        ascend: climbs.
        ends: where climbs ended, a row for each sample: `coordinates`, `information`, `unit`, `mean`, `count`.
        doubted: which coordinates to look at, of each sample.
        table: of the parameters.

    Returns:
        Which samples have, without any doubt, a maximum there; of the others a closer look has to be taken.
    """
    good = np.full(len(doubted), True)
    for index in range(doubted.shape[1]):
        if len(of := np.flatnonzero(doubted[:, index] & good)):
            good[of] = _along(ascend, {name: each[of] for name, each in ends.items()}, of, index, table)
    return good


def _along(
    ascend: Ascend, ends: Mapping[str, np.ndarray], of: Rows, index: int, table: Parameters
) -> Bool[np.ndarray, " k"]:
    """Look up and down along one coordinate, near and far."""
    bounded, count = table.logarithmic, np.maximum(ends["count"], 1.0)[:, None]
    covariance = Spread.of(ends["information"], count[:, 0]).uncertainty
    error = np.sqrt(covariance[:, index, index])
    tangent = covariance[:, :, index] / covariance[:, index, index, None]
    at = ends["coordinates"][:, index]
    if bounded[index]:
        reaches = np.broadcast_to(REACHES, (len(of), 2))
    else:
        size = np.maximum(np.abs(at), ends["unit"][:, index])
        reaches = np.minimum(np.multiply.outer(size, REAL_REACHES), np.multiply.outer(error, MOST_ERRORS))
    none_between = (at + reaches[:, 0] == at) & ~bounded[index]  # no other number is so near
    ways = SIGNS * np.tile(reaches, 2)
    free = np.where(np.arange(len(bounded)) == index, 0.0, 1.0)
    start = ends["coordinates"][:, None] + ways[..., None] * tangent[:, None]
    found = _each(ascend, of, start, free, REFIT_STEPS)
    shift = BESIDE * bounded
    pairs = np.stack([found["coordinates"] + shift, found["coordinates"] - shift], axis=2).reshape(len(of), 8, -1)
    beside = _each(ascend, of, pairs, np.zeros(len(bounded)), 0)["mean"].reshape(len(of), 4, 2)
    rounding = count * np.max(np.abs(beside - found["mean"][..., None]), axis=2)
    gain = count * (found["mean"] - ends["mean"][:, None])
    told = np.copysign(np.maximum(np.abs(gain) - ROUNDED * rounding, 0.0), gain)
    gain = np.where(np.isfinite(gain), np.where(np.isfinite(rounding), told, gain), -np.inf)
    gain = np.where(is_told(table, index, at[:, None] + ways), gain, 0.0)
    higher = np.maximum(gain[:, ::2], gain[:, 1::2])  # up and down
    falls = (np.minimum(gain[:, ::2], gain[:, 1::2]) <= FLAT) & (higher <= HIGHER)
    if not bounded[index]:  # and by no more than twice what the curvature says; else it may be a ridge
        far = gain[:, 1::2] > gain[:, ::2]
        moved = np.where(far, found["coordinates"][:, 1::2, index], found["coordinates"][:, ::2, index]) - at[:, None]
        falls &= -higher < HIGHER + (moved / error[:, None]) ** 2
    return none_between | np.all(falls, axis=1)


def _each(ascend: Ascend, of: Rows, starts: np.ndarray, free: np.ndarray, most: int) -> dict[str, np.ndarray]:
    """Climb on each sample from several coordinates, (k, q, p); what is returned has the axes (k, q, ...)."""
    k, q, p = starts.shape
    found = ascend(np.repeat(of, q), starts.reshape(-1, p), np.broadcast_to(free, (k * q, p)), most)
    return {name: each.reshape(k, q, *each.shape[1:]) for name, each in found.items()}
