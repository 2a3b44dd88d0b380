"""A start for large samples: a family finds it in a part of the observations, which is near enough."""

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from .abilities import HasStart
from .base import Model
from .moments import Values, Weights, as_values

MOST = 10_000
"""Observations in which a start is looked for: it is then within a few percent of that of the whole sample."""


def start_of(family: HasStart, observations: ArrayLike, weights: Weights = None) -> Model:
    """Return the start that a family finds in a sample; in a large one, in a part of it, always the same.

    Args:
        family: a class such as `Weibull`, or anything else with its `start`.
        observations: (n,), inside the support.
        weights: (n,), non-negative, how many times each observation counts; None: once.

    Returns:
        A model of floats inside its domain.

    Example:
        >>> import mlejax
        >>> start_of(mlejax.Exponential, [0.5, 1.5, 4.0])
        Exponential(rate=0.5)
    """
    x = as_values(observations)
    return family.start(x, weights) if len(x) <= MOST else family.start(_part(x, weights))


def _part(values: Values, weights: Weights) -> Float[np.ndarray, " few"]:
    """Return some observations, each as often as its weight says, and the two ends, which decide where a density is."""
    random = np.random.default_rng(0)  # evenly spaced ones would miss what repeats itself
    if weights is None:
        chosen = random.integers(len(values), size=MOST)
        return np.concatenate([values[chosen], [np.min(values), np.max(values)]])
    reached = np.cumsum(weights)
    chosen = np.searchsorted(reached, np.sort(random.uniform(0, reached[-1], MOST)), side="right")
    counted = values[weights > 0]
    return np.concatenate([values[np.minimum(chosen, len(values) - 1)], [np.min(counted), np.max(counted)]])
