"""Intervals and covariances of a fit that look at its log-likelihood again."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike

from .. import likelihood
from ..checks import InputTypeError, InputValueError
from ..models.constraints import Domain
from ..models.parameters import Parameters, entry_dict
from ..results.estimate import Estimate
from ..results.fit import FitResult, Interval
from ..samples.raw import Observations
from .design import Design, design_for, regression_in
from .ground import Ground
from .newton import MAX_STEPS
from .units import Units

APART = 1e-4
"""Standard errors over which a function is taken for a straight line, where its derivatives are too large or small."""

WIDEST = 60.0
"""So many Wald half-widths from the estimate an end is looked for; what has none there has none."""


def score_products(result: FitResult[Any]) -> np.ndarray:
    """Return the sum of the outer products of every observation's score, at the estimate, (p, p).

    Args:
        result: of `fit`.

    Returns:
        A matrix in the inverse of the parameters' units, those of the sample that was climbed on; a weight counts an
        observation so many times.
    """
    return np.asarray(likelihood.score_products(*_own(result)))


def scores(result: FitResult[Any]) -> np.ndarray:
    """Return the score of every observation, at the estimate, (n, p), in the units of `score_products`."""
    return np.asarray(likelihood.scores(*_own(result)))


def _own(result: FitResult[Any]) -> tuple[Any, Observations]:
    """Return the estimate and the observations in the units of the sample that was climbed on."""
    ground, units = result.ground, result.ground.units
    values = result.observations if units is None else units.of_observations(result.observations)
    return ground.own_model(result.end.coordinates), Observations(values, weights=result.weights)


def estimate_of(result: FitResult[Any], function: Callable[[Any], ArrayLike], own: np.ndarray) -> Estimate:
    """Return the estimate of a function of the model, and its standard error; see `FitResult.estimate_of`.

    Args:
        result: of a fit.
        function: of the model.
        own: the covariance of the parameters in the units of the sample that was climbed on, (p, p).
    """
    table = Parameters.of(result.model)

    def of(vector: Any) -> Any:
        return jnp.asarray(function(table.to_model(vector)))

    with jax.enable_x64(True):
        at = jnp.asarray(table.to_vector(result.model))
        try:
            kept = jax.eval_shape(of, at).dtype
        except jax.errors.TracerArrayConversionError:
            remedy = "use jax.numpy in place of it, such as jnp.log(x)"
            raise InputTypeError(
                f"estimate_of: the function hands a value to NumPy, as np.log(x) does: {remedy}"
            ) from None
        if not jnp.issubdtype(kept, jnp.floating):
            raise InputTypeError(f"estimate_of: the function must return real numbers; it returned {kept}")
        value, errors = np.asarray(of(at)), result.ground.errors_in_data(own)
        if (units := result.ground.units) is not None and units.scale != 1:  # derivatives might not be numbers
            moves = APART * np.diag(errors)
            along = np.stack([(of(at + move) - of(at - move)) / (2 * APART) for move in moves], axis=-1)
        else:
            along = np.asarray(jax.jacfwd(of)(at)) * errors
    covariance = units.covariance_unscaled(own) if isinstance(units, Design) else own
    sizes = np.sqrt(np.diagonal(covariance))
    largest = np.max(np.abs(along), axis=-1, keepdims=True)  # float64 may not hold their squares as they are
    with np.errstate(invalid="ignore", divide="ignore"):
        along = np.where(largest > 0, along / largest, along)
        products = np.einsum("...i,ij,...j->...", along, covariance / np.outer(sizes, sizes), along)
    return Estimate(value[()], (largest[..., 0] * np.sqrt(products))[()])


def profile_intervals(result: FitResult[Any], level: float) -> dict[str, Interval]:
    """Return where the profile of each parameter has fallen by half a quantile of chi-squared; see `FitResult`.

    Args:
        result: of a fit that converged.
        level: between 0 and 1.

    Returns:
        Pairs of ends by name.
    """
    from scipy.special import ndtri

    ground, end = result.ground, result.end
    drop = float(ndtri((1 + level) / 2)) ** 2 / 2
    places = _held_alone(ground.table)
    if not places:
        raise InputValueError(
            f"{ground.table.family} has no profile intervals: none of its numbers can be held while others move, since "
            "they are bound to each other; method='wald' has intervals for them"
        )
    found = dict.fromkeys(ground.table.entries, (math.nan, math.nan))
    for j, entry in places.items():
        name, domain = ground.table.entries[entry], ground.table.entry_domains[entry]
        if (held := _held(result, j)) is None:
            continue
        ends = []
        for sign in (-1, 1):

            def depth(away: float, sign: int = sign, held: _Held = held) -> float:
                there = held.ground.ascend(held.top + sign * away * held.tangent, held.free, MAX_STEPS)
                fallen = ground.count * (end.mean_log_likelihood - there.mean_log_likelihood) - drop
                return fallen if math.isfinite(fallen) else math.inf

            half = math.sqrt(2 * drop) * held.error
            away = _root(depth, half)
            if math.isinf(away):
                ends.append(_in_data(ground, entry, _wall(domain, sign)))
            else:
                ends.append(held.value(entry, sign * away))
        found[name] = (min(ends), max(ends))
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class _Held:
    """A coordinate that is held while the others move, and the maximum from which it is moved."""

    ground: Ground[Any]
    index: int  # of the coordinate
    top: np.ndarray  # the coordinates of the maximum
    covariance: np.ndarray  # of these

    @property
    def free(self) -> np.ndarray:
        """1 for each coordinate but this one."""
        return np.where(np.arange(len(self.top)) == self.index, 0.0, 1.0)

    @property
    def error(self) -> float:
        """The standard error of the coordinate."""
        return math.sqrt(self.covariance[self.index, self.index])

    @property
    def tangent(self) -> np.ndarray:
        """How the others move with it, near the maximum."""
        return self.covariance[:, self.index] / self.covariance[self.index, self.index]

    def value(self, entry: int, move: float) -> float:
        """Return a number of the parameters, in the data's units, where the coordinate has moved so far."""
        model = self.ground.model(self.top + move * (1 - self.free))
        return float(list(entry_dict(model).values())[entry])


