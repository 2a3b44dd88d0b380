"""The log-likelihood of one sample as ground to climb on: from anywhere, by one compiled program."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any, Generic

import jax
import numpy as np

from ..checks import InputValueError
from ..likelihood import Vector
from ..models.abilities import HasCanonicalForm, HasStartInside, has_one_top
from ..models.base import M, Model, name_of
from ..models.parameters import Parameters
from ..models.rows import Extremes, Rows, row_count
from ..samples.observations import check_finite, check_inside
from ..samples.representation import Sample
from ..samples.survey import survey
from ..status import Status
from .below import distance_below
from .beside import at_edge, on_ridge
from .design import Design
from .ends import ends_of
from .invariant import is_invariant
from .newton import MAX_STEPS
from .outward import HIGHER, Coordinates, End, View, look_outward
from .profile import climb_profile
from .ridge import follow
from .uncertainty import SINGULAR
from .units import Units

MOST_ON_A_RIDGE = 10
"""Coordinates up to which the profile of one is followed where a climb runs out of steps."""

RESTARTS = 4
"""Higher points, seen when looking outward, that are climbed from in turn."""


@dataclasses.dataclass(frozen=True, eq=False)
class Ground(Generic[M]):
    """The log-likelihood of a sample, ready to be climbed from anywhere."""

    table: Parameters[M]
    sample: Sample  # in its own units
    units: Units[M] | Design[M] | None  # None where they are those of the data
    count: float  # the sum of the weights
    representation: str
    start: Coordinates

    @classmethod
    def of(
        cls,
        start: M,
        values: Rows,
        weights: np.ndarray | None,
        units: Units[M] | Design[M] | None,
        extremes: Extremes | None = None,
    ) -> "Ground[M]":
        """Return the ground of observations inside the support, in units of their own; the start is in these too."""
        own = values
        if units is not None:
            own, extremes = units.of_observations(values), None
            check_inside(name_of(start), start.support, own)
        found = survey(start, own, weights, extremes)
        if not found.finite:
            check_finite(start, own)
        domains = Parameters.of(start)
        table = units.table if isinstance(units, Units) else domains
        count = float(row_count(values) if weights is None else math.fsum(weights))
        known = found.coordinates if table == domains else None  # by the domains of the model
        with jax.enable_x64(True):
            begin = np.asarray(_to_real(table, start)) if known is None else known
        return cls(table, found.sample, units, count, found.representation, begin)

    @property
    def offset(self) -> float:
        """What the log-likelihood has besides in the data's own units, nats."""
        return 0.0 if self.units is None else -self.count * math.log(self.units.scale)

    def coordinates(self, own: M) -> np.ndarray:
        """Return the unconstrained coordinates of parameters in the sample's units."""
        with jax.enable_x64(True):
            return np.asarray(_to_real(self.table, own), np.float64)

    def own_model(self, coordinates: np.ndarray) -> M:
        """Return the parameters, in the sample's units, as NumPy float64."""
        with jax.enable_x64(True):
            return jax.tree.map(lambda leaf: np.asarray(leaf)[()], jax.device_get(_from_real(self.table, coordinates)))

    def model(self, coordinates: np.ndarray) -> M:
        """Return the parameters, in the data's units, as NumPy float64.

        Raises:
            ValueError: float64 does not hold them.
        """
        return self._in_data(self.own_model(coordinates))

    def estimate(self, end: End) -> M:
        """Return the parameters where a climb ended, as `model` does."""
        return self._in_data(self.table.to_model(end.parameters))

    def _in_data(self, own: M) -> M:
        return own if self.units is None else _representable(self.units.to_data(own))

    def ascend(self, start: Coordinates, free: Coordinates, most: int) -> End:
        """Climb from coordinates, with those that are free marked 1, at most so many steps."""
        return self.ascend_each([start], free, most)[0]

    def ascend_each(
        self, starts: Sequence[Coordinates], free: Coordinates, most: int, *, beside: bool = False
    ) -> list[End]:
        """Climb from each of several coordinates, one after the other, as `ascend` does from one; see `Ascend`."""
        free = free * self.units.free if isinstance(self.units, Design) else free
        return ends_of(self.table, self.sample, starts, free, most, beside)

    def words(self, view: View, end: End) -> str:
        """Return in words which parameters grow, or fall, on the way from an end to a view."""
        if isinstance(self.units, Design) and view.index < len(self.units.inverse):
            return self.units.directions(view.highest.coordinates - end.coordinates)
        return self.table.way(view.index, view.sign).words

    def covariance_in_data(self, own: np.ndarray) -> np.ndarray:
        """Return the covariance of the parameters in the data's units, from that in the sample's."""
        return own if self.units is None else self.units.covariance(own)

    def errors_in_data(self, own: np.ndarray) -> np.ndarray:
        """Return the standard errors of the parameters in the data's units, from their covariance in the sample's."""
        return np.sqrt(own.diagonal()) if self.units is None else self.units.errors(own)

    def covariance(self, end: End) -> np.ndarray:
        """Return the inverse of the information about the parameters, in the sample's units; NaN if there is none."""
        spread = end.spread(self.count)
        if not spread.least > SINGULAR:
            squared = np.outer(end.scale, end.scale)
            try:
                inverse = np.linalg.inv(end.information * squared) * squared / self.count
            except np.linalg.LinAlgError:
                return np.full((self.table.size, self.table.size), np.nan)
        else:
            inverse = spread.uncertainty
        return end.jacobian @ inverse @ end.jacobian.T


