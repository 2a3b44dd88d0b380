"""Numerical probes of a formula: derivatives by differences, integrals, and directions that change nothing."""

import dataclasses
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from ..models.support import Support

FIRST_STEP, SHRINK, STEPS = 0.1, 1.6, 10
"""Steps of the differences: the first, the factor from each to the next, and how many."""

POINTS, PARTS = 8001, (1, 2, 4)
"""Points of an integral, and of which parts of them its value is compared: every one, every second, every fourth."""

REACH = 6.0
"""How far a double exponential rule reaches: to 1e137 scales."""

MOST_COUNTS = 20_000
"""Whole numbers over which probabilities are summed, on either side."""

STEP_SIZES = FIRST_STEP / SHRINK ** np.arange(STEPS)


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number, or an array of them, and how far it may be off."""

    value: Float[np.ndarray, "..."]
    error: Float[np.ndarray, "..."]


def derivative(above: Float[np.ndarray, "..."], below: Float[np.ndarray, "..."]) -> Estimate:
    """Return a derivative from values at k steps to both sides, by Richardson's extrapolation of central differences.

    Of all extrapolations the one is taken that differs least from those beside it, and this difference is the error:
    it holds both what the steps leave and what rounding does.

    Args:
        above: the function at a point plus each of `STEP_SIZES`, which are the first axis.
        below: the same minus each.

    Source: C. J. F. Ridders, Accurate computation of F'(x) and F'(x) F''(x), Advances in Engineering Software 4 (1982).
    """
    sizes = STEP_SIZES.reshape(-1, *[1] * (above.ndim - 1))
    with np.errstate(all="ignore"):
        column = (above - below) / (2 * sizes)
        best, error = column[0], np.full(column.shape[1:], np.inf)
        factor = SHRINK**2
        while len(column) > 1:
            following = (factor * column[1:] - column[:-1]) / (factor - 1)
            apart = np.maximum(np.abs(following - column[1:]), np.abs(following - column[:-1]))
            for value, distance in zip(following, apart, strict=True):
                better = distance < error
                best, error = np.where(better, value, best), np.where(better, distance, error)
            column, factor = following, factor * SHRINK**2
    return Estimate(best, error)


@dataclasses.dataclass(frozen=True)
class Nodes:
    """Points inside a support, and what each counts in an integral or a sum over it."""

    points: Float[np.ndarray, " n"]
    weights: Float[np.ndarray, " n"]


def nodes(support: Support, center: float, spread: float, turn: float | None = None) -> Nodes:
    """Return a rule for integrals, or for sums over whole numbers.

    Double exponential substitutions: on the real line by sinh, above or below an end by exp, between two by tanh.

    Args:
        support: over which.
        center: about which the points are dense.
        spread: a distance that is ordinary there; positive.
        turn: the period of a density of angles, over which it is integrated; None of any other.

    Source: H. Takahasi and M. Mori, Double exponential formulas for numerical integration, Publications of RIMS 9
    (1974).
    """
    lower, upper = float(support.lower), float(support.upper)
    if support.whole:
        first = lower if math.isfinite(lower) else math.floor(center) - MOST_COUNTS
        last = upper if math.isfinite(upper) else max(first, math.floor(center)) + MOST_COUNTS
        points = np.arange(first, min(last, first + 2 * MOST_COUNTS) + 1)
        return Nodes(points, np.ones(len(points)))
    if turn is not None:
        return Nodes(center + np.arange(POINTS - 1) * turn / (POINTS - 1), np.full(POINTS - 1, turn / (POINTS - 1)))
    t, step = np.linspace(-REACH, REACH, POINTS, retstep=True)
    inner, slope = np.pi / 2 * np.sinh(t), np.pi / 2 * np.cosh(t) * step
    if math.isinf(lower) and math.isinf(upper):
        return Nodes(center + spread * np.sinh(inner), spread * np.cosh(inner) * slope)
    if math.isfinite(lower) and math.isfinite(upper):
        share = 1 / (1 + np.exp(-2 * inner))
        weights = (upper - lower) * 2 * share / (1 + np.exp(2 * inner)) * slope
        return Nodes(lower + (upper - lower) * share, weights)
    away = max(abs(center - (lower if math.isfinite(lower) else upper)), spread) * np.exp(inner)
    return Nodes(lower + away if math.isfinite(lower) else upper - away, away * slope)


def total(
    log_density: Callable[[np.ndarray], np.ndarray],
    support: Support,
    center: float,
    spread: float,
    turn: float | None = None,
) -> Estimate:
    """Return the integral of a density over a support, or the sum of probabilities.

    Args:
        log_density: of points (n,), in nats; where it is not a number it counts as nothing.
        support: over which.
        center: about which there is most of it.
        spread: how wide it is there.
        turn: the period of a density of angles.
    """
    rule = nodes(support, center, spread, turn)
    with np.errstate(all="ignore"):
        terms = np.exp(log_density(rule.points)) * rule.weights
    terms = np.where(np.isfinite(terms), terms, 0.0)
    if support.whole:  # as many again as large as the last: only a tail that has fallen to nothing is known
        ends = [terms[-1]] * math.isinf(support.upper) + [terms[0]] * math.isinf(support.lower)
        return Estimate(np.asarray(np.sum(terms)), np.asarray(1e-12 + MOST_COUNTS * float(np.sum(ends))))
    found = [part * np.sum(terms[::part]) for part in PARTS]
    return Estimate(np.asarray(found[0]), np.asarray(1e-12 + np.ptp(found)))


def idle_direction(slopes: Float[np.ndarray, "m p"], least: float) -> Float[np.ndarray, " p"] | None:
    """Return a direction of parameters along which no observation's log-density changes; None if there is none.

    Args:
        slopes: the score of each of m observations.
        least: the smallest singular value, of slopes with columns of length one, that tells parameters apart.
    """
    sizes = np.linalg.norm(slopes, axis=0)
    if np.any(still := sizes == 0):
        return still.astype(float)
    _, values, directions = np.linalg.svd(slopes / sizes, full_matrices=False)
    if values[-1] > least * values[0]:
        return None
    direction = directions[-1] / sizes
    return direction / direction[np.argmax(np.abs(direction))]