def _held(result: FitResult[Any], index: int) -> _Held | None:
    """Return a coordinate to hold; None where float64 does not tell the columns of a regression apart for it.

    A coefficient of a regression is one on orthonormal columns that are made for it: on the columns as they were given,
    their units and how alike they are would decide how well the others follow.
    """
    ground, end = result.ground, result.end
    squared = np.outer(end.scale, end.scale)
    covariance = np.linalg.inv(end.information * squared) * squared / ground.count
    if not isinstance(ground.units, Design) or index >= (size := len(ground.units.inverse)):
        return _Held(ground, index, end.coordinates, covariance)
    units = design_for(result.model, result.observations, result.weights, alone=index, like=ground.units)
    if units is None:
        return None
    turn = np.eye(len(covariance))  # coefficients come first
    turn[:size, :size] = units.root @ ground.units.inverse
    top = turn @ end.coordinates
    own = Ground.of(units.from_data(result.model), result.observations, result.weights, units)
    regression = regression_in(result.model)
    slope = regression is None or index >= int(regression.intercept)
    return _Held(own, size - 1 if slope else 0, top, turn @ covariance @ turn.T)


def _root(depth: Callable[[float], float], half: float) -> float:
    """Return where a profile has fallen so far; infinite where it does not. It begins below zero, and rises."""
    from scipy.optimize import brentq

    low, high = 0.0, half
    while (fallen := depth(high)) < 0:
        low, high = high, 2 * high
        if high > WIDEST * half:
            return math.inf
    if not math.isfinite(fallen):  # a wall of the formula: the fall is somewhere before it
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if depth(middle) < 0 else (low, middle)
        return high
    return float(brentq(depth, low, high, xtol=1e-10 * half))  # type: ignore[arg-type]


def _in_data(ground: Ground[Any], entry: int, wall: float) -> float:
    """Return an end of the domain of a number in the data's units."""
    if not isinstance(ground.units, Units) or math.isinf(wall):
        return wall
    return float(wall * ground.units.factors[entry] + ground.units.moves[entry] * ground.units.shift)


def _held_alone(table: Parameters[Any]) -> dict[int, int]:
    """Return the coordinates that are those of one number each, and the places of these numbers among all."""
    coordinates = np.cumsum([0, *table.real_sizes]).tolist()
    entries = np.cumsum([0, *table.sizes]).tolist()
    alone = [i for i, domain in enumerate(table.domains) if not domain.rank]
    return {coordinates[i] + k: entries[i] + k for i in alone for k in range(table.sizes[i])}


def _wall(domain: Domain, sign: int) -> float:
    """Return the end of the domain in the direction in which a coordinate grows or falls."""
    mirrored = math.isinf(domain.lower) and math.isfinite(domain.upper)
    return float(domain.upper if (sign > 0) != mirrored else domain.lower)
