"""Whether the maxima of many samples stay maxima when looked at from further away: side by side, as one by one."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool, Float, Int

from ..models.parameters import Parameters
from .beside import NEARBY
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

Gains = Float[np.ndarray, "k 4"]

Ascend = Callable[[Rows, Coordinates, Coordinates, int], Mapping[str, np.ndarray]]
"""Climbs on samples, by their numbers, from coordinates, each with those that are free marked 1, at most so many steps;
returns what `ends.end_of` does, a row for each."""

SIGNS = np.array([1.0, 1.0, -1.0, -1.0])

MOST_ROUNDING = 1e-6
"""Of a mean log-likelihood, relative to its size: one that rounds more is not climbed to a millionth of an error."""


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
        of = np.flatnonzero(doubted[:, index] & good)
        if len(of) and not table.logarithmic[index]:
            of = of[~_fall_at_once(ascend, _Ways.of(of, ends, index, table))]
        if len(of):
            good[of] = _fall(ascend, _Ways.of(of, ends, index, table), table)
    return good


LOST = 10.0
"""A standard error of a logarithm from which on nothing is known of it, and rounding decides where a climb ends."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Ways:
    """Ways outward along one coordinate of some samples: near and far upward, then near and far downward."""

    samples: Rows  # (k,)
    index: int  # of the coordinate
    at: np.ndarray  # (k,): where it is
    error: np.ndarray  # (k,): its standard error
    lengths: np.ndarray  # (k, 4)
    coordinates: np.ndarray  # (k, p): where the samples are
    starts: np.ndarray  # (k, 4, p): along the profile's tangent
    mean: np.ndarray  # (k, 1): of the log-likelihood, where the samples are
    count: np.ndarray  # (k, 1)

    @classmethod
    def of(cls, samples: Rows, every: Mapping[str, np.ndarray], index: int, table: Parameters) -> "_Ways":
        """Return the ways of some of the samples whose climbs ended."""
        ends = {name: each[samples] for name, each in every.items()}
        count, at = np.maximum(ends["count"], 1.0)[:, None], ends["coordinates"][:, index]
        covariance = Spread.of(ends["information"], count[:, 0]).uncertainty
        error = np.sqrt(covariance[:, index, index])
        if table.logarithmic[index]:
            reaches = np.broadcast_to(REACHES, (len(samples), 2))
        else:
            size = np.maximum(np.abs(at), ends["unit"][:, index])
            reaches = np.minimum(np.multiply.outer(size, REAL_REACHES), np.multiply.outer(error, MOST_ERRORS))
        lengths = SIGNS * np.tile(reaches, 2)
        tangent = covariance[:, :, index] / covariance[:, index, index, None]
        starts = ends["coordinates"][:, None] + lengths[..., None] * tangent[:, None]
        return cls(samples, index, at, error, lengths, ends["coordinates"], starts, ends["mean"][:, None], count)

    @property
    def free(self) -> np.ndarray:
        """Which coordinates are free: all others."""
        return np.where(np.arange(self.starts.shape[-1]) == self.index, 0.0, 1.0)


def _fall_at_once(ascend: Ascend, ways: _Ways) -> Bool[np.ndarray, " k"]:
    """Return where the log-likelihood falls along the tangent by far more than climbing from there could bring back.

    That is what a parabola promises there, twice.
    """
    there = _each(ascend, ways.samples, ways.starts, ways.free, 0)
    gain = ways.count * (there["mean"] - ways.mean)
    rounding = MOST_ROUNDING * ways.count * (1 + np.abs(ways.mean))
    near = np.abs(ways.lengths[:, ::2]) / ways.error[:, None]
    return _is_top(gain + rounding + there["distance"] ** 2) & _is_parabolic(gain - rounding, near)


def _fall(ascend: Ascend, ways: _Ways, table: Parameters) -> Bool[np.ndarray, " k"]:
    """Look up and down along a coordinate, near and far."""
    bounded, count, k = table.logarithmic, ways.count, len(ways.samples)
    real = not bounded[ways.index]
    none_between = (ways.at + ways.lengths[:, 0] == ways.at) & real  # no other number is so near
    found = _each(ascend, ways.samples, ways.starts, ways.free, REFIT_STEPS)
    shift = BESIDE * bounded
    pairs = np.stack([found["coordinates"] + shift, found["coordinates"] - shift], axis=2).reshape(k, 8, -1)
    beside = _each(ascend, ways.samples, pairs, np.zeros(len(bounded)), 0)["mean"].reshape(k, 4, 2)
    rounding = count * np.max(np.abs(beside - found["mean"][..., None]), axis=2)
    gain = count * (found["mean"] - ways.mean)
    told = np.copysign(np.maximum(np.abs(gain) - ROUNDED * rounding, 0.0), gain)
    gain = np.where(np.isfinite(gain), np.where(np.isfinite(rounding), told, gain), -np.inf)
    gain = np.where(is_told(table, ways.index, ways.at[:, None] + ways.lengths), gain, 0.0)
    far = gain[:, 1::2] > gain[:, ::2]
    ended = found["coordinates"][..., ways.index]
    moved = np.where(far, ended[:, 1::2], ended[:, ::2]) - ways.at[:, None]
    ridge = np.full(k, False)
    steep = np.flatnonzero(_is_top(gain) & ~_is_parabolic(gain, moved / ways.error[:, None]) & real)
    if len(steep):
        ridge[steep] = _on_ridge(ascend, ways, moved, steep)
    lost = (ways.error > LOST) & bounded[ways.index]
    return none_between | (_is_top(gain) & ~ridge & ~lost)


def _on_ridge(ascend: Ascend, ways: _Ways, moved: np.ndarray, steep: Rows) -> Bool[np.ndarray, " k"]:
    """Return whether the log-likelihood falls close by as well, as `beside.on_ridge` does, of some of the samples."""
    apart = NEARBY * ways.error[steep, None]
    starts = np.repeat(ways.coordinates[steep, None], 2, axis=1)
    starts[..., ways.index] += np.copysign(apart, moved[steep])
    there = _each(ascend, ways.samples[steep], starts, ways.free, REFIT_STEPS)["mean"]
    return np.any((np.abs(moved[steep]) <= apart) | ~(ways.count[steep] * (ways.mean[steep] - there) <= HIGHER), axis=1)


def _is_top(gains: Gains) -> Bool[np.ndarray, " k"]:
    """Return whether a log-likelihood falls on both sides, near or far, and rises nowhere."""
    near, far = gains[:, ::2], gains[:, 1::2]
    return np.all((np.minimum(near, far) <= FLAT) & (np.maximum(near, far) <= HIGHER), axis=1)


def _is_parabolic(gains: Gains, moved: Float[np.ndarray, "k 2"]) -> Bool[np.ndarray, " k"]:
    """Return whether it falls by no more than twice what the curvature says; else it may be a ridge.

    Args:
        gains: near and far upward, then downward.
        moved: how far the higher one on each side is, in standard errors.
    """
    return np.all(-np.maximum(gains[:, ::2], gains[:, 1::2]) < HIGHER + moved**2, axis=1)


def _each(ascend: Ascend, of: Rows, starts: np.ndarray, free: np.ndarray, most: int) -> dict[str, np.ndarray]:
    """Climb on each sample from several coordinates, (k, q, p); what is returned has the axes (k, q, ...)."""
    k, q, p = starts.shape
    found = ascend(np.repeat(of, q), starts.reshape(-1, p), np.broadcast_to(free, (k * q, p)), most)
    return {name: each.reshape(k, q, *each.shape[1:]) for name, each in found.items()}
