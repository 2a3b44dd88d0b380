"""Between two places where a likelihood is unbounded: its highest maximum, by a profile over where a support ends."""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

from .moments import Values, Weights, as_values, standing_for

Turns: TypeAlias = Float[np.ndarray, " k"]
"""Where a support ends, as a logarithm that grows while the end moves from one side of the sample to the other."""

TURNS = np.arange(-15, 30, 0.15) + 0.075
"""At which a profile is looked at; 0, where a support has no end, is between two of them."""

RANGE = (-30.0, 80.0, 60)
"""Logarithms of rates, in units of the range, between which one is sought, and how often the distance is halved."""

GOLDEN = (math.sqrt(5) - 1) / 2


def highest_inside(height: Callable[[Turns], Float[np.ndarray, " k"]]) -> float | None:
    """Return where a profile has the highest of its maxima; None where it has none.

    Args:
        height: of several turns.
    """
    with np.errstate(all="ignore"):
        heights = np.nan_to_num(height(TURNS), nan=-np.inf)
        tops = np.flatnonzero((heights[1:-1] > heights[:-2]) & (heights[1:-1] >= heights[2:])) + 1
        if not len(tops):
            return None
        top = tops[np.argmax(heights[tops])]
        low, high = TURNS[top - 1], TURNS[top + 1]
        for _ in range(40):
            inner = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
            left, right = height(np.array(inner))
            low, high = (low, inner[1]) if left >= right else (inner[0], high)
    middle = (low + high) / 2
    return float(middle or high)


def standing_with_ends(observations: Values, weights: Weights) -> Float[np.ndarray, " few"]:
    """Return some observations that stand for all, and the two ends, which decide where there is a density."""
    x = as_values(observations)
    counted = x if weights is None else x[weights > 0]
    if weights is None and len(x) <= 1000:
        return x
    return np.concatenate([standing_for(x, weights, 1000), [np.min(counted), np.max(counted)]])


def gumbel_rates(y: Float[np.ndarray, "k n"]) -> Float[np.ndarray, " k"]:
    """Return one over the scale of the Gumbel distribution of highest likelihood, of each of several samples."""
    above = y - np.min(y, axis=1, keepdims=True)
    wide = np.max(above, axis=1)
    low, high = np.full(len(y), RANGE[0]), np.full(len(y), RANGE[1])
    for _ in range(RANGE[2]):
        middle = (low + high) / 2
        rate = np.exp(middle) / wide
        weights = np.exp(-rate[:, None] * above)
        rises = 1 / rate + np.sum(weights * above, axis=1) / np.sum(weights, axis=1) > np.mean(above, axis=1)
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    return np.exp((low + high) / 2) / wide