@functools.partial(jax.jit, static_argnums=0)
def _to_real(table: Parameters[M], model: M) -> Vector:
    return table.to_real(model)


@functools.partial(jax.jit, static_argnums=0)
def _from_real(table: Parameters[M], coordinates: Vector) -> M:
    return table.from_real(coordinates)


NEAR_TOP = 1e-3
"""Standard errors from the top of a parabola within which it is asked whether that is one."""


@dataclasses.dataclass(frozen=True, eq=False)
class Climbed:
    """Where a climb ended, and what was seen from there."""

    end: End
    views: list[View]
    edge: bool  # whether an observation has no density a little beside it
    ridge: bool  # whether its curvature is rounding
    invariant: bool  # whether the log-likelihood is the same all along a curve through it


def climb_and_look(ground: Ground[Any], start: np.ndarray) -> Climbed:
    """Climb from a start, look outward, and climb again from what is higher.

    Args:
        ground: what is climbed.
        start: its unconstrained coordinates.

    Returns:
        Where that ends, and the views from there. Of what rises without an end, after the second climb.
    """
    everywhere = np.ones(ground.table.real_size)
    count = max(ground.count, 1.0)  # weights that add up to less say of every likelihood that it is flat
    held, endless = distance_below(ground.table), 0
    if held is None:
        end = _canonical(ground, ground.ascend(start, everywhere, MAX_STEPS))
    else:
        end = climb_profile(ground.ascend_each, start, held, ground.table, count)
    stuck = held is None and end.status is Status.MAX_STEPS and len(start) <= MOST_ON_A_RIDGE
    top = follow(ground.ascend_each, end, ground.table, count) if stuck else None
    if isinstance(top, View):
        return Climbed(end, [top], edge=False, ridge=False, invariant=False)
    if top is not None:
        again = ground.ascend(top.coordinates, everywhere, MAX_STEPS)
        end = _canonical(ground, dataclasses.replace(again, steps=top.steps + again.steps))
    one_top = has_one_top(type(ground.table.tree.unflatten(ground.table.names)))
    look = functools.partial(look_outward, ground.ascend_each, one_top=one_top)
    views = look(end, ground.table, count, _beside_pole(start, end, held))
    for _ in range(RESTARTS):
        views = _beside_ends(ground, end, views)
        higher = [view for view in views if max(view.gains) > HIGHER]
        endless += any(view.endless for view in higher)
        if not higher or endless > 1:
            break
        highest = max(higher, key=lambda view: view.highest.mean_log_likelihood).highest
        again = ground.ascend(highest.coordinates, everywhere, MAX_STEPS)
        if not again.mean_log_likelihood > end.mean_log_likelihood:
            break
        end = _canonical(ground, dataclasses.replace(again, steps=end.steps + again.steps))
        views = look(end, ground.table, count, _beside_pole(start, end, held))
    edge = not end.arrived and at_edge(ground.ascend_each, end, ground.table)
    # On a ridge rounding decides whether a climb arrives.
    may_be = end.distance < NEAR_TOP or (end.status is Status.PRECISION and end.flat)
    ridge = may_be and on_ridge(ground.ascend_each, end, views, ground.table, count)
    doubted = held is None and (bool(views) or not end.arrived) and not isinstance(ground.units, Design)
    return Climbed(end, views, edge, ridge, doubted and is_invariant(ground.ascend_each, end, ground.table, count))


