"""Whether a maximum stays one when looked at from further away.

A distance is local: where a likelihood flattens towards infinity or a wall, it falls below any bound at a point that is
no maximum. So the profile is followed outward along every coordinate of which the data say little.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from ..models.constraints import Domain
from ..models.parameters import Parameters
from ..status import Status
from .uncertainty import SINGULAR, SURELY_REGULAR, Spread, is_flat, scale_of

REACHES = (math.log(10), math.log(100))
"""How far outward a bounded coordinate is followed."""

REAL_REACHES = (1.0, 3.0)
"""Likewise a real one, in the larger of its size and the standard error that one observation leaves."""

MOST_ERRORS = (3.0, 10.0)
"""But at most so many standard errors of its own."""

FARTHER = tuple(math.log(10.0**power) for power in (4, 8, 16, 32))
"""How far a bounded coordinate is followed whose profile is flat both up and down: it may itself be far out."""

MANY, FEW, FLATTER = 100, 4, 3.0
"""Of more than so many coordinates only a few are looked at, of which the data say least, and only where their standard
errors are so many times what the curvature at the start promised: every look costs as much as a fit."""

BESIDE = 1e-7
"""How far beside a point the formula is evaluated again: there, all but its rounding is the same."""

ROUNDED = 10.0
"""A gain is told from the rounding of the formula where it is so many times as large."""

REFIT_STEPS = 10
"""Steps for the other coordinates, wherever one of them is held."""

FLAT, OPEN = -1e-5, -1.92
"""Nats: a profile that falls by less, rounding apart, is flat; or leaves the interval of 95 % open on that side."""

RESOLVED = -1e-9
"""Nats: a profile that falls by more, rounding apart, both near and far, falls, where every climb has arrived."""

UNDETERMINED, UNRESOLVED = (REACHES[-1] / math.sqrt(-2 * fall) for fall in (FLAT, RESOLVED))
"""Standard errors of the logarithm of a parameter from which on the parabola itself falls by less, as far as is looked,
than what is flat, and than what is resolved."""

HIGHER = 0.01
"""Nats by which a point must be higher than the maximum to be climbed from."""

Coordinates = Float[np.ndarray, " p"]


@dataclasses.dataclass(frozen=True, eq=False)
class End:
    """Where a climb ended, in unconstrained coordinates; of the mean log-likelihood."""

    coordinates: Coordinates
    mean_log_likelihood: float
    information: Float[np.ndarray, "p p"]
    jacobian: Float[np.ndarray, "numbers p"]  # of the parameters by the coordinates
    unit: Coordinates  # the standard error of each coordinate that one observation would leave at the start
    distance: float
    steps: int
    status: Status
    parameters: Float[np.ndarray, " numbers"]  # all of them, in leaf order
    beside: tuple[float, ...] = ()  # the mean log-likelihood `BESIDE` it, up and down, where that was asked for

    @functools.cached_property
    def _spread_of_one(self) -> Spread:
        return Spread.of(self.information, 1.0)

    def spread(self, count: float) -> Spread:
        """Return what the information leaves open about so many observations."""
        one = self._spread_of_one
        return Spread(one.inverse, one.least, np.asarray(count))

    @functools.cached_property
    def scale(self) -> Coordinates:
        """The standard error of each coordinate that one observation leaves here; 1 where it leaves none."""
        return scale_of(self.information)

    @functools.cached_property
    def flat(self) -> bool:
        """Whether the log-likelihood curves along some direction so little, up or down, that it may be rounding."""
        return not self._spread_of_one.least > SURELY_REGULAR and is_flat(self.information)

    @property
    def arrived(self) -> bool:
        """Whether the climb ended at the top of a parabola."""
        return self.status is Status.CONVERGED


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """The profile along one coordinate, in one direction: how much higher it is there than at the maximum, in nats."""

    index: int  # of the coordinate
    sign: int  # of the direction
    gains: tuple[float, float]  # near and far
    highest: End  # of the two
    error: float = math.nan  # the standard error of a bounded coordinate, where that climb and those on the way arrived

    @property
    def flat(self) -> bool:
        """Whether the log-likelihood rises, or does not fall, all the way."""
        return min(self.gains) > FLAT and not self.falls

    @property
    def falls(self) -> bool:
        """Whether it falls, if only as little as towards a limit that is hardly lower than the maximum.

        Such a limit is approached as a power of the parameter is: the height is that of a parabola in this power.
        """
        near, far = (-gain for gain in self.gains)
        if min(near, far) <= -RESOLVED or math.isnan(self.error):
            return False
        return max(near, far) > -FLAT or (0.1 < 2 * near * self.error**2 < 6 and 0.2 < near / far <= 1)

    @property
    def open(self) -> bool:
        """Whether it falls too little to end an interval of 95 %."""
        return min(self.gains) > OPEN

    @property
    def endless(self) -> bool:
        """Whether it rises as the logarithm of the parameter does, without slowing."""
        near, far = self.gains
        return near > 0.5 and far - near > 0.8 * near


@runtime_checkable
class Ascend(Protocol):
    """A function that climbs from coordinates, with those that are free marked 1, at most so many steps from each."""

    def __call__(
        self, starts: Sequence[Coordinates], free: Coordinates, most: int, *, beside: bool = False
    ) -> list[End]:
        """Return the ends; with `beside`, each knows how high it is a little beside it."""
        ...


def look_outward(
    ascend: Ascend,
    end: End,
    table: Parameters,
    count: float,
    lowest: Coordinates | None = None,
    one_top: bool = False,
) -> list[View]:
    """Follow the profile outward along every coordinate of which little is known.

    The others start along the profile's tangent, and are fitted again.

    Args:
        ascend: climbs.
        end: where the maximum may be.
        table: of the parameters.
        count: of the observations.
        lowest: coordinates below which nothing is looked at; None: nowhere.
        one_top: whether the maximum is the only level place, as of a family with a closed form: only where a domain
            ends may that be lost in rounding.

    Returns:
        Two views, up and down, of every coordinate that was looked at; none of a maximum that the data determine well.
    """
    bounded = table.logarithmic
    spread = end.spread(count)
    looked_at = spread.doubtful(end.coordinates, np.asarray(end.arrived), bounded)
    if one_top and end.arrived and spread.least > SINGULAR and not np.any(looked_at & bounded):
        return []
    if not looked_at.any():
        return []
    covariance, errors = spread.uncertainty, spread.errors
    if len(errors) > MANY:
        # Where a likelihood flattens, it has lost the curvature that it had at the start.
        flatter = errors * math.sqrt(count) / end.unit
        last = np.argsort(np.where(looked_at, -flatter, 0.0))[FEW:]
        looked_at = looked_at & ~np.isin(np.arange(len(errors)), last) & ((flatter > FLATTER) | (not end.arrived))
    views: list[View] = []
    for j, (error, at) in enumerate(zip(errors, end.coordinates, strict=True)):
        if not looked_at[j]:
            continue
        tangent = covariance[:, j] / covariance[j, j]
        free = np.where(np.arange(len(errors)) == j, 0.0, 1.0)

        def pair(
            reaches: Sequence[float], j: int = j, along: Any = tangent, free: Any = free, error: Any = error
        ) -> list[View]:
            ways = [sign * reach for sign in (1, -1) for reach in reaches]
            ends = ascend([end.coordinates + way * along for way in ways], free, REFIT_STEPS, beside=True)
            gains = [
                # A parameter that is no longer told from the end of its domain has the value that it has there.
                gain if is_told(table, j, end.coordinates[j] + way) else 0.0
                for way, gain in zip(ways, gains_of(ends, end, count), strict=True)
            ]
            if lowest is not None:
                beyond = [np.any(there.coordinates < lowest) for there in ends]
                gains = [-math.inf if past else gain for gain, past in zip(gains, beyond, strict=True)]
            signs = ((1, gains[:2], ends[:2]), (-1, gains[2:], ends[2:]))
            sure = bounded[j] and end.arrived and spread.least > 0 and error < UNRESOLVED
            sure = sure and all(there.arrived for there in ends)
            # A small fall on one side is told from rounding where the other side falls as well.
            known = float(error) if sure and max(gains[:2]) < RESOLVED > max(gains[2:]) else math.nan
            return [View(j, sign, (near, far), two[int(far > near)], known) for sign, (near, far), two in signs]

        size = max(abs(at), end.unit[j])
        real = [min(a * size, b * error) for a, b in zip(REAL_REACHES, MOST_ERRORS, strict=True)]
        if not bounded[j] and at + real[0] == at:
            continue  # no other number is so near
        both = pair(REACHES if bounded[j] else real)
        for reach in FARTHER if bounded[j] else ():
            if not all(each.flat for each in both):
                break
            both = pair((reach / 2, reach))
        views += both
    return views


def gains_of(ends: Sequence[End], end: End, count: float) -> list[float]:
    """Return how much higher other points are, in nats, as far as the rounding of the formula lets that be told.

    Args:
        ends: the points, which know how high it is beside them.
        end: what they are higher than.
        count: of the observations.
    """
    found = []
    for there in ends:
        gain = count * (there.mean_log_likelihood - end.mean_log_likelihood)
        rounding = count * max(abs(height - there.mean_log_likelihood) for height in there.beside)
        if not math.isfinite(gain):
            gain = -math.inf
        elif math.isfinite(rounding):
            gain = math.copysign(max(abs(gain) - ROUNDED * rounding, 0.0), gain)
        found.append(gain)
    return found


def is_told(table: Parameters, index: int, coordinate: Any) -> Any:
    """Return whether float64 has a number inside an interval for an unconstrained coordinate of this index, or several.

    Args:
        table: of the parameters.
        index: of the coordinate.
        coordinate: a number, or an array of them.
    """
    domain = _domains(table)[index]
    if domain.rank or (math.isinf(domain.lower) and math.isinf(domain.upper)):
        return np.full(np.shape(coordinate), True)
    with np.errstate(over="ignore"):
        if math.isfinite(domain.lower) and math.isfinite(domain.upper):
            value = domain.lower + (domain.upper - domain.lower) / (1 + np.exp(-coordinate))
        else:
            away = np.exp(coordinate)
            value = domain.lower + away if math.isfinite(domain.lower) else domain.upper - away
    return domain.contains(value)


@functools.lru_cache(maxsize=256)
def _domains(table: Parameters) -> tuple[Domain, ...]:
    """Return the domain that each unconstrained coordinate is of."""
    rows = zip(table.domains, table.real_sizes, strict=True)
    return tuple(domain for domain, size in rows for _ in range(size))
