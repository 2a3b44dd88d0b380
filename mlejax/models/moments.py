"""Means, deviations and quantiles of weighted samples, from which families start.

Everything is of NumPy in float64, in time proportional to the sample, and neither overflows nor cancels where the
answer itself is a number: observations of 1e160 and 1e15 + {0, 1, 2} among them.

Observations lie along the first axis. What is said of a sample (n,), whose answer is a number, holds of many samples of
one size side by side (n, m) as well, each a column: then the answer is an array (m,).
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

Values: TypeAlias = Float[np.ndarray, "n ..."]
"""Observations, or something computed of each."""

Numbers: TypeAlias = float | Float[np.ndarray, "..."]
"""A number for each sample: a plain one where there is one sample."""

Weights: TypeAlias = Float[np.ndarray, "n ..."] | None
"""How many times each observation counts, a non-negative number; None: once. Of many samples side by side, (n, m), the
means, moments and counts take those of each."""

SMALLEST, LARGEST = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).max)

NARROWEST = 1e300
"""The shape that a start takes where a sample of one number has none that is finite; multiples of it still are."""

ORDINARY = 1e100
"""Numbers from 1 / ORDINARY to ORDINARY have squares and sums of these that float64 holds to the last digit."""

NO_SPREAD = 1e-9
"""The least deviation of logarithms that a start takes: a sample of one number has none."""

GUMBEL_DEVIATION = math.pi / math.sqrt(6)
"""The standard deviation of a Gumbel distribution of scale 1."""

FARTHEST = 30.0
"""Scales by which an observation may lie on the steep side of a start of the Gumbel kind, where exp(z) is taken off the
log-density: at the maximum all of these add up to the number of observations, and no sample has exp(30)."""


@dataclasses.dataclass(frozen=True)
class Moments:
    """A sample's mean, its mean squared deviation from it, with divisor n, and the root of that.

    The variance of observations beyond 1e154 is infinite, their deviation is not.
    """

    mean: Numbers
    variance: Numbers
    deviation: Numbers


def count(values: Values, weights: Weights = None) -> Numbers:
    """Return how many observations a sample has: the sum of the weights."""
    return float(len(values)) if weights is None else plain(np.sum(weights, axis=0))


def mean(values: Values, weights: Weights = None) -> Numbers:
    """Return the weighted mean, within an ulp or two of the largest of |mean| and the mean deviation."""
    unit = _unit(values)
    scaled = _over(values, unit)
    first = _average(scaled, weights)
    return plain(unit * (first + _average(scaled - first, weights)))


def root_mean_square(values: Values, weights: Weights = None) -> Numbers:
    """Return the root of the weighted mean of squares."""
    unit = _unit(values)
    return plain(unit * np.sqrt(mean(np.square(_over(values, unit)), weights)))


def moments(values: Values, weights: Weights = None) -> Moments:
    """Return the mean and the standard deviation of a weighted sample."""
    center = mean(values, weights)
    deviations = values - center
    unit = _unit(deviations)
    deviations = _over(deviations, unit)
    # the center is rounded: beside deviations of a few ulps that is not small
    lost = _average(deviations, weights)
    square = np.maximum(_average(np.square(deviations, out=deviations), weights) - lost * lost, 0.0)
    with np.errstate(over="ignore"):
        return Moments(center, plain(square * unit * unit), plain(np.sqrt(square) * unit))


def _average(values: Values, weights: Weights) -> Any:
    """Return what `np.average` does, which takes thrice as long for a hundred numbers."""
    if weights is not None:
        return np.average(values, axis=0, weights=weights)
    return np.add.reduce(values, axis=0) / len(values)


def _unit(values: Values) -> Numbers:
    """Return a power of two near the largest size, so that squares and sums of values over it do not overflow.

    It is 1 where they do not either way: no bit of what is computed hangs on it, and fresh memory is dear.
    """
    highest, lowest = (of.reduce(values, axis=0, initial=0.0) for of in (np.maximum, np.minimum))
    if values.ndim == 1:
        largest = float(max(highest, -lowest))
        ordinary = 1 / ORDINARY < largest < ORDINARY or largest == 0
        return 1.0 if ordinary else math.ldexp(1.0, min(max(math.frexp(largest)[1], -1021), 1023))
    largest = np.maximum(highest, -lowest)
    if np.all(((largest > 1 / ORDINARY) & (largest < ORDINARY)) | (largest == 0)):
        return 1.0
    return plain(np.where(largest > 0, np.ldexp(1.0, np.clip(np.frexp(largest)[1], -1021, 1023)), 1.0))


def _over(values: Values, unit: Numbers) -> Values:
    """Return values over their unit."""
    return values if isinstance(unit, float) and unit == 1.0 else values / unit


def plain(numbers: Any) -> Numbers:
    """Return a number as Python has it; several as they are."""
    return numbers if np.ndim(numbers) else float(numbers)


def gumbel_shape(deviation: Numbers, farthest: Numbers) -> Numbers:
    """Return one over the scale of a Gumbel distribution of logarithms, by their deviation and by the farthest of them.

    Args:
        deviation: of the logarithms.
        farthest: how far they reach from their mean to the steep side of the distribution.
    """
    shape = GUMBEL_DEVIATION / np.maximum(deviation, NO_SPREAD)
    return plain(np.minimum(shape, FARTHEST / np.maximum(farthest, NO_SPREAD)))


def inverse(numbers: Numbers) -> Numbers:
    """Return one over numbers; infinity of zeros."""
    with np.errstate(divide="ignore", over="ignore"):
        return plain(1 / np.asarray(numbers, np.float64))


def unless_zero(numbers: Numbers, otherwise: Numbers) -> Numbers:
    """Return numbers, and something else in place of zeros."""
    return plain(np.where(np.asarray(numbers) == 0, otherwise, numbers))


def quantiles(values: Values, weights: Weights, probabilities: Sequence[float] | np.ndarray) -> list[Numbers]:
    """Return the values below which these shares of a sample lie; of many samples without weights only."""
    if weights is None and values.ndim > 1 and len(probabilities) == 1:
        place = probabilities[0] * (len(values) - 1)
        above = math.ceil(place)
        parts = np.partition(values, above, axis=0)
        below = np.max(parts[: math.floor(place) + 1], axis=0)
        return [below + (parts[above] - below) * (place % 1)]
    if weights is None and values.ndim > 1:  # sorted column by column that takes a tenth of the time
        ordered, places = np.sort(values, axis=0), np.multiply(probabilities, len(values) - 1)
        pairs = [(ordered[math.floor(place)], ordered[math.ceil(place)], place % 1) for place in places.tolist()]
        return [below + (above - below) * share for below, above, share in pairs]
    if weights is None:
        return _quantiles_of_one(values, (np.asarray(probabilities, np.float64) * (len(values) - 1)).tolist())
    return [_weighted_quantile(values, weights, probability) for probability in probabilities]


def _quantiles_of_one(values: Values, places: Sequence[float]) -> list[Numbers]:
    """Return the numbers at places, from 0 on, of a sample in order: as `np.quantile` does, faster."""
    pairs = [(math.floor(place), math.ceil(place)) for place in places]
    parts = np.partition(values, sorted({end for pair in pairs for end in pair}))
    found: list[Numbers] = []
    for place, (below, above) in zip(places, pairs, strict=True):
        first, last, share = float(parts[below]), float(parts[above]), place % 1
        found.append(first + (last - first) * share if share < 0.5 else last - (last - first) * (1 - share))
    return found


def median(values: Values, weights: Weights = None) -> Numbers:
    """Return the middle of a sample, a value that minimizes the mean absolute deviation from it."""
    return quantiles(values, weights, [0.5])[0]


SHARES = np.linspace(0.02, 0.98, 33)
"""Of a sample, to which quantiles are taken for a `Line`."""


@dataclasses.dataclass(frozen=True)
class Line:
    """A line through the quantiles of a sample against those of a distribution: its location and scale."""

    location: float
    scale: float
    misfit: float  # the weighted sum of squared distances, in units of the scale


def line_through(
    seen: Float[np.ndarray, " m"], expected: Float[np.ndarray, " m"], density: Float[np.ndarray, " m"]
) -> Line:
    """Return the line from quantiles of a distribution to those of a sample, each weighted by how little it varies.

    Args:
        seen: quantiles of the sample, at `SHARES`.
        expected: those of the distribution, at location 0 and scale 1.
        density: of the distribution at `expected`.
    """
    weights = density**2 / (SHARES * (1 - SHARES))
    base = seen[len(seen) // 2]
    unit = _unit(seen - base)
    middle, center = np.average(expected, weights=weights), np.average((seen - base) / unit, weights=weights)
    away, off = expected - middle, (seen - base) / unit - center
    scale = max(float(np.average(away * off, weights=weights) / np.average(away**2, weights=weights)), NO_SPREAD)
    misfit = float(np.sum(weights * (off / scale - away) ** 2))
    return Line(float(base + (center - scale * middle) * unit), float(inside(scale * unit)), misfit)


def _weighted_quantile(values: Values, weights: Float[np.ndarray, " n"], probability: float) -> float:
    """Return the smallest value at which the weights up to it reach a share of their sum, without sorting."""
    values, weights = values[weights > 0], weights[weights > 0]
    wanted = probability * float(np.sum(weights))
    while len(values) > 1:
        half = len(values) // 2
        order = np.argpartition(values, half - 1)
        below, above = order[:half], order[half:]
        if (reached := float(np.sum(weights[below]))) >= wanted:
            values, weights = values[below], weights[below]
        else:
            wanted -= reached
            values, weights = values[above], weights[above]
    return float(values[0])


def inside(value: Numbers, lower: float = 0.0, upper: float = math.inf) -> Numbers:
    """Return the normal number nearest to a value that lies strictly between two ends; NaN goes to the lower one.

    Example:
        >>> inside(0.0), inside(1.0, 0.0, 1.0), inside(3.5)
        (2.2250738585072014e-308, 0.9999999999999999, 3.5)
    """
    least = max(float(np.nextafter(lower, math.inf)), SMALLEST) if lower == 0 else float(np.nextafter(lower, math.inf))
    most = min(float(np.nextafter(upper, -math.inf)), LARGEST)
    return plain(np.minimum(np.fmax(value, least), most))


def inside_exp(logarithm: Numbers) -> Numbers:
    """Return the positive number that has this logarithm, or the nearest there is."""
    return inside(np.exp(np.clip(logarithm, -745.0, math.log(LARGEST))))


def standing_for(values: Values, weights: Weights = None, count: int = 2000) -> Float[np.ndarray, " few"]:
    """Return at most `count` observations, each as often as its weight says, that stand for all."""
    if weights is None:
        return values if len(values) <= count else values[np.linspace(0, len(values) - 1, count).astype(int)]
    reached = np.cumsum(weights)
    return values[np.searchsorted(reached, (np.arange(count) + 0.5) / count * reached[-1])]


def as_values(observations: ArrayLike) -> Values:
    """Return observations as float64."""
    return np.asarray(observations, np.float64)