def _canonical(ground: Ground[Any], end: End) -> End:
    """Return the same end by the parameters that are shown, of all that describe the same distribution."""
    table = ground.table
    if not isinstance(table.tree.unflatten(table.names), HasCanonicalForm):
        return end
    coordinates = ground.coordinates(ground.own_model(end.coordinates).canonical())
    if np.array_equal(coordinates, end.coordinates):
        return end
    there = ground.ascend(coordinates, np.ones(len(coordinates)), 0)
    return dataclasses.replace(there, unit=end.unit, steps=end.steps, status=end.status)


def _beside_pole(start: Coordinates, end: End, distance: int | None) -> Coordinates | None:
    """Return coordinates below which there may be a pole, where a distance vanishes: a maximum is one all the same.

    None where there is no such distance, or where the climb itself has led there.

    Args:
        start: of the climb.
        end: of the climb.
        distance: the coordinate that is its logarithm.
    """
    if distance is None or not (end.arrived or end.coordinates[distance] > start[distance]):
        return None
    lowest = np.full(len(start), -np.inf)
    lowest[distance] = end.coordinates[distance] - 1
    return lowest


def _beside_ends(ground: Ground[Any], end: End, views: list[View]) -> list[View]:
    """Return views from a maximum, without those from which a climb leads to where every likelihood is unbounded.

    They are of families that have a maximum in between, which is one all the same.
    """
    if not end.arrived or not isinstance(ground.table.tree.unflatten(ground.table.names), HasStartInside):
        return views

    def leads_away(view: View) -> bool:
        if not max(view.gains) > HIGHER:
            return False
        there = ground.ascend(view.highest.coordinates, np.ones(len(end.coordinates)), MAX_STEPS)
        return not there.arrived and bool(ground.own_model(there.coordinates).unbounded(ground.count))

    away = (-math.inf, -math.inf)
    return [dataclasses.replace(view, gains=away) if leads_away(view) else view for view in views]


def is_inside(model: Model) -> bool:
    """Return whether every parameter is finite and inside its domain."""
    leaves = zip(jax.tree.leaves(model), Parameters.of(model).domains, strict=True)
    return all(
        domain.lower < leaf < domain.upper if isinstance(leaf, float) else bool(np.all(domain.contains(leaf)))
        for leaf, domain in leaves
    )


def _representable(model: M) -> M:
    """Return a model in the data's units, which must be numbers that float64 has."""
    table = Parameters.of(model)
    for (name, leaf), domain in zip(table.by_name(model).items(), table.domains, strict=True):
        if not np.all(domain.contains(leaf)):
            raise InputValueError(
                f"{table.family}.{name} of these observations would be {leaf}, as float64 has it: divide them by a "
                "number of their size"
            )
    return model
