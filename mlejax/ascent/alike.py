"""What observations that are equal do to a likelihood."""

import math

import jax
import numpy as np

from ..models.base import Model
from ..models.rows import Rows, row_count
from ..models.support import Support

NARROW = 5.0
"""A density times the value it is taken at, whose logarithm exceeds this, is that of a narrow distribution."""


def is_narrow(model: Model, values: Rows, mean: float) -> bool:
    """Return whether a density, of this mean logarithm at observations that are all the same, is narrow beside them."""
    if not (isinstance(values, np.ndarray) and values.ndim == 1 and isinstance(model.support, Support)):
        return False
    size = abs(float(values[0]))
    return not model.support.whole and size > 0 and mean + math.log(size) > NARROW


def most_equal(values: Rows, weights: np.ndarray | None) -> float:
    """Return how many observations are equal to the most frequent one, by weight; 1 of those that are no numbers."""
    if not (isinstance(values, np.ndarray) and values.ndim == 1):
        return 1.0
    places = np.unique(values, return_inverse=True)[1]
    return float(np.max(np.bincount(places, weights)))


def all_alike(values: Rows) -> str:
    """Say that observations are all the same; nothing of others."""
    # Nearly always the first two are enough.
    if not all(np.all(part == column[0]) for column in jax.tree.leaves(values) for part in (column[:2], column)):
        return ""
    if (n := row_count(values)) == 1:
        return "there is one observation"
    numbers = isinstance(values, np.ndarray) and values.ndim == 1
    return f"all {n} observations equal {values[0]:g}" if numbers else f"all {n} observations are alike"
