"""A start for large samples: a family finds it in a part of the observations, which is near enough."""

import functools
from collections.abc import Sequence

import jax
import numpy as np
from numpy.typing import ArrayLike

from .abilities import HasSeveralStarts, HasStart
from .base import Model
from .moments import Weights
from .rows import Extremes, Rows, row_count, take

MOST = 10_000
"""Observations in which a start is looked for: it is then within a few percent of that of the whole sample."""


def start_of(
    family: HasStart, observations: Rows | ArrayLike, weights: Weights = None, extremes: Extremes | None = None
) -> Model:
    """Return the start that a family finds in a sample; in a large one, in a part of it, always the same.

    Args:
        family: a class such as `Weibull`, or anything else with its `start`.
        observations: inside the support.
        weights: (n,), non-negative, how many times each observation counts; None: once.
        extremes: of the observations that count, where they are numbers and that is known.

    Returns:
        A model of floats inside its domain.

    Example:
        >>> import mlejax
        >>> start_of(mlejax.Exponential, [0.5, 1.5, 4.0])
        Exponential(rate=0.5)
    """
    several = isinstance(observations, list | tuple)
    columns = several and any(isinstance(part, np.ndarray) for part in jax.tree.leaves(observations))
    numbers = jax.tree_util.all_leaves([observations]) or (several and not columns)
    x = np.asarray(observations, np.float64) if numbers else observations
    return family.start(x, weights) if row_count(x) <= MOST else family.start(_part(x, weights, extremes))


def starts_of(
    family: HasSeveralStarts, observations: Rows, weights: Weights = None, number: int | None = None
) -> Sequence[Model]:
    """Return the starts that a family finds in a sample; in a large one, in a part of it, always the same.

    Args:
        family: whose likelihood has several maxima.
        observations: inside the support.
        weights: (n,), non-negative, how many times each observation counts; None: once.
        number: of starts; None leaves that to the family.

    Returns:
        Models inside their domain, the first that of `start_of`.
    """
    if row_count(observations) <= MOST:
        return family.starts(observations, weights, number)  # type: ignore[arg-type]
    return family.starts(_part(observations, weights), None, number)  # type: ignore[arg-type]


def _part(values: Rows, weights: Weights, extremes: Extremes | None = None) -> Rows:
    """Return some observations, each as often as its weight says, and the two ends, which decide where a density is."""
    n = row_count(values)
    if weights is None:
        chosen, counted = _drawn(n), values
    else:
        reached = np.cumsum(weights)
        places = np.sort(np.random.default_rng(0).uniform(0, reached[-1], MOST))
        chosen = np.searchsorted(reached, places, side="right")
        chosen, counted = np.minimum(chosen, n - 1), take(values, weights > 0)
    some = take(values, chosen)
    if not isinstance(values, np.ndarray) or values.ndim > 1:
        return some
    return np.concatenate([some, extremes or Extremes.of(counted)])


@functools.lru_cache(maxsize=4)
def _drawn(count: int) -> np.ndarray:
    """Return the places of some of so many observations: evenly spaced ones would miss what repeats itself."""
    return np.sort(np.random.default_rng(0).integers(count, size=MOST))
