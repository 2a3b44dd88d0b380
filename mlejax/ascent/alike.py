"""What observations that are equal do to a likelihood."""

import math

import jax
import numpy as np
from jaxtyping import Float

from ..models.abilities import CanNarrow, CanSeeOneValue, starts_many
from ..models.base import Model
from ..models.rows import Rows, row_count
from ..models.support import Support
from ..models.wrappers import filled
from .units import numbers_of

NARROW = 2.5
"""A density times the value it is taken at, whose logarithm exceeds this, is that of a narrow distribution."""


def only_value(model: Model, values: Rows) -> float | None:
    """Return the number that all observations equal, or that one was seen to be and no other rules out."""
    if isinstance(model, CanSeeOneValue):
        return model.only_value(values)
    numbers = isinstance(values, np.ndarray) and values.ndim == 1
    return float(values[0]) if numbers and _all_equal(values) else None


def _all_equal(column: np.ndarray) -> bool:
    """Return whether all rows are the same; nearly always the first and the last tell."""
    same = column[0] == column[-1]
    return bool((same.all() if column.ndim > 1 else same) and (column == column[0]).all())


def is_narrow(model: Model, value: float, mean: float) -> bool:
    """Return whether a distribution is narrow about a number, beside its size.

    Args:
        model: of the distribution, or of observations of it that are known in part.
        value: the number.
        mean: the mean log-likelihood; where the parameters are huge, it and the log-density at the number are rounded.
    """
    inner = model
    while isinstance(inner, CanSeeOneValue):
        inner = filled(inner.base)  # type: ignore[attr-defined]
    if not isinstance(inner.support, Support) or inner.support.whole or value == 0:
        return False
    with jax.enable_x64(True):
        return float(np.fmax(inner.log_prob(np.float64(value)), mean)) + math.log(abs(value)) > NARROW


def narrowest(family: CanNarrow, values: Float[np.ndarray, " m"]) -> Float[np.ndarray, "m p"]:
    """Return the numbers of the narrowest models about some numbers, with which a family starts at each alone.

    They have the same bits whatever other numbers there are.
    """
    with np.errstate(all="ignore"):
        if not starts_many(family):
            return np.stack([numbers_of(family.start(value[None])) for value in values])
        two = np.resize(values, max(2, len(values)))  # at least: what is computed of one alone has other last digits
        found = jax.tree.leaves(family.start(two[None]))
    return np.stack([np.broadcast_to(leaf, len(two)) for leaf in found], axis=1)[: len(values)] + 0.0  # no -0.0


def most_equal(values: Rows, weights: np.ndarray | None) -> float:
    """Return how many observations are equal to the most frequent one, by weight; 1 of those that are no numbers."""
    if not (isinstance(values, np.ndarray) and values.ndim == 1):
        return 1.0
    places = np.unique(values, return_inverse=True)[1]
    return float(np.max(np.bincount(places, weights)))


def all_alike(values: Rows) -> str:
    """Say that observations are all the same; nothing of others."""
    if not all(map(_all_equal, jax.tree.leaves(values))):
        return ""
    n, numbers = row_count(values), isinstance(values, np.ndarray) and values.ndim == 1
    return said_alike(n, values[0] if numbers else math.nan) if n == 1 or numbers else f"all {n} observations are alike"


def said_alike(count: int, value: float | int | np.number) -> str:
    """Say that so many observations equal a number."""
    return "there is one observation" if count == 1 else f"all {count} observations equal {value:g}"


def said_unbounded(how: str) -> str:
    """Say that there is no maximum, and on what way there is none."""
    return f"the log-likelihood grows without bound as {how}"
